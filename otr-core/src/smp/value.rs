//! The two kinds of numbers in a proof: a challenge, which is a hash, and a response, which is an exponent.

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::error::Unusable;
use crate::SecretBytes;
use crate::group::{ELEMENT_LEN, ExponentModQ, Residue, SMP_EXPONENT_LEN};
use crate::wire::{Codec, DecodeError, Reader, Writer, minimal};

/// Bytes that an MPI may be longer than its value needs, because libotr accepts leading zeros.
const SLACK: usize = 8;

/// What a hash is for. Its number is the first byte hashed, so that no proof can stand for another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    G2a = 1,
    G3a = 2,
    G2b = 3,
    G3b = 4,
    CoordinatesB = 5,
    CoordinatesA = 6,
    Ra = 7,
    Rb = 8,
}

/// c of a proof: a SHA-256 hash, on the wire an MPI. 32 bytes, big-endian, padded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// All 32 bytes.
    #[must_use]
    pub const fn as_padded(&self) -> &[u8; 32] {
        &self.0
    }

    /// SHA256(purpose, MPI of each value).
    pub(super) fn hash(purpose: Purpose, values: &[&Residue]) -> Self {
        let mut hasher = Sha256::new().chain_update([purpose as u8]);
        for value in values {
            let bytes = value.to_be_bytes();
            let value = minimal(&*bytes);
            #[expect(clippy::cast_possible_truncation, reason = "a residue has at most 192 bytes")]
            let length = value.len() as u32;
            hasher.update(length.to_be_bytes());
            hasher.update(value);
        }
        Self(hasher.finalize().into())
    }

    pub(super) fn as_exponent(&self) -> ExponentModQ {
        ExponentModQ::reduce(&self.0)
    }
}

impl ConstantTimeEq for Challenge {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl Codec for Challenge {
    fn encode(&self, writer: &mut Writer) {
        writer.mpi(&self.0);
    }

    /// More than 32 bytes cannot be equal to any hash.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let field = "SMP hash";
        padded(reader.mpi(ELEMENT_LEN + SLACK, field)?).map(Self).ok_or(DecodeError::Value(field))
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(..)")
    }
}

/// D of a proof: 1 <= D < q, checked when it was made. 192 bytes, big-endian, padded.
///
/// The text has no such check; libotr refuses what is outside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Response([u8; SMP_EXPONENT_LEN]);

impl Response {
    /// From big-endian bytes of any length, leading zeros allowed.
    ///
    /// # Errors
    /// [`DecodeError::Value`] outside 1..q.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let field = "SMP exponent";
        let bytes = padded(minimal(bytes)).ok_or(DecodeError::Value(field))?;
        // What reduction modulo q leaves as it is was below q.
        let in_range = bytes != [0; SMP_EXPONENT_LEN] && *ExponentModQ::reduce(&bytes).to_be_bytes() == bytes;
        in_range.then_some(Self(bytes)).ok_or(DecodeError::Value(field))
    }

    /// All 192 bytes.
    #[must_use]
    pub const fn as_padded(&self) -> &[u8; SMP_EXPONENT_LEN] {
        &self.0
    }

    /// r - secret * c mod q. The secret is an exponent of SMP or a hashed user secret.
    pub(super) fn make<const N: usize>(
        r: &SecretBytes<SMP_EXPONENT_LEN>,
        secret: &SecretBytes<N>,
        c: &Challenge,
    ) -> Result<Self, Unusable> {
        let secret = ExponentModQ::reduce(secret.expose());
        let response = ExponentModQ::reduce(r.expose()).minus_product(&secret, &c.as_exponent()).to_be_bytes();
        if *response == [0; SMP_EXPONENT_LEN] { Err(Unusable) } else { Ok(Self(*response)) }
    }
}

impl Codec for Response {
    fn encode(&self, writer: &mut Writer) {
        writer.mpi(&self.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::from_be_bytes(reader.mpi(ELEMENT_LEN + SLACK, "SMP exponent")?)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response(..)")
    }
}

/// `value` with zeros in front; `None` if it is too long.
fn padded<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let start = N.checked_sub(value.len())?;
    bytes.get_mut(start..)?.copy_from_slice(value);
    Some(bytes)
}
