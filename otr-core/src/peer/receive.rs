//! A line arrives: what is it, and who deals with it?

use std::borrow::Cow;

use rand_core::CryptoRng;

use super::{Event, Offer, Peer, Rejected, Rejection};
use crate::fragment::{Assembled, FragmentError, RawFragment, parse_fragment};
use crate::text::{self, Encoded, Kind, Line as Text, Versions};
use crate::wire::{Codec, DataMessage, DecodeError, Header, MessageType, Reader, Route};
use crate::{Policy, Timestamp};

impl Peer {
    /// Takes a line from the network. Whatever it is, it leads to outputs, never to an error; a line that is
    /// refused changes nothing but the store of fragments.
    pub fn handle_line(&mut self, line: &[u8], now: Timestamp, rng: &mut dyn CryptoRng) {
        if !self.settings.policy.is_on() {
            return self.emit(Event::Plaintext { text: line.to_vec(), unexpected: false });
        }
        if let Some(whole) = self.reassemble(line) {
            self.handle_whole(&whole, text::classify_reassembled(&whole), now, rng);
        }
    }

    /// The first half of [`Peer::handle_line`], for an embedder that looks at whole lines before it hands them
    /// on: a line that is no fragment comes back as it is, the last fragment of a line brings all of it. `None`
    /// while pieces are missing, or for a fragment that is refused (an event tells).
    pub fn reassemble<'a>(&mut self, line: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        match text::classify(line) {
            Text::Fragment(fragment) => self.take_fragment(fragment).map(Cow::Owned),
            Text::Plain => Some(Cow::Borrowed(line)),
            Text::Tagged { .. }
            | Text::Query { .. }
            | Text::Error { .. }
            | Text::Encoded(_)
            | Text::VersionOne
            | Text::Unknown { .. } => {
                self.assembler.handle_unfragmented();
                Some(Cow::Borrowed(line))
            }
        }
    }

    fn take_fragment(&mut self, raw: RawFragment<'_>) -> Option<Vec<u8>> {
        match parse_fragment(raw, self.own_instance()) {
            Ok(fragment) => match self.assembler.push(fragment) {
                Assembled::Complete(line) => return Some(line),
                Assembled::Stored => {}
                Assembled::Ignored(_) | Assembled::Dropped(_) => self.reject_quietly(Rejection::Fragment),
            },
            Err(FragmentError::OtherInstance(_)) => self.reject(Rejection::OtherInstance),
            Err(FragmentError::ReservedSender(_) | FragmentError::Tags) => self.reject_malformed(&[]),
            Err(_) => self.reject_quietly(Rejection::Fragment),
        }
        None
    }

    fn handle_whole(&mut self, line: &[u8], kind: Text<'_>, now: Timestamp, rng: &mut dyn CryptoRng) {
        match kind {
            Text::Plain => {
                self.offer = Offer::Rejected;
                self.show(line.to_vec());
            }
            Text::Tagged { text, versions } => {
                self.show(text);
                if self.settings.policy.contains(Policy::WHITESPACE_START_AKE) {
                    self.answer_offer(versions, now, rng);
                }
            }
            Text::Query { versions } => self.answer_offer(versions, now, rng),
            Text::Error { text } => self.handle_error(text),
            Text::Encoded(encoded) => self.handle_encoded(encoded, now, rng),
            Text::VersionOne => self.reject_quietly(Rejection::Version(None)),
            Text::Unknown { version: Some(version) } if !self.settings.policy.allows(version) => {
                self.reject_quietly(Rejection::Version(Some(version)));
            }
            // Never to be seen: a fragment was dealt with before, and none comes out of fragments.
            Text::Unknown { .. } | Text::Fragment(_) => self.reject(Rejection::Unrecognised),
        }
    }

    fn show(&mut self, text: Vec<u8>) {
        let private = !self.sessions.is_empty();
        let unexpected = private || self.settings.policy.contains(Policy::REQUIRE_ENCRYPTION);
        self.emit(Event::Plaintext { text, unexpected });
    }

    /// A query or a tag: the best version of both sides, if there is one.
    fn answer_offer(&mut self, versions: Versions, now: Timestamp, rng: &mut dyn CryptoRng) {
        if let Some(version) = versions.highest(self.settings.policy) {
            self.open_exchange(version, now, rng);
        }
    }

    fn handle_error(&mut self, text: &[u8]) {
        let text = text.to_vec();
        self.want_resend();
        self.emit(Event::ErrorReceived { text });
        if self.settings.policy.contains(Policy::ERROR_START_AKE) {
            self.start();
        }
    }

    fn handle_encoded(&mut self, encoded: Encoded<'_>, now: Timestamp, rng: &mut dyn CryptoRng) {
        let version = encoded.version();
        if !self.settings.policy.allows(version) {
            return self.reject_quietly(Rejection::Version(Some(version)));
        }
        let is_data = encoded.kind() == Kind::Data;
        let Ok(message) = encoded.dearmour() else {
            return if is_data { self.reject_malformed(&[]) } else { self.reject(Rejection::AkeFailed) };
        };
        let mut reader = Reader::new(&message);
        let header = match Header::decode(&mut reader) {
            Ok(header) => header,
            Err(DecodeError::ReceiverTag(_)) => return self.reject(Rejection::OtherInstance),
            Err(_) => return self.reject_malformed(&message),
        };
        if !self.is_for_us(&header) {
            return self.reject_on(header.route, Rejection::OtherInstance);
        }
        match header.kind {
            MessageType::Data => self.handle_data(&message, header.route, now, rng),
            MessageType::DhCommit | MessageType::DhKey | MessageType::RevealSignature | MessageType::Signature => {
                self.handle_ake(header, reader.rest(), now, rng)
            }
        }
    }

    /// Whether the receiver tag is ours; on a D-H Commit it may be "any".
    pub(super) fn is_for_us(&self, header: &Header) -> bool {
        match header.route {
            Route::V2 => true,
            Route::V3 { receiver: Some(receiver), .. } => receiver == self.own_instance(),
            Route::V3 { receiver: None, .. } => header.kind == MessageType::DhCommit,
        }
    }

    /// A data message, or the beginning of one, that has not the right structure.
    pub(super) fn reject_malformed(&mut self, message: &[u8]) {
        let flags = DataMessage::peek_flags(message).unwrap_or_default();
        let ignorable = flags.contains(crate::wire::DataFlags::IGNORE_UNREADABLE);
        let route = Header::decode(&mut Reader::new(message)).ok().map(|header| header.route);
        self.emit(Event::Rejected(Rejected { reason: Rejection::Malformed, ignorable, route }));
        if !ignorable && let Some(texts) = &self.settings.error_replies {
            let line = text::error_line(&texts.malformed);
            self.transmit_text(line);
        }
    }

    pub(super) fn reject(&mut self, reason: Rejection) {
        self.emit(Event::Rejected(Rejected { reason, ignorable: false, route: None }));
    }

    pub(super) fn reject_on(&mut self, route: Route, reason: Rejection) {
        self.emit(Event::Rejected(Rejected { reason, ignorable: false, route: Some(route) }));
    }

    /// For what a user need not see.
    pub(super) fn reject_quietly(&mut self, reason: Rejection) {
        self.emit(Event::Rejected(Rejected { reason, ignorable: true, route: None }));
    }
}
