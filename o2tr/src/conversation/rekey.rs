//! Starting an AKE. A peer that may be encrypted gets a D-H Commit, never a query: libotr would answer a query and
//! speak clear text until the handshake ends.

use core::time::Duration;

use o2tr_ekm::record::OutboxText;
use o2tr_omd::{Evidence, Verdict};
use otr_core::planted::{Fault, planted};
use otr_core::text::{Versions, error_line};
use otr_core::wire::Route;
use otr_core::{InstanceTag, Policy, SessionId, SessionView, Timestamp, Version};
use rand_core::CryptoRng;

use super::{Conversation, Event, Hold};

/// How often we start one by ourselves because of an error or an unreadable message.
const OWN_EXCHANGE_AT_MOST: Duration = Duration::from_secs(600);
/// How long an offer of ours may stay unanswered before another one is made.
const UNANSWERED: Duration = Duration::from_secs(60);
/// How long texts wait at the threshold for a peer that is there.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a retransmission explains errors, one for each line.
const AFTER_RETRY: Duration = Duration::from_secs(60);

impl Conversation {
    /// The user asks for a private conversation.
    pub fn start(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.poisoned {
            return;
        }
        self.doubted = Some(now);
        self.ask(now, rng);
        self.finish_turn(now, rng);
    }

    fn ask(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.is_half_way() {
            // What the peer has answered comes to its end, or is taken up again by a timer; a second one would
            // leave the peer alone in the first.
            return;
        }
        if self.is_private() {
            if let Some(version) = self.preferred_version() {
                self.peer.open_exchange(version, now, rng);
            }
        } else {
            self.peer.start();
        }
        self.touch();
    }

    /// The peer has answered an AKE, and its end is awaited.
    pub(super) fn is_half_way(&self) -> bool {
        // Only what a timer takes up again counts; an open commit may wait for days.
        self.peer.is_exchanging(Timestamp::from_millis(u64::MAX), Duration::ZERO)
    }

    /// A text waits for a session: one exchange is enough.
    pub(super) fn ask_for_session(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        let finished = self.peer.current().and_then(|id| self.peer.view(id)).is_some_and(|view| !view.encrypted);
        let queried = self.timers.queried.is_some_and(|at| now.since(at) < UNANSWERED);
        if !finished && !queried && !self.peer.is_exchanging(now, UNANSWERED) {
            if !self.is_private() {
                self.timers.queried = Some(now);
            }
            self.ask(now, rng);
        }
    }

    /// The peer may be encrypted: there is a session, there was one, or the store is in doubt.
    pub(super) fn is_private(&self) -> bool {
        self.was_private.is_some() || self.quarantined || self.peer.current().is_some()
    }

    /// The version of the last session, as far as it is allowed.
    fn preferred_version(&self) -> Option<Version> {
        let policy = self.settings.policy;
        let last = self.peer.current().map(|id| id.version).or_else(|| {
            let highest = self.trust.iter().map(|trust| trust.highest_version).max()?;
            Version::from_number(highest)
        });
        last.filter(|version| policy.allows(*version)).or_else(|| Versions::all().highest(policy))
    }

    /// By ourselves, and seldom: to the device if it is known, else to any.
    pub(super) fn start_own_exchange(
        &mut self,
        instance: Option<InstanceTag>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) {
        let recent = self.last_own_exchange.is_some_and(|at| at <= now && now.since(at) < OWN_EXCHANGE_AT_MOST);
        if recent || self.peer.is_exchanging(now, UNANSWERED) {
            return;
        }
        self.last_own_exchange = Some(now);
        match instance {
            Some(instance) => self.peer.renew_exchange(instance, now, rng),
            None => {
                if let Some(version) = self.preferred_version() {
                    self.peer.open_exchange(version, now, rng);
                }
            }
        }
        self.touch();
    }

    /// An error message: shown; and if it can mean that the peer has lost its keys, new ones are offered.
    pub(super) fn take_error(&mut self, text: &[u8], evidence: &Evidence, now: Timestamp, rng: &mut dyn CryptoRng) {
        self.emit(Event::PeerError { text: text.to_vec() });
        let (expected, since) = self.timers.sent_again;
        let explained = expected > 0 && now.since(since) < AFTER_RETRY;
        self.timers.sent_again.0 = if explained { expected - 1 } else { 0 };
        if !explained && self.is_private() {
            self.doubted = Some(now);
            self.touch();
        }
        let wanted = self.settings.policy.contains(Policy::ERROR_START_AKE);
        if wanted && self.is_private() && !evidence.is_late() && !explained {
            self.start_own_exchange(None, now, rng);
        }
    }

