//! A delivery arrives: what is it, and what does it change?

use o2tr_omd::{
    self as omd, Addressed, Candidate, Candidates, ErrorReply, Evidence, LineKind, Place, Situation, Standing, Store,
    Verdict,
};
use otr_core::text::{self, Kind, Line};
use otr_core::wire::{Codec, DataFlags, DataMessage, Header, MessageType, Reader, Route};
use otr_core::{InstanceTag, Output as CoreOutput, SessionId, Timestamp, decode_data};
use rand_core::CryptoRng;

use super::{Conversation, Event, MAX_EARLY, MAX_EARLY_BYTES, Rejection};

impl Conversation {
    /// Takes a line from the network, with what the transport knows of it. When the outputs that follow are drained,
    /// the delivery may be acknowledged to the transport.
    pub fn handle_delivery(&mut self, line: &[u8], evidence: &Evidence, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.poisoned {
            return;
        }
        if evidence.is_own() || evidence.error {
            self.emit(Event::Rejected(Rejection::Echo));
        } else if self.inbox_is_full() {
            // Nothing is read that could not be kept until the application takes it.
            self.emit(Event::Rejected(Rejection::OverLimit));
        } else if let Some(whole) = self.peer.reassemble(line).map(|whole| whole.into_owned()) {
            self.handle_whole(&whole, evidence, now, rng);
        } else {
            // A fragment: it is stored, or refused by an event of the peer.
            self.touch();
        }
        self.finish_turn(now, rng);
    }

    fn handle_whole(&mut self, line: &[u8], evidence: &Evidence, now: Timestamp, rng: &mut dyn CryptoRng) {
        if let Some(until) = &mut self.timers.batch_until {
            *until = now.after(super::refresh::BATCH_QUIET);
        }
        match text::classify_reassembled(line) {
            Line::Encoded(encoded) if encoded.kind() == Kind::Data => self.handle_data(line, evidence, now, rng),
            Line::Encoded(encoded) => {
                if encoded.kind() == Kind::Commit && evidence.is_late() {
                    return self.emit(Event::LateOffer { sent_at: evidence.delayed });
                }
                let reveals = encoded.kind() == Kind::RevealSignature;
                self.peer.handle_line(line, now, rng);
                if reveals {
                    self.repeat_provisional();
                }
                self.absorb_with(evidence, now, rng);
            }
            Line::Query { .. } if evidence.is_late() => self.emit(Event::LateOffer { sent_at: evidence.delayed }),
            Line::Tagged { text, .. } if evidence.is_late() || self.is_private() => {
                // The text is shown; the offer in it is not answered.
                self.take_clear_text(text, evidence);
            }
            Line::Error { text } => self.take_error(text, evidence, now, rng),
            Line::Query { .. } => {
                self.doubted = Some(now);
                self.hand_to_peer(line, evidence, now, rng);
            }
            Line::Plain | Line::Tagged { .. } | Line::VersionOne | Line::Fragment(_) | Line::Unknown { .. } => {
                self.hand_to_peer(line, evidence, now, rng)
            }
        }
    }

    /// Lets the OTR layer handle the line and deals with all that follows.
    pub(super) fn hand_to_peer(&mut self, line: &[u8], evidence: &Evidence, now: Timestamp, rng: &mut dyn CryptoRng) {
        self.peer.handle_line(line, now, rng);
        self.absorb_with(evidence, now, rng);
    }

