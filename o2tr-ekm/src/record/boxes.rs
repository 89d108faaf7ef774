//! Texts and lines on their way out, and what waits for the application.

use core::fmt;

use otr_core::dsa::Fingerprint;
use otr_core::wire::Route;
use otr_core::{SecretBytes, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A text, wiped on drop, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct MessageText(Vec<u8>);

impl MessageText {
    /// Takes the bytes over.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The text, usually UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MessageText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageText({} bytes)", self.0.len())
    }
}

/// A text of the user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutboxText {
    /// The application's name for it.
    pub id: String,
    /// Its name on the wire, to O2TR peers.
    pub wire_id: [u8; 16],
    /// What it says.
    pub text: MessageText,
    /// When the user wrote it.
    pub written: Timestamp,
    /// For whom: it goes to nobody else. `None`: to the first key that shows itself.
    pub address: Option<Fingerprint>,
    /// It was written while encryption was required: it never leaves in clear, whatever the policy is by then.
    pub private: bool,
    /// Where it is.
    pub state: TextState,
    /// It has been under way before.
    pub again: bool,
}

/// Where a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextState {
    /// It waits to be encrypted.
    Queued,
    /// It waits for the user: another key answered than the one it was written for.
    HeldForTrust,
    /// It was encrypted; its line is kept.
    InFlight(InFlight),
}

/// Under which key a text left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// The session.
    pub session: SessionId,
    /// Its id then.
    pub ssid: [u8; 8],
    /// Our keyid and the peer's.
    pub keyids: (u32, u32),
    /// The how many-th message under that key it was, from 1.
    pub use_number: u32,
    /// When.
    pub at: Timestamp,
    /// The network has taken it.
    pub transmitted: bool,
}

/// A line for the wire, in its exact bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRecord {
    /// Its name between engine and driver.
    pub id: u64,
    /// The bytes, not cut into fragments.
    pub bytes: Vec<u8>,
    /// Between which devices.
    pub route: Option<Route>,
    /// The network has taken it.
    pub transmitted: bool,
    /// Present on data messages: they are kept until their key is left behind.
    pub kept: Option<KeptLine>,
}

/// What a kept line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLine {
    /// The session.
    pub session: SessionId,
    /// Its id.
    pub ssid: [u8; 8],
    /// Our keyid and the peer's.
    pub keyids: (u32, u32),
    /// From 1.
    pub use_number: u32,
    /// It is an automatic heartbeat.
    pub auto: bool,
}

/// Something the application must not miss.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InboxItem {
    /// Its name; it stays the same when it is handed over again.
    pub id: u64,
    /// What happened.
    pub kind: InboxKind,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum InboxKind {
    /// A text arrived.
    Text(TextItem),
    /// The peer has ended the session.
    Finished {
        /// Which one.
        session: SessionId,
    },
    /// A key of the peer that was never seen before.
    NewFingerprint {
        /// The key.
        fingerprint: Fingerprint,
    },
    /// SMP has come to an end: success or not.
    SmpResult {
        /// In which session.
        session: SessionId,
        /// Whether both knew the same secret.
        equal: bool,
    },
    /// The peer will use the extra symmetric key.
    ExtraKey(ExtraKeyItem),
}

/// A text of the peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TextItem {
    /// What it says.
    pub text: MessageText,
    /// In which session; `None`: unencrypted.
    pub session: Option<SessionId>,
    /// How it was read.
    pub provenance: Provenance,
    /// When the server first had it, if it said so.
    pub sent_at: Option<Timestamp>,
    /// The peer has sent it before.
    pub resent: bool,
}

/// How a text was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Provenance {
    /// In a live session.
    Live,
    /// With keys out of the store.
    Offline,
    /// With a pair that its session had left behind.
    Retained,
    /// With keys of a store that may be a copy: anybody may have written it.
    Unverified,
    /// Unencrypted.
    Clear,
}

/// An announced use of the extra symmetric key.
#[derive(Clone, Serialize, Deserialize)]
pub struct ExtraKeyItem {
    /// In which session.
    pub session: SessionId,
    /// What for.
    pub usage: u32,
    /// Data of that use.
    pub data: Vec<u8>,
    /// The key.
    pub key: SecretBytes<32>,
}

impl fmt::Debug for ExtraKeyItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, usage, data, key } = self;
        f.debug_struct("ExtraKeyItem")
            .field("session", session)
            .field("usage", usage)
            .field("data", &format_args!("{} bytes", data.len()))
            .field("key", key)
            .finish()
    }
}
