//! Makes a failing plan short: fewer actions, the same violation.

use crate::plan::{Action, Plan};
use crate::run::run;

/// Removes actions as long as the same invariant fails, with so many runs at most.
#[must_use]
pub fn shrink(plan: &Plan, invariant: u8, runs: usize) -> Plan {
    let mut best = plan.clone();
    let mut left = runs;
    if let Some(failure) = run(&best, false).failure {
        best.actions.truncate(failure.at.saturating_add(1));
    }
    let mut fails = |actions: &[Action]| {
        left = left.checked_sub(1)?;
        let plan = Plan { actions: actions.to_vec(), ..plan.clone() };
        Some(run(&plan, false).failure.is_some_and(|failure| failure.violation.invariant == invariant))
    };
    let mut size = best.actions.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        let mut any = false;
        while at < best.actions.len() {
            let end = (at + size).min(best.actions.len());
            let mut rest = best.actions.clone();
            rest.drain(at..end);
            match fails(&rest) {
                None => return best,
                Some(true) => {
                    best.actions = rest;
                    any = true;
                }
                Some(false) => at = end,
            }
        }
        size = if size == 1 && any { 1 } else { size / 2 };
    }
    best
}
