//! Offline message detection: what a received OTR message is.

mod evidence;

pub use evidence::{Carbon, Evidence};
