//! What is known of the peer when a line arrives.

/// Messages that may wait for the Signature of an AKE. An honest peer sends a few at once; more are unreadable.
pub const MAX_EARLY: usize = 8;

/// What is known of the peer when a line arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Situation {
    /// Whether the peer's row could be read.
    pub store: Store,
    /// A record of the peer died of old age and its keys are gone.
    pub expired: bool,
    /// An AKE with the sender waits for its Signature: the peer may already write in the new session.
    pub awaiting_signature: bool,
    /// How many messages wait for that Signature.
    pub early: usize,
    /// Some device of the peer has a session with us.
    pub peer_has_session: bool,
    /// The transport can reach the sending device alone, by its full address.
    pub sender_reachable_alone: bool,
    /// An error reply went out since the session changed last, or since the start if there is none.
    pub error_reply_spent: bool,
}

/// The state of the peer's row in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Store {
    /// It was read, or there was none.
    #[default]
    Open,
    /// The store waits for its passphrase: nothing can be read or committed.
    Locked,
    /// The row is there but cannot be unsealed: its keys are lost.
    Unsealable,
}

impl Situation {
    /// Whether a message that nobody can read may wait for an AKE.
    #[must_use]
    pub const fn may_wait(&self) -> bool {
        self.awaiting_signature && self.early < MAX_EARLY
    }
}
