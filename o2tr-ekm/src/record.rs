//! The emergency record: everything about one peer that must survive the process.
//!
//! Plain data only; what it means and how it changes is the engine's. One record is one row: what must change
//! together is stored together.

mod account;
mod boxes;
mod journal;
mod session;

use otr_core::dsa::Fingerprint;
use otr_core::{PeerSnapshot, RetainedSnapshot, Timestamp};
use serde::{Deserialize, Serialize};

pub use account::{AccountInstance, AccountKey, AccountRecord, KeyBytes};
pub use boxes::{
    ExtraKeyItem, InFlight, InboxItem, InboxKind, KeptLine, LineRecord, MessageText, OutboxText, Provenance, TextItem,
    TextState,
};
pub use journal::{JournalItem, JournalRecord};
pub use session::{PeerCapability, Predecessor, ReadPair, Reading, RestoredMark, SessionRecord};

use crate::codec::Record;

/// Everything about one peer of one account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ConversationRecord {
    /// What OTR knows: sessions, exchanges, fragments.
    pub peer: PeerSnapshot,
    /// What O2TR knows of each session.
    pub sessions: Vec<SessionRecord>,
    /// Receiving pairs that a session has left behind.
    pub retained: Vec<RetainedRecord>,
    /// Lines that have to leave, or that may have to leave again, in order.
    pub lines: Vec<LineRecord>,
    /// Texts of the user that are not known to have arrived, in order.
    pub outbox: Vec<OutboxText>,
    /// What the application has not taken for good, in order.
    pub inbox: Vec<InboxItem>,
    /// What the user thinks of the peer's keys.
    pub trust: Vec<TrustRecord>,
    /// Data messages that came before the AKE they need was complete.
    pub early: Vec<Vec<u8>>,
    /// Ids of O2TR texts that were read, the newest last: a text that is sent again is shown once.
    pub read_ids: Vec<[u8; 16]>,
    /// The user had a private conversation and has not ended it: nothing leaves in clear.
    pub was_private: Option<WasPrivate>,
    /// Set while the store cannot be trusted to be the newest: read only, an AKE comes first.
    pub quarantined: bool,
    /// The last id given to an item of the inbox or to a line.
    pub last_id: u64,
    /// When anything of the peer was last verified or established.
    pub last_activity: Option<Timestamp>,
    /// When expiry was first found to be due.
    pub expiry_noticed: Option<Timestamp>,
    /// When we last started an AKE by ourselves because of an error, a pause or an unreadable message.
    pub last_own_exchange: Option<Timestamp>,
    /// When something last said that the peer may have lost its keys (an error, an offer, our user), until an AKE.
    pub doubted: Option<Timestamp>,
}

/// A private conversation that nobody has ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct WasPrivate {
    /// With whom: texts typed meanwhile are addressed to this key.
    pub fingerprint: Fingerprint,
}

/// A retained pair and when it goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RetainedRecord {
    /// The pair.
    pub pair: RetainedSnapshot,
    /// It is given up then.
    pub expires: Timestamp,
    /// Its MAC key is never revealed: its session was closed by the peer.
    pub unrevealed: bool,
    /// It comes from a store that may have been set back: whoever knows a MAC key that was revealed since can have
    /// written what it reads.
    pub suspect: bool,
}

/// The user's opinion of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustRecord {
    /// The key.
    pub fingerprint: Fingerprint,
    /// The opinion.
    pub level: TrustLevel,
    /// The highest version seen with this key: 2 or 3.
    pub highest_version: u16,
    /// When it was first seen.
    pub first_seen: Timestamp,
}

/// How a key is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TrustLevel {
    /// Seen, no more.
    #[default]
    Unverified,
    /// SMP has succeeded.
    Smp,
    /// The user has compared the fingerprint.
    Verified,
}

impl Record for ConversationRecord {
    const SCHEMA: u16 = 1;
    const LIMIT: usize = 8 << 20;
}
