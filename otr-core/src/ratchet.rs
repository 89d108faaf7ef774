//! The ratchet (sections "Data message", "Key management"): which keys are live, what was accepted under
//! them, how often they were used, and what becomes of them afterwards.

mod accepted;
mod keys;
mod retained;
mod ring;
mod seal;
mod snapshot;
mod their_key;

pub use accepted::{Accepted, GapClosed, ReceivePolicy};
pub use keys::{DataKeys, DirectionKeys, MacKey, RevealedMacKey};
pub use retained::{Origin, Probe, RetainedPair, SessionId};
pub use ring::HeadStart;
pub(crate) use ring::{KeyRing, Opened, Refused};
pub(crate) use seal::Letter;
pub use seal::SealError;
pub use snapshot::{
    KeyPairSnapshot, Leap, PairKeysSnapshot, PairSnapshot, RestoreError, RetainedSnapshot, RingSnapshot,
};
