//! Why the program stops: a sentence for people, a code for programs, an exit status for shells.

use std::path::Path;
use std::process::ExitCode;

use o2tr_ekm::{BackendError, OpenError, StoreError, UnsealReason};

/// Exit statuses; documented in `docs/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something that has no status of its own.
    Other = 1,
    /// The command line, or a file it names, is wrong.
    Usage = 2,
    /// The store is locked, damaged, or does not open with what was given.
    Store = 3,
    /// The network, or the login.
    Network = 4,
    /// A text waits and has not left.
    Held = 5,
    /// The peer could not read a text.
    Unreadable = 6,
}

/// Why the program stops. The sentence says what happened, what was kept and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    kind: Kind,
    code: &'static str,
    message: String,
}

impl Failure {
    /// Wrong use of the program.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, code: "usage", message: message.into() }
    }

    /// Anything else, with a code for programs.
    pub(crate) fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into() }
    }

    /// Something in a store's directory is beyond use.
    pub(crate) fn damaged(directory: &Path, what: &str) -> Self {
        let message = format!(
            "{}: {what}. Nothing was changed, and no new identity was made. Put a good copy of the whole directory \
             back (its sessions are then unverified until a new handshake), or choose another directory to begin anew.",
            directory.display()
        );
        Self::new(Kind::Store, "damaged", message)
    }

    /// A store that does not open; its files are as they were.
    pub(crate) fn opening(directory: &Path, error: &OpenError) -> Self {
        let place = directory.display();
        let (code, message) = match error {
            OpenError::Locked(holder) => (
                "locked",
                format!("{place} is in use by {holder}. End that process first: one process at a time may use it."),
            ),
            OpenError::WrongKey => (
                "wrong_key",
                format!("{place} does not open: wrong passphrase or key. Nothing was changed; try another one."),
            ),
            OpenError::WrongKind { stored, offered } => (
                "wrong_key",
                format!(
                    "{place} is unlocked by {stored}, and {offered} was given. Nothing was changed; {}.",
                    if *stored == "a passphrase" { "give --passphrase-file" } else { "leave --passphrase-file out" }
                ),
            ),
            OpenError::KeyFile(fault) => (
                "wrong_key",
                format!(
                    "{place}: the key file is not usable: {fault}. Nothing was changed; without that key the store \
                     stays closed."
                ),
            ),
            OpenError::UnknownFormat { .. } => (
                "format",
                format!(
                    "{place}: {error}. Nothing was changed; use the program version that wrote it, or a newer one."
                ),
            ),
            OpenError::Backend(failure) => return Self::medium(directory, failure),
            damage => return Self::damaged(directory, &damage.to_string()),
        };
        Self::new(Kind::Store, code, message)
    }

    /// A store that fails at work.
    pub(crate) fn working(directory: &Path, error: &StoreError) -> Self {
        match error {
            StoreError::Backend(failure) => Self::medium(directory, failure),
            StoreError::Unsealable { reason: UnsealReason::KeyGone, .. } => Self::damaged(
                directory,
                "the stored conversation is older than the keys beside it: one was restored without the other",
            ),
            StoreError::Unsealable { .. } => Self::damaged(directory, "the stored conversation is damaged"),
            other => Self::new(
                Kind::Store,
                "store",
                format!("{}: {other}. What was said to be done is stored; start again.", directory.display()),
            ),
        }
    }

    fn medium(directory: &Path, failure: &BackendError) -> Self {
        match failure {
            BackendError::Damaged { .. } => Self::damaged(directory, &failure.to_string()),
            // SQLITE_CORRUPT and SQLITE_NOTADB, whatever the extension says.
            BackendError::Sqlite { code, .. } if matches!(code & 0xff, 11 | 26) => {
                Self::damaged(directory, "rows.sqlite is damaged")
            }
            _ => Self::new(
                Kind::Store,
                "store",
                format!(
                    "{}: {failure}. Nothing left that was not stored before, and what was stored is kept; look at the \
                     disk (space, permissions, health) and start again.",
                    directory.display()
                ),
            ),
        }
    }

    /// A file beside the store, named on the command line.
    pub(crate) fn file(path: &Path, action: &str, error: &std::io::Error) -> Self {
        Self::usage(format!("cannot {action} {}: {error}", path.display()))
    }

    /// For programs.
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// For shells.
    pub(crate) fn status(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}
