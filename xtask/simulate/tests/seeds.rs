//! Some seeds of every theme; and the same seed is the same story.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use simulate::plan::{Plan, Theme, generate};
use simulate::run::run;
use simulate::shrink::shrink;

#[test]
fn two_seeds_of_every_theme_hold() {
    for seed in 0..2 * Theme::ALL.len() as u64 {
        let plan = generate(seed, 60);
        if let Some(failure) = run(&plan, false).failure {
            panic!("seed {seed} ({:?}), action {}: {}", Theme::of(seed), failure.at, failure.violation);
        }
    }
}

#[test]
fn the_same_seed_is_the_same_story() {
    for seed in [0, 3, 5, 7] {
        let plan = generate(seed, 60);
        let (once, again) = (run(&plan, true).story, run(&plan, true).story);
        assert!(once.len() > 100, "seed {seed} tells nothing");
        assert_eq!(once, again, "seed {seed}");
    }
}

#[test]
fn a_plan_reads_back() {
    for seed in 0..10 {
        let plan = generate(seed, 60);
        let read: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(read, plan);
    }
}

#[test]
fn what_is_no_plan_is_a_violation_and_shrinks_to_nothing() {
    let mut plan = generate(0, 60);
    plan.setup.devices[0].tag = 1;
    let failure = run(&plan, false).failure.unwrap();
    assert_eq!(failure.violation.invariant, 0);
    assert!(shrink(&plan, 0, 100).actions.is_empty());
}
