//! A session begins, is renewed, or is ended by the peer.

use core::time::Duration;

use o2tr_ekm::record::{
    InFlight, InboxKind, Predecessor, Reading, SessionRecord, TextState, TrustLevel, TrustRecord, WasPrivate,
};
use otr_core::dsa::Fingerprint;
use otr_core::{Established, SessionId, Timestamp};

use super::{Conversation, Encrypted, Event, MAX_TRUST, Refresh};
use crate::capability::{ContinuitySecret, Exporter};

/// How old a text may be to be sent again to a plain OTR client after a new AKE.
const LEGACY_RESEND_AGE: Duration = Duration::from_secs(60);

impl Conversation {
    pub(super) fn take_established(&mut self, established: &Established, now: Timestamp) {
        let Established { session, ssid, revealed, renewed, exporter } = established;
        let before =
            self.sessions.iter().position(|record| record.id == *session).map(|index| self.sessions.remove(index));
        self.sessions.push(SessionRecord {
            id: *session,
            ssid: *ssid,
            continuity: ContinuitySecret::derive(&Exporter::new(exporter.clone()), ssid).to_store().clone(),
            revealed: *revealed,
            predecessors: before.as_ref().map(predecessors_after).unwrap_or_default(),
            capable_before: before.as_ref().is_some_and(is_capable),
            confirmed: false,
            restored: None,
            refresh_owed: false,
            capability: None,
            announced: 0,
            reading: Reading::default(),
            // What was read in the session before is still to be acknowledged.
            window: before.as_ref().map(|record| record.window.clone()).unwrap_or_default(),
            error_replied: false,
            repeated_at: None,
        });
        self.drop_orphaned_records();
        if let Some(before) = &before {
            self.settle_forgotten(before, session);
        }
        let last_read = self.last_activity.replace(now);
        self.expiry_noticed = None;
        // The back-off stays: what waits may be for another session than this one.
        self.timers.rekey_at = None;
        self.touch_and_retire();
        let trust = self.meet(session, now);
        self.emit(Event::Encrypted(Encrypted {
            session: *session,
            ssid: *ssid,
            revealed: *revealed,
            renewed: *renewed,
            trust,
        }));
        if self.quarantined {
            self.lift_quarantine();
        }
        if let Some(before) = before {
            self.succeed(&before, session.fingerprint, *revealed, last_read, now);
        }
        self.doubted = None;
        // A stranger's session never takes over: what is private stays addressed to whom it was.
        if self.was_private.is_none() {
            self.was_private = Some(WasPrivate { fingerprint: session.fingerprint });
        }
        if *revealed {
            self.turn.greet.push(*session);
        }
    }

    /// The peer learns that its Signature arrived, and whom it talks to; a text that has left meanwhile says the same.
    pub(super) fn greet(&mut self, now: Timestamp) {
        for session in core::mem::take(&mut self.turn.greet) {
            if self.peer.view(session).is_some_and(|view| view.uses_of_key == 0) {
                self.send_automatic(session, false, now);
            }
        }
    }

    /// What the session before leaves to its successor with the same key.
    fn succeed(
        &mut self,
        before: &SessionRecord,
        fingerprint: Fingerprint,
        revealed: bool,
        last_read: Option<Timestamp>,
        now: Timestamp,
    ) {
        if before.restored.is_some_and(|mark| mark.recovered) {
            self.emit(Event::Refreshed { session: before.id, how: Refresh::Ake });
            self.timers.reauthenticate_at = None;
        }
        if is_capable(before) {
            // An O2TR peer: its texts wait until it has proven that it was the other end.
            return;
        }
        // If the AKE was ours and nothing spoke against the peer's keys, it has read what it was sent.
        let doubted = if revealed { self.doubted.max(self.last_own_exchange) } else { Some(now) };
        let in_doubt = |flight: &InFlight| doubted.is_some_and(|at| at >= flight.at);
        self.outbox.retain(|text| match text.state {
            TextState::InFlight(flight) => flight.ssid != before.ssid || !flight.transmitted || in_doubt(&flight),
            TextState::Queued | TextState::HeldForTrust => true,
        });
        self.settle_in_flight(before.ssid, |text, flight| {
            text.address == Some(fingerprint)
                && (!flight.transmitted
                    || (!text.again
                        && now.since(flight.at) <= LEGACY_RESEND_AGE
                        && last_read.is_none_or(|at| at <= flight.at)))
        });
    }