    /// A data message: whose keys fit decides what it is, and nothing has changed before that is known.
    fn handle_data(&mut self, line: &[u8], evidence: &Evidence, now: Timestamp, rng: &mut dyn CryptoRng) {
        let bytes = decode_data(line).unwrap_or_default();
        let flags = DataMessage::peek_flags(&bytes).unwrap_or_default();
        let ignorable = flags.contains(DataFlags::IGNORE_UNREADABLE);
        let route = Header::decode(&mut Reader::new(&bytes)).ok().map(|header| header.route);
        let message = DataMessage::parse(&bytes).ok();
        let kind = match message {
            Some(_) => LineKind::Data { ignorable },
            None => LineKind::Damaged { ignorable },
        };
        let described = omd::Line { addressed: self.addressed(route), evidence: *evidence, ..omd::Line::new(kind) };
        let situation = self.situation(route.and_then(Route::sender));
        let verdict = omd::verdict(&described, &situation, self.candidates(message.as_ref()));
        match (verdict, message) {
            (Verdict::Live { .. } | Verdict::Offline { .. }, Some(_)) => self.hand_to_peer(line, evidence, now, rng),
            (Verdict::Retained { index }, Some(message)) => self.read_retained(index, &message, evidence),
            (Verdict::Quarantined { place: Place { index, .. } }, Some(message)) => {
                self.read_retained(index, &message, evidence);
                if self.quarantined && !evidence.is_late() {
                    self.start_own_exchange(message.route.sender(), now, rng);
                }
            }
            (Verdict::Duplicate { .. }, Some(message)) => {
                self.emit(Event::Rejected(Rejection::Duplicate));
                self.peer_missed_something(&message, now);
            }
            (Verdict::CloneSuspected { .. }, Some(message)) => {
                self.emit(Event::Rejected(Rejection::CloneSuspected));
                if !evidence.is_late() {
                    self.start_own_exchange(message.route.sender(), now, rng);
                }
            }
            (Verdict::Early, Some(_)) => self.keep_early(line),
            (verdict, _) => {
                self.emit(Event::Rejected(Rejection::of_verdict(&verdict)));
                let action = omd::Action::of(&verdict, &described, &situation);
                if action.error_reply != ErrorReply::Forbidden && !evidence.is_late() {
                    self.reply_error(route, &verdict, now);
                }
            }
        }
    }

    fn addressed(&self, route: Option<Route>) -> Addressed {
        match route {
            Some(Route::V3 { receiver, .. }) if receiver != Some(self.peer.identity().instance()) => {
                Addressed::Elsewhere
            }
            Some(_) | None => Addressed::Here,
        }
    }

    fn situation(&self, sender: Option<InstanceTag>) -> Situation {
        let encrypted: Vec<_> = self.peer.sessions().filter(|view| view.encrypted).collect();
        let of_sender = encrypted.iter().find(|view| view.id.instance == sender);
        let replied =
            of_sender.and_then(|view| self.session_record(view.id)).is_some_and(|record| record.error_replied);
        Situation {
            store: Store::Open,
            expired: false,
            awaiting_signature: self.awaits_signature(sender),
            early: self.early.len(),
            peer_has_session: !encrypted.is_empty(),
            // An error line names no device; only where the sender itself has the session is it sent.
            sender_reachable_alone: of_sender.is_some(),
            error_reply_spent: replied,
        }
    }

