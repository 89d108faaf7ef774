//! An exchange at rest: plain data that a store can keep, and the way back.

use super::exchange::{Answered, Committed, Exchange, Revealed};
use crate::SecretBytes;
use crate::dh::DhKeyPair;
use crate::group::{DH_SECRET_LEN, GroupElement};
use crate::wire::{DecodeError, DhCommit, EncryptedSignature, RevealSignature};

/// The complete state of an exchange. Public values and s are computed again on the way back.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ExchangeSnapshot {
    /// Nothing under way.
    None,
    /// We sent a D-H Commit.
    AwaitingDhKey {
        /// x, 40 bytes.
        secret: SecretBytes<DH_SECRET_LEN>,
        /// r, 16 bytes.
        r: SecretBytes<16>,
        /// g^x under r.
        encrypted_gx: Vec<u8>,
        /// SHA-256 of the MPI of g^x.
        hashed_gx: [u8; 32],
    },
    /// We answered a D-H Commit.
    AwaitingRevealSignature {
        /// y, 40 bytes.
        secret: SecretBytes<DH_SECRET_LEN>,
        /// The peer's g^x under its r.
        encrypted_gx: Vec<u8>,
        /// SHA-256 of the MPI of the peer's g^x.
        hashed_gx: [u8; 32],
    },
    /// We sent a Reveal Signature.
    AwaitingSignature {
        /// x, 40 bytes.
        secret: SecretBytes<DH_SECRET_LEN>,
        /// The peer's public value.
        gy: GroupElement,
        /// r, 16 bytes.
        r: SecretBytes<16>,
        /// The encrypted signature that we sent.
        encrypted: Vec<u8>,
        /// Its MAC.
        mac: [u8; 20],
    },
}

impl Exchange {
    pub(crate) fn snapshot(&self) -> ExchangeSnapshot {
        match self {
            Self::None => ExchangeSnapshot::None,
            Self::AwaitingDhKey(Committed { ours, r, commit }) => ExchangeSnapshot::AwaitingDhKey {
                secret: ours.secret().clone(),
                r: r.clone(),
                encrypted_gx: commit.encrypted_gx.clone(),
                hashed_gx: commit.hashed_gx,
            },
            Self::AwaitingRevealSignature(Answered { ours, commit }) => ExchangeSnapshot::AwaitingRevealSignature {
                secret: ours.secret().clone(),
                encrypted_gx: commit.encrypted_gx.clone(),
                hashed_gx: commit.hashed_gx,
            },
            Self::AwaitingSignature(revealed) => {
                let Revealed { ours, gy, reveal, secret: _ } = &**revealed;
                ExchangeSnapshot::AwaitingSignature {
                    secret: ours.secret().clone(),
                    gy: *gy,
                    r: reveal.r.clone(),
                    encrypted: reveal.signature.encrypted.clone(),
                    mac: reveal.signature.mac,
                }
            }
        }
    }

    pub(crate) fn restore(snapshot: ExchangeSnapshot) -> Result<Self, DecodeError> {
        let key_pair = |secret| DhKeyPair::from_secret(secret).ok_or(DecodeError::Value("private D-H value"));
        Ok(match snapshot {
            ExchangeSnapshot::None => Self::None,
            ExchangeSnapshot::AwaitingDhKey { secret, r, encrypted_gx, hashed_gx } => {
                let commit = DhCommit { encrypted_gx, hashed_gx };
                Self::AwaitingDhKey(Committed { ours: key_pair(secret)?, r, commit })
            }
            ExchangeSnapshot::AwaitingRevealSignature { secret, encrypted_gx, hashed_gx } => {
                let commit = DhCommit { encrypted_gx, hashed_gx };
                Self::AwaitingRevealSignature(Answered { ours: key_pair(secret)?, commit })
            }
            ExchangeSnapshot::AwaitingSignature { secret, gy, r, encrypted, mac } => {
                let ours = key_pair(secret)?;
                let secret = ours.agree(&gy);
                let reveal = RevealSignature { r, signature: EncryptedSignature { encrypted, mac } };
                Self::AwaitingSignature(Box::new(Revealed { ours, gy, reveal, secret }))
            }
        })
    }
}
