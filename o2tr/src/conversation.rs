//! Everything O2TR knows about one peer, sans-IO: all OTR sessions, what is stored of them, texts on their way.
//!
//! A [`Conversation`] takes deliveries, wishes of the user and the passing of time. After each of them its
//! driver drains [`Conversation::poll_output`]: commits, lines, events, in one order, and nothing behind a commit
//! is handed out before the commit is durable. So the process may die between any two outputs.

mod acknowledge;
mod establish;
mod expire;
mod flush;
mod heartbeat;
mod message;
mod outbox;
mod output;
mod peer_record;
mod receive;
mod record;
mod refresh;
mod rekey;
mod retained;
mod smp;
mod turn;
mod user;
mod view;

use std::collections::VecDeque;
use std::sync::Arc;

use o2tr_ekm::record::{InboxItem, LineRecord, OutboxText, SessionRecord, TrustRecord, WasPrivate};
use otr_core::{Identity, Peer, RetainedPair, SessionId, Timestamp};

pub use outbox::{OutboxView, SendError};
pub use output::{Commit, Encrypted, Event, Hold, Output, Refresh, Rejection, Text, Transmission};
pub use record::{OpenError, Opening};
pub use smp::ControlError;
pub use view::{Privacy, View};

use crate::settings::Settings;
use acknowledge::Missing;
use smp::WaitingControl;
use turn::{Queued, Turn};

/// Texts in the outbox, at most.
pub const MAX_OUTBOX: usize = 1000;
/// Bytes of all texts in the outbox, at most: with their lines they stay far below what a row can hold.
pub const MAX_OUTBOX_BYTES: usize = 1 << 20;
/// Bytes of texts and extra keys that wait for the application; when there are more, nothing is read.
pub const MAX_INBOX_BYTES: usize = 1 << 20;
/// Things that wait for the application; when there are more, nothing is read.
pub const MAX_INBOX: usize = 4096;
/// Retained pairs of one session, at most; the oldest goes first.
pub const MAX_RETAINED: usize = 8;
/// Data messages that wait for an AKE to complete, at most.
pub const MAX_EARLY: usize = 8;
/// Bytes of them, at most.
pub const MAX_EARLY_BYTES: usize = 512 << 10;
/// Keys of the peer that are remembered; then those that nobody has judged and that have no session go first.
pub const MAX_TRUST: usize = 256;
/// Ids of texts that are remembered as read.
pub const MAX_READ_IDS: usize = 256;

/// One peer of one account.
#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub struct Conversation {
    settings: Settings,
    peer: Peer,
    sessions: Vec<SessionRecord>,
    retained: Vec<Retained>,
    lines: VecDeque<LineRecord>,
    outbox: VecDeque<OutboxText>,
    inbox: VecDeque<InboxItem>,
    trust: Vec<TrustRecord>,
    early: VecDeque<Vec<u8>>,
    read_ids: VecDeque<[u8; 16]>,
    was_private: Option<WasPrivate>,
    quarantined: bool,
    last_id: u64,
    last_activity: Option<Timestamp>,
    expiry_noticed: Option<Timestamp>,
    last_own_exchange: Option<Timestamp>,
    /// When something last said that the peer may have lost its keys: an error, an offer, our user.
    doubted: Option<Timestamp>,

    /// The row's generation once every commit in `outputs` is done.
    generation: u64,
    outputs: VecDeque<Queued>,
    /// A commit is with the store.
    commit_open: bool,
    /// A commit failed: memory and store may differ, so nothing goes on.
    poisoned: bool,
    turn: Turn,
    presence: Presence,
    timers: Timers,
    controls: VecDeque<WaitingControl>,
    /// What O2TR peers have shown to miss. Not stored: their next acknowledgements show it again.
    missing: Vec<Missing>,
}

/// A receiving pair that its session has left behind.
#[derive(Clone, Debug)]
struct Retained {
    pair: RetainedPair,
    expires: Timestamp,
    /// Its session was closed by the peer: its MAC key is dropped, not revealed.
    unrevealed: bool,
    /// It comes from a store that may have been set back: what it reads is unverified, also when a new AKE has
    /// ended the quarantine.
    suspect: bool,
}

/// What the transport says of the peer, and of itself.
#[derive(Clone, Copy, Debug)]
struct Presence {
    /// The peer is there. Without word from the transport it counts as there.
    online: bool,
    /// What waited at the server has arrived.
    caught_up: bool,
}

/// What is due when. Not stored: after a restart it is found anew.
#[derive(Clone, Copy, Debug, Default)]
struct Timers {
    /// The last delivery of a batch that began with a message read from the store.
    batch_until: Option<Timestamp>,
    /// Texts wait at the threshold: then we start an AKE ourselves.
    rekey_at: Option<Timestamp>,
    /// How often that was done in a row.
    rekeys: u32,
    /// A recovered session is to be renewed by an AKE.
    reauthenticate_at: Option<Timestamp>,
    /// When an error reply was last sent without a session.
    error_replied: Option<Timestamp>,
    /// How many lines were sent again lately, and when: as many errors of the peer say nothing else.
    sent_again: (u32, Timestamp),
    /// When a query was last sent because a text waits.
    queried: Option<Timestamp>,
    /// The application was told that texts wait, and not yet that none does.
    paused: bool,
    /// When retained pairs were first found to be expired.
    pairs_expired: Option<Timestamp>,
}

impl Conversation {
    /// A peer that nothing is known of, with no row in the store yet.
    #[must_use]
    pub fn new(account: Arc<Identity>, settings: Settings) -> Self {
        let peer = Peer::new(account, settings.for_core());
        Self {
            settings,
            peer,
            sessions: Vec::new(),
            retained: Vec::new(),
            lines: VecDeque::new(),
            outbox: VecDeque::new(),
            inbox: VecDeque::new(),
            trust: Vec::new(),
            early: VecDeque::new(),
            read_ids: VecDeque::new(),
            was_private: None,
            quarantined: false,
            last_id: 0,
            last_activity: None,
            expiry_noticed: None,
            last_own_exchange: None,
            doubted: None,
            generation: 0,
            outputs: VecDeque::new(),
            commit_open: false,
            poisoned: false,
            turn: Turn::default(),
            presence: Presence { online: true, caught_up: false },
            timers: Timers::default(),
            controls: VecDeque::new(),
            missing: Vec::new(),
        }
    }

    /// How it behaves.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes how it behaves; what is under way goes on.
    pub fn set_settings(&mut self, settings: Settings) {
        *self.peer.settings_mut() = settings.for_core();
        self.settings = settings;
    }

    fn session_record(&self, id: SessionId) -> Option<&SessionRecord> {
        self.sessions.iter().find(|session| session.id == id)
    }

    fn session_record_mut(&mut self, id: SessionId) -> Option<&mut SessionRecord> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }

    fn next_id(&mut self) -> u64 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }
}
