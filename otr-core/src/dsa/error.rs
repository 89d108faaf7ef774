//! What can be wrong with a key, a signature or a written fingerprint.

use crate::wire::DecodeError;

/// Why a key is not one. Says nothing about its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The public half is malformed or has a forbidden value.
    #[error("the public key is unusable: {0}")]
    Public(#[from] DecodeError),
    /// x is not in 1..q.
    #[error("the private value is out of range")]
    PrivateValue,
    /// y is not g^x mod p.
    #[error("the private and the public half do not belong together")]
    Mismatch,
}

/// Why a signature was refused or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The signature is not one by this key over this digest.
    #[error("the signature is invalid")]
    Invalid,
    /// The digest has more than [`MAX_DIGEST_LEN`](super::MAX_DIGEST_LEN) bytes.
    #[error("a digest of {0} bytes is too long")]
    DigestLength(usize),
    /// No nonce gave a signature: the key's group is not a DSA group.
    #[error("the key cannot sign")]
    Unusable,
}

/// Why a text is not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 40 hexadecimal digits, in groups or not")]
pub struct ParseFingerprintError;
