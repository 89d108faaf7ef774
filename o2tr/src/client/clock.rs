//! The client's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use otr_core::Timestamp;

/// Tells the time. The engine compares moments; how long the client sleeps is up to tokio's timer.
///
/// A clock that jumps costs at most a timer, and is noticed within a minute or with the next event.
///
/// The store works on a thread of its own, so a paused clock of tokio runs away while it does: tests skip time with a
/// clock of their own instead.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, as a [`Timestamp`].
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
