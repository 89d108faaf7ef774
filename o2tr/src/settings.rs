//! How conversations behave.

use core::time::Duration;

use otr_core::Policy;

/// What a user or an embedder can choose. The defaults are safe.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What OTR may do. REQUIRE_ENCRYPTION holds every text until there is a session.
    pub policy: Policy,
    /// The threshold k (paper, section 6): how many messages of all kinds one key may encrypt; at least 2.
    /// `None`: no limit.
    pub threshold: Option<u32>,
    /// How long a record lives after the last sign of the peer.
    pub time_to_live: Duration,
    /// Whether commits go to a store that outlives the program. If not, peers are told, and keep texts to
    /// themselves while we are away.
    pub keeps_keys: bool,
    /// What becomes of a text for a peer that is away and is not known to keep keys.
    pub absent: AbsentPolicy,
    /// Whether O2TR peers are told which messages were read.
    pub receipts: bool,
    /// How old a text may be to be sent again to an O2TR peer.
    pub resend_age: Duration,
    /// Whether a session that was recovered is renewed by a full AKE once both are there: only that locks out a
    /// thief of the record.
    pub reauthenticate: bool,
    /// Human text behind the version part of a query.
    pub query_text: Vec<u8>,
}

/// What becomes of a text for a peer that is away and is not known to keep keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AbsentPolicy {
    /// It waits in the outbox until the peer is back: a plain OTR client may have lost its keys by then.
    #[default]
    Hold,
    /// It is sent all the same.
    Send,
}

/// The default of the threshold k.
pub const DEFAULT_THRESHOLD: u32 = 5;
/// The smallest threshold: with 1 nobody could answer a first message.
pub const MIN_THRESHOLD: u32 = 2;

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::OPPORTUNISTIC,
            threshold: Some(DEFAULT_THRESHOLD),
            time_to_live: Duration::from_secs(14 * 24 * 3600),
            keeps_keys: true,
            absent: AbsentPolicy::Hold,
            receipts: true,
            resend_age: Duration::from_secs(7 * 24 * 3600),
            reauthenticate: true,
            query_text: Vec::new(),
        }
    }
}

impl Settings {
    /// What the OTR layer is told: the engine keeps queries, replies, heartbeats and resends to itself.
    pub(crate) fn for_core(&self) -> otr_core::Settings {
        otr_core::Settings {
            policy: self.policy.difference(Policy::ERROR_START_AKE).difference(Policy::REQUIRE_ENCRYPTION),
            receive: otr_core::ReceivePolicy::Window,
            key_limit: self.threshold,
            query_text: self.query_text.clone(),
            error_replies: None,
            heartbeat: None,
            resend: None,
            ake_retry: Some(Duration::from_secs(8)),
            commit_lifetime: self.time_to_live,
        }
    }
}
