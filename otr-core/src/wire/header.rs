//! The first fields of every binary message: version, type, instance tags.

use super::{Codec, DecodeError, Reader, Writer};
use crate::{InstanceTag, Version};

/// What kind of binary message follows the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// 0x02, first message of the AKE.
    DhCommit,
    /// 0x0a, second message of the AKE.
    DhKey,
    /// 0x11, third message of the AKE.
    RevealSignature,
    /// 0x12, fourth message of the AKE.
    Signature,
    /// 0x03, a data message.
    Data,
}

impl MessageType {
    /// The BYTE on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::DhCommit => 0x02,
            Self::Data => 0x03,
            Self::DhKey => 0x0a,
            Self::RevealSignature => 0x11,
            Self::Signature => 0x12,
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        match number {
            0x02 => Some(Self::DhCommit),
            0x03 => Some(Self::Data),
            0x0a => Some(Self::DhKey),
            0x11 => Some(Self::RevealSignature),
            0x12 => Some(Self::Signature),
            _ => None,
        }
    }
}

/// From which device to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Route {
    /// Version 2 knows no devices.
    V2,
    /// Version 3 names both.
    V3 {
        /// Who speaks.
        sender: InstanceTag,
        /// Who is addressed; `None` is "any" and is legal on a D-H Commit only.
        receiver: Option<InstanceTag>,
    },
}

impl Route {
    /// The protocol version.
    #[must_use]
    pub const fn version(self) -> Version {
        match self {
            Self::V2 => Version::V2,
            Self::V3 { .. } => Version::V3,
        }
    }

    /// The sending instance; `None` in version 2.
    #[must_use]
    pub const fn sender(self) -> Option<InstanceTag> {
        match self {
            Self::V2 => None,
            Self::V3 { sender, .. } => Some(sender),
        }
    }
}

/// SHORT version, BYTE type and, in version 3, INT sender tag and INT receiver tag: 3 or 11 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Version and devices.
    pub route: Route,
    /// What follows.
    pub kind: MessageType,
}

impl Codec for Header {
    fn encode(&self, writer: &mut Writer) {
        writer.short(self.route.version().number());
        writer.byte(self.kind.number());
        match self.route {
            Route::V2 => {}
            Route::V3 { sender, receiver } => {
                writer.int(sender.get());
                writer.int(receiver.map_or(0, InstanceTag::get));
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let number = reader.short("protocol version")?;
        let version = Version::from_number(number).ok_or(DecodeError::Version(number))?;
        let number = reader.byte("message type")?;
        let kind = MessageType::from_number(number).ok_or(DecodeError::Type(number))?;
        let route = match version {
            Version::V2 => Route::V2,
            Version::V3 => {
                let field = "sender instance tag";
                let sender = InstanceTag::new(reader.int(field)?).ok_or(DecodeError::Value(field))?;
                let receiver = match reader.int("receiver instance tag")? {
                    0 => None,
                    value => Some(InstanceTag::new(value).ok_or(DecodeError::ReceiverTag(value))?),
                };
                Route::V3 { sender, receiver }
            }
        };
        Ok(Self { route, kind })
    }
}
