//! The client's randomness: a generator that the operating system seeds anew before every turn.

use chacha20::ChaCha20Rng;
use getrandom::SysRng;
use rand_core::{CryptoRng, SeedableRng, TryRng};
use zeroize::Zeroizing;

use super::StartError;

/// A generator that cannot fail once it has started.
///
/// Each turn begins with fresh bytes of the operating system, so that a forked process or a resumed copy of a machine
/// goes its own way. Should the system have none for once, the old state goes on.
pub(super) struct Random(ChaCha20Rng);

impl Random {
    pub(super) fn start() -> Result<Self, StartError> {
        Ok(Self(ChaCha20Rng::from_seed(*seed().ok_or(StartError::Randomness)?)))
    }

    /// For one turn.
    pub(super) fn fresh(&mut self) -> &mut dyn CryptoRng {
        if let Some(seed) = seed() {
            self.0 = ChaCha20Rng::from_seed(*seed);
        }
        &mut self.0
    }
}

fn seed() -> Option<Zeroizing<[u8; 32]>> {
    let mut seed = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(&mut *seed).ok()?;
    Some(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_turn_repeats_another() {
        let mut random = Random::start().unwrap();
        let mut draw = || {
            let mut bytes = [0; 16];
            random.fresh().fill_bytes(&mut bytes);
            bytes
        };
        assert_ne!(draw(), draw());
    }

    #[test]
    fn s06_two_restores_leap_differently() {
        let leap = || otr_core::Leap::random(Random::start().unwrap().fresh()).get();
        let (first, second) = (leap(), leap());
        assert_ne!(first, second);
        assert!((1..=otr_core::Leap::MAX).contains(&first) && (1..=otr_core::Leap::MAX).contains(&second));
    }
}
