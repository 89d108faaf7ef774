//! The authentication state machine: one exchange with one instance of a peer.
//!
//! Every handler looks at the present state, computes what follows and returns it as a [`Step`]; the
//! caller assigns. On a fault or a stray message nothing has changed.

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::keys::ExchangeKeys;
use super::proof::{prove, verify};
use crate::SecretBytes;
use crate::dh::{DhKeyPair, SharedSecret, aes_ctr};
use crate::dsa::{PrivateKey, PublicKey};
use crate::group::GroupElement;
use crate::wire::{Codec, DecodeError, DhCommit, DhKey, EncryptedSignature, MessageType, RevealSignature};

/// The keyid of the key we bring into every exchange: keys are fresh each time.
pub(crate) const FIRST_KEYID: u32 = 1;

/// Where an exchange stands. A key exists only in the state that may use it.
#[derive(Clone, Debug, Default)]
pub(crate) enum Exchange {
    /// Nothing under way.
    #[default]
    None,
    /// We sent a D-H Commit.
    AwaitingDhKey(Committed),
    /// We answered a D-H Commit with a D-H Key.
    AwaitingRevealSignature(Answered),
    /// We sent a Reveal Signature.
    AwaitingSignature(Box<Revealed>),
}

/// Our x, and the commit to its public value.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(super) ours: DhKeyPair,
    pub(super) r: SecretBytes<16>,
    pub(super) commit: DhCommit,
}

/// Our y, and the commit it answers.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(super) ours: DhKeyPair,
    pub(super) commit: DhCommit,
}

/// Our x after it was revealed, the peer's g^y, and the Reveal Signature for a repetition.
#[derive(Clone, Debug)]
pub(crate) struct Revealed {
    pub(super) ours: DhKeyPair,
    pub(super) gy: GroupElement,
    pub(super) reveal: RevealSignature,
    /// s, so that the Signature costs no second exponentiation.
    pub(super) secret: SharedSecret,
}

/// What a handled message leads to.
pub(crate) struct Step {
    /// The state to assign.
    pub(crate) next: Exchange,
    /// The message to send, without its header.
    pub(crate) reply: Option<Reply>,
    /// Present when the exchange is complete.
    pub(crate) completed: Option<Box<Completed>>,
}

/// A message of the AKE without its header.
pub(crate) struct Reply {
    pub(crate) kind: MessageType,
    pub(crate) body: Vec<u8>,
}

/// What both sides know after the exchange.
pub(crate) struct Completed {
    pub(crate) ssid: [u8; 8],
    /// Whether we sent the Reveal Signature: then the first half of the ssid is shown bold, else the second.
    pub(crate) revealed: bool,
    pub(crate) their_key: PublicKey,
    pub(crate) their_keyid: u32,
    pub(crate) their_dh: GroupElement,
    /// Our key, with keyid [`FIRST_KEYID`].
    pub(crate) ours: DhKeyPair,
    pub(crate) secret: SharedSecret,
}

/// Why a message that fits the state was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// MAC, signature, keyid or commitment: outside they look alike.
    #[error("not authentic")]
    Unauthentic,
    /// The revealed key does not open the commit; libotr says nothing here.
    #[error("the commitment does not fit")]
    WrongCommitment,
    /// Our own long-term key cannot sign; it was checked when it was made.
    #[error("the own key cannot sign")]
    Unusable,
    /// The peer's D-H value is our own: we are talking to ourselves.
    #[error("our own message came back")]
    Reflected,
}

/// A fault, or a message that has no effect in the present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Fault(Fault),
    Stray,
}

impl<T: Into<Fault>> From<T> for Refusal {
    fn from(fault: T) -> Self {
        Self::Fault(fault.into())
    }
}

