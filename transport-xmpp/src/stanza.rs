//! From lines to stanzas and back: pure functions over `xmpp-parsers`' types.

mod disco;
mod incoming;
mod outgoing;
mod refusal;

pub(crate) use disco::{about_us, capabilities};
pub(crate) use incoming::{Context, Read, Received, address, read};
pub(crate) use outgoing::{line_message, receipt, weigh};
pub(crate) use refusal::refusal;

/// Hints to servers (XEP-0334).
const HINTS: &str = "urn:xmpp:hints";
