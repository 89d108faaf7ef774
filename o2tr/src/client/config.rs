//! What an embedder tells the client at the start.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use super::{Clock, SystemClock};
use crate::settings::Settings;
use crate::transport::PeerId;

/// How a client works. Start from [`ClientConfig::new`] and change what must differ.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Our account, normalised as the transport does it. It names the rows in the store, so it must stay the same.
    pub account: PeerId,
    /// How conversations behave.
    pub settings: Settings,
    /// Whose handshakes are answered.
    pub answering: Answering,
    /// Whether peers count as there although the transport has not said so. For networks without presence; elsewhere
    /// texts for a plain OTR client that is away would leave and be lost.
    pub assume_present: bool,
    /// Whether messages are wanted from the start; else from [`Client::set_available`](super::Client::set_available).
    pub available: bool,
    /// How many conversations are kept in memory. More stay only while they are busy.
    pub active: usize,
    /// How often the store is searched for what has become due in conversations that nobody touches: expired records and
    /// receiving keys. It is searched at the start as well, for texts and lines that a crash has left behind.
    pub sweep_every: Duration,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl ClientConfig {
    /// The defaults: contacts only, 1,000 conversations in memory, a search each 6 hours, the system's clock.
    #[must_use]
    pub fn new(account: PeerId) -> Self {
        Self {
            account,
            settings: Settings::default(),
            answering: Answering::default(),
            assume_present: false,
            available: true,
            active: 1000,
            sweep_every: Duration::from_secs(6 * 3600),
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, settings, answering, assume_present, available, active, sweep_every, clock: _ } = self;
        f.debug_struct("ClientConfig")
            .field("account", account)
            .field("settings", settings)
            .field("answering", answering)
            .field("assume_present", assume_present)
            .field("available", available)
            .field("active", active)
            .field("sweep_every", sweep_every)
            .finish_non_exhaustive()
    }
}

/// Whose queries, tags and D-H Commits are answered by themselves. Texts are shown whoever sends them, and what
/// belongs to a handshake or a session of ours is always taken.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Answering {
    /// Contacts as the transport reports them, whom the user has written to or [allowed](super::Client::allow) in this
    /// run, and with whom there was a session.
    #[default]
    Contacts,
    /// Those, and all for whom the function says so. It is called on the client's task and must be quick.
    Also(Arc<dyn Fn(&PeerId) -> bool + Send + Sync>),
    /// Those whom the user has written to or allowed in this run, with whom there was a session, and for whom the function
    /// says so; other contacts are not.
    Only(Arc<dyn Fn(&PeerId) -> bool + Send + Sync>),
    /// Everybody, for networks that keep strangers away themselves.
    Everybody,
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contacts => "Contacts",
            Self::Also(_) => "Also(..)",
            Self::Only(_) => "Only(..)",
            Self::Everybody => "Everybody",
        })
    }
}
