//! Places where a test can make the process die, as a power cut would.
//!
//! `O2TR_FAULT=place` or `O2TR_FAULT=place:n` kills at the first or n-th time that place is passed; the names are
//! `before-commit`, `after-commit`, `before-transmit`, `after-transmit`, `before-event`, `after-event`, and over a network
//! `after-receive` (a line was read and is not stored), `before-acknowledge` (it is stored, the server does not know) and
//! `after-acknowledge`. `O2TR_TRACE=file` has the lines that leave over a network written to that file. Without the feature
//! `fault-points`, which no release has, nothing of this exists.

#[cfg(feature = "fault-points")]
mod watched;

#[cfg(feature = "fault-points")]
pub(crate) use self::enabled::pass;
#[cfg(feature = "fault-points")]
pub(crate) use self::watched::{unwatched, watched};

/// Passes a place.
#[cfg(not(feature = "fault-points"))]
pub(crate) const fn pass(_place: &str) {}

/// A transport or a store whose calls pass places.
#[cfg(not(feature = "fault-points"))]
pub(crate) fn watched<T>(inner: T) -> T {
    inner
}

/// What [`watched`] was given.
#[cfg(not(feature = "fault-points"))]
pub(crate) fn unwatched<T>(inner: T) -> T {
    inner
}

#[cfg(feature = "fault-points")]
mod enabled {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Fault {
        place: String,
        left: AtomicU64,
    }

    /// Passes a place, and dies there if a test wants it.
    pub(crate) fn pass(place: &str) {
        static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
        let Some(fault) = FAULT.get_or_init(wanted) else { return };
        if fault.place == place && fault.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    }

    fn wanted() -> Option<Fault> {
        let text = std::env::var("O2TR_FAULT").ok()?;
        let (place, count) = text.split_once(':').unwrap_or((&text, "1"));
        Some(Fault { place: place.to_owned(), left: AtomicU64::new(count.parse().ok()?) })
    }
}