    /// The peer has proven that it was the other end of the session before: what it has not read goes out again,
    /// under the same ids.
    pub(super) fn continue_from(&mut self, session: SessionId, old_ssid: [u8; 8], now: Timestamp) {
        let age = self.settings.resend_age;
        self.settle_in_flight(old_ssid, |text, _| {
            text.address == Some(session.fingerprint) && now.since(text.written) <= age
        });
    }

    /// Enters a key into the list of those that were seen, and tells of a new one or a lower version.
    fn meet(&mut self, session: &SessionId, now: Timestamp) -> TrustLevel {
        let version = session.version.number();
        let fingerprint = session.fingerprint;
        if let Some(known) = self.trust.iter_mut().find(|known| known.fingerprint == fingerprint) {
            let highest = known.highest_version;
            known.highest_version = highest.max(version);
            let level = known.level;
            if version < highest {
                self.emit(Event::VersionLowered { fingerprint, highest });
            }
            return level;
        }
        let level = TrustLevel::Unverified;
        self.make_room_for_trust();
        self.trust.push(TrustRecord { fingerprint, level, highest_version: version, first_seen: now });
        self.put_in_inbox(InboxKind::NewFingerprint { fingerprint });
        level
    }

    pub(super) fn take_finished(&mut self, session: SessionId, now: Timestamp) {
        self.close_retained(session, now);
        if let Some(ssid) = self.session_record(session).map(|record| record.ssid) {
            self.settle_in_flight(ssid, |_, flight| !flight.transmitted);
        }
        self.sessions.retain(|record| record.id != session);
        self.put_in_inbox(InboxKind::Finished { session });
        self.touch_and_retire();
    }

    /// What was under way in a session that is no predecessor any more can never be proven to belong to the peer.
    fn settle_forgotten(&mut self, before: &SessionRecord, session: &SessionId) {
        let Some(record) = self.session_record(*session) else { return };
        let known: Vec<_> = record.predecessors.iter().map(|predecessor| predecessor.ssid).collect();
        let forgotten = before.predecessors.iter().map(|predecessor| predecessor.ssid);
        let forgotten: Vec<_> = forgotten.filter(|ssid| !known.contains(ssid)).collect();
        for ssid in forgotten {
            self.settle_in_flight(ssid, |_, flight| !flight.transmitted);
        }
    }

    /// Keys that nobody cares for make room.
    fn make_room_for_trust(&mut self) {
        while self.trust.len() >= MAX_TRUST {
            let idle = |known: &TrustRecord| {
                known.level == TrustLevel::Unverified
                    && self.was_private.is_none_or(|private| private.fingerprint != known.fingerprint)
                    && !self.peer.sessions().any(|view| view.id.fingerprint == known.fingerprint)
            };
            let Some(index) = self.trust.iter().position(idle) else { return };
            self.trust.remove(index);
        }
    }

    /// Records of sessions that the OTR layer has evicted.
    fn drop_orphaned_records(&mut self) {
        let peer = &self.peer;
        let orphaned: Vec<_> =
            self.sessions.iter().filter(|record| peer.view(record.id).is_none()).map(|record| record.ssid).collect();
        self.sessions.retain(|record| peer.view(record.id).is_some());
        for ssid in orphaned {
            self.settle_in_flight(ssid, |_, flight| !flight.transmitted);
        }
    }
}

/// Whether the other end of a session is an O2TR client; one that has not spoken yet is what it was before.
fn is_capable(record: &SessionRecord) -> bool {
    record.capability.is_some() || (record.capable_before && !record.confirmed)
}

/// Which sessions a new one continues: the one it replaces first, if anything was ever read in it, else that one last.
fn predecessors_after(record: &SessionRecord) -> Vec<Predecessor> {
    // More than any honest history has: AKEs of which the peer has seen nothing are rare.
    const MAX: usize = 8;
    let replaced = Predecessor { ssid: record.ssid, continuity: record.continuity.clone() };
    let mut all = record.predecessors.clone();
    if record.confirmed {
        all.insert(0, replaced);
        all.truncate(MAX);
    } else {
        all.truncate(MAX - 1);
        all.push(replaced);
    }
    all
}
