//! Off-the-Record messaging, versions 3 and 2, sans-IO.
//!
//! Bytes go in, outputs come out; time and randomness are arguments. The modules stand in the order in
//! which a received line passes them.

mod secret;
mod time;
mod version;

pub mod limits;
pub mod policy;

mod instance;

pub mod fragment;
pub mod text;

pub mod group;
pub mod wire;

mod dh;
pub mod dsa;
pub mod libotr;

mod ake;
mod ratchet;
pub mod smp;

mod peer;
pub mod planted;
pub mod toolkit;

pub use ake::{ExchangeKeys, ExchangeSnapshot, HalfKeys};
pub use instance::InstanceTag;
pub use peer::{
    AnswerSnapshot, ContactSnapshot, ErrorTexts, Established, Event, HeldText, Identity, LastTextSnapshot, Line,
    MAX_HELD_TEXTS, Message, Offer, OpenCommitSnapshot, Output, Peer, PeerSnapshot, PhaseSnapshot, Rejected, Rejection,
    SendError, SessionSnapshot, SessionView, Settings, SmpSendError, State, claimed_sender, decode_data,
};
pub use policy::Policy;
pub use ratchet::{
    Accepted, DataKeys, DirectionKeys, GapClosed, HeadStart, KeyPairSnapshot, Leap, MacKey, Origin, PairKeysSnapshot,
    PairSnapshot, Probe, ReceivePolicy, RestoreError, RetainedPair, RetainedSnapshot, RevealedMacKey, RingSnapshot,
    SealError, SessionId,
};
pub use secret::{SecretBytes, wipe};
pub use time::Timestamp;
pub use version::Version;
