//! Any schedule of two peers: what must never happen does not.
//!
//! The invariants stand in `common/world.rs`; the fuzz target `operations` runs the same world.

use proptest::prelude::*;

use crate::world::{Mode, World};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(60))]

    /// Send, deliver in any order, repeat, drop, restart, replay, reflect: what arrives is shown, once.
    #[test]
    fn nothing_that_arrives_is_lost(flavour in 0..2_u8, ops in prop::collection::vec(any::<u8>(), 0..500)) {
        World::new(Mode::OneSession, flavour).run(&ops);
    }
}

proptest! {
    #![proptest_config(config(60))]

    /// Also changed lines, new AKEs, ends, SMP, timeouts, errors and stores of yesterday: no text in clear, none
    /// shown twice, no counter twice under a key, no key used too often, no revealed key believed, and whatever
    /// is refused has changed nothing.
    #[test]
    fn nothing_forbidden_happens(flavour in 0..16_u8, ops in prop::collection::vec(any::<u8>(), 0..700)) {
        World::new(Mode::Hostile, flavour).run(&ops);
    }
}
