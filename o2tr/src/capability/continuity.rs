//! The proof that a new session is with whoever had the old one.
//!
//! A thief of the peer's long-term key can make a new AKE, but not this proof: its secret comes from the old session's
//! AKE. `docs/wire.md`, "Continuity".

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use otr_core::SecretBytes;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// What an AKE exports for uses outside OTR: SHA-256 over the byte 0xfe and the MPI of its shared secret.
///
/// OTR itself hashes the same secret behind the bytes 0x00 to 0x05 and 0xff; 0xfe is none of them, and the
/// result is given to no application, unlike the extra symmetric key.
#[derive(Clone)]
pub struct Exporter(SecretBytes<32>);

/// A secret that only the two sides of an AKE have. It is kept in the emergency record.
#[derive(Clone)]
pub struct ContinuitySecret(SecretBytes<32>);

/// What the peer shows in the new session: HMAC-SHA256, cut to 16 bytes. Not secret.
#[derive(Clone, Copy, Debug)]
pub struct ContinuityProof([u8; Self::LEN]);

/// Which side of the new session's AKE makes the proof, so that a proof cannot be sent back to its maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that sent the Reveal Signature.
    RevealSignature,
    /// The one that sent the Signature.
    Signature,
}

const SECRET_LABEL: &[u8] = b"O2TR v1 continuity secret";
const PROOF_LABEL: &[u8] = b"O2TR v1 continuity proof";

impl Exporter {
    /// Wraps what the AKE exported.
    #[must_use]
    pub const fn new(exported: SecretBytes<32>) -> Self {
        Self(exported)
    }
}

impl ContinuitySecret {
    /// The secret of the session that an AKE made: HMAC-SHA256 under the exporter over a label and the ssid.
    #[must_use]
    pub fn derive(exporter: &Exporter, ssid: &[u8; 8]) -> Self {
        Self(SecretBytes::new(hmac(&exporter.0, &[SECRET_LABEL, ssid])))
    }

    /// Restores a secret from a record.
    #[must_use]
    pub const fn from_stored(secret: SecretBytes<32>) -> Self {
        Self(secret)
    }

    /// The secret, for a record.
    #[must_use]
    pub const fn to_store(&self) -> &SecretBytes<32> {
        &self.0
    }

    /// The proof of `side` that the session `new` continues the session `old`, whose secret this is.
    #[must_use]
    pub fn prove(&self, side: Side, old: &[u8; 8], new: &[u8; 8]) -> ContinuityProof {
        let tag = hmac(&self.0, &[PROOF_LABEL, &[side.number()], old, new]);
        let mut proof = [0; ContinuityProof::LEN];
        proof.iter_mut().zip(tag).for_each(|(to, from)| *to = from);
        ContinuityProof(proof)
    }

    /// Whether `proof` is that of `side`. Constant time.
    #[must_use]
    pub fn verifies(&self, proof: &ContinuityProof, side: Side, old: &[u8; 8], new: &[u8; 8]) -> bool {
        self.prove(side, old, new).0.ct_eq(&proof.0).into()
    }
}

impl ContinuityProof {
    /// Bytes of a proof.
    pub const LEN: usize = 16;

    /// A proof as it came.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The proof as it goes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl PartialEq for ContinuityProof {
    /// Constant time, although a proof is made to be checked by [`ContinuitySecret::verifies`].
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ContinuityProof {}

impl Side {
    /// Our side of a session, as [`otr_core::Established::revealed`] tells it.
    #[must_use]
    pub const fn ours(revealed: bool) -> Self {
        if revealed { Self::RevealSignature } else { Self::Signature }
    }

    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::RevealSignature => Self::Signature,
            Self::Signature => Self::RevealSignature,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::RevealSignature => 1,
            Self::Signature => 2,
        }
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(_) = self;
        f.write_str("Exporter(..)")
    }
}

impl fmt::Debug for ContinuitySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(_) = self;
        f.write_str("ContinuitySecret(..)")
    }
}

fn hmac(key: &SecretBytes<32>, parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes keys of every length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &[u8; 8] = b"old ssid";
    const NEW: &[u8; 8] = b"new ssid";

    fn secret(byte: u8) -> ContinuitySecret {
        ContinuitySecret::derive(&Exporter::new(SecretBytes::new([byte; 32])), OLD)
    }

    #[test]
    fn both_sides_prove_and_neither_can_use_the_others_proof() {
        let (ours, theirs) = (secret(1), secret(1));
        let side = Side::ours(true);
        let proof = ours.prove(side, OLD, NEW);
        assert!(theirs.verifies(&proof, Side::ours(false).other(), OLD, NEW));
        assert!(!ours.verifies(&proof, side.other(), OLD, NEW));
    }

    #[test]
    fn every_input_counts() {
        let proof = secret(1).prove(Side::Signature, OLD, NEW);
        assert!(secret(1).verifies(&proof, Side::Signature, OLD, NEW));
        assert!(!secret(2).verifies(&proof, Side::Signature, OLD, NEW));
        assert!(!secret(1).verifies(&proof, Side::Signature, NEW, OLD));
        assert!(!secret(1).verifies(&proof, Side::Signature, OLD, OLD));
        for byte in 0..ContinuityProof::LEN {
            for bit in 0..8 {
                let mut bytes = *proof.as_bytes();
                bytes[byte] ^= 1 << bit;
                assert!(!secret(1).verifies(&ContinuityProof::from_bytes(bytes), Side::Signature, OLD, NEW));
            }
        }
    }

    #[test]
    fn a_secret_belongs_to_its_session() {
        let exporter = Exporter::new(SecretBytes::new([1; 32]));
        let [old, new] = [OLD, NEW].map(|ssid| ContinuitySecret::derive(&exporter, ssid));
        assert_ne!(old.to_store().expose(), new.to_store().expose());
        let stored = ContinuitySecret::from_stored(old.to_store().clone());
        assert_eq!(stored.prove(Side::Signature, OLD, NEW), old.prove(Side::Signature, OLD, NEW));
    }

    /// Computed with another HMAC: fixes labels, order and truncation.
    #[test]
    fn golden_values() {
        let secret = ContinuitySecret::derive(&Exporter::new(SecretBytes::new([7; 32])), OLD);
        assert_eq!(
            hex::encode(secret.to_store().expose()),
            "21541f84d616c44d618bdf6ed1e29a322efde2c627192532ff59bb1fd6c4ae8a"
        );
        let proof = secret.prove(Side::RevealSignature, OLD, NEW);
        assert_eq!(hex::encode(proof.as_bytes()), "51a5f2bd4fbadc8bebce0d59ea277a0e");
        let proof = secret.prove(Side::Signature, OLD, NEW);
        assert_eq!(hex::encode(proof.as_bytes()), "1c95feaf94252e7ba59094b5e367f6dc");
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", secret(0xab)), "ContinuitySecret(..)");
        assert_eq!(format!("{:?}", Exporter::new(SecretBytes::new([0xab; 32]))), "Exporter(..)");
    }
}
