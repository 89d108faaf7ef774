//! Watches one end from outside and applies the invariants to every commit, line and event.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use o2tr::conversation::{Commit, Event};
use o2tr_ekm::codec;
use o2tr_ekm::record::{ConversationRecord, InboxKind, Provenance, TextState};
use otr_core::wire::{DataMessage, Route};
use otr_core::{InstanceTag, PhaseSnapshot, decode_data, toolkit};

use super::invariants::{self as check, Check, KeyPair, Use, Whereabouts};

type Keyids = (u32, u32);

/// What was seen of one end.
#[derive(Default)]
pub(crate) struct Watch {
    /// The row as it is durable now.
    pub(crate) row: Option<Rc<ConversationRecord>>,
    /// Texts of the peer that were committed here.
    pub(crate) committed: HashSet<String>,
    /// Texts of the user, by their id.
    pub(crate) texts: HashMap<String, String>,
    /// Lines in clear that the user has commanded.
    pub(crate) commanded: HashSet<Vec<u8>>,
    /// MAC keys that were revealed in lines that left.
    pub(crate) revealed: HashSet<[u8; 20]>,
    /// How deep in a chain of answers the automatic lines of this end are.
    pub(crate) depth: HashMap<Vec<u8>, usize>,
    /// The depth of what the present turn answers.
    pub(crate) cause: usize,
    /// Automatic lines that left in the present turn.
    pub(crate) automatic: usize,
    /// Nothing of a text's fate may be missing: the peer is an O2TR client and no event was lost in a crash.
    pub(crate) strict: bool,
    /// The store was set back: texts may be shown again.
    pub(crate) rolled_back: bool,
    k: Option<u32>,
    durable_lines: HashSet<Vec<u8>>,
    durable_keys: HashSet<Vec<u8>>,
    lines_out: HashSet<Vec<u8>>,
    macs: HashMap<KeyPair, [u8; 20]>,
    epochs: HashMap<([u8; 8], Keyids), KeyPair>,
    latest: HashMap<(Option<InstanceTag>, Keyids), KeyPair>,
    uses: HashMap<KeyPair, Vec<Use>>,
    shown: HashMap<u64, String>,
    shown_texts: HashMap<String, u64>,
    fates: HashMap<String, Vec<Whereabouts>>,
    sent: HashSet<String>,
    flown: HashSet<String>,
}

impl Watch {
    pub(crate) fn new(k: Option<u32>) -> Self {
        Self { k, strict: true, ..Self::default() }
    }

    /// A commit has become durable.
    pub(crate) fn commit(&mut self, stored: u64, commit: &Commit) -> Check {
        check::the_generation_rises(stored, commit.expected)?;
        let row: ConversationRecord = codec::decode(&commit.record).map_err(|error| format!("18: {error}"))?;
        check::caps_hold(&row)?;
        check::quarantine_is_silent(&row, false)?;
        row.outbox.iter().try_for_each(check::a_text_goes_to_its_address)?;
        for line in &row.lines {
            self.durable_lines.insert(line.bytes.clone());
        }
        self.learn_keys(&row);
        for item in &row.inbox {
            if let InboxKind::Text(text) = &item.kind {
                let text = String::from_utf8_lossy(text.text.as_bytes()).into_owned();
                self.committed.insert(text.strip_prefix("[resent] ").unwrap_or(&text).to_owned());
            }
        }
        for text in &row.outbox {
            if matches!(text.state, TextState::InFlight(_)) {
                self.flown.insert(text.id.clone());
            }
        }
        let accepted = self.accepted(&row);
        check::nothing_revealed_is_accepted(&self.revealed, &accepted)?;
        self.row = Some(Rc::new(row));
        Ok(())
    }

    fn learn_keys(&mut self, row: &ConversationRecord) {
        for session in &row.peer.sessions {
            let PhaseSnapshot::Encrypted { ring, .. } = &session.phase else { continue };
            let public = |pair: &otr_core::KeyPairSnapshot| {
                pair.public.or_else(|| toolkit::public_value(&pair.secret)).unwrap().as_minimal().to_vec()
            };
            self.durable_keys.insert(public(&ring.our_newest));
            let keys = (public(&ring.our_previous), ring.their_newest.as_minimal().to_vec());
            let keyids = (ring.our_keyid - 1, ring.their_keyid);
            self.epochs.insert((session.origin.ssid, keyids), keys.clone());
            self.latest.insert((session.origin.session.instance, keyids), keys);
        }
    }

    /// The MAC keys that this row, reloaded, would accept.
    fn accepted(&mut self, row: &ConversationRecord) -> Vec<[u8; 20]> {
        let mut accepted = Vec::new();
        if row.quarantined {
            return accepted;
        }
        for session in &row.peer.sessions {
            let PhaseSnapshot::Encrypted { ring, .. } = &session.phase else { continue };
            let ours = [&ring.our_newest, &ring.our_previous];
            let theirs = [Some(ring.their_newest), ring.their_previous];
            for (i, own) in ours.into_iter().enumerate() {
                for (j, their) in theirs.into_iter().enumerate() {
                    let Some(their) = their else { continue };
                    if let Some(keys) = &ring.pairs[i][j].keys {
                        accepted.push(*toolkit::mac_key(&keys.receiving).expose());
                        continue;
                    }
                    let name = (own.secret.expose().to_vec(), their.as_minimal().to_vec());
                    let mac = self
                        .macs
                        .entry(name)
                        .or_insert_with(|| *toolkit::data_keys(&own.secret, &their).unwrap().receiving.mac.expose());
                    accepted.push(*mac);
                }
            }
        }
        let sound = row.retained.iter().filter(|retained| !retained.suspect);
        accepted.extend(sound.map(|retained| *toolkit::mac_key(&retained.pair.cipher).expose()));
        accepted
    }

