//! What O2TR knows of a session besides its keys.

use otr_core::{SecretBytes, SessionId, Timestamp};
use serde::{Deserialize, Serialize};

/// Belongs to the session of the same name in the peer's snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The session.
    pub id: SessionId,
    /// Its id.
    pub ssid: [u8; 8],
    /// A secret of its AKE, to prove continuity after the next one.
    pub exporter: SecretBytes<32>,
    /// Whether we sent the Reveal Signature of its AKE: it tells our proof of continuity from the peer's.
    pub revealed: bool,
    /// The id and the secret of the session before, which each side proves to the other.
    pub predecessor: Option<([u8; 8], SecretBytes<32>)>,
    /// The peer has proven that it was the other end of the session before.
    pub continuous: bool,
    /// Present from a restart until fresh keys have replaced those that were stored.
    pub restored: Option<RestoredMark>,
    /// The peer has read something from the store and is owed a message with a fresh key.
    pub refresh_owed: bool,
    /// What the peer has told about itself; `None` until it does: it may be a plain OTR client.
    pub capability: Option<PeerCapability>,
    /// How many messages with our capability went out.
    pub announced: u32,
    /// Which of the peer's messages were read, for the newest pairs, the newest last (at most two).
    pub read: Vec<ReadMap>,
    /// An error reply was sent in this session.
    pub error_replied: bool,
    /// When our newest lines were last sent again because the peer seemed to miss them.
    pub repeated_at: Option<Timestamp>,
}

/// A session that came out of the store.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct RestoredMark {
    /// When.
    pub at: Timestamp,
    /// When it was last alive before.
    pub last_alive: Timestamp,
    /// The keyid of our newest key then: a higher one was made after the restart.
    pub our_keyid: u32,
    /// A message was read with it.
    pub recovered: bool,
}

/// What the peer's capability record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCapability {
    /// Its threshold; `None`: off.
    pub threshold: Option<u32>,
    /// How many days it keeps a record.
    pub keeps_days: u16,
}

/// Which messages of a pair were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMap {
    /// The peer's keyid.
    pub sender_keyid: u32,
    /// Ours.
    pub recipient_keyid: u32,
    /// How many were read.
    pub count: u32,
    /// At least one of them was not automatic.
    pub wanted: bool,
    /// Bit n: use number n + 1 was read (O2TR peers).
    pub uses: u64,
}
