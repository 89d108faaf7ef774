//! The socialist millionaires' protocol (protocol section "Socialist Millionaires' Protocol"): do both
//! users know the same secret?
//!
//! Alice, who starts, and Bob each hash what their user typed together with both fingerprints and the
//! ssid of the session. Four messages later each knows whether the two hashes are equal and nothing else
//! about the other's.
//!
//! ```text
//!           Alice                      Bob
//! start     g2a g3a        -- 1 -->    asks his user
//!           Expect2                    Asked
//!                          <-- 2 --    g2b g3b Pb Qb       respond
//!                                      Expect3
//!           Pa Qa Ra       -- 3 -->    result
//!           Expect4        <-- 4 --    Rb
//!           result
//! ```
//!
//! Every value carries a proof that it was made as the protocol says (`proof`); the arithmetic of a step
//! stands in `step`, the order of steps in [`Smp`]. A session owns one [`Smp`], and only while it is
//! encrypted.

mod base;
mod error;
mod event;
mod message;
mod proof;
mod secret;
mod state;
mod step;
mod value;

#[cfg(test)]
mod tests;

use core::fmt;

use rand_core::CryptoRng;

use base::Kept;
pub use error::{SmpError, SmpFault};
pub use event::{SmpEvent, SmpOutcome};
pub use message::{Message1, Message2, Message3, Message4, SmpKind, SmpMessage};
pub use proof::{EqualLogs, KnowsCoordinates, KnowsLog};
pub use secret::SmpContext;
pub use state::{Asked, Expect2, Expect3, Expect4, SmpExponent, SmpState};
pub use value::{Challenge, Response};

/// Bytes of a question, at most. The field that carries it ends at 65535 bytes together with message 1.
pub const MAX_QUESTION_LEN: usize = 16 << 10;

/// What [`Smp::start`] sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Ends the run that was under way, if one was. Goes out first and in a data message of its own: libotr
    /// would read message 1 before the abort if both came in one.
    pub abort: Option<SmpMessage>,
    /// Message 1.
    pub message: SmpMessage,
}

/// The SMP of one encrypted session.
///
/// The text and libotr differ where a run goes wrong; here the text holds. An unexpected message and a
/// failed check end the run and are answered with an abort, where libotr sends nothing; a restart by the user
/// sends an abort before message 1. As in libotr, a second message 1 replaces the one that the user has not
/// answered yet.
///
/// The ssid goes into the secrets, so a run does not outlive the AKE: [`abort`](Smp::abort) it when a new
/// one completes, [`reset`](Smp::reset) it when the session ends.
///
/// ```
/// use otr_core::smp::{Smp, SmpContext, SmpEvent};
/// # use rand_chacha::rand_core::SeedableRng;
/// # let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
/// let (alice_print, bob_print, ssid) = ([0xa; 20], [0xb; 20], [1; 8]);
/// let at_alice = SmpContext { ours: &alice_print, theirs: &bob_print, ssid: &ssid };
/// let at_bob = SmpContext { ours: &bob_print, theirs: &alice_print, ssid: &ssid };
/// let (mut alice, mut bob) = (Smp::default(), Smp::default());
///
/// let one = alice.start(b"pancakes", Some(b"breakfast?"), at_alice, &mut rng)?.message;
/// let asked = bob.handle(one, &mut rng);
/// assert_eq!(asked.event, SmpEvent::AskAnswer { question: b"breakfast?".to_vec() });
/// let two = bob.respond(b"pancakes", at_bob, &mut rng)?;
/// let three = alice.handle(two, &mut rng).reply.expect("message 3");
/// let four = bob.handle(three, &mut rng).reply.expect("message 4");
/// assert_eq!(alice.handle(four, &mut rng).trust, Some(true));
/// # Ok::<(), otr_core::smp::SmpError>(())
/// ```
/// From the first message of the peer to the last a run holds tables of 48 KiB, which are not stored.
#[derive(Default)]
pub struct Smp {
    state: SmpState,
    kept: Kept,
}

