//! Watches one end from outside and applies the invariants to every commit, line and event.

mod digest;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use o2tr::conversation::{Commit, Event};
use o2tr_ekm::codec;
use o2tr_ekm::record::{ConversationRecord, InboxKind, KeptLine, OutboxText, Provenance, TextState};
use otr_core::wire::{DataMessage, Route};
use otr_core::{InstanceTag, PhaseSnapshot, decode_data, toolkit};

use crate::invariants::{self as check, Check, KeyPair, Use, Violation, Whereabouts};
use crate::keys;

type Keyids = (u32, u32);

/// What was seen of one end.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The row as it is durable now.
    pub row: Option<Rc<ConversationRecord>>,
    /// Texts of the peer that were committed here.
    pub committed: HashSet<String>,
    /// Texts of the user, by their id.
    pub texts: HashMap<String, String>,
    /// Lines in clear that the user has commanded.
    pub commanded: HashSet<Vec<u8>>,
    /// MAC keys that were revealed in lines that left.
    pub revealed: HashSet<[u8; 20]>,
    /// How deep in a chain of answers the automatic lines of this end are.
    pub depth: HashMap<Vec<u8>, usize>,
    /// The depth of what the present turn answers.
    pub cause: usize,
    /// Automatic lines that left in the present turn.
    pub automatic: usize,
    /// Nothing of a text's fate may be missing: the peer is an O2TR client and no event was lost in a crash.
    pub strict: bool,
    /// The store was set back: texts may be shown again.
    pub rolled_back: bool,
    /// The threshold that holds now.
    pub k: Option<u32>,
    durable_lines: HashSet<Vec<u8>>,
    durable_keys: HashSet<Vec<u8>>,
    lines_out: HashSet<Vec<u8>>,
    epochs: HashMap<([u8; 8], Keyids), KeyPair>,
    latest: HashMap<(Option<InstanceTag>, Keyids), KeyPair>,
    uses: HashMap<KeyPair, Vec<Use>>,
    shown: HashMap<u64, String>,
    shown_texts: HashMap<String, u64>,
    fates: HashMap<String, Vec<Whereabouts>>,
    sent: HashSet<String>,
    flown: HashSet<String>,
    /// Texts whose last word was lost when the process died between a commit and its events.
    unheard: HashSet<String>,
}

impl Watch {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(k: Option<u32>) -> Self {
        Self { k, strict: true, ..Self::default() }
    }

    /// A commit has become durable over a row of generation `stored` (0: none).
    ///
    /// # Errors
    /// What does not hold.
    pub fn commit(&mut self, stored: u64, commit: &Commit) -> Check {
        check::the_generation_rises(stored, commit.expected)?;
        let row: ConversationRecord =
            codec::decode(&commit.record).map_err(|error| Violation::new(18, error.to_string()))?;
        check::caps_hold(&row)?;
        check::quarantine_is_silent(&row, false)?;
        row.outbox.iter().try_for_each(check::a_text_goes_to_its_address)?;
        for line in row.lines.iter().filter(|line| !line.transmitted) {
            if !self.durable_lines.contains(&line.bytes) {
                self.durable_lines.insert(line.bytes.clone());
            }
        }
        self.learn_keys(&row);
        for item in &row.inbox {
            if let InboxKind::Text(text) = &item.kind {
                let text = String::from_utf8_lossy(text.text.as_bytes()).into_owned();
                self.committed.insert(text.strip_prefix("[resent] ").unwrap_or(&text).to_owned());
            }
        }
        for text in row.outbox.iter().filter(|text| matches!(text.state, TextState::InFlight(_))) {
            if !self.flown.contains(&text.id) {
                self.flown.insert(text.id.clone());
            }
        }
        let accepted = accepted(&row);
        check::nothing_revealed_is_accepted(&self.revealed, &accepted)?;
        self.let_go_what_is_past(&row);
        self.row = Some(Rc::new(row));
        Ok(())
    }