impl Exchange {
    /// Starts an exchange: draws x (40 bytes) and r (16 bytes). Allowed in every state.
    pub(crate) fn start(rng: &mut dyn CryptoRng) -> (Committed, Reply) {
        let ours = DhKeyPair::generate(rng);
        let r = SecretBytes::random(rng);
        let gx = ours.public().to_bytes();
        let hashed_gx = Sha256::digest(&gx).into();
        let mut encrypted_gx = gx;
        aes_ctr(&r, 0, &mut encrypted_gx);
        let committed = Committed { ours, r, commit: DhCommit { encrypted_gx, hashed_gx } };
        let reply = committed.reply();
        (committed, reply)
    }

    /// D-H Commit.
    pub(crate) fn handle_commit(&self, commit: DhCommit, rng: &mut dyn CryptoRng) -> Step {
        match self {
            Self::AwaitingDhKey(committed) if committed.outranks(&commit) => {
                Step { next: self.clone(), reply: Some(committed.reply()), completed: None }
            }
            Self::AwaitingRevealSignature(answered) => Answered { ours: answered.ours.clone(), commit }.into_step(),
            Self::None | Self::AwaitingDhKey(_) | Self::AwaitingSignature(_) => {
                Answered { ours: DhKeyPair::generate(rng), commit }.into_step()
            }
        }
    }

