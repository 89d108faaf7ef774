//! From and to the row in the store.

use std::sync::Arc;

use o2tr_ekm::codec::{self, CodecError};
use o2tr_ekm::record::{ConversationRecord, RestoredMark, RetainedRecord, TextState};
use otr_core::planted::{Fault, planted};
use otr_core::{Identity, Leap, Peer, RestoreError, RetainedPair, Timestamp};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::refresh::BATCH_QUIET;
use super::{Conversation, Event, Presence, Retained, Timers, Turn};
use crate::settings::Settings;

/// What a driver knows when it opens a row.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The record as it was loaded.
    pub record: &'a [u8],
    /// Its generation.
    pub generation: u64,
    /// The store found that the row may be old or a copy.
    pub quarantine: bool,
    /// Drawn anew for each opening, from the operating system's source.
    pub leap: Leap,
}

/// Why a row cannot be opened. The row is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The record cannot be decoded.
    #[error("the stored conversation cannot be read: {0}")]
    Codec(#[from] CodecError),
    /// The record describes no possible state.
    #[error("the stored conversation is damaged: {0}")]
    Restore(#[from] RestoreError),
}

impl Conversation {
    /// Continues a conversation from its row. What the application has not taken comes out again as events, and
    /// lines that may not have left come out again in the same bytes.
    ///
    /// # Errors
    /// [`OpenError`]; the row is untouched.
    pub fn open(
        account: Arc<Identity>,
        settings: Settings,
        opening: &Opening<'_>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, OpenError> {
        let record: ConversationRecord = codec::decode(opening.record)?;
        let ConversationRecord {
            peer,
            sessions,
            retained,
            lines,
            outbox,
            inbox,
            trust,
            early,
            read_ids,
            was_private,
            quarantined,
            last_id,
            last_activity,
            expiry_noticed,
            last_own_exchange,
            doubted,
        } = record;
        let peer = Peer::restore(account, settings.for_core(), peer, Some(opening.leap))?;
        let retained = retained.into_iter().map(Retained::restore).collect::<Result<_, _>>()?;
        let mut conversation = Self {
            settings,
            peer,
            sessions,
            retained,
            lines: lines.into(),
            outbox: outbox.into(),
            inbox: inbox.into(),
            trust,
            early: early.into(),
            read_ids: read_ids.into(),
            was_private,
            quarantined,
            last_id,
            last_activity,
            expiry_noticed,
            last_own_exchange,
            doubted,
            generation: opening.generation,
            outputs: Default::default(),
            commit_open: false,
            poisoned: false,
            turn: Turn::default(),
            presence: Presence { online: true, caught_up: false },
            timers: Timers::default(),
            controls: Default::default(),
            missing: Vec::new(),
        };
        conversation.timers.paused = conversation.waiting() > 0;
        conversation.mark_restored(now, rng);
        if opening.quarantine && !planted(Fault::QuarantineIgnored) {
            // Ids that were given since may be remembered by the application: they name something else.
            conversation.last_id = conversation.last_id.saturating_add(opening.leap.get());
            // Also if it is in quarantine already: then it may be an older state of that.
            conversation.quarantine(now);
        }
        if conversation.sessions.iter().any(|session| session.refresh_owed) {
            conversation.timers.batch_until = Some(now.after(BATCH_QUIET));
        }
        conversation.hand_over_again(now);
        conversation.finish_turn(now, rng);
        Ok(conversation)
    }

    /// A conversation whose row is there and can no longer be read, because its key was overwritten: an old state
    /// of the rows was put back. It begins in quarantine: nothing leaves before a new AKE, nothing leaves in clear.
    /// `generation` is the row's.
    pub fn lost(
        account: Arc<Identity>,
        settings: Settings,
        generation: u64,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        let mut conversation = Self::new(account, settings);
        conversation.generation = generation;
        conversation.quarantined = true;
        // Ids that were given before may be remembered by the application: they name something else.
        conversation.last_id = Leap::random(rng).get();
        conversation.emit(Event::Quarantined);
        conversation.touch();
        conversation.finish_turn(now, rng);
        conversation
    }

    /// The record as it is now.
    pub(super) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, CodecError> {
        codec::encode(&ConversationRecord {
            peer: self.peer.snapshot(),
            sessions: self.sessions.clone(),
            retained: self.retained.iter().map(Retained::record).collect(),
            lines: self.lines.iter().cloned().collect(),
            outbox: self.outbox.iter().cloned().collect(),
            inbox: self.inbox.iter().filter(|_| !planted(Fault::InboxNotCommitted)).cloned().collect(),
            trust: self.trust.clone(),
            early: self.early.iter().cloned().collect(),
            read_ids: self.read_ids.iter().copied().collect(),
            was_private: self.was_private,
            quarantined: self.quarantined,
            last_id: self.last_id,
            last_activity: self.last_activity,
            expiry_noticed: self.expiry_noticed,
            last_own_exchange: self.last_own_exchange,
            doubted: self.doubted,
        })
    }

    /// Every encrypted session is now one that came out of the store.
    fn mark_restored(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        let mut any_renewed = false;
        for session in &mut self.sessions {
            let Some(view) = self.peer.view(session.id).filter(|view| view.encrypted) else { continue };
            let last_alive = view.last_verified.unwrap_or(view.established);
            // A key that nobody was told of is replaced at once, so that the next message already brings a fresh one.
            let renewed = self.peer.renew_unannounced(session.id, rng);
            any_renewed |= renewed;
            let our_keyid = if renewed { view.keyids.0.saturating_sub(1) } else { view.keyids.0 };
            session.restored = Some(RestoredMark { at: now, last_alive, our_keyid, recovered: false });
        }
        if any_renewed {
            self.touch_and_retire();
        }
    }

    /// Reads what can be read, continues nothing: every session is left to its receiving pairs, AKEs are dropped.
    fn quarantine(&mut self, now: Timestamp) {
        self.quarantined = true;
        let sessions: Vec<_> = self.peer.sessions().map(|view| view.id).collect();
        for id in sessions {
            self.peer.forget_session(id);
        }
        // No session is left that could be told of it.
        self.peer.end(now);
        while let Some(output) = self.peer.poll_output() {
            if let otr_core::Output::Retired(pair) = output {
                self.retain(pair, now);
            }
        }
        for retained in &mut self.retained {
            retained.unrevealed = true;
            retained.suspect = true;
        }
        self.early.clear();
        self.lines.retain(|line| line.route.is_none());
        for text in &mut self.outbox {
            if matches!(text.state, TextState::InFlight(flight) if !flight.transmitted) {
                text.state = TextState::Queued;
            }
            // It may have left since the store was copied.
            text.again = true;
        }
        self.touch_and_retire();
        self.emit(Event::Quarantined);
    }

    /// Events that were not acknowledged, lines that were not reported as transmitted.
    fn hand_over_again(&mut self, now: Timestamp) {
        let items: Vec<_> = self.inbox.iter().map(Event::of_item).collect();
        items.into_iter().for_each(|event| self.emit(event));
        let lines: Vec<_> = self.lines.iter().filter(|line| !line.transmitted).cloned().collect();
        for line in lines {
            if line.kept.is_some() {
                self.expect_errors(1, now);
            }
            self.transmit_line(line.id);
        }
    }
}

impl Retained {
    fn record(&self) -> RetainedRecord {
        let Self { pair, expires, unrevealed, suspect } = self;
        RetainedRecord { pair: pair.snapshot(), expires: *expires, unrevealed: *unrevealed, suspect: *suspect }
    }

    fn restore(record: RetainedRecord) -> Result<Self, RestoreError> {
        let RetainedRecord { pair, expires, unrevealed, suspect } = record;
        Ok(Self { pair: RetainedPair::restore(pair)?, expires, unrevealed, suspect })
    }
}
