//! The authenticated key exchange (section "AKE"): two people, four messages, one shared secret.
//!
//! "Bob" sends the D-H Commit and the Reveal Signature, "Alice" the D-H Key and the Signature.

mod exchange;
mod keys;
mod proof;
mod snapshot;

pub(crate) use exchange::{Committed, Completed, Exchange, FIRST_KEYID, Fault, Refusal, Reply, Step};
pub use keys::{ExchangeKeys, HalfKeys};
pub(crate) use proof::{binding, decrypt_proof};
pub use snapshot::ExchangeSnapshot;
