//! Secret bytes of a fixed length: wiped on drop, never printed, compared in constant time.

use core::fmt;

use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` secret bytes.
///
/// Not `Copy` and not `PartialEq`: a copy is a decision ([`Clone`]), a comparison is constant time
/// ([`ConstantTimeEq`]). `Debug` prints the length only.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes<const N: usize>([u8; N]);

impl<const N: usize> SecretBytes<N> {
    /// Wraps bytes that the caller already holds. The caller's copy is the caller's to wipe.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// Wraps the first `N` bytes of a longer secret; `None` if it is shorter.
    #[must_use]
    pub fn from_prefix(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self([0; N]);
        secret.0.copy_from_slice(bytes.get(..N)?);
        Some(secret)
    }

    /// The first `M` bytes. `M` must not exceed `N`: that is checked at compile time.
    #[must_use]
    pub fn truncated<const M: usize>(&self) -> SecretBytes<M> {
        self.window::<M, 0>()
    }

    /// `M` bytes from `START` on. The range must lie inside: that is checked at compile time.
    #[must_use]
    pub fn window<const M: usize, const START: usize>(&self) -> SecretBytes<M> {
        const { assert!(START + M <= N) };
        let mut part = SecretBytes([0; M]);
        part.0.copy_from_slice(&self.0[START..START + M]);
        part
    }

    /// Draws `N` bytes.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut secret = Self([0; N]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    /// The secret itself. Name it at the call, keep it short-lived.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for SecretBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes<{N}>(..)")
    }
}

impl<const N: usize> ConstantTimeEq for SecretBytes<N> {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

/// A secret of any length, as [`SecretBytes`] is one of a fixed length.
#[derive(Clone)]
pub(crate) struct SecretVec(Vec<u8>);

impl SecretVec {
    /// Wraps bytes that the caller already holds.
    pub(crate) const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The secret itself.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretVec {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for SecretVec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretVec({} bytes)", self.0.len())
    }
}

/// Wipes a vector with all its capacity and empties it: what `Vec::zeroize` does one byte at a time, at the speed of
/// a fill. For texts that is a third of the cost of a message.
pub fn wipe(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.capacity(), 0);
    bytes.as_mut_slice().zeroize();
    bytes.clear();
}

#[cfg(feature = "serde")]
mod serde_impl {
    use core::fmt;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::ser::SerializeTuple;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::SecretBytes;

    impl<const N: usize> Serialize for SecretBytes<N> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut tuple = serializer.serialize_tuple(N)?;
            for byte in &self.0 {
                tuple.serialize_element(byte)?;
            }
            tuple.end()
        }
    }

    impl<'de, const N: usize> Deserialize<'de> for SecretBytes<N> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Bytes<const N: usize>;
            impl<'de, const N: usize> Visitor<'de> for Bytes<N> {
                type Value = SecretBytes<N>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{N} bytes")
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                    let mut secret = SecretBytes([0; N]);
                    for (index, byte) in secret.0.iter_mut().enumerate() {
                        *byte = seq.next_element()?.ok_or_else(|| Error::invalid_length(index, &self))?;
                    }
                    Ok(secret)
                }
            }
            deserializer.deserialize_tuple(N, Bytes::<N>)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_byte() {
        let secret = SecretBytes::new([0xab; 20]);
        assert_eq!(format!("{secret:?}"), "SecretBytes<20>(..)");
    }

    #[test]
    fn wiping_reaches_the_spare_capacity() {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&[0xab; 40]);
        bytes.truncate(8);
        let (start, capacity) = (bytes.as_ptr(), bytes.capacity());
        wipe(&mut bytes);
        assert!(bytes.is_empty());
        bytes.resize(capacity, 1);
        assert_eq!(bytes.as_ptr(), start, "the memory is the same: it was wiped in place");
    }

    #[test]
    fn a_window_is_cut_where_asked() {
        let secret = SecretBytes::new([1, 2, 3, 4, 5]);
        assert_eq!(secret.truncated::<2>().expose(), &[1, 2]);
        assert_eq!(secret.window::<2, 3>().expose(), &[4, 5]);
    }
}