    /// D-H Key.
    pub(crate) fn handle_key(
        &self,
        key: DhKey,
        identity: &PrivateKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Step, Refusal> {
        match self {
            Self::AwaitingDhKey(committed) => Ok(committed.reveal(key.gy, identity, rng)?),
            Self::AwaitingSignature(revealed) if revealed.gy == key.gy => {
                Ok(Step { next: self.clone(), reply: Some(revealed.reply()), completed: None })
            }
            Self::None | Self::AwaitingRevealSignature(_) | Self::AwaitingSignature(_) => Err(Refusal::Stray),
        }
    }

    /// Reveal Signature.
    pub(crate) fn handle_reveal(
        &self,
        message: &RevealSignature,
        identity: &PrivateKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Step, Refusal> {
        match self {
            Self::AwaitingRevealSignature(answered) => Ok(answered.complete(message, identity, rng)?),
            Self::None | Self::AwaitingDhKey(_) | Self::AwaitingSignature(_) => Err(Refusal::Stray),
        }
    }

    /// Signature.
    pub(crate) fn handle_signature(&self, message: &EncryptedSignature) -> Result<Step, Refusal> {
        match self {
            Self::AwaitingSignature(revealed) => Ok(revealed.complete(message)?),
            Self::None | Self::AwaitingDhKey(_) | Self::AwaitingRevealSignature(_) => Err(Refusal::Stray),
        }
    }

    /// Whether this is our own commit.
    pub(crate) fn has_sent(&self, commit: &DhCommit) -> bool {
        match self {
            Self::AwaitingDhKey(committed) => committed.commit.hashed_gx == commit.hashed_gx,
            Self::None | Self::AwaitingRevealSignature(_) | Self::AwaitingSignature(_) => false,
        }
    }

    /// Whether two commits have crossed and ours stays.
    pub(crate) fn outranks(&self, commit: &DhCommit) -> bool {
        match self {
            Self::AwaitingDhKey(committed) => committed.outranks(commit),
            Self::None | Self::AwaitingRevealSignature(_) | Self::AwaitingSignature(_) => false,
        }
    }

    /// The hash of our commit, while it can be answered.
    pub(crate) const fn own_commit_hash(&self) -> Option<[u8; 32]> {
        match self {
            Self::AwaitingDhKey(committed) => Some(committed.hash()),
            Self::None | Self::AwaitingRevealSignature(_) | Self::AwaitingSignature(_) => None,
        }
    }

    /// The hash of the commit that we answered.
    pub(crate) const fn commit_hash(&self) -> Option<[u8; 32]> {
        match self {
            Self::AwaitingRevealSignature(answered) => Some(answered.commit.hashed_gx),
            Self::None | Self::AwaitingDhKey(_) | Self::AwaitingSignature(_) => None,
        }
    }

    /// The last message of ours in this exchange, for a repetition by timer.
    pub(crate) fn repeat(&self) -> Option<Reply> {
        match self {
            Self::None => None,
            Self::AwaitingDhKey(committed) => Some(committed.reply()),
            Self::AwaitingRevealSignature(answered) => Some(answered.reply()),
            Self::AwaitingSignature(revealed) => Some(revealed.reply()),
        }
    }
}

impl Committed {
    /// The hash of our public value.
    pub(crate) const fn hash(&self) -> [u8; 32] {
        self.commit.hashed_gx
    }

    fn reply(&self) -> Reply {
        Reply { kind: MessageType::DhCommit, body: self.commit.to_bytes() }
    }

    /// Of two commits that crossed, the one with the higher hash stays.
    fn outranks(&self, theirs: &DhCommit) -> bool {
        self.commit.hashed_gx > theirs.hashed_gx
    }

    fn reveal(&self, gy: GroupElement, identity: &PrivateKey, rng: &mut dyn CryptoRng) -> Result<Step, Fault> {
        let gx = self.ours.public();
        if gy == *gx {
            return Err(Fault::Reflected);
        }
        let secret = self.ours.agree(&gy);
        let keys = ExchangeKeys::derive(&secret);
        let signature = prove(&keys.reveal, gx, &gy, identity, FIRST_KEYID, rng)?;
        let reveal = RevealSignature { r: self.r.clone(), signature };
        let revealed = Revealed { ours: self.ours.clone(), gy, reveal, secret };
        let reply = Some(revealed.reply());
        Ok(Step { next: Exchange::AwaitingSignature(Box::new(revealed)), reply, completed: None })
    }
}

impl Answered {
    fn reply(&self) -> Reply {
        Reply { kind: MessageType::DhKey, body: self.ours.public().to_bytes() }
    }

    fn into_step(self) -> Step {
        let reply = Some(self.reply());
        Step { next: Exchange::AwaitingRevealSignature(self), reply, completed: None }
    }

    fn complete(
        &self,
        message: &RevealSignature,
        identity: &PrivateKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Step, Fault> {
        let mut encoded = Zeroizing::new(self.commit.encrypted_gx.clone());
        aes_ctr(&message.r, 0, &mut encoded);
        let hash: [u8; 32] = Sha256::digest(&*encoded).into();
        if !bool::from(hash.ct_eq(&self.commit.hashed_gx)) {
            return Err(Fault::WrongCommitment);
        }
        let gx = GroupElement::from_bytes(&encoded)?;
        let gy = self.ours.public();
        if gx == *gy {
            return Err(Fault::Reflected);
        }
        let secret = self.ours.agree(&gx);
        let keys = ExchangeKeys::derive(&secret);
        let theirs = verify(&keys.reveal, &gx, gy, &message.signature)?;
        let signature = prove(&keys.signature, gy, &gx, identity, FIRST_KEYID, rng)?;
        let completed = Completed {
            ssid: keys.ssid,
            revealed: false,
            their_key: theirs.key,
            their_keyid: theirs.keyid,
            their_dh: gx,
            ours: self.ours.clone(),
            secret,
        };
        let reply = Some(Reply { kind: MessageType::Signature, body: signature.to_bytes() });
        Ok(Step { next: Exchange::None, reply, completed: Some(Box::new(completed)) })
    }
}

impl Revealed {
    fn reply(&self) -> Reply {
        Reply { kind: MessageType::RevealSignature, body: self.reveal.to_bytes() }
    }

    fn complete(&self, message: &EncryptedSignature) -> Result<Step, Fault> {
        let keys = ExchangeKeys::derive(&self.secret);
        let theirs = verify(&keys.signature, &self.gy, self.ours.public(), message)?;
        let completed = Completed {
            ssid: keys.ssid,
            revealed: true,
            their_key: theirs.key,
            their_keyid: theirs.keyid,
            their_dh: self.gy,
            ours: self.ours.clone(),
            secret: self.secret.clone(),
        };
        Ok(Step { next: Exchange::None, reply: None, completed: Some(Box::new(completed)) })
    }
}
