//! How long to wait before the next attempt to connect.

use core::time::Duration;

use crate::config::Timing;

/// A stream that stood for so long shows that the server is well: waiting begins from the start again.
const STABLE: Duration = Duration::from_secs(60);

/// No more doublings than this; far beyond every sensible [`Timing`].
const MAX_DOUBLINGS: u32 = 20;

const NANOS_PER_SEC: u128 = 1_000_000_000;

/// Exponential waiting with full jitter: the n-th wait is anything up to `retry_first * 2^n`, and never more than
/// `retry_most`. So the clients of a server that was restarted do not all come back at the same moments.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(timing: &Timing) -> Self {
        Self { first: timing.retry_first, most: timing.retry_most, failures: 0 }
    }

    /// The wait after one more failure; `random` is uniform over all values.
    pub(crate) fn next(&mut self, random: u32) -> Duration {
        let longest = self.first.saturating_mul(1 << self.failures).min(self.most);
        self.failures = (self.failures + 1).min(MAX_DOUBLINGS);
        let nanos = longest.as_nanos() * u128::from(random) / u128::from(u32::MAX);
        let secs = u64::try_from(nanos / NANOS_PER_SEC).unwrap_or(u64::MAX);
        Duration::from_secs(secs) + Duration::from_nanos((nanos % NANOS_PER_SEC) as u64)
    }

    /// Notes how long a stream stood before it ended.
    pub(crate) fn stood(&mut self, time: Duration) {
        if time >= STABLE {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(&Timing::default())
    }

    #[test]
    fn doubles_up_to_the_longest() {
        let mut backoff = backoff();
        let waits: Vec<_> = (0..40).map(|_| backoff.next(u32::MAX).as_secs()).collect();
        assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(waits[10..].iter().all(|wait| *wait == 300));
    }

    #[test]
    fn jitter_spreads_over_the_whole_wait() {
        let mut backoff = backoff();
        for _ in 0..3 {
            backoff.next(0);
        }
        assert_eq!(backoff.clone().next(0), Duration::ZERO);
        assert_eq!(backoff.clone().next(u32::MAX / 2).as_secs_f64().round() as u32, 4);
        assert_eq!(backoff.next(u32::MAX), Duration::from_secs(8));
    }

    #[test]
    fn only_a_stream_that_stood_begins_anew() {
        let mut backoff = backoff();
        backoff.next(0);
        backoff.next(0);
        backoff.stood(STABLE - Duration::from_millis(1));
        assert_eq!(backoff.next(u32::MAX), Duration::from_secs(4));
        backoff.stood(STABLE);
        assert_eq!(backoff.next(u32::MAX), Duration::from_secs(1));
    }

    #[test]
    fn odd_settings_do_no_harm() {
        let timing = Timing { retry_first: Duration::MAX, retry_most: Duration::MAX, ..Timing::default() };
        let mut huge = Backoff::new(&timing);
        for random in [0, 1, u32::MAX - 1, u32::MAX] {
            huge.next(random);
        }
        let mut none = Backoff::new(&Timing { retry_first: Duration::ZERO, ..Timing::default() });
        assert_eq!(none.next(u32::MAX), Duration::ZERO);
    }
}
