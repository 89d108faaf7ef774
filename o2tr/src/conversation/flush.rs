//! From the outbox to lines: what may leave now leaves, in order; the rest waits for a reason.

use o2tr_ekm::record::{InFlight, KeptLine, LineRecord, OutboxText, SessionRecord, TextState};
use otr_core::planted::{Fault, planted};
use otr_core::wire::{DataFlags, DataMessage, Route, Tlv};
use otr_core::{Line, Output as CoreOutput, Policy, SessionId, SessionView, Timestamp, decode_data};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::receive::encrypted;
use super::{Conversation, Event, Hold};
use crate::settings::AbsentPolicy;

/// What stands before a text that is sent again to a plain OTR client.
const RESENT: &[u8] = b"[resent] ";

/// What a message of ours is for.
pub(super) struct Parcel<'a> {
    pub(super) text: &'a [u8],
    pub(super) flags: DataFlags,
    pub(super) tlvs: Vec<Tlv>,
    pub(super) message_id: [u8; 16],
    pub(super) auto: bool,
    pub(super) refresh_wanted: bool,
}

impl Parcel<'_> {
    /// A message without text.
    pub(super) const fn empty(tlvs: Vec<Tlv>, auto: bool) -> Self {
        Self { text: &[], flags: DataFlags::IGNORE_UNREADABLE, tlvs, message_id: [0; 16], auto, refresh_wanted: false }
    }
}

impl Conversation {
    /// Sends what can be sent. Order holds: behind a text that waits, nothing leaves to the same key.
    pub(super) fn flush(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        self.flush_controls(now, rng);
        let mut waiting = Vec::new();
        let mut index = 0;
        while self.controls.is_empty()
            && let Some(text) = self.outbox.get(index)
        {
            let before = (self.outbox.len(), text.address);
            if text.state == TextState::Queued && !waiting.contains(&text.address) && !self.try_send(index, now) {
                waiting.push(before.1);
            }
            if planted(Fault::QueuedDropped) && waiting.contains(&before.1) {
                self.outbox.remove(index);
            }
            // One that leaves in clear is gone from the list.
            if self.outbox.len() == before.0 {
                index += 1;
            }
        }
        if self.timers.paused && self.waiting() + self.controls.len() == 0 {
            self.timers.paused = false;
            self.timers.rekey_at = None;
            self.timers.rekeys = 0;
            self.emit(Event::Resumed);
        }
    }

    /// Sends the text at `index`, in clear if that is allowed. `false` if it waits.
    fn try_send(&mut self, index: usize, now: Timestamp) -> bool {
        let Some(text) = self.outbox.get(index).cloned() else { return false };
        if self.may_leave_in_clear(&text) {
            self.outbox.remove(index);
            self.touch();
            self.send_in_clear(&text, now);
            self.emit(Event::Sent { id: text.id });
            return true;
        }
        let Ok(view) = self.way_for(&text) else { return false };
        let capable = self.session_record(view.id).is_some_and(|record| record.capability.is_some());
        // An O2TR peer knows the text by its id; another one may be shown it twice, and is told so.
        let mark: &[u8] = if text.again && !capable { RESENT } else { b"" };
        let marked = Zeroizing::new([mark, text.text.as_bytes()].concat());
        let parcel = Parcel {
            text: &marked,
            flags: DataFlags::empty(),
            tlvs: Vec::new(),
            message_id: text.wire_id,
            auto: false,
            refresh_wanted: false,
        };
        let Some(kept) = self.send_parcel(view.id, &parcel, now) else { return false };
        let KeptLine { session, ssid, keyids, use_number, auto: _ } = kept;
        if let Some(entry) = self.outbox.get_mut(index) {
            entry.address = entry.address.or(Some(session.fingerprint));
            entry.state =
                TextState::InFlight(InFlight { session, ssid, keyids, use_number, at: now, transmitted: false });
        }
        true
    }

    /// Nothing was ever private with this peer, and the user allows it.
    fn may_leave_in_clear(&self, text: &OutboxText) -> bool {
        (text.address.is_none() || planted(Fault::ClearAfterPrivate))
            && !text.private
            && (self.was_private.is_none() || planted(Fault::ClearAfterPrivate))
            && self.peer.current().is_none()
            && !self.quarantined
            && !self.settings.policy.contains(Policy::REQUIRE_ENCRYPTION)
    }

    /// With a tag where the policy says so.
    fn send_in_clear(&mut self, text: &OutboxText, now: Timestamp) {
        self.turn.deferred.extend(core::iter::from_fn(|| self.peer.poll_output()));
        if self.peer.send(text.text.as_bytes(), now).is_ok()
            && let Some(line) = self.take_made_line()
        {
            self.add_line(line.bytes, None, None);
        }
    }

    /// Why a text waits; `None` if it has left or would leave now.
    pub(super) fn hold_of(&self, id: &str) -> Option<Hold> {
        let text = self.outbox.iter().find(|text| text.id == id)?;
        match text.state {
            TextState::InFlight(_) => None,
            TextState::HeldForTrust => Some(Hold::Trust),
            TextState::Queued if !self.controls.is_empty() => Some(Hold::Threshold),
            TextState::Queued if self.may_leave_in_clear(text) => None,
            TextState::Queued => self.way_for(text).err(),
        }
    }

