//! Ports on loopback that nobody else takes.

use std::fs::{File, TryLockError};
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// Below what the system gives to outgoing connections: such a connection could take the port of a server
/// between its end and its restart.
const USUAL: RangeInclusive<u16> = 10_000..=32_000;

/// How many ports of the usual range are tried.
const TRIES: usize = 200;

/// A port of 127.0.0.1 that is ours as long as this value lives, whether or not anything listens on it.
///
/// Test processes that run at the same time agree by locked files in the folder for temporary files; the lock of a
/// process that dies is free at once.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Any free port.
    ///
    /// # Errors
    ///
    /// None is found, or the folder for temporary files cannot be written.
    pub fn free() -> Result<Self> {
        let size = u64::from(USUAL.end() - USUAL.start()) + 1;
        for attempt in 0..TRIES {
            let offset = u16::try_from(RandomState::new().hash_one(attempt) % size)?;
            if let Some(port) = Self::take(USUAL.start() + offset)? {
                return Ok(port);
            }
        }
        bail!("no free port found")
    }

    /// The first free port of a range, for a program that accepts no others.
    ///
    /// # Errors
    ///
    /// All are taken, or the folder for temporary files cannot be written.
    pub fn within(range: RangeInclusive<u16>) -> Result<Self> {
        for number in range.clone() {
            if let Some(port) = Self::take(number)? {
                return Ok(port);
            }
        }
        bail!("every port of {} to {} is taken", range.start(), range.end())
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    fn take(number: u16) -> Result<Option<Self>> {
        let path = folder()?.join(number.to_string());
        let lock = File::options().create(true).append(true).open(&path);
        let lock = lock.with_context(|| format!("cannot open {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        // Somebody who knows nothing of our locks may have it.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok();
        Ok(free.then_some(Self { number, _lock: lock }))
    }
}

/// One folder per user: what another user made could not be locked.
fn folder() -> Result<PathBuf> {
    let user = std::fs::metadata("/proc/self")?.uid();
    let folder = std::env::temp_dir().join(format!("o2tr-ports-{user}"));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_again_when_it_is_free() {
        let port = Port::free().unwrap();
        let number = port.number();
        assert!(Port::take(number).unwrap().is_none());
        drop(port);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
        assert!(Port::take(number).unwrap().is_none(), "somebody listens there");
        drop(listener);
        assert_eq!(Port::take(number).unwrap().unwrap().number(), number);
    }

    #[test]
    fn a_small_range_can_be_used_up() {
        let first = Port::free().unwrap();
        let range = first.number()..=first.number();
        assert!(Port::within(range.clone()).is_err());
        drop(first);
        assert!(Port::within(range).is_ok());
    }
}