/// A copy makes its tables anew.
#[cfg(feature = "copies")]
impl Clone for Smp {
    fn clone(&self) -> Self {
        Self::restore(self.snapshot())
    }
}

impl Smp {
    /// Whether a run is under way, the user's answer outstanding included.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        !matches!(self.state, SmpState::Idle)
    }

    /// Whether [`respond`](Smp::respond) is what comes next.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        matches!(self.state, SmpState::Asked(_))
    }

    /// The complete state, for a store. It holds secrets.
    #[must_use]
    pub fn snapshot(&self) -> SmpState {
        self.state.clone()
    }

    /// Continues where [`snapshot`](Smp::snapshot) was taken.
    #[must_use]
    pub const fn restore(state: SmpState) -> Self {
        Self { state, kept: Kept::Nothing }
    }

    /// The user starts a run with `secret`, of which only a hash is kept. Draws a2, a3, r2, r3 (192 bytes
    /// each).
    ///
    /// # Errors
    /// [`SmpError::QuestionLength`], [`SmpError::QuestionNul`], [`SmpError::Random`]; nothing has changed then.
    pub fn start(
        &mut self,
        secret: &[u8],
        question: Option<&[u8]>,
        context: SmpContext<'_>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Started, SmpError> {
        if let Some(question) = question {
            check_question(question)?;
        }
        let (run, body) = step::start(context.as_initiator(secret), rng)?;
        let abort = self.is_running().then_some(SmpMessage::Abort);
        *self = Self::restore(SmpState::Expect2(Box::new(run)));
        let question = question.map(<[u8]>::to_vec);
        Ok(Started { abort, message: SmpMessage::One { question, body: Box::new(body) } })
    }

    /// The user answers with `secret`, of which only a hash is kept. Draws r2, r3, r4, r5, r6 (192 bytes each)
    /// and makes message 2.
    ///
    /// # Errors
    /// [`SmpError::NotAsked`], [`SmpError::Random`]; nothing has changed then.
    pub fn respond(
        &mut self,
        secret: &[u8],
        context: SmpContext<'_>,
        rng: &mut dyn CryptoRng,
    ) -> Result<SmpMessage, SmpError> {
        let SmpState::Asked(asked) = &self.state else { return Err(SmpError::NotAsked) };
        let generators = core::mem::take(&mut self.kept).generators(|| asked.generators());
        let (run, body) = asked.answer(&generators, context.as_responder(secret), rng)?;
        *self = Self { state: SmpState::Expect3(Box::new(run)), kept: Kept::Generators(generators) };
        Ok(SmpMessage::Two(Box::new(body)))
    }

    /// The user ends the run. The abort is sent even if none was under way, because the peer's view may differ.
    pub fn abort(&mut self) -> SmpMessage {
        *self = Self::default();
        SmpMessage::Abort
    }

    /// The session ends: forgets everything without a message. Tells whether a run was lost.
    pub fn reset(&mut self) -> bool {
        let was_running = self.is_running();
        *self = Self::default();
        was_running
    }

    /// Reads and handles a TLV of an accepted data message; `None` if its type is none of SMP's. A value that
    /// cannot be read ends the run like a failed proof.
    pub fn handle_tlv(&mut self, tlv_type: u16, value: &[u8], rng: &mut dyn CryptoRng) -> Option<SmpOutcome> {
        let kind = SmpKind::from_tlv_type(tlv_type)?;
        Some(match SmpMessage::decode(kind, value) {
            Ok(message) => self.handle(message, rng),
            Err(_) if !self.expects(kind) => {
                *self = Self::default();
                SmpOutcome::refuse(SmpFault::Unexpected(kind))
            }
            Err(error) => {
                *self = Self::default();
                SmpOutcome::refuse(SmpFault::Malformed(kind, error))
            }
        })
    }

    /// Whether a message of this kind has its turn.
    const fn expects(&self, kind: SmpKind) -> bool {
        match (&self.state, kind) {
            (SmpState::Idle | SmpState::Asked(_), SmpKind::One | SmpKind::OneWithQuestion)
            | (SmpState::Expect2(_), SmpKind::Two)
            | (SmpState::Expect3(_), SmpKind::Three)
            | (SmpState::Expect4(_), SmpKind::Four)
            | (_, SmpKind::Abort) => true,
            (
                SmpState::Idle
                | SmpState::Asked(_)
                | SmpState::Expect2(_)
                | SmpState::Expect3(_)
                | SmpState::Expect4(_),
                SmpKind::One | SmpKind::OneWithQuestion | SmpKind::Two | SmpKind::Three | SmpKind::Four,
            ) => false,
        }
    }

    /// Handles a message of the peer. A fault of the peer ends the run, never the session.
    ///
    /// Draws, 192 bytes each and only after every check has passed: b2, b3 for message 1; r4, r5, r6, r7 for
    /// message 2; r7 for message 3.
    pub fn handle(&mut self, message: SmpMessage, rng: &mut dyn CryptoRng) -> SmpOutcome {
        use SmpState as At;

        let kind = message.kind();
        let kept = core::mem::take(&mut self.kept);
        let result = match (&self.state, message) {
            (At::Idle | At::Asked(_), SmpMessage::One { question, body }) => {
                Asked::receive(&body, question.is_some(), rng).map(|(asked, generators)| {
                    let kept = Kept::Generators(Box::new(generators));
                    (Self { state: At::Asked(Box::new(asked)), kept }, SmpOutcome::ask(question))
                })
            }
            (At::Expect2(run), SmpMessage::Two(body)) => run.receive(&body, rng).map(|(run, quotient, reply)| {
                let kept = Kept::Quotient(Box::new(quotient));
                (Self { state: At::Expect4(Box::new(run)), kept }, SmpOutcome::in_progress(reply))
            }),
            (At::Expect3(run), SmpMessage::Three(body)) => run
                .receive(&kept.generators(|| run.generators()), &body, rng)
                .map(|(equal, reply)| (Self::default(), SmpOutcome::responder_done(equal, run.with_question, reply))),
            (At::Expect4(run), SmpMessage::Four(body)) => run
                .receive(&kept.quotient(|| run.quotient()), &body)
                .map(|equal| (Self::default(), SmpOutcome::initiator_done(equal))),
            (At::Idle | At::Asked(_) | At::Expect2(_) | At::Expect3(_) | At::Expect4(_), SmpMessage::Abort) => {
                Ok((Self::default(), SmpOutcome::aborted()))
            }
            (At::Expect2(_) | At::Expect3(_) | At::Expect4(_), SmpMessage::One { .. })
            | (At::Idle | At::Asked(_) | At::Expect3(_) | At::Expect4(_), SmpMessage::Two(_))
            | (At::Idle | At::Asked(_) | At::Expect2(_) | At::Expect4(_), SmpMessage::Three(_))
            | (At::Idle | At::Asked(_) | At::Expect2(_) | At::Expect3(_), SmpMessage::Four(_)) => {
                Err(SmpFault::Unexpected(kind))
            }
        };
        let (next, outcome) = result.unwrap_or_else(|fault| (Self::default(), SmpOutcome::refuse(fault)));
        *self = next;
        outcome
    }
}

impl fmt::Debug for Smp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, kept: _ } = self;
        f.debug_struct("Smp").field("state", state).finish()
    }
}

fn check_question(question: &[u8]) -> Result<(), SmpError> {
    if question.len() > MAX_QUESTION_LEN {
        return Err(SmpError::QuestionLength(question.len()));
    }
    if question.contains(&0) {
        return Err(SmpError::QuestionNul);
    }
    Ok(())
}
