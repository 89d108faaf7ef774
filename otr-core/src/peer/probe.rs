//! Looking at a line without handling it, and reading with pairs that a session has left behind.

use super::{Message, Peer, Rejection};
use crate::InstanceTag;
use crate::fragment::{self, FragmentHeader, SplitError, split};
use crate::ratchet::{Probe, RetainedPair, SessionId};
use crate::text::{self, Line as Text};
use crate::wire::{Codec, DataMessage, Header, Reader, Route};

impl Peer {
    /// What a data message is to each session that it can belong to. Nothing changes.
    pub fn probe<'a>(&'a self, message: &'a DataMessage<'a>) -> impl Iterator<Item = (SessionId, Probe)> + 'a {
        let receive = self.settings.receive;
        self.sessions
            .iter()
            .filter(|session| session.id().fits(message.route))
            .filter_map(move |session| Some((session.id(), session.live()?.ring.probe(message, receive))))
    }

    /// Ends a retained pair. If the peer's key still has a session, the pair's MAC key is revealed in its next
    /// message, so nothing that was read under it can be proven to anybody.
    pub fn give_up(&mut self, pair: RetainedPair) {
        let fingerprint = pair.origin().session.fingerprint;
        let revealed = pair.into_revealed();
        let live = self
            .sessions
            .iter_mut()
            .filter(|session| session.id().fingerprint == fingerprint)
            .find_map(|session| session.live_mut());
        if let Some(live) = live {
            live.ring.reveal_later(revealed);
        }
    }
}

impl RetainedPair {
    /// Reads a message of this pair and records its counter. TLVs are returned, and shall have no effect on any
    /// session.
    ///
    /// # Errors
    /// Why it was refused; nothing has changed then.
    pub fn read(&mut self, message: &DataMessage<'_>) -> Result<Message, Rejection> {
        let content = self.open(message).map_err(Rejection::from)?;
        Ok(Message {
            session: self.origin().session,
            flags: message.flags,
            content,
            place: (message.sender_keyid, message.recipient_keyid, message.counter),
            advanced: false,
        })
    }
}

/// The binary data message in a whole line, if it is one: input for [`Peer::probe`].
#[must_use]
pub fn decode_data(line: &[u8]) -> Option<Vec<u8>> {
    match text::classify_reassembled(line) {
        Text::Encoded(encoded) if encoded.kind() == text::Kind::Data => encoded.dearmour().ok(),
        _ => None,
    }
}

/// The device that a line of version 3 says it is from: a whole message, or a fragment that is addressed to `own`.
///
/// Nothing authenticates it before the message in the line is read.
#[must_use]
pub fn claimed_sender(line: &[u8], own: InstanceTag) -> Option<InstanceTag> {
    match text::classify(line) {
        Text::Encoded(encoded) => {
            let bytes = encoded.dearmour().ok()?;
            Header::decode(&mut Reader::new(&bytes)).ok()?.route.sender()
        }
        Text::Fragment(raw) => match fragment::parse_fragment(raw, own).ok()?.origin() {
            fragment::Origin::V3(tag) => Some(tag),
            fragment::Origin::V2 => None,
        },
        Text::Plain
        | Text::Tagged { .. }
        | Text::Query { .. }
        | Text::Error { .. }
        | Text::VersionOne
        | Text::Unknown { .. } => None,
    }
}

impl super::Line {
    /// Cuts the line for a network that carries at most `mtu` bytes at a time; 0 means any number.
    /// Lines without a route (queries, errors, plaintext) are never cut: every client must find them whole.
    ///
    /// # Errors
    /// See [`SplitError`].
    pub fn split(&self, mtu: usize) -> Result<Vec<Vec<u8>>, SplitError> {
        let header = match self.route {
            None => return Ok(vec![self.bytes.clone()]),
            Some(Route::V2) => FragmentHeader::V2,
            Some(Route::V3 { sender, receiver }) => FragmentHeader::V3 { sender, receiver },
        };
        split(&self.bytes, mtu, header)
    }
}
