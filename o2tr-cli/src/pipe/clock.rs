//! The time that a conversation is told: the system's, and what `poll` has skipped.

use std::time::{Duration, SystemTime};

use otr_core::Timestamp;

/// A clock that can be set forward and never goes back.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// How far it is ahead of the system's.
    ahead: Duration,
    latest: Timestamp,
}

impl Clock {
    /// Now.
    pub(super) fn now(&mut self) -> Timestamp {
        let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.at(elapsed)
    }

    /// Sets it forward; a time that has passed changes nothing.
    pub(super) fn skip_to(&mut self, moment: Timestamp) {
        let now = self.now();
        self.ahead += moment.since(now);
    }

    fn at(&mut self, elapsed: Duration) -> Timestamp {
        let now = Timestamp::default().after(elapsed).after(self.ahead);
        self.latest = self.latest.max(now);
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back() {
        let mut clock = Clock::default();
        assert_eq!(clock.at(Duration::from_secs(100)), Timestamp::from_secs(100));
        assert_eq!(clock.at(Duration::from_secs(90)), Timestamp::from_secs(100));
        assert_eq!(clock.at(Duration::from_secs(101)), Timestamp::from_secs(101));
    }

    #[test]
    fn it_goes_on_from_where_it_was_set() {
        let mut clock = Clock::default();
        let start = clock.now();
        let later = start.after(Duration::from_secs(3600));
        clock.skip_to(later);
        assert!(clock.now() >= later);
        clock.skip_to(start);
        assert!(clock.now() >= later);
    }
}
