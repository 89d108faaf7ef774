//! Where a run stands, and exactly the values that the rest of it needs.
//!
//! The state is public and complete: what [`Smp::snapshot`](super::Smp::snapshot) gives can be stored and
//! continued. With feature `serde` it is serialised field by field, exponents at their full 192 bytes.

use core::fmt;

use crate::SecretBytes;
use crate::group::{ELEMENT_LEN, GroupElement, SMP_EXPONENT_LEN};

/// A secret exponent: 1536 random bits, used as drawn.
pub type SmpExponent = SecretBytes<SMP_EXPONENT_LEN>;

/// The state of SMP in a session. Secret values are wiped on drop and not shown by `Debug`.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SmpState {
    /// No run is under way. EXPECT1 in the text.
    #[default]
    Idle,
    /// Message 1 was received; the user has not answered. Still EXPECT1 in the text.
    Asked(Box<Asked>),
    /// We started and sent message 1. EXPECT2.
    Expect2(Box<Expect2>),
    /// We answered with message 2. EXPECT3.
    Expect3(Box<Expect3>),
    /// We sent message 3. EXPECT4.
    Expect4(Box<Expect4>),
}

/// The responder before the user's answer: 961 bytes.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Asked {
    /// Whether message 1 came with a question.
    pub with_question: bool,
    /// b2.
    pub b2: SmpExponent,
    /// b3.
    pub b3: SmpExponent,
    /// g2, known to both sides only.
    pub g2: SecretBytes<ELEMENT_LEN>,
    /// g3, known to both sides only.
    pub g3: SecretBytes<ELEMENT_LEN>,
    /// The peer's g3a.
    pub g3a: GroupElement,
}

/// The initiator after message 1: 416 bytes.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Expect2 {
    /// The hashed secret.
    pub x: SecretBytes<32>,
    /// a2.
    pub a2: SmpExponent,
    /// a3.
    pub a3: SmpExponent,
}

/// The responder after message 2: 1153 bytes.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Expect3 {
    /// Whether message 1 came with a question.
    pub with_question: bool,
    /// b3.
    pub b3: SmpExponent,
    /// g2, known to both sides only.
    pub g2: SecretBytes<ELEMENT_LEN>,
    /// g3, known to both sides only.
    pub g3: SecretBytes<ELEMENT_LEN>,
    /// The peer's g3a.
    pub g3a: GroupElement,
    /// Our Pb.
    pub pb: GroupElement,
    /// Our Qb.
    pub qb: GroupElement,
}

/// The initiator after message 3: 768 bytes.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Expect4 {
    /// a3.
    pub a3: SmpExponent,
    /// The peer's g3b.
    pub g3b: GroupElement,
    /// Pa/Pb.
    pub pa_over_pb: GroupElement,
    /// Qa/Qb.
    pub qa_over_qb: GroupElement,
}

// Each `Debug` names every field, so that a new one asks whether it may be shown.

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { with_question, b2: _, b3: _, g2: _, g3: _, g3a: _ } = self;
        f.debug_struct("Asked").field("with_question", with_question).finish_non_exhaustive()
    }
}

impl fmt::Debug for Expect2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { x: _, a2: _, a3: _ } = self;
        f.debug_struct("Expect2").finish_non_exhaustive()
    }
}

impl fmt::Debug for Expect3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { with_question, b3: _, g2: _, g3: _, g3a: _, pb: _, qb: _ } = self;
        f.debug_struct("Expect3").field("with_question", with_question).finish_non_exhaustive()
    }
}

impl fmt::Debug for Expect4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { a3: _, g3b: _, pa_over_pb: _, qa_over_qb: _ } = self;
        f.debug_struct("Expect4").finish_non_exhaustive()
    }
}
