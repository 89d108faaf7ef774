//! Nonces: RFC 6979 over HMAC-SHA-256, with fresh randomness mixed in when there is any (section 3.6 there).
//!
//! A bad random number generator cannot repeat a nonce for two digests, and a fault attack cannot count on a
//! deterministic one.

use crypto_bigint::{CtLt, U192};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::SCALAR_LEN;
use super::domain::scalar_integer;

/// A generator of nonces for one key and one digest.
pub(super) struct Nonces {
    key: Zeroizing<[u8; 32]>,
    value: Zeroizing<[u8; 32]>,
}

impl Nonces {
    /// Seeds from x, the digest modulo q, and `extra`, which may be empty.
    pub(super) fn new(x: &[u8; SCALAR_LEN], digest: &[u8; SCALAR_LEN], extra: &[u8]) -> Self {
        let mut nonces = Self { key: Zeroizing::new([0; 32]), value: Zeroizing::new([1; 32]) };
        for round in 0..=1 {
            nonces.key = nonces.mac(&[&*nonces.value, &[round], x, digest, extra]);
            nonces.value = nonces.mac(&[&*nonces.value]);
        }
        nonces
    }

    /// The next candidate in 1..q, or `None` if this one lies outside. Which candidates are refused depends
    /// on the refused ones only.
    pub(super) fn next(&mut self, q: &U192) -> Option<Zeroizing<U192>> {
        self.value = self.mac(&[&*self.value]);
        let candidate = Zeroizing::new(scalar_integer(self.value.split_at(SCALAR_LEN).0));
        let good = candidate.is_nonzero() & candidate.ct_lt(q);
        // What follows if this candidate fails, here or because r or s is zero.
        self.key = self.mac(&[&*self.value, &[0]]);
        self.value = self.mac(&[&*self.value]);
        good.to_bool().then_some(candidate)
    }

    fn mac(&self, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        // HMAC pads a short key with zeros to the block of its hash.
        let mut block = Zeroizing::new([0; 64]);
        block.split_at_mut(self.key.len()).0.copy_from_slice(&*self.key);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        parts.iter().for_each(|part| mac.update(part));
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}
