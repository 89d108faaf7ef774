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
    pub continuity: SecretBytes<32>,
    /// Whether we sent the Reveal Signature of its AKE: it tells our proof of continuity from the peer's.
    pub revealed: bool,
    /// Sessions with the same key before this one, at most three, the likeliest first: each side proves to the
    /// other that it was there.
    pub predecessors: Vec<Predecessor>,
    /// The peer has shown in a session before this one, with the same key, that it keeps keys.
    pub capable_before: bool,
    /// A message was read in it. With the first one the peer's proof of continuity is due.
    pub confirmed: bool,
    /// Present from a restart until fresh keys have replaced those that were stored.
    pub restored: Option<RestoredMark>,
    /// The peer has read something from the store and is owed a message with a fresh key.
    pub refresh_owed: bool,
    /// What the peer has told about itself; `None` until it does: it may be a plain OTR client.
    pub capability: Option<PeerCapability>,
    /// How many messages with our capability went out.
    pub announced: u32,
    /// What was read under the peer's present key.
    pub reading: Reading,
    /// What we can acknowledge, for the pairs read from last (at most two, the newest first).
    pub window: Vec<ReadPair>,
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
    /// The last keyid of ours that was in the store: a higher one was made after the restart.
    pub our_keyid: u32,
    /// A message was read with it.
    pub recovered: bool,
}

/// What the peer's capability record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerCapability {
    /// Its threshold; `None`: off.
    pub threshold: Option<u32>,
    /// How many seconds it keeps a record.
    pub record_lifetime: u32,
}

/// A session that an AKE has replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Predecessor {
    /// Its id.
    pub ssid: [u8; 8],
    /// Its secret.
    pub continuity: SecretBytes<32>,
}

/// How much was read under one key of the peer, for the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The peer's keyid and ours.
    pub keyids: (u32, u32),
    /// How many messages.
    pub count: u32,
    /// At least one of them was not automatic.
    pub wanted: bool,
}

/// Which messages of a pair were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadPair {
    /// The head of the session's id.
    pub ssid: [u8; 4],
    /// The peer's keyid.
    pub sender_keyid: u32,
    /// Ours.
    pub recipient_keyid: u32,
    /// The first use number of the map.
    pub first: u32,
    /// Bit n: use number `first + n` was read.
    pub bits: u64,
}
