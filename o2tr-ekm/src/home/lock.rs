//! One process at a time.

use core::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::{BackendError, OpenError};

/// Who has a store open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id; 0 if the lock file does not say.
    pub pid: u32,
    /// The program's file name.
    pub program: String,
    /// The host's name: the directory may be shared over a network.
    pub host: String,
}

impl Holder {
    fn this_process() -> Self {
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        Self {
            pid: std::process::id(),
            program: program.unwrap_or_else(|| "?".to_owned()),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let mut next = || lines.next().unwrap_or("?").chars().filter(|c| !c.is_control()).take(256).collect::<String>();
        Self { pid: next().parse().unwrap_or(0), program: next(), host: next() }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({}) on {}", self.pid, self.program, self.host)
    }
}

/// The lock on a store's directory; released on drop, and by the kernel when the process dies.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock or says who has it.
    pub(crate) fn take(directory: &Path) -> Result<Self, OpenError> {
        let failed = BackendError::io("locking the store");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join("lock"))
            .map_err(&failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // What the file says is for people only; unreadable, the store is locked nevertheless.
                let _ = Read::by_ref(&mut file).take(1024).read_to_string(&mut text);
                return Err(OpenError::Locked(Holder::parse(&text)));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error).into()),
        }
        let Holder { pid, program, host } = Holder::this_process();
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(format!("{pid}\n{program}\n{host}\n").as_bytes()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let lock = Lock::take(directory.path()).unwrap();
        let Err(OpenError::Locked(holder)) = Lock::take(directory.path()) else { panic!("not refused") };
        assert_eq!(holder, Holder::this_process());
        assert_eq!(holder.pid, std::process::id());
        drop(lock);
        assert!(Lock::take(directory.path()).is_ok());
    }

    #[test]
    fn nonsense_in_the_file_is_harmless() {
        assert_eq!(Holder::parse(""), Holder { pid: 0, program: "?".into(), host: "?".into() });
        assert_eq!(Holder::parse("x\n\u{1b}[31mred\n").program, "[31mred");
    }
}
