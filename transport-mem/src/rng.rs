//! The randomness of faults: small, fast, reproducible, and no more than that.

use core::time::Duration;

/// SplitMix64. Not for secrets: it only decides what goes wrong.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// True `ppm` times in a million. A probability of zero draws nothing, so that a fault which is
    /// switched off does not disturb the others.
    pub(crate) const fn chance(&mut self, ppm: u32) -> bool {
        ppm != 0 && self.below(1_000_000) < ppm as u64
    }

    /// A number below `bound`; zero for a bound of zero. The bias of the reduction is below 2^-32 for the
    /// small bounds in use.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// An index into a slice of this length; zero for an empty one.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(u64::try_from(len).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// A whole number of milliseconds between 1 and `most`; zero, drawing nothing, if `most` is below one.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        match u64::try_from(most.as_millis()).unwrap_or(u64::MAX) {
            0 => Duration::ZERO,
            millis => Duration::from_millis(1 + self.below(millis)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sequence() {
        // The first outputs for seed 1234567, as published with the generator.
        let mut rng = Rng::new(1_234_567);
        assert_eq!(
            [rng.next(), rng.next(), rng.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn chances_hold() {
        let mut rng = Rng::new(1);
        let hits = (0..100_000).filter(|_| rng.chance(250_000)).count();
        assert!((24_000..26_000).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| !rng.chance(0) && rng.chance(1_000_000)));
    }

    #[test]
    fn ranges_hold() {
        let mut rng = Rng::new(2);
        assert!((0..1000).all(|_| (1..=5).contains(&rng.up_to(Duration::from_millis(5)).as_millis())));
        assert_eq!(rng.up_to(Duration::from_nanos(1)), Duration::ZERO);
        assert_eq!(rng.index(0), 0);
    }
}
