//! The record as bytes.

use core::num::NonZeroU32;

use otr_core::wire::{Codec, DecodeError, Reader, Tlv, Writer, tlv_type};
use rand_core::CryptoRng;

use super::acknowledged::{AckMap, AckWindow, PairAck, PairId};
use super::continuity::ContinuityProof;

/// Bytes of a record's value; with the head of the TLV, four more.
pub const RECORD_LEN: usize = 96;

/// The version of the record that this crate writes and reads.
pub const VERSION: u8 = 1;

const MAGIC: [u8; 4] = *b"O2TR";

const REFRESH_WANTED: u8 = 0x01;
const AUTO: u8 = 0x02;
const CONTINUITY: u8 = 0x04;

/// What an O2TR client says beside the text of a data message. Layout: `docs/wire.md`.
///
/// It is inside the encryption and under the authenticator, so it is as trustworthy as the peer; that is not the
/// same as true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The sender was away and wants an answer, so that its keys change.
    pub refresh_wanted: bool,
    /// No user wrote this message. It is not to be answered automatically, a wanted refresh excepted.
    pub auto: bool,
    /// The sender's threshold *k* (the paper, section 6); `None`: off.
    pub threshold: Option<Threshold>,
    /// For how many seconds the sender keeps the record of a session that is not used; 0: it keeps none, so nothing
    /// that it misses can be read later.
    pub record_lifetime: u32,
    /// How often the sending key was used, this message included.
    pub use_number: NonZeroU32,
    /// Names what the message says, so that it is shown once although it may come again in another session.
    pub message_id: Option<MessageId>,
    /// What the sender has read; a pair that is not mentioned is not spoken of.
    pub read: AckWindow,
    /// That this session continues an older one.
    pub continuity: Option<ContinuityProof>,
}

/// A threshold *k*: how many messages one sending key may encrypt. At least 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u16);

/// Names the content of a message, in whatever session it is sent: 16 random bytes, not all 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId([u8; Self::LEN]);

impl Capability {
    /// The record as a padding TLV.
    #[must_use]
    pub fn encode(&self) -> Tlv {
        // A value of 96 bytes always fits; padding without value would be the harmless alternative.
        Tlv::new(tlv_type::PADDING, self.to_bytes()).unwrap_or_else(|| Tlv::empty(tlv_type::PADDING))
    }

    /// Reads a record; `None` if the TLV is anything else, which is then padding.
    #[must_use]
    pub fn parse(tlv: &Tlv) -> Option<Self> {
        // The fields add up to `RECORD_LEN` bytes: fewer are cut short, more are left over, and both are refused.
        (tlv.kind == tlv_type::PADDING).then(|| Self::from_bytes(tlv.value()).ok()).flatten()
    }

    /// The first record among the TLVs of a message.
    #[must_use]
    pub fn find(tlvs: &[Tlv]) -> Option<Self> {
        tlvs.iter().find_map(Self::parse)
    }

    const fn flags(&self) -> u8 {
        let mut flags = 0;
        if self.refresh_wanted {
            flags |= REFRESH_WANTED;
        }
        if self.auto {
            flags |= AUTO;
        }
        if self.continuity.is_some() {
            flags |= CONTINUITY;
        }
        flags
    }
}

impl Codec for Capability {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&MAGIC);
        writer.byte(VERSION);
        writer.byte(self.flags());
        writer.short(self.threshold.map_or(0, Threshold::get));
        writer.int(self.record_lifetime);
        writer.int(self.use_number.get());
        writer.raw(&self.message_id.map_or([0; MessageId::LEN], |id| *id.as_bytes()));
        for ack in self.read.parts() {
            write_ack(ack.as_ref(), writer);
        }
        writer.raw(&self.continuity.map_or([0; ContinuityProof::LEN], |proof| *proof.as_bytes()));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.array("magic")? != MAGIC {
            return Err(DecodeError::Value("magic"));
        }
        let version = reader.byte("record version")?;
        if version != VERSION {
            return Err(DecodeError::Version(version.into()));
        }
        // Bits that are unknown are for later.
        let flags = reader.byte("record flags")?;
        let threshold = match reader.short("threshold")? {
            0 => None,
            value => Some(Threshold::new(value).ok_or(DecodeError::Value("threshold"))?),
        };
        let record_lifetime = reader.int("record lifetime")?;
        let use_number = NonZeroU32::new(reader.int("use number")?).ok_or(DecodeError::Value("use number"))?;
        let message_id = MessageId::from_bytes(reader.array("message id")?);
        let parts = [read_ack(reader)?, read_ack(reader)?];
        if let [Some(one), Some(other)] = parts
            && one.pair == other.pair
        {
            return Err(DecodeError::Value("second pair"));
        }
        let proof = reader.array("continuity")?;
        Ok(Self {
            refresh_wanted: flags & REFRESH_WANTED != 0,
            auto: flags & AUTO != 0,
            threshold,
            record_lifetime,
            use_number,
            message_id,
            read: AckWindow::from_parts(parts),
            continuity: (flags & CONTINUITY != 0).then(|| ContinuityProof::from_bytes(proof)),
        })
    }
}

impl Threshold {
    /// The threshold of the paper.
    pub const DEFAULT: Self = Self(5);

    /// A threshold; `None` below 2: with 1 an answer could never leave before its question was answered.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        if value < 2 { None } else { Some(Self(value)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl MessageId {
    /// Bytes of an id.
    pub const LEN: usize = 16;

    /// Draws an id, 16 bytes a try.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        loop {
            let mut bytes = [0; Self::LEN];
            rng.fill_bytes(&mut bytes);
            if let Some(id) = Self::from_bytes(bytes) {
                return id;
            }
        }
    }

    /// An id; `None` if all bytes are 0, which on the wire means that there is none.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Option<Self> {
        (bytes != [0; Self::LEN]).then_some(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// ssid, INT sender keyid, INT recipient keyid, INT first, 8 bytes map; all 0 if there is none.
fn write_ack(ack: Option<&PairAck>, writer: &mut Writer) {
    let Some(PairAck { pair, read }) = ack else { return writer.raw(&[0; 24]) };
    writer.raw(&pair.ssid);
    writer.int(pair.sender_keyid);
    writer.int(pair.recipient_keyid);
    writer.int(read.first());
    writer.raw(&read.bits().to_be_bytes());
}

fn read_ack(reader: &mut Reader<'_>) -> Result<Option<PairAck>, DecodeError> {
    let ssid = reader.array("pair ssid")?;
    let sender_keyid = reader.int("pair sender keyid")?;
    let recipient_keyid = reader.int("pair recipient keyid")?;
    let first = reader.int("first use number")?;
    let bits = u64::from_be_bytes(reader.array("map")?);
    match (sender_keyid, recipient_keyid) {
        (0, 0) => Ok(None),
        (0, _) | (_, 0) => Err(DecodeError::Value("pair keyid")),
        _ => {
            let read = AckMap::from_parts(first, bits).ok_or(DecodeError::Value("first use number"))?;
            Ok(Some(PairAck { pair: PairId { ssid, sender_keyid, recipient_keyid }, read }))
        }
    }
}

#[cfg(test)]
mod tests;
