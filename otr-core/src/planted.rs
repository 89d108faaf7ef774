//! Faults that can be planted on purpose, each at one place, to see that the simulator finds them.
//!
//! Without the feature `planted-faults` [`planted`] is the constant `false` and nothing of this is compiled in.

/// A fault and where it is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The record that is stored does not count the newest use of a key.
    CounterNotCommitted,
    /// The authenticator of a data message is not looked at.
    MacSkipped,
    /// A key encrypts one message more than the threshold allows.
    ThresholdOffByOne,
    /// What the application must not miss is handed over and not stored.
    InboxNotCommitted,
    /// A retired data key is not overwritten.
    OldDataKeyKept,
    /// A pair is retained, and its MAC key revealed at the same time.
    RevealedTooEarly,
    /// A text goes to whatever key is there.
    AnyFingerprint,
    /// A text leaves in clear when the private conversation has no session.
    ClearAfterPrivate,
    /// A text that was sent again is shown again.
    ShownTwice,
    /// Lines and events leave before the commit that they stand behind.
    EffectBeforeCommit,
    /// A ratchet that comes out of the store goes on where the row says.
    NoLeap,
    /// A row in doubt is continued like any other.
    QuarantineIgnored,
    /// Automatic messages are answered automatically.
    AutomaticAnswered,
    /// A text counts as read with any acknowledgement of its session.
    AcknowledgedUnread,
    /// What was under way goes out in a new session without proof that the peer is the old one.
    ContinuityNotProven,
    /// The commit does not hold a line that was sent again by nobody's order.
    LineNotCommitted,
    /// A message of a retained pair ends the session.
    RetainedEndsSession,
    /// A text that cannot leave now is dropped.
    QueuedDropped,
    /// At the threshold nobody starts a new exchange.
    NoRekey,
    /// A commit that retires a secret keeps the data key.
    NothingRetired,
}

/// Whether a fault is planted now.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
#[must_use]
pub const fn planted(_: Fault) -> bool {
    false
}

#[cfg(feature = "planted-faults")]
pub use switch::{plant, planted};

#[cfg(feature = "planted-faults")]
mod switch {
    use core::cell::Cell;

    use super::Fault;

    thread_local! {
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Whether a fault is planted now, on this thread.
    #[must_use]
    pub fn planted(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }

    /// Plants a fault on this thread in place of any other; `None` takes it away.
    pub fn plant(fault: Option<Fault>) {
        PLANTED.set(fault);
    }
}
