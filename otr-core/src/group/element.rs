//! A checked public group element.

use core::fmt;

use super::{ELEMENT_LEN, Residue};
use crate::wire::{Codec, DecodeError, Reader, Writer, minimal};

/// A public value v with 2 <= v <= p-2, checked when it was made. 192 bytes, big-endian, padded.
///
/// The order is the numeric one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupElement([u8; ELEMENT_LEN]);

impl GroupElement {
    /// From big-endian bytes of any length, leading zeros allowed.
    ///
    /// # Errors
    /// [`DecodeError::Value`] outside 2..=p-2, with `field` as its name.
    pub fn from_be_bytes(bytes: &[u8], field: &'static str) -> Result<Self, DecodeError> {
        let value = minimal(bytes);
        let mut padded = [0; ELEMENT_LEN];
        let start = ELEMENT_LEN.checked_sub(value.len()).ok_or(DecodeError::Value(field))?;
        padded[start..].copy_from_slice(value);
        if padded < two() || padded > p_minus_two() {
            return Err(DecodeError::Value(field));
        }
        Ok(Self(padded))
    }

    /// All 192 bytes, big-endian.
    #[must_use]
    pub const fn as_padded(&self) -> &[u8; ELEMENT_LEN] {
        &self.0
    }

    /// The value without leading zeros, as it stands in an MPI.
    #[must_use]
    pub fn as_minimal(&self) -> &[u8] {
        minimal(&self.0)
    }

    /// As a residue to calculate with.
    #[must_use]
    pub fn to_residue(self) -> Residue {
        Residue::from_be_bytes(&self.0)
    }
}

impl Codec for GroupElement {
    fn encode(&self, writer: &mut Writer) {
        writer.mpi(&self.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let field = "group element";
        // A few bytes more than the value needs, because libotr accepts leading zeros.
        Self::from_be_bytes(reader.mpi(ELEMENT_LEN + 8, field)?, field)
    }
}

impl fmt::Debug for GroupElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "GroupElement({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

const fn two() -> [u8; ELEMENT_LEN] {
    let mut bytes = [0; ELEMENT_LEN];
    bytes[ELEMENT_LEN - 1] = 2;
    bytes
}

fn p_minus_two() -> [u8; ELEMENT_LEN] {
    let mut bytes = [0; ELEMENT_LEN];
    bytes.copy_from_slice(&super::P.to_be_bytes());
    // p ends in 0xff: no borrow.
    bytes[ELEMENT_LEN - 1] -= 2;
    bytes
}

#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::GroupElement;

    impl Serialize for GroupElement {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.as_minimal())
        }
    }

    impl<'de> Deserialize<'de> for GroupElement {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let bytes = Vec::<u8>::deserialize(deserializer)?;
            Self::from_be_bytes(&bytes, "group element").map_err(D::Error::custom)
        }
    }
}
