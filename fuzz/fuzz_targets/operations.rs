//! Any sequence of operations on two peers; the invariants are those of the schedule test of otr-core.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otr_fuzz::world::{Mode, World};

fuzz_target!(|data: &[u8]| {
    let Some((&flavour, ops)) = data.split_first() else { return };
    let mode = if flavour & 0x80 == 0 { Mode::Hostile } else { Mode::OneSession };
    World::new(mode, flavour & 0x0f).run(ops);
});
