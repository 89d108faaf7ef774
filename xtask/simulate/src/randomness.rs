//! The randomness that the engine is fed.

use core::convert::Infallible;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_core::{TryCryptoRng, TryRng};

/// Bytes of a D-H private exponent: what the engine draws in one piece of this size is one.
const EXPONENT: usize = 40;

/// Random bytes by the seed; but the n-th D-H exponent of a device is the same in every world, so that what the
/// checker computes from it need not be computed again. In one world no exponent comes twice.
#[derive(Clone, Debug)]
pub(crate) struct Randomness {
    general: ChaCha20Rng,
    exponents: ChaCha20Rng,
}

impl Randomness {
    pub(crate) fn new(seed: u64, device: u64) -> Self {
        let mut general = ChaCha20Rng::seed_from_u64(seed);
        general.set_stream(device);
        let mut exponents = ChaCha20Rng::seed_from_u64(0x00e0_0e0e);
        exponents.set_stream(device);
        Self { general, exponents }
    }
}

impl TryRng for Randomness {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.general.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.general.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        if bytes.len() == EXPONENT { self.exponents.try_fill_bytes(bytes) } else { self.general.try_fill_bytes(bytes) }
    }
}

impl TryCryptoRng for Randomness {}
