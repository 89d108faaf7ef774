//! A data message arrives.

use rand_core::CryptoRng;

use super::session::{Phase, smp_context};
use super::{Event, Message, Output, Peer, Rejected, Rejection};
use crate::ratchet::{Opened, ReceivePolicy, Refused, SessionId};
use crate::text;
use crate::wire::{DataFlags, DataMessage, Route, Tlv, tlv_type};
use crate::{Timestamp, Version};

impl Peer {
    pub(super) fn handle_data(&mut self, message: &[u8], route: Route, now: Timestamp, rng: &mut dyn CryptoRng) {
        let Ok(message) = DataMessage::parse(message) else { return self.reject_malformed(message) };
        let ignorable = message.flags.contains(DataFlags::IGNORE_UNREADABLE);
        let reason = match self.open_data(&message, route, now, rng) {
            Ok((id, opened)) => return self.accept(id, &message, opened, now, rng),
            Err(reason) => reason,
        };
        // A network may deliver twice. Under the strict rule libotr's answer is kept: there the same event also
        // stands for a message that was overtaken.
        let duplicate = reason == Rejection::Replay { same: true } && self.settings.receive == ReceivePolicy::Window;
        let ignorable = ignorable || duplicate;
        self.emit(Event::Rejected(Rejected { reason, ignorable, route: Some(route) }));
        let unreadable = matches!(reason, Rejection::Unreadable { .. } | Rejection::Replay { .. });
        if unreadable
            && !ignorable
            && let Some(texts) = &self.settings.error_replies
        {
            let line = text::error_line(&texts.unreadable);
            self.transmit_text(line);
        }
    }

