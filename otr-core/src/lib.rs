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

pub mod dsa;
pub mod libotr;

pub mod smp;

pub use instance::InstanceTag;
pub use policy::Policy;
pub use secret::SecretBytes;
pub use time::Timestamp;
pub use version::Version;
