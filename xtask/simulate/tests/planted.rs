//! Faults planted on purpose are found, and the plans that find them can be shortened and run again.
#![cfg(feature = "planted-faults")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use otr_core::planted::{Fault, plant};
use simulate::plan::{Plan, generate};
use simulate::run::run;
use simulate::shrink::shrink;

/// The plan of the first seed that finds a fault, and the invariant that did not hold.
fn found(fault: Fault, seeds: u64) -> (Plan, u8) {
    plant(Some(fault));
    let failing = (0..seeds).map(|seed| generate(seed, 60)).find_map(|plan| {
        let failure = run(&plan, false).failure?;
        Some((plan, failure.violation.invariant))
    });
    plant(None);
    failing.unwrap_or_else(|| panic!("{fault:?} is not found in {seeds} seeds"))
}

#[test]
fn faults_of_every_layer_are_found_by_their_invariants() {
    let expected = [
        (Fault::InboxNotCommitted, [17].as_slice()),
        (Fault::EffectBeforeCommit, &[3, 17]),
        (Fault::OldDataKeyKept, &[18]),
        (Fault::QueuedDropped, &[8]),
        (Fault::RevealedTooEarly, &[5]),
    ];
    for (fault, invariants) in expected {
        let (_, invariant) = found(fault, 12);
        assert!(invariants.contains(&invariant), "{fault:?} is found by invariant {invariant}");
    }
}

#[test]
fn a_plan_that_finds_a_fault_is_shortened_and_finds_it_again() {
    let (plan, invariant) = found(Fault::InboxNotCommitted, 12);
    plant(Some(Fault::InboxNotCommitted));
    let short = shrink(&plan, invariant, 40);
    let failure = run(&short, false).failure.unwrap();
    plant(None);
    assert_eq!(failure.violation.invariant, invariant);
    assert!(short.actions.len() < plan.actions.len() / 4, "{} actions are left", short.actions.len());
    assert!(run(&short, false).failure.is_none(), "without the fault all holds");
}
