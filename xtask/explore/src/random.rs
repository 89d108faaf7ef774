//! Randomness that is the same wherever the same thing happens.

use core::hash::Hasher as _;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::digest::Digester;

/// What an end draws in one turn: a function of the end, of what it does, and of how often its row was written.
pub(crate) fn random(side: usize, what: &str, generation: u64) -> ChaCha20Rng {
    let mut seed = Digester::default();
    seed.write(what.as_bytes());
    seed.write(&[0xff, u8::from(side != 0)]);
    seed.write(&generation.to_be_bytes());
    ChaCha20Rng::from_seed(seed.whole())
}
