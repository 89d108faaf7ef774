//! Receiving pairs that their session has left behind: kept while something may be under way, then given up.

use core::time::Duration;

use otr_core::{RetainedPair, SessionId, Timestamp};

use super::{Conversation, MAX_RETAINED, Retained};

/// How long a pair is kept once the backlog of the server is read.
const AFTER_CATCH_UP: Duration = Duration::from_secs(3600);
/// How long at most while it is not.
const AT_MOST: Duration = Duration::from_secs(24 * 3600);
/// How long after the peer has closed the session.
const AFTER_DISCONNECT: Duration = Duration::from_secs(600);
/// How long after a pair was found to be expired it is looked at again.
const SECOND_LOOK: Duration = Duration::from_secs(60);

impl Conversation {
    /// Keeps a pair. If its session has too many, the oldest is given up.
    pub(super) fn retain(&mut self, pair: RetainedPair, now: Timestamp) {
        let lifetime = if self.presence.caught_up { AFTER_CATCH_UP } else { AT_MOST };
        let session = pair.origin().session;
        self.retained.push(Retained { pair, expires: now.after(lifetime), unrevealed: false, suspect: false });
        let of_session = |retained: &Retained| retained.pair.origin().session == session;
        if self.retained.iter().filter(|retained| of_session(retained)).count() > MAX_RETAINED
            && let Some(oldest) = self.retained.iter().position(of_session)
        {
            self.give_up(oldest);
        }
        self.touch_and_retire();
    }

    /// The peer has closed the session: its pairs go soon, and unrevealed.
    pub(super) fn close_retained(&mut self, session: SessionId, now: Timestamp) {
        for retained in self.retained.iter_mut().filter(|retained| retained.pair.origin().session == session) {
            retained.expires = retained.expires.min(now.after(AFTER_DISCONNECT));
            retained.unrevealed = true;
        }
    }

    /// The backlog of the server is read: an hour more.
    pub(super) fn shorten_retained(&mut self, now: Timestamp) {
        for retained in &mut self.retained {
            retained.expires = retained.expires.min(now.after(AFTER_CATCH_UP));
        }
    }

    /// When the next pair is to be given up.
    pub(super) fn pair_expiry_due(&self) -> Option<Timestamp> {
        let expires = self.retained.iter().map(|retained| retained.expires).min()?;
        Some(self.timers.pairs_expired.map_or(expires, |noticed| expires.max(noticed.after(SECOND_LOOK))))
    }

    /// Two looks at the clock must agree, so that one that jumps wipes nothing.
    pub(super) fn drop_expired_pairs(&mut self, now: Timestamp) {
        let is_expired = |retained: &Retained| retained.expires <= now;
        if !self.retained.iter().any(is_expired) {
            self.timers.pairs_expired = None;
            return;
        }
        let noticed = *self.timers.pairs_expired.get_or_insert(now);
        if now < noticed.after(SECOND_LOOK) {
            return;
        }
        self.timers.pairs_expired = None;
        while let Some(index) = self.retained.iter().position(is_expired) {
            self.give_up(index);
            self.touch_and_retire();
        }
    }

    /// The pair goes, and in the same commit its MAC key enters the list of those to be revealed.
    fn give_up(&mut self, index: usize) {
        let Retained { pair, expires: _, unrevealed, suspect: _ } = self.retained.remove(index);
        if !unrevealed {
            self.peer.give_up(pair);
        }
    }
}
