//! What the caller did wrong ([`SmpError`]) and what the peer did wrong ([`SmpFault`]).

use super::{MAX_QUESTION_LEN, SmpKind};
use crate::wire::DecodeError;

/// Why a call of the user's side was refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmpError {
    /// There is nothing to answer: no message 1 is waiting for the user.
    #[error("the peer has asked nothing")]
    NotAsked,
    /// The question is longer than [`MAX_QUESTION_LEN`]; holds its length in bytes.
    #[error("a question of {0} bytes is longer than {MAX_QUESTION_LEN}")]
    QuestionLength(usize),
    /// The question contains a zero byte, which ends it on the wire.
    #[error("the question contains a zero byte")]
    QuestionNul,
    /// The random source gave an exponent of which no message can be made, for example zero.
    #[error("the random source gave an unusable exponent")]
    Random,
}

/// Why a run ended that the peer did not abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmpFault {
    /// A message that does not belong here, for example both sides started at once.
    #[error("SMP message {0} came out of turn")]
    Unexpected(SmpKind),
    /// A message that cannot be read, or with a value that the protocol forbids.
    #[error("SMP message {0}: {1}")]
    Malformed(SmpKind, DecodeError),
    /// A proof does not hold; holds its name in the protocol text.
    #[error("the proof {0} does not hold")]
    Proof(&'static str),
    /// Pa/Pb or Qa/Qb is 1 or -1, which no honest run gives.
    #[error("{0} is degenerate")]
    Quotient(&'static str),
    /// Our random source gave an exponent of which no message can be made.
    #[error("the random source gave an unusable exponent")]
    Random,
}

/// A value of ours came out as one that no peer accepts. Follows from unusable randomness only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unusable;

impl From<Unusable> for SmpError {
    fn from(Unusable: Unusable) -> Self {
        Self::Random
    }
}

impl From<Unusable> for SmpFault {
    fn from(Unusable: Unusable) -> Self {
        Self::Random
    }
}