    /// Tries every session that the message can belong to; changes the one that reads it.
    fn open_data(
        &mut self,
        message: &DataMessage<'_>,
        route: Route,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(SessionId, Opened), Rejection> {
        let receive = self.settings.receive;
        let mut best = self.without_session(route);
        for session in &mut self.sessions {
            let origin = session.origin;
            if !origin.session.fits(route) {
                continue;
            }
            let Some(live) = session.live_mut() else { continue };
            match live.ring.open(message, receive, &origin, rng) {
                Ok(opened) => {
                    session.last_verified = Some(now);
                    return Ok((origin.session, opened));
                }
                Err(refused) => best = best.max_by_evidence(refused),
            }
        }
        Err(best)
    }

    /// What a data message is when no encrypted session fits its route.
    fn without_session(&self, route: Route) -> Rejection {
        let elsewhere = self.sessions.iter().any(|session| session.live().is_some());
        match route.version() {
            Version::V3 if !self.knows(route.sender()) => Rejection::UnknownInstance,
            Version::V2 if elsewhere && !self.knows(None) => Rejection::OtherInstance,
            Version::V2 | Version::V3 => Rejection::NotInPrivate,
        }
    }

    fn accept(
        &mut self,
        id: SessionId,
        message: &DataMessage<'_>,
        opened: Opened,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) {
        let Opened { content, extra, retired, gap, advanced, exhausted } = opened;
        if let Some(contact) = self.contacts.iter_mut().find(|contact| contact.instance == id.instance) {
            contact.last_heard = now;
            contact.last_signature = None;
        }
        self.outputs.extend(retired.into_iter().map(Box::new).map(Output::Retired));
        if let Some(gap) = gap {
            self.emit(Event::GapClosed { session: id, gap });
        }
        if exhausted {
            self.emit(Event::KeyidsExhausted { session: id });
        }
        let place = (message.sender_keyid, message.recipient_keyid, message.counter);
        let tlvs = content.tlvs.clone();
        let visible = !content.text.is_empty();
        self.emit(Event::Message(Message { session: id, flags: message.flags, content, place, advanced }));
        self.handle_tlvs(id, &tlvs, &extra, now, rng);
        if visible {
            self.heartbeat(id, now);
        }
    }

    /// Disconnect first and alone; then the extra key; then SMP, of each type the first record only.
    fn handle_tlvs(
        &mut self,
        id: SessionId,
        tlvs: &[Tlv],
        extra: &crate::SecretBytes<32>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) {
        let first = |kind: u16| tlvs.iter().find(|tlv| tlv.kind == kind);
        if first(tlv_type::DISCONNECTED).is_some() {
            return self.finish(id);
        }
        if let Some((usage, data)) = first(tlv_type::EXTRA_KEY).and_then(|tlv| tlv.value().split_first_chunk::<4>()) {
            let usage = u32::from_be_bytes(*usage);
            self.emit(Event::ExtraKey { session: id, usage, data: data.to_vec(), key: extra.clone() });
        }
        for kind in [
            tlv_type::SMP_1_QUESTION,
            tlv_type::SMP_1,
            tlv_type::SMP_2,
            tlv_type::SMP_3,
            tlv_type::SMP_4,
            tlv_type::SMP_ABORT,
        ] {
            if let Some(tlv) = first(kind) {
                self.handle_smp(id, tlv, now, rng);
            }
        }
    }

    /// The peer has ended the session: its keys go at once.
    fn finish(&mut self, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        let origin = session.origin;
        session.last_text = None;
        if let Phase::Encrypted(live) = core::mem::replace(&mut session.phase, Phase::Finished) {
            // What was to be revealed is dropped: nothing can carry it any more.
            let (retired, _) = self.dissolve(*live, &origin);
            self.outputs.extend(retired);
        }
        self.emit(Event::Finished { session: id });
    }

    /// An empty message, so that the peer's keys rotate although our user writes nothing.
    fn heartbeat(&mut self, id: SessionId, now: Timestamp) {
        let Some(interval) = self.settings.heartbeat else { return };
        let due = self.session(id).is_some_and(|session| now.since(session.last_sent) > interval);
        if due && self.send_silent(id, &[], now).is_ok() {
            self.emit(Event::HeartbeatSent { session: id });
        }
    }

    /// Runs the SMP record; what it answers goes out at once.
    fn handle_smp(&mut self, id: SessionId, tlv: &Tlv, now: Timestamp, rng: &mut dyn CryptoRng) {
        let Some(outcome) = self
            .session_mut(id)
            .and_then(|session| session.live_mut())
            .and_then(|live| live.smp.handle_tlv(tlv.kind, tlv.value(), rng))
        else {
            return;
        };
        // The event first: if the reply cannot leave, the abort that follows must be the last word.
        self.emit(Event::Smp { session: id, event: outcome.event, trust: outcome.trust });
        if let Some(reply) = outcome.reply {
            self.send_smp(id, &reply, now);
        }
    }

    /// What our fingerprint, the peer's and the ssid are in SMP.
    pub(super) fn with_smp<T>(
        &mut self,
        id: SessionId,
        run: impl FnOnce(&mut crate::smp::Smp, crate::smp::SmpContext<'_>) -> T,
    ) -> Option<T> {
        let ours = *self.identity.fingerprint().as_bytes();
        let session = self.session_mut(id)?;
        let origin = session.origin;
        let live = session.live_mut()?;
        Some(run(&mut live.smp, smp_context(&ours, &origin)))
    }
}

impl Rejection {
    /// The more telling of two: an authentic repetition, then keys that fit, then the rest.
    fn max_by_evidence(self, refused: Refused) -> Self {
        let other = Self::from(refused);
        if other.evidence() > self.evidence() { other } else { self }
    }

    const fn evidence(self) -> u8 {
        match self {
            Self::Replay { .. } => 4,
            Self::Malformed => 3,
            Self::Unreadable { forged: true } => 2,
            Self::Unreadable { forged: false } => 1,
            Self::NotInPrivate
            | Self::AkeFailed
            | Self::AkeStray
            | Self::AkeReplay
            | Self::Reflected
            | Self::OtherInstance
            | Self::UnknownInstance
            | Self::Version(_)
            | Self::Fragment
            | Self::Unrecognised => 0,
        }
    }
}

impl From<Refused> for Rejection {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Seen { same } => Self::Replay { same },
            Refused::BadMac => Self::Unreadable { forged: true },
            Refused::KeyidsOut => Self::Unreadable { forged: false },
            Refused::KnownKey => Self::Malformed,
        }
    }
}
