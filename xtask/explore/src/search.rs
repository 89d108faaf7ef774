//! The search, breadth first.

use core::fmt;
use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

use simulate::invariants::Violation;

use crate::ends::Ends;
use crate::fair;
use crate::scope::Scope;
use crate::trace::{Then, Trace, first};
use crate::whole::{Action, Packed, Whole};

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Actions on a path, at most.
    pub depth: usize,
    /// No longer than this.
    pub time: Option<Duration>,
    /// No more states than this.
    pub states: usize,
    /// And no more states of one end, of which each takes some 20 KiB.
    pub ends: usize,
    /// From every state up to this depth the network is made fair.
    pub fair_depth: usize,
    /// And from every so many-th state beyond; 0: from none.
    pub fair_every: usize,
}

/// What a search has seen.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// States of the whole, all different.
    pub states: usize,
    /// Steps from one state to another, or the same.
    pub transitions: u64,
    /// All states up to this depth are among them, with everything that follows from those before it.
    pub depth: usize,
    /// Nothing more can happen in this scope: the search is complete at every depth.
    pub exhausted: bool,
    /// How many states were new at each depth.
    pub levels: Vec<usize>,
    /// States of one end, all different.
    pub ends: usize,
    /// How often an engine was given an input by the search.
    pub turns: u64,
    /// From how many states the network was made fair.
    pub fair: u64,
    /// How many inputs that took.
    pub fair_turns: u64,
    /// All states up to this depth are among those.
    pub fair_depth: usize,
    /// How long it took.
    pub took: Duration,
    /// What did not hold, and how that came about.
    pub failure: Option<(Violation, Trace)>,
}

impl Report {
    /// Of a hundred transitions, how many led to a state that was known.
    #[must_use]
    pub fn known(&self) -> f64 {
        let new = self.states.saturating_sub(1) as f64;
        if self.transitions == 0 { 0.0 } else { 100.0 * (1.0 - new / self.transitions as f64) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        let complete = if self.exhausted { ", nothing is left" } else { "" };
        write!(
            f,
            "{} states, {} transitions ({:.1} % to known states), depth {}{complete}; {} ends, {} turns of engines; \
             fair from {} states (all to depth {}), {} turns; {seconds:.1} s, {:.0} states/s",
            self.states,
            self.transitions,
            self.known(),
            self.depth,
            self.ends,
            self.turns,
            self.fair,
            self.fair_depth,
            self.fair_turns,
            self.states as f64 / seconds.max(0.001),
        )
    }
}

struct Search<'a> {
    scope: &'a Scope,
    limits: &'a Limits,
    ends: Ends,
    known: HashMap<Packed, u32>,
    /// How each state was reached first.
    came_from: Vec<Option<(u32, Action)>>,
    /// From what the network was made fair already; what may still happen makes no difference to that.
    fair: HashSet<Packed>,
    report: Report,
    started: Instant,
}

/// Searches a scope. `progress` is told after each depth.
#[must_use]
pub fn search(scope: &Scope, limits: &Limits, mut progress: impl FnMut(&Report)) -> Report {
    let started = Instant::now();
    let (ends, whole) = match first(scope) {
        Ok(first) => first,
        Err(violation) => {
            let trace = Trace { scope: scope.clone(), actions: Vec::new(), then: Then::Nothing };
            return Report { failure: Some((violation, trace)), ..Report::default() };
        }
    };
    let mut search = Search {
        scope,
        limits,
        ends,
        known: HashMap::new(),
        came_from: Vec::new(),
        fair: HashSet::new(),
        report: Report::default(),
        started,
    };
    let failure = search.run(&whole, &mut progress).err();
    search.report.failure = failure.map(|failure| *failure);
    search.count();
    search.report
}

type Failure = Box<(Violation, Trace)>;

impl Search<'_> {
    fn run(&mut self, whole: &Whole, progress: &mut impl FnMut(&Report)) -> Result<(), Failure> {
        let packed = whole.pack();
        self.known.insert(packed.clone(), 0);
        self.came_from.push(None);
        self.report.states = 1;
        self.report.levels.push(1);
        self.make_fair(0, whole, 0)?;
        let mut frontier = vec![(0, packed)];
        for depth in 1..=self.limits.depth {
            let mut next = Vec::new();
            for (number, packed) in &frontier {
                if self.is_over() {
                    return Ok(());
                }
                self.expand(*number, packed, depth, &mut next)?;
            }
            self.report.exhausted = next.is_empty();
            if self.report.exhausted {
                return Ok(());
            }
            self.report.depth = depth;
            self.report.levels.push(next.len());
            frontier = next;
            self.count();
            progress(&self.report);
        }
        Ok(())
    }

    fn expand(
        &mut self,
        number: u32,
        packed: &Packed,
        depth: usize,
        next: &mut Vec<(u32, Packed)>,
    ) -> Result<(), Failure> {
        let Some(whole) = Whole::unpack(packed) else { return Ok(()) };
        for (side, what) in whole.choices(&self.ends) {
            let followers = whole.follow(&mut self.ends, (side, what), true).map_err(|violation| {
                let action = Action { side, what, dies: 0 };
                self.failure(violation, number, Some(action), Then::Nothing)
            })?;
            for (dies, whole) in followers {
                self.report.transitions += 1;
                let packed = whole.pack();
                if self.known.contains_key(&packed) {
                    continue;
                }
                let new = u32::try_from(self.came_from.len()).unwrap_or(u32::MAX);
                self.known.insert(packed.clone(), new);
                self.came_from.push(Some((number, Action { side, what, dies })));
                self.report.states += 1;
                self.make_fair(new, &whole, depth)?;
                next.push((new, packed));
            }
        }
        Ok(())
    }

    /// Whether everything arrives from here, if it is its turn to be tried.
    fn make_fair(&mut self, number: u32, whole: &Whole, depth: usize) -> Result<(), Failure> {
        let sampled = (number as usize).checked_rem(self.limits.fair_every) == Some(0);
        if depth > self.limits.fair_depth && !sampled {
            return Ok(());
        }
        let left = crate::Budget { texts: 0, starts: 0, timers: 0, faults: 0, crashes: 0 };
        if !self.fair.insert(Whole { left, ..whole.clone() }.pack()) {
            return Ok(());
        }
        self.report.fair += 1;
        let any_held = whole.held.iter().any(|held| !held.is_empty());
        for lost in [false, true] {
            if lost && !any_held {
                break;
            }
            match fair::run(&self.ends, whole, lost) {
                Ok(turns) => self.report.fair_turns += turns,
                Err(violation) => {
                    let then = if lost { Then::FairAndHeldIsLost } else { Then::Fair };
                    return Err(self.failure(violation, number, None, then));
                }
            }
        }
        Ok(())
    }

    fn failure(&self, violation: Violation, mut number: u32, last: Option<Action>, then: Then) -> Failure {
        let mut actions: Vec<_> = last.into_iter().collect();
        while let Some(Some((before, action))) = self.came_from.get(number as usize) {
            actions.push(*action);
            number = *before;
        }
        actions.reverse();
        Box::new((violation, Trace { scope: self.scope.clone(), actions, then }))
    }

    fn is_over(&self) -> bool {
        self.report.states >= self.limits.states
            || self.ends.len() >= self.limits.ends
            || self.limits.time.is_some_and(|limit| self.started.elapsed() >= limit)
    }

    fn count(&mut self) {
        self.report.ends = self.ends.len();
        self.report.turns = self.ends.turns;
        self.report.fair_depth = self.limits.fair_depth.min(self.report.depth);
        self.report.took = self.started.elapsed();
    }
}
