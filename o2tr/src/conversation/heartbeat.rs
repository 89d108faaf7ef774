//! Messages that the program sends by itself, so that a conversation with little traffic neither stalls at the
//! threshold nor keeps its keys too long. At most one for each message read; never in answer to one of its kind.

use core::time::Duration;

use otr_core::{SessionId, Timestamp};

use super::Conversation;
use super::flush::Parcel;
use super::receive::encrypted;

/// After how long a silence of ours a text is answered.
const SILENCE: Duration = Duration::from_secs(60);

impl Conversation {
    /// An O2TR peer asks for a fresh key: one answer, although its wish came automatically.
    pub(super) fn turn_to_answer(&mut self, session: SessionId) {
        if !self.turn.answer_refresh.contains(&session) {
            self.turn.answer_refresh.push(session);
        }
    }

    /// After a turn that may have read something: does any session need an answer?
    pub(super) fn answer_readings(&mut self, now: Timestamp) {
        let wanted = core::mem::take(&mut self.turn.answer_refresh);
        let read = core::mem::take(&mut self.turn.read_in);
        for session in read {
            let Some(view) = encrypted(&self.peer, session) else { continue };
            let Some(record) = self.session_record(session) else { continue };
            // While a batch from the store is read, the answer waits for its end.
            if record.refresh_owed {
                continue;
            }
            let reading = record.reading;
            let silent_for = now.since(view.last_sent);
            let limit = self.answer_after(record.capability.and_then(|capability| capability.threshold));
            let near_limit = reading.wanted && limit.is_some_and(|limit| reading.count >= limit);
            let long_silent = self.turn.visible && silent_for > SILENCE;
            if view.uses_of_key == 0 {
                if near_limit || long_silent || wanted.contains(&session) {
                    self.send_automatic(session, false, now);
                }
            } else if near_limit {
                self.repeat_automatic(session);
            }
        }
        self.turn.visible = false;
    }

    /// After how many messages under one key of the peer it is answered: one before the lower threshold.
    fn answer_after(&self, theirs: Option<u32>) -> Option<u32> {
        let lower = match (self.settings.threshold, theirs) {
            (Some(ours), Some(theirs)) => ours.min(theirs),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return None,
        };
        Some(lower.saturating_sub(1).max(1))
    }

    pub(super) fn send_automatic(&mut self, session: SessionId, refresh_wanted: bool, now: Timestamp) -> bool {
        let parcel = Parcel { refresh_wanted, ..Parcel::empty(Vec::new(), true) };
        self.send_parcel(session, &parcel, now).is_some()
    }

    /// Our answer may have been lost: its exact bytes once more, no key is used again.
    fn repeat_automatic(&mut self, session: SessionId) {
        let newest = self
            .lines
            .iter()
            .rev()
            .find(|line| line.transmitted && line.kept.is_some_and(|kept| kept.session == session && kept.auto))
            .map(|line| line.id);
        if let Some(id) = newest {
            self.transmit_line(id);
        }
    }
}
