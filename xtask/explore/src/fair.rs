//! Liveness: from a state on, the network is fair, both are there, nobody dies. What waits leaves and arrives in
//! bounded time; whatever is under way arrives once the two go on talking, or the sender is told that nobody knows.

use core::time::Duration;
use std::collections::VecDeque;

use otr_core::Timestamp;
use simulate::invariants::{Check, Violation, Whereabouts, acknowledged_was_committed, ensure};

use crate::end::End;
use crate::ends::Ends;
use crate::scope::Frame;
use crate::step::{Also, Input, Line, Outcome, step};
use crate::whole::Whole;

/// In so much time everything that waits has left and arrived.
pub const BOUND: Duration = Duration::from_secs(600);
/// After so much more both have written and read, round by round, at most: the back-off of repetitions is inside.
pub const ROUNDS: u32 = 8;
const ROUND: Duration = Duration::from_secs(130);
/// Inputs without time passing, at most: more is a loop.
const MOST: usize = 2000;

/// Two ends and what is under way to each, from now on without a choice.
struct Course<'a> {
    frame: &'a Frame,
    ends: [End; 2],
    wires: [VecDeque<Line>; 2],
    turns: u64,
}

/// Lets a state run on. What is held is `lost`, or arrives first. How many inputs that took.
pub(crate) fn run(ends: &Ends, whole: &Whole, lost: bool) -> Result<u64, Violation> {
    let end = |side: usize| whole.ends.get(side).and_then(|id| ends.end(*id)).cloned();
    let (Some(first), Some(second)) = (end(0), end(1)) else { return Ok(0) };
    let wire = |side: usize| -> VecDeque<Line> {
        let held = whole.held.get(side).filter(|_| !lost);
        let lines = held.into_iter().chain(whole.wires.get(side)).flatten();
        lines.filter_map(|id| ends.line(*id)).cloned().collect()
    };
    let mut course = Course { frame: &ends.frame, ends: [first, second], wires: [wire(0), wire(1)], turns: 0 };
    course.run()?;
    Ok(course.turns)
}

impl<'a> Course<'a> {
    /// Two who have nothing on the wires.
    fn of(frame: &'a Frame, ends: [End; 2]) -> Self {
        Self { frame, ends, wires: Default::default(), turns: 0 }
    }

    fn run(&mut self) -> Check {
        self.meet()?;
        self.pass(BOUND / 2)?;
        self.users_begin_anew()?;
        self.pass(BOUND / 2)?;
        for side in [0, 1] {
            let queued = self.ends[side].queued();
            ensure(15, queued == 0, || format!("{queued} texts of end {side} still wait after {BOUND:?}"))?;
        }
        for _ in 0..ROUNDS {
            if self.missing().is_none() {
                return Ok(());
            }
            for side in [0, 1] {
                self.give(side, &Input::Send)?;
                self.pass(Duration::from_secs(1))?;
            }
            self.pass(ROUND)?;
        }
        match self.missing() {
            None => Ok(()),
            Some(id) => Err(Violation::new(15, format!("the text {id} never arrives"))),
        }
    }

    /// Both run, both are there, their clocks agree.
    fn meet(&mut self) -> Check {
        let now = self.now();
        for side in [0, 1] {
            self.ends[side].clock = now;
            for input in [Input::Restore, Input::CaughtUp, Input::Presence(true)] {
                self.give(side, &input)?;
            }
        }
        Ok(())
    }

    /// Where nothing was ever private an offer may be lost, and only the user makes another one.
    fn users_begin_anew(&mut self) -> Check {
        for side in [0, 1] {
            let end = &self.ends[side];
            let plain = |end: &End| {
                let privacy = end.engine.as_ref().map(|engine| engine.view().privacy);
                privacy == Some(o2tr::conversation::Privacy::Plaintext)
            };
            if end.queued() > 0 && plain(end) {
                self.give(side, &Input::Start)?;
            }
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.ends[0].clock.max(self.ends[1].clock)
    }

    fn give(&mut self, side: usize, input: &Input<'_>) -> Check {
        self.turns += 1;
        let Some(turn) = step(self.frame, &self.ends[side], input, Also::Nothing)? else { return Ok(()) };
        let Outcome { end, lines, claims } = turn.done;
        self.ends[side] = end;
        self.wires[1 - side].extend(lines);
        claims
            .iter()
            .try_for_each(|text| acknowledged_was_committed(self.ends[1 - side].watch.committed.contains(text), text))
    }

    /// Time passes for both; lines arrive at once, deadlines are kept.
    fn pass(&mut self, span: Duration) -> Check {
        let until = self.now().after(span);
        for _ in 0..MOST {
            let mut moved = false;
            for side in [0, 1] {
                if let Some(line) = self.wires[side].pop_front() {
                    moved = true;
                    self.give(side, &Input::Deliver(&line, false))?;
                }
            }
            if moved {
                continue;
            }
            let now = self.now();
            let due = |end: &End| end.due().map(|due| if due > now { due } else { now.after(Duration::from_secs(1)) });
            let next = [0, 1].into_iter().filter_map(|side| Some((due(&self.ends[side])?, side))).min();
            let Some((at, side)) = next.filter(|(at, _)| *at <= until) else {
                self.ends.iter_mut().for_each(|end| end.clock = until);
                return Ok(());
            };
            // The deadline of the other one is no earlier.
            self.ends.iter_mut().for_each(|end| end.clock = now);
            self.give(side, &Input::Tick)?;
            self.ends.iter_mut().for_each(|end| end.clock = at);
        }
        Err(Violation::new(15, format!("{MOST} inputs, and the two do not come to rest")))
    }

    /// A text that was neither shown to the peer nor given up with a word.
    fn missing(&self) -> Option<String> {
        [0, 1].into_iter().find_map(|side| {
            let (end, peer) = (&self.ends[side], &self.ends[1 - side]);
            let known = |id: &str| {
                let fate = end.watch.fate(id);
                end.watch.is_unheard(id)
                    || matches!(
                        fate,
                        Some(Whereabouts::Acknowledged | Whereabouts::Unconfirmed | Whereabouts::Cancelled)
                    )
            };
            let arrived = |text: &String| peer.shown.contains(text);
            end.watch.texts.iter().find(|(id, text)| !known(id) && !arrived(text)).map(|(id, _)| id.clone())
        })
    }
}

/// The two at the beginning of a search.
pub(crate) fn beginning(frame: &Frame, begin: crate::Begin) -> Result<[End; 2], Violation> {
    let mut course = Course::of(frame, [End::new(0, frame), End::new(1, frame)]);
    if begin == crate::Begin::Fresh {
        return Ok(course.ends);
    }
    course.give(0, &Input::CaughtUp)?;
    course.give(1, &Input::CaughtUp)?;
    course.give(0, &Input::Start)?;
    for side in [0, 1] {
        course.give(side, &Input::Send)?;
        course.pass(Duration::from_secs(1))?;
    }
    if begin == crate::Begin::Restored {
        for side in [0, 1] {
            course.give(side, &Input::Crash)?;
            course.give(side, &Input::Restore)?;
        }
        // What they say on being started has arrived.
        course.pass(Duration::from_millis(1))?;
    }
    Ok(course.ends)
}
