//! Who we are, and how a [`Peer`](super::Peer) is to behave.

use core::time::Duration;
use std::sync::Arc;

use crate::dsa::{Fingerprint, PrivateKey};
use crate::{InstanceTag, Policy, ReceivePolicy};

/// Our side: the long-term key and the tag of this device. Shared by all peers of an account.
#[derive(Clone, Debug)]
pub struct Identity {
    key: PrivateKey,
    instance: InstanceTag,
}

impl Identity {
    /// Both must persist: a new tag disturbs the sessions of the peers.
    #[must_use]
    pub fn new(key: PrivateKey, instance: InstanceTag) -> Arc<Self> {
        Arc::new(Self { key, instance })
    }

    /// The long-term key.
    #[must_use]
    pub const fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The tag of this device.
    #[must_use]
    pub const fn instance(&self) -> InstanceTag {
        self.instance
    }

    /// The fingerprint of the long-term key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.key.public_key().fingerprint()
    }
}

/// What a [`Peer`](super::Peer) does by itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the user allows.
    pub policy: Policy,
    /// Which unseen counters are taken, and what becomes of a pair that rotates away.
    pub receive: ReceivePolicy,
    /// How many data messages, of all kinds together, one sending key may encrypt; `None`: no limit.
    pub key_limit: Option<u32>,
    /// Human text behind the version part of a query.
    pub query_text: Vec<u8>,
    /// Texts of error messages that are sent when a message cannot be read; `None`: none is sent.
    pub error_replies: Option<ErrorTexts>,
    /// After how long a silence of ours a message with visible text is answered by an empty one, so that
    /// keys rotate also where only one side writes; `None`: never.
    pub heartbeat: Option<Duration>,
    /// Whether a text is sent again after an error message and a new AKE, and what precedes it then.
    pub resend: Option<Vec<u8>>,
    /// How long an AKE that the peer has answered may stand still before the last message is repeated, and
    /// after a second time restarted; each time up to as long again is added at random. `None`: never.
    pub ake_retry: Option<Duration>,
    /// How long a D-H Commit to any instance can be answered. Each answer makes a session of its own.
    pub commit_lifetime: Duration,
}

impl Default for Settings {
    /// As libotr behaves, except that a stalled AKE is restarted.
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            receive: ReceivePolicy::Strict,
            key_limit: None,
            query_text: Vec::new(),
            error_replies: Some(ErrorTexts::default()),
            heartbeat: Some(Duration::from_secs(60)),
            resend: Some(b"[resent] ".to_vec()),
            ake_retry: Some(Duration::from_secs(8)),
            commit_lifetime: Duration::from_secs(60),
        }
    }
}

/// The human part of the error messages that we send.
#[derive(Clone, Debug)]
pub struct ErrorTexts {
    /// The message could not be decrypted.
    pub unreadable: Vec<u8>,
    /// The message was damaged.
    pub malformed: Vec<u8>,
}

impl Default for ErrorTexts {
    fn default() -> Self {
        Self {
            unreadable: b"An encrypted message arrived that cannot be read here.".to_vec(),
            malformed: b"A damaged encrypted message arrived.".to_vec(),
        }
    }
}