    /// The session that a text leaves in: with the key that it is addressed to, where the peer was seen last.
    fn way_for(&self, text: &OutboxText) -> Result<SessionView, Hold> {
        if self.quarantined {
            return Err(Hold::NoSession);
        }
        let views: Vec<_> = self.peer.sessions().collect();
        let addressed = |view: &&SessionView| {
            text.address.is_none_or(|address| address == view.id.fingerprint) || planted(Fault::AnyFingerprint)
        };
        let last_seen = |view: &&SessionView| view.last_verified.unwrap_or(view.established);
        let Some(view) = views.iter().filter(addressed).max_by_key(last_seen) else {
            let others = views.iter().any(|view| view.encrypted);
            return Err(if others { Hold::Trust } else { Hold::NoSession });
        };
        if !view.encrypted {
            return Err(Hold::NoSession);
        }
        let keeps_keys = self.session_record(view.id).is_some_and(keeps_keys);
        if !keeps_keys && self.is_about_to_renew(view.id) {
            return Err(Hold::NoSession);
        }
        if !self.presence.online && !keeps_keys && self.settings.absent == AbsentPolicy::Hold {
            return Err(Hold::PeerAway);
        }
        if self.settings.threshold.is_some_and(|k| view.uses_of_key >= k) {
            return Err(Hold::Threshold);
        }
        Ok(*view)
    }

    /// A plain OTR client forgets the old session when our Reveal Signature arrives, so what is sent behind it waits
    /// for the new one, as long as that may still come.
    fn is_about_to_renew(&self, id: SessionId) -> bool {
        self.peer.awaits_signature(id.instance) && self.is_half_way()
    }

    /// Encrypts one message and keeps its line. `None` if the session cannot send now.
    pub(super) fn send_parcel(&mut self, id: SessionId, parcel: &Parcel<'_>, now: Timestamp) -> Option<KeptLine> {
        let view = encrypted(&self.peer, id)?;
        let use_number = view.uses_of_key.checked_add(1)?;
        let mut tlvs = parcel.tlvs.clone();
        tlvs.extend(self.record_for(&view, parcel, use_number));
        self.turn.deferred.extend(core::iter::from_fn(|| self.peer.poll_output()));
        self.peer.send_in(id, parcel.text, &tlvs, parcel.flags, now).ok()?;
        let line = self.take_made_line()?;
        let keyids = (view.keyids.0.saturating_sub(1), view.keyids.1);
        let kept = KeptLine { session: id, ssid: view.ssid, keyids, use_number, auto: parcel.auto };
        if let Some(record) = self.session_record_mut(id) {
            record.announced = record.announced.saturating_add(1);
        }
        self.add_line(line.bytes, line.route, Some(kept));
        Some(kept)
    }

    /// Queues a line: it is stored before it leaves, and leaves behind all that was queued before it.
    pub(super) fn add_line(&mut self, bytes: Vec<u8>, route: Option<Route>, kept: Option<KeptLine>) -> u64 {
        let id = self.next_id();
        self.lines.push_back(LineRecord { id, bytes, route, transmitted: false, kept });
        self.transmit_line(id);
        self.touch();
        id
    }

    /// Everything that the OTR layer has to say, in order. Data messages that it made by itself (SMP answers, the end
    /// of a session) are uses of their key, and are kept like ours.
    pub(super) fn take_core_outputs(&mut self) -> Vec<(CoreOutput, Option<KeptLine>)> {
        let mut outputs = core::mem::take(&mut self.turn.deferred);
        outputs.extend(core::iter::from_fn(|| self.peer.poll_output()));
        let mut outputs: Vec<_> = outputs
            .into_iter()
            .map(|output| {
                let kept = match &output {
                    CoreOutput::Send(line) => self.kept_of(line),
                    CoreOutput::Event(_) | CoreOutput::Retired(_) => None,
                };
                (output, kept)
            })
            .collect();
        // `kept_of` knows the newest use of a key only: earlier lines under the same key count backwards from it.
        let mut behind: Vec<(_, u32)> = Vec::new();
        for kept in outputs.iter_mut().rev().filter_map(|(_, kept)| kept.as_mut()) {
            let key = (kept.ssid, kept.keyids);
            match behind.iter_mut().find(|(known, _)| *known == key) {
                Some((_, count)) => {
                    kept.use_number = kept.use_number.saturating_sub(*count);
                    *count += 1;
                }
                None => behind.push((key, 1)),
            }
        }
        outputs
    }

    /// The line that the OTR layer has just made; what it said before waits for its turn.
    fn take_made_line(&mut self) -> Option<Line> {
        let mut made = None;
        while let Some(output) = self.peer.poll_output() {
            match output {
                CoreOutput::Send(line) if made.is_none() => made = Some(line),
                other => self.turn.deferred.push(other),
            }
        }
        made
    }

    /// If it is a data message: of which session, under which key. The use number is that of the newest use.
    fn kept_of(&self, line: &Line) -> Option<KeptLine> {
        let bytes = decode_data(&line.bytes)?;
        let message = DataMessage::parse(&bytes).ok()?;
        let receiver = match message.route {
            Route::V2 => None,
            Route::V3 { receiver, .. } => receiver,
        };
        let keyids = (message.sender_keyid, message.recipient_keyid);
        let view = self.peer.sessions().find(|view| {
            view.encrypted
                && view.id.instance == receiver
                && view.id.version == message.route.version()
                && (view.keyids.0.saturating_sub(1), view.keyids.1) == keyids
        })?;
        Some(KeptLine { session: view.id, ssid: view.ssid, keyids, use_number: view.uses_of_key, auto: false })
    }
}

/// The peer has said that it keeps its record of the session.
pub(super) fn keeps_keys(record: &SessionRecord) -> bool {
    record.capability.is_some_and(|said| said.record_lifetime > 0)
}
