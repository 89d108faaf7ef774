//! What lies beneath the vault: sealed rows, and the ledger of key cells. Backends see no key and no name.

#[cfg(feature = "sqlite")]
mod sqlite;

mod files;
mod memory;

pub use self::files::Files;
pub use self::memory::Memory;
pub(crate) use self::memory::Tables;
#[cfg(feature = "sqlite")]
pub use self::sqlite::Sqlite;
use crate::error::{BackendError, UnsealReason};
use crate::media::Identity;
use crate::row::{RowId, SubRowId};

/// Keeps sealed rows. The only user is a [`Vault`](crate::Vault), which is the only one to have the store open.
pub trait Backend: Send {
    /// Reads a row.
    ///
    /// # Errors
    ///
    /// Failures of the medium. A row that is there and makes no sense is [`RawRow::Damaged`].
    fn load(&mut self, row: RowId) -> Result<Option<RawRow>, BackendError>;

    /// Reads a sub-row.
    ///
    /// # Errors
    ///
    /// Failures of the medium.
    fn load_sub(&mut self, row: RowId, sub: SubRowId) -> Result<Option<Vec<u8>>, BackendError>;

    /// Does all of a transaction or nothing; durable on return.
    ///
    /// # Errors
    ///
    /// [`BackendError::Interference`] if a row is not at the generation stated; failures of the medium.
    fn apply(&mut self, transaction: &RawTransaction) -> Result<(), BackendError>;

    /// Reads the ledger; of the free cells as many as seem useful.
    ///
    /// # Errors
    ///
    /// Failures of the medium.
    fn ledger(&mut self) -> Result<Ledger, BackendError>;

    /// Lists ids and generations in the order of ids: at most `limit`, those after `after`.
    ///
    /// # Errors
    ///
    /// Failures of the medium.
    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, BackendError>;

    /// What a copy of the rows does not share with the original.
    ///
    /// # Errors
    ///
    /// Failures of the medium.
    fn identity(&self) -> Result<Identity, BackendError>;
}

/// A row as the backend keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawRow {
    /// Generation and sealed bytes, neither of them verified.
    Sealed {
        /// The generation.
        generation: u64,
        /// The sealed row.
        bytes: Vec<u8>,
    },
    /// Too damaged to have even a generation.
    Damaged(UnsealReason),
}

/// What one transaction changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawTransaction {
    /// Rows; removing one removes its sub-rows.
    pub rows: Vec<RawChange>,
    /// Sub-rows of rows that stay or come: written, or removed if `None`.
    pub subs: Vec<(RowId, SubRowId, Option<Vec<u8>>)>,
    /// Keys whose erasure is now owed.
    pub pending_add: Vec<Pending>,
    /// Keys that are gone.
    pub pending_remove: Vec<KeyName>,
    /// Cells that are empty now.
    pub free_add: Vec<u64>,
    /// Empty cells that are taken.
    pub free_remove: Vec<u64>,
    /// The first cell number never used, if it changed.
    pub next_cell: Option<u64>,
    /// The note that ties rows to cells, if it changed.
    pub binding: Option<Vec<u8>>,
}

impl RawTransaction {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the ledger changes.
    #[must_use]
    pub fn touches_ledger(&self) -> bool {
        let Self { rows: _, subs: _, pending_add, pending_remove, free_add, free_remove, next_cell, binding } = self;
        !(pending_add.is_empty() && pending_remove.is_empty() && free_add.is_empty() && free_remove.is_empty())
            || next_cell.is_some()
            || binding.is_some()
    }
}

/// What happens to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawChange {
    /// The row.
    pub row: RowId,
    /// The generation it has; 0 if it is absent, `None` if that does not matter.
    pub expected: Option<u64>,
    /// Its new generation and bytes; `None` removes it.
    pub new: Option<(u64, Vec<u8>)>,
}

/// The id of a data key.
pub type KeyName = [u8; 16];

/// A data key that is to be erased, and where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The key; found by its id, never by a slot number.
    pub key: KeyName,
    /// The cell it stood in.
    pub cell: u64,
    /// The row it sealed.
    pub row: RowId,
    /// Whether the row gave the cell up, so that all of it is to be emptied.
    pub whole_cell: bool,
}

/// What a backend keeps besides rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The note that ties rows to cells; `None` in a store that is being created.
    pub binding: Option<Vec<u8>>,
    /// The first cell number never used.
    pub next_cell: u64,
    /// Empty cells below it.
    pub free: Vec<u64>,
    /// Erasures that may not have happened.
    pub pending: Vec<Pending>,
}

impl Ledger {
    /// Applies a transaction's part that concerns the ledger.
    pub(crate) fn apply(&mut self, transaction: &RawTransaction) {
        let RawTransaction { rows: _, subs: _, pending_add, pending_remove, free_add, free_remove, next_cell, binding } =
            transaction;
        self.pending.retain(|pending| !pending_remove.contains(&pending.key));
        self.pending.extend(pending_add);
        self.free.retain(|cell| !free_remove.contains(cell));
        self.free.extend(free_add);
        if let Some(next_cell) = next_cell {
            self.next_cell = *next_cell;
        }
        if let Some(binding) = binding {
            self.binding = Some(binding.clone());
        }
    }
}
