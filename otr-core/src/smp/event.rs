//! What a handled message leads to.

use core::fmt;

use super::{Message3, Message4, SmpFault, SmpMessage};

/// What the user is told. Names and percentages are libotr's.
#[derive(Clone, PartialEq, Eq)]
pub enum SmpEvent {
    /// The peer has started without a question: ask the user for the shared secret.
    AskSecret,
    /// The peer has started with a question: ask the user for the answer.
    AskAnswer {
        /// The peer's question, usually UTF-8, without a zero byte.
        question: Vec<u8>,
    },
    /// The peer has answered; the result is one message away.
    InProgress,
    /// Both secrets are equal.
    Success,
    /// The secrets differ.
    Failure,
    /// The peer has ended the run, or says so though none was under way.
    Aborted,
    /// A message failed its checks. The run has ended.
    Cheated(SmpFault),
    /// A message came out of turn, or we could not go on. The run has ended.
    Error(SmpFault),
}

impl SmpEvent {
    /// How far the run is: 25, 60 or 100; 0 when it was broken off.
    #[must_use]
    pub const fn percent(&self) -> u8 {
        match self {
            Self::AskSecret | Self::AskAnswer { .. } => 25,
            Self::InProgress => 60,
            Self::Success | Self::Failure => 100,
            Self::Aborted | Self::Cheated(_) | Self::Error(_) => 0,
        }
    }
}

impl From<SmpFault> for SmpEvent {
    fn from(fault: SmpFault) -> Self {
        match fault {
            SmpFault::Unexpected(_) | SmpFault::Random => Self::Error(fault),
            SmpFault::Malformed(..) | SmpFault::Proof(_) | SmpFault::Quotient(_) => Self::Cheated(fault),
        }
    }
}

/// Shows the length of a question, not its text.
impl fmt::Debug for SmpEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AskSecret => f.write_str("AskSecret"),
            Self::AskAnswer { question } => write!(f, "AskAnswer({} bytes)", question.len()),
            Self::InProgress => f.write_str("InProgress"),
            Self::Success => f.write_str("Success"),
            Self::Failure => f.write_str("Failure"),
            Self::Aborted => f.write_str("Aborted"),
            Self::Cheated(fault) => f.debug_tuple("Cheated").field(fault).finish(),
            Self::Error(fault) => f.debug_tuple("Error").field(fault).finish(),
        }
    }
}

/// What [`Smp::handle`](super::Smp::handle) gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct SmpOutcome {
    /// Goes to the peer.
    pub reply: Option<SmpMessage>,
    /// Goes to the user.
    pub event: SmpEvent,
    /// The new trust in the peer's fingerprint, if this result says something about it. The result of a run
    /// that the peer started with a question does not: only the peer knows what the answer is worth.
    pub trust: Option<bool>,
}

impl SmpOutcome {
    pub(super) fn ask(question: Option<Vec<u8>>) -> Self {
        let event = question.map_or(SmpEvent::AskSecret, |question| SmpEvent::AskAnswer { question });
        Self { reply: None, event, trust: None }
    }

    pub(super) fn in_progress(reply: Message3) -> Self {
        Self { reply: Some(SmpMessage::Three(Box::new(reply))), event: SmpEvent::InProgress, trust: None }
    }

    pub(super) fn responder_done(equal: bool, with_question: bool, reply: Message4) -> Self {
        let trust = (!with_question).then_some(equal);
        Self { reply: Some(SmpMessage::Four(Box::new(reply))), event: result(equal), trust }
    }

    pub(super) const fn initiator_done(equal: bool) -> Self {
        Self { reply: None, event: result(equal), trust: Some(equal) }
    }

    pub(super) const fn aborted() -> Self {
        Self { reply: None, event: SmpEvent::Aborted, trust: None }
    }

    /// Whatever the fault, the peer sees the same abort.
    pub(super) fn refuse(fault: SmpFault) -> Self {
        Self { reply: Some(SmpMessage::Abort), event: fault.into(), trust: None }
    }
}

const fn result(equal: bool) -> SmpEvent {
    if equal { SmpEvent::Success } else { SmpEvent::Failure }
}
