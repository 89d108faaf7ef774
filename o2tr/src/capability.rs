//! What O2TR adds to OTR on the wire: one padding TLV of fixed size in a data message (`docs/wire.md`).
//!
//! It says that the sender keeps emergency keys, names the message, acknowledges what was read, and proves that a new
//! session continues an old one. To every other implementation it is padding.

mod acknowledged;
mod continuity;
mod record;

pub use acknowledged::{AckMap, AckWindow, MAP_LEN, PairAck, PairId};
pub use continuity::{ContinuityProof, ContinuitySecret, Exporter, Side};
pub use record::{Capability, MessageId, RECORD_LEN, Threshold, VERSION};
