//! What a data message carries once decrypted: text, then TLV records (section "TLV record types").

use core::ffi::CStr;

use zeroize::ZeroizeOnDrop;

use super::{Codec, DecodeError, Reader, Writer};
use crate::limits::MAX_TLVS;
use crate::wipe;

/// TLV types.
pub mod tlv_type {
    /// Any value, ignored.
    pub const PADDING: u16 = 0;
    /// The sender has ended the session.
    pub const DISCONNECTED: u16 = 1;
    /// SMP message 1.
    pub const SMP_1: u16 = 2;
    /// SMP message 2.
    pub const SMP_2: u16 = 3;
    /// SMP message 3.
    pub const SMP_3: u16 = 4;
    /// SMP message 4.
    pub const SMP_4: u16 = 5;
    /// The SMP run is over.
    pub const SMP_ABORT: u16 = 6;
    /// SMP message 1 behind a question and a NUL.
    pub const SMP_1_QUESTION: u16 = 7;
    /// INT use, then data of that use: the extra symmetric key is about to be used.
    pub const EXTRA_KEY: u16 = 8;
}

/// SHORT type, SHORT length, value. Wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Tlv {
    /// See [`tlv_type`].
    pub kind: u16,
    /// At most 65,535 bytes.
    value: Vec<u8>,
}

impl Tlv {
    /// A record; `None` if the value is longer than 65,535 bytes.
    #[must_use]
    pub fn new(kind: u16, value: Vec<u8>) -> Option<Self> {
        u16::try_from(value.len()).is_ok().then_some(Self { kind, value })
    }

    /// A record without a value.
    #[must_use]
    pub const fn empty(kind: u16) -> Self {
        Self { kind, value: Vec::new() }
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

impl Drop for Tlv {
    fn drop(&mut self) {
        wipe(&mut self.value);
    }
}

impl ZeroizeOnDrop for Tlv {}

impl core::fmt::Debug for Tlv {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { kind, value } = self;
        write!(f, "Tlv {{ kind: {kind}, value: {} bytes }}", value.len())
    }
}

impl Codec for Tlv {
    fn encode(&self, writer: &mut Writer) {
        writer.short(self.kind);
        #[expect(clippy::cast_possible_truncation, reason = "the constructor bounds the length")]
        writer.short(self.value.len() as u16);
        writer.raw(&self.value);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = reader.short("TLV type")?;
        let length = reader.short("TLV length")?;
        let value = reader.take(usize::from(length), "TLV value")?.to_vec();
        Ok(Self { kind, value })
    }
}

/// The decrypted content of a data message. Wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// What the user sees: UTF-8, perhaps HTML, without NUL. Empty is never shown.
    pub text: Vec<u8>,
    /// The records behind it, in order, at most [`MAX_TLVS`].
    pub tlvs: Vec<Tlv>,
}

impl Content {
    /// Splits at the first NUL. A record that is cut short ends the list; earlier ones stay valid.
    #[must_use]
    pub fn parse(plaintext: &[u8]) -> Self {
        Self::take(plaintext.to_vec())
    }

    /// As [`Content::parse`]; the text stays where it is, so that there is no second copy to wipe.
    pub(crate) fn take(mut plaintext: Vec<u8>) -> Self {
        let end = CStr::from_bytes_until_nul(&plaintext).map_or(plaintext.len(), CStr::count_bytes);
        let rest = plaintext.get(end..).unwrap_or_default();
        let mut reader = Reader::new(rest.get(1..).unwrap_or_default());
        let mut tlvs = Vec::new();
        while tlvs.len() < MAX_TLVS
            && reader.remaining() > 0
            && let Ok(tlv) = Tlv::decode(&mut reader)
        {
            tlvs.push(tlv);
        }
        // The capacity keeps the records until it is wiped with the text.
        plaintext.truncate(end);
        Self { text: plaintext, tlvs }
    }

    /// Text, NUL, records. The NUL stands also without records, as libotr writes it.
    pub(crate) fn write(text: &[u8], tlvs: &[Tlv], writer: &mut Writer) {
        writer.raw(text);
        writer.byte(0);
        for tlv in tlvs {
            tlv.encode(writer);
        }
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        wipe(&mut self.text);
    }
}

impl ZeroizeOnDrop for Content {}

impl core::fmt::Debug for Content {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { text, tlvs } = self;
        write!(f, "Content {{ text: {} bytes, tlvs: {tlvs:?} }}", text.len())
    }
}