    /// A line leaves.
    pub(crate) fn transmit(&mut self, line: &[u8]) -> Check {
        check::a_line_is_durable_before_it_leaves(&self.durable_lines, line)?;
        let Some(row) = self.row.clone() else { return Err("a line leaves before the first commit".to_owned()) };
        let commanded = self.commanded.contains(line);
        check::nothing_private_leaves_in_clear(line, row.was_private.is_some() || row.quarantined, commanded)?;
        let bytes = decode_data(line);
        check::quarantine_is_silent(&row, bytes.is_some())?;
        let again = !self.lines_out.insert(line.to_vec());
        let record = row.lines.iter().find(|record| record.bytes == line);
        let kept = record.and_then(|record| record.kept);
        if kept.is_some_and(|kept| kept.auto) {
            self.automatic += 1;
            // Where something that is no automatic message was read under the peer's key, the answer is to that.
            let wanted = row.sessions.iter().any(|session| session.reading.wanted);
            self.depth.entry(line.to_vec()).or_insert(if wanted { 1 } else { self.cause + 1 });
        }
        let Some(message) = bytes.as_ref().and_then(|bytes| DataMessage::parse(bytes).ok()) else { return Ok(()) };
        for key in message.old_mac_keys.chunks_exact(20) {
            self.revealed.insert(key.try_into().unwrap());
        }
        let accepted = self.accepted(&row);
        check::nothing_revealed_is_accepted(&self.revealed, &accepted)?;
        if again {
            return Ok(());
        }
        check::an_announced_key_is_durable(&self.durable_keys, message.next_dh.as_minimal())?;
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
        let keys = keys.ok_or_else(|| format!("a message under unknown keys {keyids:?}"))?;
        let new = Use { counter: message.counter, encrypted: message.encrypted.to_vec() };
        let uses = self.uses.entry(keys).or_default();
        check::a_counter_encrypts_once(uses, &new)?;
        check::counters_rise(uses, &new)?;
        uses.push(new);
        check::a_key_encrypts_at_most_k(uses, self.k)
    }

    /// The application is told something. `peer`: what the other end has committed.
    pub(crate) fn event(&mut self, event: &Event, peer: Option<&HashSet<String>>) -> Check {
        match event {
            Event::Text(text) => {
                let content = String::from_utf8_lossy(&text.text).into_owned();
                check::an_inbox_id_names_one_thing(&mut self.shown, text.id, &content)?;
                if text.provenance != Provenance::Clear && !self.rolled_back {
                    let id = *self.shown_texts.entry(content.clone()).or_insert(text.id);
                    if id != text.id {
                        return Err(format!("9: shown twice: {content}"));
                    }
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
                    (Some(text), Some(peer)) => check::acknowledged_was_committed(peer, text),
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

    pub(crate) fn cancelled(&mut self, id: &str) {
        self.fates.entry(id.to_owned()).or_default().push(Whereabouts::Cancelled);
    }

    /// How a text ended; `None` while it has not.
    pub(crate) fn fate(&self, id: &str) -> Option<Whereabouts> {
        self.fates.get(id).and_then(|fates| fates.last()).copied()
    }

    /// A turn is over and drained. `read`: how many messages it can have read.
    pub(crate) fn end_of_turn(&mut self, before: Option<&ConversationRecord>, events: &[Event], read: usize) -> Check {
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
        let ids: Vec<_> = self.texts.keys().cloned().collect();
        for id in ids {
            check::a_text_has_one_place(&id, &self.places(&row, &id))?;
        }
        Ok(())
    }

    fn places(&self, row: &ConversationRecord, id: &str) -> Vec<Whereabouts> {
        let mut places: Vec<_> = row
            .outbox
            .iter()
            .filter(|text| text.id == id)
            .map(|text| match text.state {
                TextState::Queued | TextState::HeldForTrust => Whereabouts::Queued,
                TextState::InFlight(_) => Whereabouts::InFlight,
            })
            .collect();
        places.extend(self.fates.get(id).into_iter().flatten());
        let told = self.sent.contains(id) && !(self.strict && self.flown.contains(id));
        if places.is_empty() && (told || !self.strict) {
            places.push(Whereabouts::Left);
        }
        places
    }

    /// The store was set back to an older row.
    pub(crate) fn set_back(&mut self, row: &[u8]) {
        let row: ConversationRecord = codec::decode(row).unwrap();
        self.rolled_back = true;
        self.strict = false;
        let there: HashSet<_> = row.outbox.iter().map(|text| text.id.clone()).collect();
        self.texts.retain(|id, _| there.contains(id));
        self.fates.retain(|id, _| !there.contains(id));
        self.row = Some(Rc::new(row));
    }
}