    /// Of a text that went to a peer that has not shown to be an O2TR client nothing is known but that it left.
    fn let_go_what_is_past(&mut self, after: &ConversationRecord) {
        let Some(before) = self.row.clone() else { return };
        for text in &before.outbox {
            let TextState::InFlight(flight) = text.state else { continue };
            let record = before.sessions.iter().find(|record| record.id == flight.session);
            let plain = record.is_some_and(|record| record.capability.is_none());
            if plain && !after.outbox.iter().any(|known| known.id == text.id) {
                self.unheard.insert(text.id.clone());
            }
        }
    }

    fn learn_keys(&mut self, row: &ConversationRecord) {
        for session in &row.peer.sessions {
            let PhaseSnapshot::Encrypted { ring, .. } = &session.phase else { continue };
            let public = |pair: &otr_core::KeyPairSnapshot| {
                let value = pair.public.or_else(|| keys::public_value(&pair.secret));
                value.map(|value| value.as_minimal().to_vec()).unwrap_or_default()
            };
            let newest = public(&ring.our_newest);
            if !self.durable_keys.contains(&newest) {
                self.durable_keys.insert(newest);
            }
            let keyids = (ring.our_keyid.saturating_sub(1), ring.their_keyid);
            let keys = (public(&ring.our_previous), ring.their_newest.as_minimal().to_vec());
            self.epochs.insert((session.origin.ssid, keyids), keys.clone());
            self.latest.insert((session.origin.session.instance, keyids), keys);
        }
    }

    /// A line leaves.
    ///
    /// # Errors
    /// What does not hold.
    pub fn transmit(&mut self, line: &[u8]) -> Check {
        check::a_line_is_durable_before_it_leaves(&self.durable_lines, line)?;
        let Some(row) = self.row.clone() else {
            return Err(Violation::new(3, "a line leaves before the first commit"));
        };
        let commanded = self.commanded.contains(line);
        check::nothing_private_leaves_in_clear(line, row.was_private.is_some() || row.quarantined, commanded)?;
        let bytes = decode_data(line);
        check::quarantine_is_silent(&row, bytes.is_some())?;
        let again = !self.lines_out.insert(line.to_vec());
        let kept = row.lines.iter().find(|record| record.bytes == line).and_then(|record| record.kept);
        if kept.is_some_and(|kept| kept.auto) {
            // The same bytes once more are no new message.
            self.automatic += usize::from(!again);
            // Where something that is no automatic message was read under the peer's key, the answer is to that.
            let wanted = row.sessions.iter().any(|session| session.reading.wanted);
            self.depth.entry(line.to_vec()).or_insert(if wanted { 1 } else { self.cause + 1 });
        }
        let Some(message) = bytes.as_ref().and_then(|bytes| DataMessage::parse(bytes).ok()) else { return Ok(()) };
        let (revealed, _) = message.old_mac_keys.as_chunks::<20>();
        self.revealed.extend(revealed);
        check::nothing_revealed_is_accepted(&self.revealed, &accepted(&row))?;
        if again {
            return Ok(());
        }
        check::an_announced_key_is_durable(&self.durable_keys, message.next_dh.as_minimal())?;
        self.use_key(&message, kept)
    }

    fn use_key(&mut self, message: &DataMessage<'_>, kept: Option<KeptLine>) -> Check {
        let keyids = (message.sender_keyid, message.recipient_keyid);
        let receiver = match message.route {
            Route::V2 => None,
            Route::V3 { receiver, .. } => receiver,
        };
        // A turn that completes an AKE and reads what waited for it leaves keys behind that no row has seen; they have
        // a name all the same.
        let named = |ssid: [u8; 8], (ours, theirs): Keyids| {
            ([&ssid[..], &ours.to_be_bytes()].concat(), theirs.to_be_bytes().to_vec())
        };
        let keys = match kept {
            Some(kept) => self.epochs.get(&(kept.ssid, kept.keyids)).cloned().or(Some(named(kept.ssid, kept.keyids))),
            None => self.latest.get(&(receiver, keyids)).cloned(),
        };
        let keys = keys.ok_or_else(|| Violation::new(3, format!("a message under unknown keys {keyids:?}")))?;
        let new = Use { counter: message.counter, encrypted: message.encrypted.to_vec() };
        let uses = self.uses.entry(keys).or_default();
        check::a_counter_encrypts_once(uses, &new)?;
        check::counters_rise(uses, &new)?;
        uses.push(new);
        check::a_key_encrypts_at_most_k(uses, self.k)
    }

