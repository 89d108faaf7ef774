//! Our record in the padding of a data message: what we say, and what we make of the peer's.

use core::num::NonZeroU32;
use core::time::Duration;

use o2tr_ekm::record::{PeerCapability, ReadPair, Reading, SessionRecord, TextState};
use otr_core::planted::{Fault, planted};
use otr_core::wire::Tlv;
use otr_core::{Message, SessionId, SessionView, Timestamp};

use super::flush::Parcel;
use super::{Conversation, Event, Hold};
use crate::capability::{
    AckMap, AckWindow, Capability, ContinuityProof, ContinuitySecret, MessageId, PairAck, PairId, Side, Threshold,
};

impl Conversation {
    /// The record for a message of ours: always to a peer that has shown one, and to one that has said nothing yet in
    /// the session, since it may. Whoever has spoken without one is a plain OTR client and sees padding once.
    pub(super) fn record_for(&self, view: &SessionView, parcel: &Parcel<'_>, use_number: u32) -> Option<Tlv> {
        let record = self.session_record(view.id)?;
        if record.capability.is_none() && record.confirmed && record.announced > 0 && !parcel.refresh_wanted {
            return None;
        }
        let lifetime = if self.settings.keeps_keys { self.settings.time_to_live } else { Duration::ZERO };
        let threshold = self.settings.threshold.map(|k| u16::try_from(k).unwrap_or(u16::MAX));
        let capability = Capability {
            refresh_wanted: parcel.refresh_wanted,
            auto: parcel.auto,
            threshold: threshold.and_then(Threshold::new),
            record_lifetime: u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX),
            use_number: NonZeroU32::new(use_number)?,
            message_id: MessageId::from_bytes(parcel.message_id),
            read: if self.settings.receipts { window_of(record) } else { AckWindow::default() },
            continuity: proof_of(record),
        };
        Some(capability.encode())
    }

    /// What an O2TR peer says of itself and of what it has read.
    pub(super) fn take_capability(&mut self, session: SessionId, said: &Capability, now: Timestamp) {
        let Some(record) = self.session_record_mut(session) else { return };
        record.capability = Some(PeerCapability {
            threshold: said.threshold.map(|threshold| threshold.get().into()),
            record_lifetime: said.record_lifetime,
        });
        for ack in said.read.parts().iter().flatten() {
            self.take_acknowledgement(&session.fingerprint, ack);
        }
        self.drop_textless(&said.read);
        self.repeat_missing(session, &said.read, now);
        if said.refresh_wanted {
            self.turn_to_answer(session);
        }
    }

    /// With the first message of a session the peer shows whether it was the other end of the one before. If it was,
    /// what it has not read goes out again; if not, that is the user's to decide.
    pub(super) fn check_continuity(&mut self, session: SessionId, said: Option<&Capability>, now: Timestamp) {
        let Some(record) = self.session_record_mut(session) else { return };
        if core::mem::replace(&mut record.confirmed, true) {
            return;
        }
        let old: Vec<_> = record.predecessors.iter().map(|before| before.ssid).collect();
        let proven = said.and_then(|said| said.continuity).is_some_and(|proof| proves(record, &proof));
        for ssid in old {
            if proven || planted(Fault::ContinuityNotProven) {
                self.continue_from(session, ssid, now);
            } else {
                self.hold_unproven(ssid);
            }
        }
    }

    /// Texts under way in a session whose other end may have been somebody else than who is there now.
    fn hold_unproven(&mut self, ssid: [u8; 8]) {
        let mut held = 0;
        for text in &mut self.outbox {
            if matches!(text.state, TextState::InFlight(flight) if flight.ssid == ssid) {
                text.state = TextState::HeldForTrust;
                text.again = true;
                held += 1;
            }
        }
        self.lines.retain(|line| line.kept.is_none_or(|kept| kept.ssid != ssid));
        for _ in 0..held {
            self.emit(Event::Paused { queued: self.waiting(), reason: Hold::Trust });
        }
    }

    /// Counts what was read under the peer's key, for the threshold, and marks it for acknowledgement.
    pub(super) fn mark_read(&mut self, message: &Message, said: Option<&Capability>, automatic: bool) {
        let (sender_keyid, recipient_keyid, _) = message.place;
        let Some(record) = self.session_record_mut(message.session) else { return };
        let keyids = (sender_keyid, recipient_keyid);
        let before = record.reading.keyids;
        // One that was overtaken says nothing of the present key.
        let overtaken = keyids != before && keyids.0 <= before.0 && keyids.1 <= before.1;
        if keyids != before && !overtaken {
            record.reading = Reading { keyids, count: 0, wanted: false };
        }
        if !overtaken {
            record.reading.count = record.reading.count.saturating_add(1);
            record.reading.wanted |= !automatic;
        }
        let ssid = record.ssid;
        self.mark_for_acknowledgement(message, &ssid, said);
    }

    /// What was read is acknowledged in the session that the peer's key has now, whichever it was read in.
    pub(super) fn mark_for_acknowledgement(&mut self, message: &Message, ssid: &[u8; 8], said: Option<&Capability>) {
        let (sender_keyid, recipient_keyid, _) = message.place;
        let Some(record) = self.session_record_mut(message.session) else { return };
        let Some(said) = said else { return };
        let mut window = window_of(record);
        window.mark(PairId::new(ssid, sender_keyid, recipient_keyid), said.use_number.get());
        record.window = window.parts().iter().flatten().map(ReadPair::of).collect();
    }
}

/// Pairs in the plain data of the record.
trait OfAck {
    fn of(ack: &PairAck) -> Self;
}

impl OfAck for ReadPair {
    fn of(ack: &PairAck) -> Self {
        let PairAck { pair: PairId { ssid, sender_keyid, recipient_keyid }, read } = *ack;
        Self { ssid, sender_keyid, recipient_keyid, first: read.first(), bits: read.bits() }
    }
}

fn window_of(record: &SessionRecord) -> AckWindow {
    let mut parts = [None; 2];
    for (part, stored) in parts.iter_mut().zip(&record.window) {
        let ReadPair { ssid, sender_keyid, recipient_keyid, first, bits } = *stored;
        *part = AckMap::from_parts(first, bits)
            .map(|read| PairAck { pair: PairId { ssid, sender_keyid, recipient_keyid }, read });
    }
    AckWindow::from_parts(parts)
}

/// Our proof, for the likeliest session before this one.
fn proof_of(record: &SessionRecord) -> Option<ContinuityProof> {
    let before = record.predecessors.first()?;
    let secret = ContinuitySecret::from_stored(before.continuity.clone());
    Some(secret.prove(Side::ours(record.revealed), &before.ssid, &record.ssid))
}

/// Whether the peer's proof holds for any session before this one: the sides may differ in which was the last.
fn proves(record: &SessionRecord, proof: &ContinuityProof) -> bool {
    let side = Side::ours(record.revealed).other();
    record.predecessors.iter().any(|before| {
        let secret = ContinuitySecret::from_stored(before.continuity.clone());
        secret.verifies(proof, side, &before.ssid, &record.ssid)
    })
}
