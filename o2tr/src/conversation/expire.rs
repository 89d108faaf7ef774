//! The passing of time.

use core::time::Duration;

use otr_core::Timestamp;
use rand_core::CryptoRng;

use super::{Conversation, Event, Hold};

/// Two looks at the clock, so far apart, must agree that a record has expired: a clock that jumps wipes nothing.
const SECOND_LOOK: Duration = Duration::from_secs(3600);

impl Conversation {
    /// When [`Conversation::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        [
            self.peer.poll_timeout(),
            self.timers.batch_until,
            self.timers.rekey_at,
            self.timers.reauthenticate_at,
            self.pair_expiry_due(),
            self.expiry_due(),
            self.repeat_due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due at `now`. Calling it early or late does no harm.
    pub fn handle_timeout(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.poisoned {
            return;
        }
        let due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        self.peer.handle_timeout(now, rng);
        if due(self.timers.batch_until) {
            self.end_batch(now);
        }
        if due(self.timers.rekey_at) {
            self.rekey(now, rng);
        }
        if due(self.timers.reauthenticate_at) {
            self.reauthenticate(now, rng);
        }
        if due(self.repeat_due()) {
            self.repeat_what_is_missed(now);
        }
        self.drop_expired_pairs(now);
        if self.expiry_noticed.is_some_and(|noticed| noticed > now) {
            // The clock had run ahead.
            self.expiry_noticed = None;
            self.touch();
        }
        if due(self.expiry_due()) {
            self.expire(now);
        }
        self.finish_turn(now, rng);
    }

    /// What waited at the server has arrived.
    pub fn handle_caught_up(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.poisoned {
            return;
        }
        self.presence.caught_up = true;
        self.shorten_retained(now);
        self.end_batch(now);
        self.finish_turn(now, rng);
    }

    /// The peer has come or gone, as the transport sees it.
    pub fn handle_presence(&mut self, online: bool, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.poisoned {
            return;
        }
        let came = online && !self.presence.online;
        self.presence.online = online;
        if online {
            self.end_batch(now);
        }
        if came && self.outbox.iter().any(|text| self.hold_of(&text.id) == Some(Hold::NoSession)) {
            // What was offered while the peer was away is not answered by itself.
            self.ask_for_session(now, rng);
        }
        self.finish_turn(now, rng);
    }

    pub(super) fn set_timers(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        self.plan_rekey(now, rng);
        // What that has started is part of this turn.
        self.absorb(now, rng);
    }

    /// Not before the backlog is read: somebody who comes back after a long time is whom we are here for.
    fn expiry_due(&self) -> Option<Timestamp> {
        if !self.presence.caught_up || self.sessions.is_empty() {
            return None;
        }
        let expires = self.last_activity?.after(self.settings.time_to_live);
        Some(self.expiry_noticed.map_or(expires, |noticed| expires.max(noticed.after(SECOND_LOOK))))
    }

    fn expire(&mut self, now: Timestamp) {
        if self.expiry_noticed.is_none() {
            self.expiry_noticed = Some(now);
            return self.touch();
        }
        self.forget_sessions();
    }

    /// Forgets all keys now, as at the end of their time: nothing is sent, nothing leaves in clear because of it, and
    /// what is typed waits for a new session.
    pub fn expire_now(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.poisoned {
            return;
        }
        self.forget_sessions();
        self.finish_turn(now, rng);
    }

    fn forget_sessions(&mut self) {
        self.expiry_noticed = None;
        let sessions: Vec<_> = self.sessions.iter().map(|record| (record.id, record.ssid)).collect();
        for (session, ssid) in sessions {
            self.settle_in_flight(ssid, |_, flight| !flight.transmitted);
            self.peer.forget_session(session);
            self.emit(Event::Expired { session });
        }
        // Retained pairs go with their sessions: nothing under way is that old.
        while self.peer.poll_output().is_some() {}
        self.sessions.clear();
        self.retained.clear();
        self.touch_and_retire();
    }
}
