//! Faults planted on purpose: how many seeds does it take to find each?

use otr_core::planted::{ALL, Fault, plant};

use crate::plan::generate;
use crate::run::{Failure, run};
use crate::shrink::shrink;

/// How a fault was found, or not.
#[derive(Clone, Debug)]
pub struct Found {
    /// The fault.
    pub fault: Fault,
    /// How many seeds were run, the one that found it included.
    pub seeds: u64,
    /// What did not hold; `None` if nothing was found.
    pub failure: Option<Failure>,
    /// The seed that found it.
    pub seed: u64,
    /// Actions that are left when the plan is shortened.
    pub actions: usize,
}

/// Plants one fault after the other and looks for each in the seeds from `first` on, `most` at most.
pub fn hunt(first: u64, most: u64, length: usize, mut found: impl FnMut(&Found)) -> Vec<Found> {
    ALL.iter()
        .map(|fault| {
            plant(Some(*fault));
            let result = hunt_one(*fault, first, most, length);
            plant(None);
            found(&result);
            result
        })
        .collect()
}

fn hunt_one(fault: Fault, first: u64, most: u64, length: usize) -> Found {
    for number in 0..most {
        let seed = first.wrapping_add(number);
        let plan = generate(seed, length);
        if let Some(failure) = run(&plan, false).failure {
            let short = shrink(&plan, failure.violation.invariant, 60);
            return Found { fault, seeds: number + 1, seed, actions: short.actions.len(), failure: Some(failure) };
        }
    }
    Found { fault, seeds: most, seed: first, actions: 0, failure: None }
}
