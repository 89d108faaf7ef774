//! Places where a test can make the process die, as a power cut would.
//!
//! `O2TR_FAULT=place` or `O2TR_FAULT=place:n` kills at the first or n-th time that place is passed; the names are
//! `before-commit`, `after-commit`, `before-transmit`, `after-transmit`, `before-event`, `after-event`. Without the
//! feature `fault-points`, which no release has, nothing of this exists.

#[cfg(feature = "fault-points")]
pub(super) use enabled::pass;

/// Passes a place.
#[cfg(not(feature = "fault-points"))]
pub(super) const fn pass(_place: &str) {}

#[cfg(feature = "fault-points")]
mod enabled {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Fault {
        place: String,
        left: AtomicU64,
    }

    /// Passes a place, and dies there if a test wants it.
    pub(in crate::pipe) fn pass(place: &str) {
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
