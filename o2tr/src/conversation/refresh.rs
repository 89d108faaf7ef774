//! After a recovery: fresh keys when the batch is read, a full AKE when both are there and quiet.

use core::time::Duration;

use otr_core::{SessionId, Timestamp};
use rand_core::CryptoRng;

use super::Conversation;
use super::receive::encrypted;

/// A batch has ended when nothing came for so long.
pub(super) const BATCH_QUIET: Duration = Duration::from_secs(2);
/// A recovered session is renewed by an AKE no earlier than this after its refresh.
const REAUTHENTICATE_AFTER: Duration = Duration::from_secs(30);
/// The conversation is idle if nothing was sent or read for so long.
const IDLE: Duration = Duration::from_secs(10);

impl Conversation {
    /// The batch is read: every session that owes a fresh key pays.
    pub(super) fn end_batch(&mut self, now: Timestamp) {
        self.timers.batch_until = None;
        let owing: Vec<_> = self.sessions.iter().filter(|record| record.refresh_owed).map(|record| record.id).collect();
        let recovered = !owing.is_empty();
        for session in owing {
            let unused = encrypted(&self.peer, session).is_some_and(|view| view.uses_of_key == 0);
            // What the user has typed meanwhile carries the fresh key as well.
            if unused && !self.send_automatic(session, true, now) {
                continue;
            }
            if let Some(record) = self.session_record_mut(session) {
                record.refresh_owed = false;
            }
            self.touch();
        }
        if recovered {
            self.plan_reauthentication(now);
        }
    }

    /// Only an AKE locks out whoever has a copy of the record.
    fn plan_reauthentication(&mut self, now: Timestamp) {
        if self.settings.reauthenticate && self.timers.reauthenticate_at.is_none() {
            self.timers.reauthenticate_at = Some(now.after(REAUTHENTICATE_AFTER));
        }
    }

    /// Once per recovery, when both are there and nothing else goes on.
    pub(super) fn reauthenticate(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        let Some(view) = self.peer.current().and_then(|id| encrypted(&self.peer, id)) else {
            self.timers.reauthenticate_at = None;
            return;
        };
        let busy_until = view.last_sent.max(view.last_verified.unwrap_or_default()).after(IDLE);
        if !self.presence.online || view.smp_running || busy_until > now || self.is_half_way() {
            self.timers.reauthenticate_at = Some(busy_until.max(now.after(IDLE)));
            return;
        }
        self.timers.reauthenticate_at = None;
        self.commit_to(view.id, now, rng);
    }

    /// A D-H Commit to the device of a session.
    pub(super) fn commit_to(&mut self, session: SessionId, now: Timestamp, rng: &mut dyn CryptoRng) {
        match session.instance {
            Some(instance) => self.peer.renew_exchange(instance, now, rng),
            None => self.peer.open_exchange(session.version, now, rng),
        }
        self.touch();
    }
}