    /// Sessions first, then retained pairs; probed only as far as they are asked.
    fn candidates<'a>(
        &'a self,
        message: Option<&'a DataMessage<'a>>,
    ) -> Candidates<
        impl Iterator<Item = Candidate> + 'a,
        impl Iterator<Item = Candidate> + 'a,
        impl Iterator<Item = Candidate> + 'a,
    > {
        let live = message.into_iter().flat_map(|message| self.peer.probe(message)).map(|(id, probe)| {
            let restored = self.session_record(id).is_some_and(|record| record.restored.is_some());
            Candidate { restored, ..Candidate::from(probe) }
        });
        let retained = message.into_iter().flat_map(|message| {
            self.retained.iter().map(|retained| {
                let standing = if retained.suspect { Standing::Quarantined } else { Standing::Sound };
                Candidate { standing, ..Candidate::from(retained.pair.probe(message)) }
            })
        });
        Candidates { live, records: core::iter::empty(), retained }
    }

    /// An AKE with this device lacks only its last message.
    fn awaits_signature(&self, instance: Option<InstanceTag>) -> bool {
        self.peer.awaits_signature(instance)
    }

    fn keep_early(&mut self, line: &[u8]) {
        let bytes: usize = self.early.iter().map(Vec::len).sum();
        if self.early.len() >= MAX_EARLY || bytes + line.len() > MAX_EARLY_BYTES {
            return self.emit(Event::Rejected(Rejection::OverLimit));
        }
        self.early.push_back(line.to_vec());
        self.touch();
    }

    /// Data messages that waited for an AKE: it is complete, or dropped. Returns whether there were any.
    pub(super) fn take_early(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) -> bool {
        let waiting: Vec<_> = self.early.iter().filter_map(|line| Some((line.clone(), route_of(line)?))).collect();
        let mut any = false;
        for (line, route) in waiting {
            if self.awaits_signature(route.sender()) {
                continue;
            }
            any = true;
            self.early.retain(|kept| *kept != line);
            self.touch();
            self.handle_data(&line, &Evidence::LIVE, now, rng);
        }
        any
    }

    fn read_retained(&mut self, index: usize, message: &DataMessage<'_>, evidence: &Evidence) {
        let Some(retained) = self.retained.get_mut(index) else { return };
        let (ssid, suspect) = (retained.pair.origin().ssid, retained.suspect);
        match retained.pair.read(message) {
            Ok(message) => self.take_retained(message, &ssid, suspect, evidence),
            Err(_) => self.emit(Event::Rejected(Rejection::Unreadable)),
        }
    }

    /// Drains the OTR layer after something that was no delivery.
    pub(super) fn absorb(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        self.absorb_with(&Evidence::LIVE, now, rng);
    }

    fn absorb_with(&mut self, evidence: &Evidence, now: Timestamp, rng: &mut dyn CryptoRng) {
        loop {
            let outputs = self.take_core_outputs();
            if outputs.is_empty() {
                return;
            }
            for (output, kept) in outputs {
                match output {
                    CoreOutput::Send(line) => drop(self.add_line(line.bytes, line.route, kept)),
                    CoreOutput::Retired(pair) => self.retain(*pair, now),
                    CoreOutput::Event(event) => self.take_core_event(event, evidence, now, rng),
                }
            }
        }
    }

    fn take_core_event(
        &mut self,
        event: otr_core::Event,
        evidence: &Evidence,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) {
        use otr_core::Event as Core;
        match event {
            Core::Plaintext { text, unexpected: _ } => self.take_clear_text(text, evidence),
            Core::Message(message) => self.take_message(&message, evidence, now),
            Core::Established(established) => self.take_established(&established, now),
            Core::Finished { session } => self.take_finished(session, now),
            Core::Rejected(rejected) => {
                self.emit(Event::Rejected(rejected.reason.into()));
            }
            Core::ErrorReceived { text } => self.emit(Event::PeerError { text }),
            Core::Smp { session, event, trust } => self.take_smp(session, event, trust),
            Core::ExtraKey { session, usage, data, key } => self.take_extra_key(session, usage, data, key),
            Core::KeyidsExhausted { session } => self.start_own_exchange(session.instance, now, rng),
            Core::AkeRetried { .. } => self.touch(),
            // Should the messages in the gap still come, they will look like duplicates: the word is due now.
            Core::GapClosed { .. } => self.emit(Event::Rejected(Rejection::OverLimit)),
            // Nothing that the engine asks for leads to these.
            Core::EncryptionRequired | Core::Resent { .. } | Core::HeartbeatSent { .. } => {}
            _ => {}
        }
    }
}

impl Rejection {
    const fn of_verdict(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Forged => Self::Forged,
            Verdict::Malformed => Self::Malformed,
            Verdict::OtherInstance => Self::OtherInstance,
            Verdict::Echo => Self::Echo,
            Verdict::Duplicate { .. } => Self::Duplicate,
            Verdict::CloneSuspected { .. } => Self::CloneSuspected,
            Verdict::Live { .. }
            | Verdict::Offline { .. }
            | Verdict::Retained { .. }
            | Verdict::Quarantined { .. }
            | Verdict::Expired { .. }
            | Verdict::Unsealable
            | Verdict::Locked
            | Verdict::Early
            | Verdict::Unreadable
            | Verdict::Initiation
            | Verdict::Continuation
            | Verdict::Stray
            | Verdict::Error
            | Verdict::Plaintext => Self::Unreadable,
        }
    }
}

fn route_of(line: &[u8]) -> Option<Route> {
    let bytes = decode_data(line)?;
    let header = Header::decode(&mut Reader::new(&bytes)).ok()?;
    (header.kind == MessageType::Data).then_some(header.route)
}

impl From<otr_core::Rejection> for Rejection {
    fn from(reason: otr_core::Rejection) -> Self {
        use otr_core::Rejection as Core;
        match reason {
            Core::Unreadable { forged: true } => Self::Forged,
            Core::Unreadable { forged: false } | Core::NotInPrivate | Core::UnknownInstance => Self::Unreadable,
            Core::Replay { same: true } => Self::Duplicate,
            Core::Replay { same: false } => Self::CloneSuspected,
            Core::Malformed | Core::Fragment | Core::Unrecognised => Self::Malformed,
            Core::AkeFailed | Core::AkeStray | Core::AkeReplay => Self::Handshake,
            Core::Reflected => Self::Echo,
            Core::OtherInstance => Self::OtherInstance,
            Core::Version(_) => Self::Policy,
            _ => Self::Malformed,
        }
    }
}

/// A session, if it is encrypted.
pub(super) fn encrypted(peer: &otr_core::Peer, id: SessionId) -> Option<otr_core::SessionView> {
    peer.view(id).filter(|view| view.encrypted)
}
