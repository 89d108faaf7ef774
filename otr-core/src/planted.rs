//! Faults that can be planted on purpose, each at one place, to see that the simulator finds them.
//!
//! Without the feature `planted-faults` [`planted`] is the constant `false`, and nothing else of this is compiled in.

/// A fault, planted at the one place that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The row that is stored does not count the newest use of a key.
    CounterNotCommitted,
    /// The authenticator of a data message is not looked at.
    MacSkipped,
    /// A counter that was accepted is accepted again.
    ReplayAccepted,
    /// A key encrypts one message more than the threshold allows.
    ThresholdOffByOne,
    /// A pair is retained, and its MAC key is revealed at the same time.
    RevealedTooEarly,
    /// A ratchet that comes out of the store goes on where the row says.
    NoLeap,
    /// What the application must not miss is handed over and not stored.
    InboxNotCommitted,
    /// Lines and events leave before the commit that they stand behind.
    EffectBeforeCommit,
    /// A row in doubt is continued like any other.
    QuarantineIgnored,
    /// A text goes to whatever key is there.
    AnyFingerprint,
    /// A text leaves in clear when the private conversation has no session.
    ClearAfterPrivate,
    /// A text that comes again in another message is shown again.
    ShownTwice,
    /// Automatic messages are answered automatically.
    AutomaticAnswered,
    /// A text counts as read with any acknowledgement of its key.
    AcknowledgedUnread,
    /// What was under way goes out in a new session without proof that the other end is the same.
    ContinuityNotProven,
    /// A message of a retained pair ends its session.
    RetainedEndsSession,
    /// A text that cannot leave now is dropped.
    QueuedDropped,
    /// At the threshold nobody starts a new AKE.
    NoRekey,
    /// A retired data key is not overwritten.
    OldDataKeyKept,
    /// A cell does not learn how old its row may be at least.
    FloorNotRaised,
}

/// Whether faults can be planted in this build.
pub const COMPILED_IN: bool = cfg!(feature = "planted-faults");

/// Whether a fault is planted.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
#[must_use]
pub const fn planted(_: Fault) -> bool {
    false
}

#[cfg(feature = "planted-faults")]
pub use switch::{ALL, plant, planted};

#[cfg(feature = "planted-faults")]
mod switch {
    use core::cell::Cell;

    use super::Fault;

    /// All of them.
    pub const ALL: [Fault; 20] = [
        Fault::CounterNotCommitted,
        Fault::MacSkipped,
        Fault::ReplayAccepted,
        Fault::ThresholdOffByOne,
        Fault::RevealedTooEarly,
        Fault::NoLeap,
        Fault::InboxNotCommitted,
        Fault::EffectBeforeCommit,
        Fault::QuarantineIgnored,
        Fault::AnyFingerprint,
        Fault::ClearAfterPrivate,
        Fault::ShownTwice,
        Fault::AutomaticAnswered,
        Fault::AcknowledgedUnread,
        Fault::ContinuityNotProven,
        Fault::RetainedEndsSession,
        Fault::QueuedDropped,
        Fault::NoRekey,
        Fault::OldDataKeyKept,
        Fault::FloorNotRaised,
    ];

    thread_local! {
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Whether a fault is planted on this thread.
    #[must_use]
    pub fn planted(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }

    /// Plants a fault on this thread in place of any other; `None` takes it away.
    pub fn plant(fault: Option<Fault>) {
        PLANTED.set(fault);
    }
}
