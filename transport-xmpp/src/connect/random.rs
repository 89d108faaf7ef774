//! Random numbers from the operating system.

use ring::rand::{SecureRandom, SystemRandom};

/// A number for spreading load; 0 if there is no randomness.
pub(crate) fn number() -> u32 {
    bytes().map_or(0, u32::from_ne_bytes)
}

/// Unpredictable bytes; `None` if the operating system has none to give.
pub(super) fn bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}
