//! What can go wrong: while opening, while working, and beneath.

use std::io;

use crate::home::Holder;
use crate::row::RowId;

/// Why a store did not open. Nothing in it was changed, except where a variant says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the store open.
    #[error("the store is in use by {0}")]
    Locked(Holder),
    /// The passphrase or key does not fit.
    #[error("wrong passphrase or key")]
    WrongKey,
    /// The store is locked by another kind of secret than the one offered.
    #[error("the store is unlocked by {stored}, not by {offered}")]
    WrongKind {
        /// What the store asks for.
        stored: &'static str,
        /// What was offered.
        offered: &'static str,
    },
    /// The key file is missing, has a wrong size, or others may read it.
    #[error("key file: {0}")]
    KeyFile(&'static str),
    /// The cost of the passphrase derivation is out of bounds.
    #[error("passphrase derivation parameters out of bounds")]
    KdfCost,
    /// A file is damaged beyond what its second copy can repair.
    #[error("{file} is damaged")]
    Damaged {
        /// Which file.
        file: &'static str,
    },
    /// A file of a format this program does not know: older than supported, or newer.
    #[error("{file} has format {found}: this program knows {known}")]
    UnknownFormat {
        /// Which file.
        file: &'static str,
        /// The format found.
        found: u32,
        /// The format known.
        known: u32,
    },
    /// One of the two halves of a store is not there: rows without cells, or cells without rows.
    #[error("{file} is missing: the store cannot be opened without it")]
    Missing {
        /// Which file.
        file: &'static str,
    },
    /// Rows and cells belong to different stores.
    #[error("rows and cells belong to different stores")]
    Foreign,
    /// A required row is damaged, or its key is.
    #[error("row {row} cannot be read: {reason}")]
    Unreadable {
        /// Which row.
        row: RowId,
        /// Why.
        reason: UnsealReason,
    },
    /// The medium failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// Why work on an open store failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The row is not at the expected generation; nothing of the batch was done.
    #[error("row {row}: expected generation {expected}, found {found}")]
    Conflict {
        /// The row.
        row: RowId,
        /// The generation the change was made for; 0 stands for an absent row.
        expected: u64,
        /// The generation it has; 0 if absent.
        found: u64,
    },
    /// The row is there and cannot be read. Other rows are not affected; the row can be replaced or removed.
    #[error("row {row} (generation {generation}) cannot be unsealed: {reason}")]
    Unsealable {
        /// The row.
        row: RowId,
        /// Its generation, as the file states it; 0 if not even that is readable.
        generation: u64,
        /// Why.
        reason: UnsealReason,
    },
    /// A row, sub-row or name above its limit.
    #[error("{len} bytes: the limit is {limit}")]
    TooLarge {
        /// Bytes asked for.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Two changes of one batch name the same row, or one of them a sub-row twice.
    #[error("row {row} is named twice in one batch")]
    Duplicate {
        /// The row.
        row: RowId,
    },
    /// The medium failed. Whether the work was done is known after reopening; until then all work is refused.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// An earlier failure left the store unusable until it is reopened.
    #[error("the store must be reopened after an earlier failure")]
    Poisoned,
    /// The writer thread has ended.
    #[error("the store is closed")]
    Closed,
}

/// Why a row cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealReason {
    /// Its data key is no longer there: the row is older than the cells, or the cell is damaged.
    #[error("its data key is gone")]
    KeyGone,
    /// The bytes were altered or cut off.
    #[error("damaged")]
    Damaged,
    /// A row format this program does not know.
    #[error("unknown format")]
    UnknownFormat,
}

/// A failure of the medium beneath the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// A file operation failed.
    #[error("{action}: {kind}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// How it failed; [`io::ErrorKind::StorageFull`] for a full disk.
        kind: io::ErrorKind,
    },
    /// SQLite failed.
    #[error("SQLite, {action}: extended result code {code}")]
    Sqlite {
        /// What was being done.
        action: &'static str,
        /// The extended result code.
        code: i32,
    },
    /// What was read makes no sense.
    #[error("{what} is damaged")]
    Damaged {
        /// Which part.
        what: &'static str,
    },
    /// A row was not at the generation the vault had seen: somebody else writes to the store.
    #[error("somebody else writes to the store")]
    Interference,
    /// The operating system gave no randomness.
    #[error("no randomness")]
    Randomness,
}

impl BackendError {
    pub(crate) fn io(action: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Io { action, kind: error.kind() }
    }
}
