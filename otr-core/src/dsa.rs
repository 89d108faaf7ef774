//! DSA identities with OTR's reading of the digest.
//!
//! The digest is a big-endian integer of any length up to 64 bytes that is used modulo q: it is neither cut
//! to the length of q, as FIPS 186 demands, nor hashed again. (Protocol, section "Key exchange"; the protocol
//! gives DSA the 32-byte M as it is.) Where the digest is no longer than q both readings coincide.
//!
//! Public keys are checked when they are made; primality of p and q is the owner's business, because a key
//! with a bad group harms only whoever trusts its fingerprint.

mod domain;
mod error;
mod fingerprint;
mod generate;
mod nonce;
mod private;
mod public;
mod signature;

pub use error::{KeyError, ParseFingerprintError, SignatureError};
pub use fingerprint::Fingerprint;
pub use generate::{Generator, Progress};
pub use private::PrivateKey;
pub use public::PublicKey;
pub use signature::Signature;

/// Bytes of q, and so of x, r and s: a signature has no length fields, so that q has exactly 160 bits.
pub const SCALAR_LEN: usize = 20;
/// Bytes of the longest digest.
pub const MAX_DIGEST_LEN: usize = 64;
/// Bits of the smallest p that is accepted. Every OTR client makes keys of 1024 bits.
pub const MIN_P_BITS: usize = 1024;
/// Bits of p in keys that are made here.
pub const P_BITS: usize = 1024;