    /// At most one error reply in the life of a session, none while another device has a session.
    pub(super) fn reply_error(&mut self, route: Option<Route>, verdict: &Verdict, now: Timestamp) {
        let instance = route.and_then(Route::sender);
        let mut sessions = self.peer.sessions().filter(|view| view.encrypted).peekable();
        if sessions.peek().is_none() {
            if self.timers.error_replied.is_some_and(|at| now.since(at) < OWN_EXCHANGE_AT_MOST) {
                return;
            }
            drop(sessions);
            self.timers.error_replied = Some(now);
        } else {
            let Some(id) = sessions.find(|view| view.id.instance == instance).map(|view| view.id) else { return };
            drop(sessions);
            match self.session_record_mut(id) {
                Some(record) if !record.error_replied => record.error_replied = true,
                Some(_) | None => return,
            }
        }
        let text: &[u8] = match verdict {
            Verdict::Malformed => b"A damaged encrypted message arrived.",
            _ => b"An encrypted message arrived that cannot be read here.",
        };
        self.add_line(error_line(text), None, None);
    }

    /// Texts wait at the threshold although the peer is there (a plain OTR client answers a burst only once a
    /// minute), or for a session after a private conversation. Of two that wait, the one with the lower tag begins.
    pub(super) fn plan_rekey(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        let finished = self.peer.current().and_then(|id| self.peer.view(id)).is_some_and(|view| !view.encrypted);
        let stuck = !self.controls.is_empty()
            || self.outbox.iter().any(|text| match self.hold_of(&text.id) {
                Some(Hold::Threshold) => true,
                Some(Hold::NoSession) => self.is_private() && !finished,
                Some(Hold::PeerAway | Hold::Trust) | None => false,
            });
        if !stuck {
            self.timers.rekeys = 0;
        }
        if !stuck || !self.presence.online || planted(Fault::NoRekey) {
            self.timers.rekey_at = None;
            return;
        }
        if self.timers.rekey_at.is_none() {
            let own = self.peer.identity().instance();
            let theirs = self.session_in_need().and_then(|id| id.instance);
            let later = theirs.is_some_and(|theirs| own > theirs);
            let back_off = PAUSE * 2_u32.saturating_pow(self.timers.rekeys.min(8));
            let jitter = PAUSE.mul_f64(f64::from(rng.next_u32()) / f64::from(u32::MAX));
            let wait = back_off + jitter + if later { PAUSE } else { Duration::ZERO };
            self.timers.rekey_at = Some(now.after(wait));
        }
    }

    /// First to the device, then to any: it may be a new installation.
    pub(super) fn rekey(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        self.timers.rekey_at = None;
        let attempt = self.timers.rekeys;
        // One that the peer has answered, or that is on its way, is not disturbed.
        if self.peer.is_exchanging(now, PAUSE) {
            return;
        }
        self.timers.rekeys = attempt.saturating_add(1);
        match self.session_in_need() {
            Some(id) if attempt.is_multiple_of(2) => self.commit_to(id, now, rng),
            Some(_) | None => {
                if let Some(version) = self.preferred_version() {
                    self.peer.open_exchange(version, now, rng);
                    self.touch();
                }
            }
        }
    }

    /// The session whose key the first text that waits would need; the present one if it is all the same.
    fn session_in_need(&self) -> Option<SessionId> {
        if let Some(session) = self.control_in_need() {
            return Some(session);
        }
        let waits = |text: &&OutboxText| self.hold_of(&text.id) == Some(Hold::Threshold);
        let address = self.outbox.iter().find(waits).and_then(|text| text.address);
        let last_seen = |view: &SessionView| view.last_verified.unwrap_or(view.established);
        let addressed = self.peer.sessions().filter(|view| address == Some(view.id.fingerprint));
        addressed.max_by_key(last_seen).map(|view| view.id).or_else(|| self.peer.current())
    }
}