    /// 1, for two copies of one store: even then no counter encrypts twice.
    ///
    /// # Errors
    /// It does not hold.
    pub fn counters_differ(&self, copy: &Self) -> Check {
        for (key, uses) in &copy.uses {
            let Some(known) = self.uses.get(key) else { continue };
            uses.iter().try_for_each(|new| check::a_counter_encrypts_once(known, new))?;
        }
        Ok(())
    }

    /// The application is told something. `peer`: whether the other end has committed a text.
    ///
    /// # Errors
    /// What does not hold.
    pub fn event(&mut self, event: &Event, peer: Option<&dyn Fn(&str) -> bool>) -> Check {
        if let Some(id) = event.id() {
            let durable = self.row.as_ref().is_some_and(|row| row.inbox.iter().any(|item| item.id == id));
            check::what_is_handed_over_is_durable(durable, id)?;
        }
        match event {
            Event::Text(text) => {
                let content = String::from_utf8_lossy(&text.text).into_owned();
                check::an_inbox_id_names_one_thing(&mut self.shown, text.id, &content)?;
                if text.provenance != Provenance::Clear && !self.rolled_back {
                    let id = *self.shown_texts.entry(content.clone()).or_insert(text.id);
                    check::a_text_is_shown_once(id, text.id, &content)?;
                }
                Ok(())
            }
            Event::Finished { id, session } => self.shown(*id, &format!("finished {session:?}")),
            Event::NewFingerprint { id, fingerprint } => self.shown(*id, &format!("key {fingerprint:?}")),
            Event::SmpResult { id, equal, .. } => self.shown(*id, &format!("smp {equal}")),
            Event::ExtraKey { id, usage, .. } => self.shown(*id, &format!("extra key {usage}")),
            Event::Sent { id } => {
                self.sent.insert(id.clone());
                Ok(())
            }
            Event::Acknowledged { id } => {
                self.fates.entry(id.clone()).or_default().push(Whereabouts::Acknowledged);
                match (self.texts.get(id), peer) {
                    (Some(text), Some(peer)) => check::acknowledged_was_committed(peer(text), text),
                    _ => Ok(()),
                }
            }
            Event::Unconfirmed { id } => {
                self.fates.entry(id.clone()).or_default().push(Whereabouts::Unconfirmed);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn shown(&mut self, id: u64, content: &str) -> Check {
        check::an_inbox_id_names_one_thing(&mut self.shown, id, content)
    }

    /// The user has withdrawn a text.
    pub fn cancelled(&mut self, id: &str) {
        self.fates.entry(id.to_owned()).or_default().push(Whereabouts::Cancelled);
    }

    /// The user has not withdrawn a text after all: the process died over it, and nobody knows when.
    pub fn not_cancelled(&mut self, id: &str) {
        if let Some(fates) = self.fates.get_mut(id) {
            fates.retain(|fate| *fate != Whereabouts::Cancelled);
        }
        self.unheard.insert(id.to_owned());
    }

    /// A text was never taken.
    pub fn never_taken(&mut self, id: &str) {
        self.texts.remove(id);
        self.unheard.remove(id);
    }

    /// How a text ended; `None` while it has not.
    #[must_use]
    pub fn fate(&self, id: &str) -> Option<Whereabouts> {
        self.fates.get(id).and_then(|fates| fates.last()).copied()
    }

    /// Whether a text has left and was never encrypted.
    #[must_use]
    pub fn has_left_in_clear(&self, id: &str) -> bool {
        self.sent.contains(id) && !self.flown.contains(id)
    }

    /// Whether the word of what became of a text was lost with a process.
    #[must_use]
    pub fn is_unheard(&self, id: &str) -> bool {
        self.unheard.contains(id)
    }

    /// A turn is over and drained. `read`: how many messages it can have read.
    ///
    /// # Errors
    /// What does not hold.
    pub fn end_of_turn(&mut self, before: Option<&ConversationRecord>, events: &[Event], read: usize) -> Check {
        let automatic = core::mem::take(&mut self.automatic);
        let deepest = self.depth.values().max().copied().unwrap_or(0);
        check::automatic_messages_do_not_multiply(read.max(1), automatic, deepest)?;
        let Some(row) = self.row.clone() else { return Ok(()) };
        let inbox: Vec<_> = row.inbox.iter().map(|item| item.id).collect();
        check::the_inbox_was_handed_over(&self.shown, &inbox)?;
        let texts: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::Text(text) => Some(text.provenance),
                _ => None,
            })
            .collect();
        if let Some(before) = before
            && read == 1
            && texts == [Provenance::Retained]
        {
            check::a_retained_pair_changes_no_session(before, &row)?;
        }
        self.texts.keys().try_for_each(|id| check::a_text_has_one_place(id, &self.places(&row, id)))
    }

    /// The process dies: words that stood behind the last commits are lost.
    pub fn died(&mut self) {
        self.automatic = 0;
        self.cause = 0;
        let Some(row) = self.row.clone() else { return };
        let lost: Vec<_> = self.texts.keys().filter(|id| self.places(&row, id).is_empty()).cloned().collect();
        self.unheard.extend(lost);
    }

    fn places(&self, row: &ConversationRecord, id: &str) -> Vec<Whereabouts> {
        let mut places: Vec<_> = row.outbox.iter().filter(|text| text.id == id).map(whereabouts).collect();
        places.extend(self.fates.get(id).into_iter().flatten());
        let told = self.sent.contains(id) && !(self.strict && self.flown.contains(id));
        if places.is_empty() && (told || !self.strict || self.unheard.contains(id)) {
            places.push(Whereabouts::Left);
        }
        places
    }

    /// The store was set back to an older row, or is a copy.
    pub fn set_back(&mut self, row: ConversationRecord) {
        self.rolled_back = true;
        self.strict = false;
        let there: HashSet<_> = row.outbox.iter().map(|text| text.id.clone()).collect();
        self.texts.retain(|id, _| there.contains(id));
        self.fates.retain(|id, _| !there.contains(id));
        self.row = Some(Rc::new(row));
    }
}

fn whereabouts(text: &OutboxText) -> Whereabouts {
    match text.state {
        TextState::Queued | TextState::HeldForTrust => Whereabouts::Queued,
        TextState::InFlight(_) => Whereabouts::InFlight,
    }
}

/// The MAC keys that this row, reloaded, would accept.
fn accepted(row: &ConversationRecord) -> Vec<[u8; 20]> {
    let mut accepted = Vec::new();
    if row.quarantined {
        return accepted;
    }
    for session in &row.peer.sessions {
        let PhaseSnapshot::Encrypted { ring, .. } = &session.phase else { continue };
        let theirs = [Some(ring.their_newest), ring.their_previous];
        for (own, pairs) in [&ring.our_newest, &ring.our_previous].into_iter().zip(&ring.pairs) {
            for (their, pair) in theirs.iter().zip(pairs) {
                let Some(their) = their else { continue };
                match &pair.keys {
                    Some(keys) => accepted.push(*toolkit::mac_key(&keys.receiving).expose()),
                    None => accepted.extend(keys::receiving_mac(&own.secret, their)),
                }
            }
        }
    }
    let sound = row.retained.iter().filter(|retained| !retained.suspect);
    accepted.extend(sound.map(|retained| *toolkit::mac_key(&retained.pair.cipher).expose()));
    accepted
}
