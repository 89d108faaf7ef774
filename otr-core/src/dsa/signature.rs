//! SIG: r and s, 20 bytes each.

use super::SCALAR_LEN;
use crate::wire::{Codec, DecodeError, Reader, Writer};

/// A signature as it stands in X: r, then s, each 20 bytes, big-endian, padded with zeros. Any 40 bytes are
/// one; verification refuses values outside 1..q.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signature(pub [u8; Signature::LEN]);

impl Signature {
    /// Bytes of a signature.
    pub const LEN: usize = 2 * SCALAR_LEN;

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    pub(super) fn from_scalars(r: &[u8; SCALAR_LEN], s: &[u8; SCALAR_LEN]) -> Self {
        let mut bytes = [0; Self::LEN];
        let (head, tail) = bytes.split_at_mut(SCALAR_LEN);
        head.copy_from_slice(r);
        tail.copy_from_slice(s);
        Self(bytes)
    }

    pub(super) fn scalars(&self) -> (&[u8], &[u8]) {
        self.0.split_at(SCALAR_LEN)
    }
}

impl Codec for Signature {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array("signature").map(Self)
    }
}

impl From<Signature> for [u8; Signature::LEN] {
    fn from(signature: Signature) -> Self {
        signature.0
    }
}

impl TryFrom<&[u8]> for Signature {
    type Error = signature::Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| signature::Error::new())
    }
}

impl signature::SignatureEncoding for Signature {
    type Repr = [u8; Self::LEN];
}
