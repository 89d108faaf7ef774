//! Many seeds, one after the other or side by side.

use core::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::plan::{Plan, Theme, generate};
use crate::run::{Failure, run};

/// Which seeds, for how long, on how many threads.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The first seed.
    pub first: u64,
    /// How many; with a time limit that many at most.
    pub seeds: u64,
    /// No seed is begun later than this.
    pub limit: Option<Duration>,
    /// Threads.
    pub jobs: usize,
    /// Actions of each plan, besides the passing of time.
    pub length: usize,
    /// Only seeds of these themes; of all if there are none.
    pub themes: Vec<Theme>,
}

/// What a campaign did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Seeds that were run.
    pub seeds: u64,
    /// Seeds in which something did not hold.
    pub failed: u64,
    /// Inputs and outputs of all engines.
    pub steps: u64,
}

struct Finished {
    steps: u64,
    failure: Option<Box<(Plan, Failure)>>,
}

impl Campaign {
    /// Runs it. `failed` is told of every failure, in the order in which they are found; `progress` after each seed.
    /// Either can end it.
    pub fn run(
        &self,
        mut failed: impl FnMut(Plan, Failure) -> ControlFlow<()>,
        mut progress: impl FnMut(&Tally),
    ) -> Tally {
        let started = Instant::now();
        let next = AtomicU64::new(0);
        let over = AtomicBool::new(false);
        let in_time = || self.limit.is_none_or(|limit| started.elapsed() < limit);
        let (sender, receiver) = mpsc::channel();
        let mut tally = Tally::default();
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                let sender = sender.clone();
                scope.spawn(|| {
                    let sender = sender;
                    while !over.load(Ordering::Relaxed) && in_time() {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.seeds {
                            return;
                        }
                        let seed = self.first.wrapping_add(number);
                        if !self.themes.is_empty() && !self.themes.contains(&Theme::of(seed)) {
                            continue;
                        }
                        if sender.send(one(seed, self.length)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for Finished { steps, failure } in receiver {
                tally.seeds += 1;
                tally.steps += steps;
                if let Some(failure) = failure {
                    tally.failed += 1;
                    let (plan, failure) = *failure;
                    if failed(plan, failure).is_break() {
                        over.store(true, Ordering::Relaxed);
                    }
                }
                progress(&tally);
            }
        });
        tally
    }
}

fn one(seed: u64, length: usize) -> Finished {
    let plan = generate(seed, length);
    let outcome = run(&plan, false);
    Finished { steps: outcome.steps, failure: outcome.failure.map(|failure| Box::new((plan, failure))) }
}
