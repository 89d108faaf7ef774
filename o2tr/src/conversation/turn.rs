//! One turn: one input, one mutation, then one commit and what stands behind it.

use otr_core::planted::{Fault, planted};
use otr_core::{SessionId, Timestamp};
use rand_core::CryptoRng;

use super::{Commit, Conversation, Event, Output, Transmission};

/// What the present turn has brought about.
#[derive(Debug, Default)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub(super) struct Turn {
    /// The record has changed.
    dirty: bool,
    /// The record has lost a secret.
    retires: bool,
    lifts_quarantine: bool,
    effects: Vec<Effect>,
    /// What the OTR layer said while we were busy with something else.
    pub(super) deferred: Vec<otr_core::Output>,
    /// Sessions in which something was read.
    pub(super) read_in: Vec<SessionId>,
    /// A text was among it.
    pub(super) visible: bool,
    /// Sessions that have just begun by a Signature of the peer.
    pub(super) greet: Vec<SessionId>,
    /// Sessions whose peer wants a fresh key.
    pub(super) answer_refresh: Vec<SessionId>,
}

#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
enum Effect {
    Transmit(u64),
    Event(Box<Event>),
}

/// An output that waits for its turn.
#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub(super) enum Queued {
    Commit(WaitingCommit),
    Transmit(Transmission),
    Event(Box<Event>),
}

/// A commit without its record.
#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub(super) struct WaitingCommit {
    expected: u64,
    retires_secret: bool,
    lifts_quarantine: bool,
}

impl Conversation {
    /// The next output; `None` when all is done or while a commit is with the store.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.commit_open || self.poisoned {
            return None;
        }
        loop {
            return match self.outputs.pop_front()? {
                Queued::Commit(waiting) => self.commit_now(waiting),
                // A later turn may have done away with a line that waited here: then it must not leave any more.
                Queued::Transmit(line) if !self.lines.iter().any(|known| known.id == line.id) => continue,
                Queued::Transmit(line) => Some(Output::Transmit(line)),
                Queued::Event(event) => Some(Output::Event(*event)),
            };
        }
    }

    /// The record as it is now: also what later turns have changed is in it, and need not be written again.
    fn commit_now(&mut self, waiting: WaitingCommit) -> Option<Output> {
        // Caps keep every record far below the limit of its codec; if one does not fit all the same, nothing may
        // leave.
        let Ok(record) = self.encode() else {
            self.commit_failed();
            return None;
        };
        self.commit_open = true;
        let WaitingCommit { expected, retires_secret, lifts_quarantine } = waiting;
        Some(Output::Commit(Commit { expected, record, retires_secret, lifts_quarantine }))
    }

    /// The commit that was polled last is durable: what stands behind it may go.
    pub fn commit_done(&mut self) {
        self.commit_open = false;
    }

    /// The commit that was polled last failed, or nobody knows. Nothing more comes out: drop the conversation and
    /// load it again.
    pub fn commit_failed(&mut self) {
        self.poisoned = true;
        self.outputs.clear();
    }

    /// Whether a commit has failed.
    #[must_use]
    pub const fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Whether the driver has nothing to do.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.outputs.is_empty() && !self.commit_open
    }

    /// The record has changed.
    pub(super) fn touch(&mut self) {
        self.turn.dirty = true;
    }

    /// The record has changed and no longer holds a secret that it held.
    pub(super) fn touch_and_retire(&mut self) {
        self.turn.dirty = true;
        self.turn.retires = true;
    }

    pub(super) fn lift_quarantine(&mut self) {
        self.quarantined = false;
        self.turn.lifts_quarantine = true;
        self.touch();
    }

    pub(super) fn emit(&mut self, event: Event) {
        if matches!(event, Event::Paused { .. }) {
            self.timers.paused = true;
        }
        self.turn.effects.push(Effect::Event(Box::new(event)));
    }

    pub(super) fn transmit_line(&mut self, id: u64) {
        self.turn.effects.push(Effect::Transmit(id));
    }

    /// Ends a turn: does what follows from the input, then queues the commit and, behind it, the effects.
    pub(super) fn finish_turn(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        self.absorb(now, rng);
        self.flush(now, rng);
        self.greet(now);
        if self.take_early(now, rng) {
            self.flush(now, rng);
        }
        self.answer_readings(now);
        self.set_timers(now, rng);
        self.queue_outputs();
    }

    /// A commit that nobody has taken yet serves this turn too: its record is made when it is taken and then holds
    /// all that the effects behind it need. So turns that follow each other without a pause cost one commit.
    fn queue_commit(&mut self, retires_secret: bool, lifts_quarantine: bool) {
        let waiting = self.outputs.iter_mut().find_map(|output| match output {
            Queued::Commit(waiting) => Some(waiting),
            Queued::Transmit(_) | Queued::Event(_) => None,
        });
        if let Some(waiting) = waiting {
            waiting.retires_secret |= retires_secret;
            waiting.lifts_quarantine |= lifts_quarantine;
        } else {
            let expected = self.generation;
            self.generation += 1;
            self.outputs.push_back(Queued::Commit(WaitingCommit { expected, retires_secret, lifts_quarantine }));
        }
    }

    pub(super) fn queue_outputs(&mut self) {
        let Turn { dirty, retires, lifts_quarantine, effects, .. } = core::mem::take(&mut self.turn);
        let before = self.outputs.len();
        if dirty {
            self.queue_commit(retires, lifts_quarantine);
        }
        for effect in effects {
            let output = match effect {
                Effect::Event(event) => Queued::Event(event),
                Effect::Transmit(id) => match self.lines.iter().find(|line| line.id == id) {
                    Some(line) => Queued::Transmit(Transmission { id, line: line.bytes.clone(), route: line.route }),
                    None => continue,
                },
            };
            self.outputs.push_back(output);
        }
        if planted(Fault::EffectBeforeCommit)
            && dirty
            && let Some(commit) = self.outputs.remove(before)
        {
            self.outputs.push_back(commit);
        }
    }
}
