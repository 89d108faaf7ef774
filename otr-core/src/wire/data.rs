//! The data message (section "Data message").

use super::ake::MAC_LEN;
use super::{Codec, DecodeError, Header, MessageType, Reader, Route, Writer};
use crate::group::GroupElement;
use crate::limits::{MAX_MESSAGE_LEN, MAX_OLD_MAC_KEYS_LEN};

bitflags::bitflags! {
    /// The flags BYTE of a data message. Unknown bits are ignored.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct DataFlags: u8 {
        /// Whoever cannot read the message stays silent about it.
        const IGNORE_UNREADABLE = 0x01;
    }
}

/// A received data message, borrowed from the decoded line.
///
/// The authenticator covers [`DataMessage::authenticated`] as it was received; nothing here is
/// trustworthy before it was verified, and `old_mac_keys` is not covered at all.
#[derive(Clone, Copy, Debug)]
pub struct DataMessage<'a> {
    /// From which device to which.
    pub route: Route,
    /// What a receiver that cannot read the message shall do.
    pub flags: DataFlags,
    /// Which of the sender's keys encrypts. 0 is never legal and fits no key.
    pub sender_keyid: u32,
    /// Which of the recipient's keys encrypts. 0 is never legal and fits no key.
    pub recipient_keyid: u32,
    /// The sender's public key with keyid `sender_keyid + 1`, checked to lie in 2..=p-2.
    pub next_dh: GroupElement,
    /// Upper half of the counter block. 0 is never legal and never fresh.
    pub counter: u64,
    /// AES128-CTR of text and TLVs.
    pub encrypted: &'a [u8],
    /// Everything that the authenticator covers: from the version to the end of `encrypted`.
    pub authenticated: &'a [u8],
    /// HMAC-SHA1 over `authenticated`.
    pub authenticator: [u8; MAC_LEN],
    /// Concatenated 20-byte MAC keys that the sender has retired; any length is tolerated, nothing is used.
    pub old_mac_keys: &'a [u8],
}

impl<'a> DataMessage<'a> {
    /// Reads a whole binary message, header included.
    ///
    /// # Errors
    /// The first fault met.
    pub fn parse(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(message);
        let header = Header::decode(&mut reader)?;
        if header.kind != MessageType::Data {
            return Err(DecodeError::Type(header.kind.number()));
        }
        let flags = DataFlags::from_bits_truncate(reader.byte("flags")?);
        let sender_keyid = reader.int("sender keyid")?;
        let recipient_keyid = reader.int("recipient keyid")?;
        let next_dh = GroupElement::decode(&mut reader)?;
        let counter = u64::from_be_bytes(reader.array("counter")?);
        let encrypted = reader.data(MAX_MESSAGE_LEN, "encrypted message")?;
        let authenticated = message.get(..message.len() - reader.remaining()).unwrap_or_default();
        let authenticator = reader.array("authenticator")?;
        let old_mac_keys = reader.data(MAX_OLD_MAC_KEYS_LEN, "old MAC keys")?;
        reader.finish()?;
        Ok(Self {
            route: header.route,
            flags,
            sender_keyid,
            recipient_keyid,
            next_dh,
            counter,
            encrypted,
            authenticated,
            authenticator,
            old_mac_keys,
        })
    }

    /// The flags of a message whose rest may be damaged: a receiver that cannot read it must still know
    /// whether to stay silent.
    #[must_use]
    pub fn peek_flags(message: &[u8]) -> Option<DataFlags> {
        let mut reader = Reader::new(message);
        let header = Header::decode(&mut reader).ok()?;
        let flags = reader.byte("flags").ok()?;
        (header.kind == MessageType::Data).then(|| DataFlags::from_bits_truncate(flags))
    }

    /// The whole message again.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.encrypted.len() + 300);
        self.head().encode(&mut writer);
        writer.data(self.encrypted);
        writer.raw(&self.authenticator);
        writer.data(self.old_mac_keys);
        writer.into_bytes()
    }

    /// What the authenticator covers, written anew from the fields.
    pub(crate) fn covered(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.encrypted.len() + 300);
        self.head().encode(&mut writer);
        writer.data(self.encrypted);
        writer.into_bytes()
    }

    fn head(&self) -> DataHead {
        DataHead {
            route: self.route,
            flags: self.flags,
            sender_keyid: self.sender_keyid,
            recipient_keyid: self.recipient_keyid,
            next_dh: self.next_dh,
            counter: self.counter,
        }
    }
}

/// The fields in front of the encrypted message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataHead {
    pub(crate) route: Route,
    pub(crate) flags: DataFlags,
    pub(crate) sender_keyid: u32,
    pub(crate) recipient_keyid: u32,
    pub(crate) next_dh: GroupElement,
    pub(crate) counter: u64,
}

impl DataHead {
    pub(crate) fn encode(&self, writer: &mut Writer) {
        Header { route: self.route, kind: MessageType::Data }.encode(writer);
        writer.byte(self.flags.bits());
        writer.int(self.sender_keyid);
        writer.int(self.recipient_keyid);
        self.next_dh.encode(writer);
        writer.raw(&self.counter.to_be_bytes());
    }
}
