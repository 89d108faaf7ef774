//! Runs a plan.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::invariants::Violation;
use crate::plan::Plan;
use crate::world::World;

/// What came of a plan.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Inputs that engines were given, and outputs that they gave.
    pub steps: u64,
    /// What did not hold.
    pub failure: Option<Failure>,
    /// What has happened, if somebody wanted to know.
    pub story: Vec<String>,
}

/// What did not hold, and when.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The number of the action; that of all actions if it was at the end.
    pub at: usize,
    /// What.
    pub violation: Violation,
}

/// Runs a plan to its end. `story`: whether what happens is written down.
#[must_use]
pub fn run(plan: &Plan, story: bool) -> Outcome {
    let mut world = None;
    let mut at = 0;
    let result = catch_unwind(AssertUnwindSafe(|| {
        let world = world.insert(World::new(&plan.setup, plan.seed, story)?);
        for action in &plan.actions {
            world.apply(action)?;
            at += 1;
        }
        world.come_to_rest(plan.setup.devices.len())
    }));
    let steps = world.as_ref().map_or(0, |world| world.steps);
    let story = world.and_then(|world| world.story).unwrap_or_default();
    let violation = match result {
        Ok(Ok(())) => return Outcome { steps, failure: None, story },
        Ok(Err(violation)) => violation,
        Err(panic) => Violation::new(0, format!("a panic: {}", message_of(panic.as_ref()))),
    };
    Outcome { steps, failure: Some(Failure { at, violation }), story }
}

fn message_of(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
