//! What may follow from a verdict, as far as anybody outside can notice it.

use crate::{Line, Situation, Verdict};

/// What a verdict allows. The engine may do less, never more.
///
/// [`Verdict::Forged`] and [`Verdict::Unreadable`] give the same action in every situation: whoever makes up messages
/// does not learn which keys are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Action {
    /// When the transport may forget the line.
    pub acknowledge: Acknowledge,
    /// The application is told something besides a text.
    pub event: bool,
    /// Whether an error message may answer it.
    pub error_reply: ErrorReply,
    /// The line may go to the AKE's state machine without asking the user. A text beside a tag is shown either way.
    pub proceed: bool,
    /// An AKE is due, at the rate that the engine allows.
    pub ake: bool,
    /// After the batch, the session is to be refreshed.
    pub refresh: bool,
}

/// When the transport may forget a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acknowledge {
    /// Now: there is nothing to keep.
    Now,
    /// After the commit of what follows from it.
    AfterCommit,
    /// After the line itself was journalled, because it cannot be finished yet.
    AfterJournal,
    /// Not at all: it is wanted again.
    Never,
}

/// Whether an error message may answer a line. It is readable by all, and proves nothing to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorReply {
    /// None.
    Forbidden,
    /// One, to wherever the peer is; then the budget is spent.
    ToPeer,
    /// One, to the full address of the sending device alone, since a session of another device would be disturbed.
    ToSender,
}

impl Action {
    /// What `verdict` on `line` allows.
    #[must_use]
    pub const fn of(verdict: &Verdict, line: &Line, situation: &Situation) -> Self {
        match verdict {
            Verdict::Live { shown_as_offline, .. } => {
                Self { refresh: *shown_as_offline, ..Self::quiet(Acknowledge::AfterCommit) }
            }
            Verdict::Offline { .. } => Self { event: true, refresh: true, ..Self::quiet(Acknowledge::AfterCommit) },
            Verdict::Retained { .. } => Self::quiet(Acknowledge::AfterCommit),
            Verdict::Duplicate { .. } | Verdict::Echo => Self::quiet(Acknowledge::Now),
            Verdict::CloneSuspected { .. } | Verdict::Quarantined { .. } => {
                Self { event: true, ake: true, ..Self::quiet(Acknowledge::AfterCommit) }
            }
            // One arm, so that nobody outside can tell the reasons apart.
            Verdict::Forged
            | Verdict::Unreadable
            | Verdict::Malformed
            | Verdict::Expired { .. }
            | Verdict::Unsealable => Self {
                event: true,
                error_reply: ErrorReply::to(line, situation),
                ..Self::quiet(Acknowledge::AfterCommit)
            },
            Verdict::Locked => Self { event: true, ..Self::quiet(Acknowledge::Never) },
            Verdict::Early => Self::quiet(Acknowledge::AfterJournal),
            Verdict::OtherInstance => Self { event: true, ..Self::quiet(Acknowledge::Now) },
            // Whoever asked long ago may be gone, and a server can repeat what it stored: the user decides.
            Verdict::Initiation => {
                let proceed = !line.evidence.is_late() && !line.evidence.error;
                Self { proceed, event: !proceed, ..Self::quiet(Acknowledge::AfterCommit) }
            }
            Verdict::Continuation => Self { proceed: !line.evidence.error, ..Self::quiet(Acknowledge::AfterCommit) },
            Verdict::Stray => Self::quiet(Acknowledge::Now),
            Verdict::Error => Self { event: true, ..Self::quiet(Acknowledge::AfterCommit) },
            Verdict::Plaintext => Self::quiet(Acknowledge::AfterCommit),
        }
    }

    const fn quiet(acknowledge: Acknowledge) -> Self {
        Self {
            acknowledge,
            event: false,
            error_reply: ErrorReply::Forbidden,
            proceed: false,
            ake: false,
            refresh: false,
        }
    }
}

impl ErrorReply {
    /// The answer to a message that cannot be read.
    const fn to(line: &Line, situation: &Situation) -> Self {
        let evidence = &line.evidence;
        // Another device may have read an archived line or a copy; an error is never answered.
        let pointless = evidence.error || evidence.archived || evidence.carbon.is_some();
        if line.is_ignorable() || pointless || situation.error_reply_spent {
            Self::Forbidden
        } else if !situation.peer_has_session {
            Self::ToPeer
        } else if situation.sender_reachable_alone {
            Self::ToSender
        } else {
            Self::Forbidden
        }
    }
}
