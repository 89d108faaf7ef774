//! The store: sealing, key cells and quarantine, over any backend.

mod cache;
mod commit;
mod head;
mod inspect;
mod open;
mod recover;

use core::fmt;
use std::sync::Arc;

use otr_core::SecretBytes;
use zeroize::Zeroizing;

use self::cache::Cache;
use self::head::Head;
#[cfg(feature = "sqlite")]
pub use self::open::open_sqlite;
pub use self::open::{Anchor, Flush, Opened, Options};
pub use self::open::{open_files, open_files_on, open_in_memory};
use crate::backend::{Backend, KeyName, RawRow, RawTransaction};
use crate::cells::{Eraser, FlushThread};
use crate::error::{BackendError, OpenError, StoreError, UnsealReason};
use crate::home::Lock;
use crate::key::{KeyHeader, StoreKeys, Unlock};
use crate::row::{RowId, RowName, SubRowId, SubRowKey};
use crate::seal::{self, Place};
use crate::store::{Batch, EkmStore, Loaded, Quarantine};

/// A store over a backend: everything in it is sealed, what is retired is erased, what is doubtful is quarantined.
///
/// Dropping it erases what is still to be erased. Keys of recently used rows are kept in memory, a bounded number.
pub struct Vault<B: Backend> {
    backend: B,
    eraser: Arc<Eraser>,
    /// `None` if the caller flushes, and while closing.
    thread: Option<FlushThread>,
    store: [u8; 16],
    master: SecretBytes<32>,
    keys: StoreKeys,
    cache: Cache<RowId, Head>,
    next_cell: u64,
    free_cells: Vec<u64>,
    lineage: u64,
    /// What rows of earlier lineages are suspected of.
    suspicion: Quarantine,
    poisoned: bool,
    /// Released last.
    _lock: Option<Lock>,
}

impl<B: Backend> Vault<B> {
    /// Wraps the master key under another passphrase or key. Rows and cells stay as they are; the old wrapping is
    /// overwritten. With a key file that is not there yet, it is made.
    ///
    /// # Errors
    ///
    /// [`OpenError::KeyFile`], [`OpenError::KdfCost`]; failures of the medium, after which either secret may open
    /// the store.
    pub fn change_unlock(&mut self, unlock: &Unlock) -> Result<(), OpenError> {
        self.check().map_err(|_| BackendError::Damaged { what: "the store's state after an earlier failure" })?;
        let header = KeyHeader::wrap(unlock, &self.master, self.store, true)?;
        let written = self.eraser.file.write_header(&header);
        Ok(written.inspect_err(|_| self.poisoned = true)?)
    }

    /// Erases what is to be erased, settles the books, and closes. Dropping does the same without telling of failures.
    ///
    /// # Errors
    ///
    /// Failures of the medium: what could not be erased will be at the next opening.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.shut()
    }

    /// Destroys the store in an instant: overwrites the wrapped master key, without which nothing in it can be read,
    /// now or later. The files stay, to be deleted by the caller.
    ///
    /// # Errors
    ///
    /// Failures of the medium: the store may then still be readable.
    pub fn destroy(mut self) -> Result<(), StoreError> {
        drop(self.thread.take());
        self.poisoned = true;
        Ok(self.eraser.file.erase_header()?)
    }

    /// The id under which a row stands in the file.
    #[must_use]
    pub fn row_id(&self, name: &RowName) -> RowId {
        RowId::of(name, &self.keys.names)
    }

    fn shut(&mut self) -> Result<(), StoreError> {
        drop(self.thread.take());
        self.check()?;
        self.erase_now()?;
        let mut transaction = RawTransaction::default();
        let freed = self.settle_erasures(&mut transaction);
        self.apply(&transaction)?;
        self.free_cells.extend(freed);
        Ok(())
    }

    /// Refuses work after a failure, also one of the flush in the background.
    fn check(&mut self) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        match self.eraser.failure() {
            Some(failure) => Err(self.fail(failure)),
            None => Ok(()),
        }
    }

    /// Poisons the vault.
    fn fail(&mut self, failure: BackendError) -> StoreError {
        self.poisoned = true;
        StoreError::Backend(failure)
    }

    fn apply(&mut self, transaction: &RawTransaction) -> Result<(), StoreError> {
        match self.backend.apply(transaction) {
            Ok(()) => Ok(()),
            Err(failure) => Err(self.fail(failure)),
        }
    }

    fn erase_now(&mut self) -> Result<(), StoreError> {
        match self.eraser.flush() {
            Ok(()) => Ok(()),
            Err(failure) => Err(self.fail(failure)),
        }
    }

    /// Strikes erased keys from the list of pending erasures and adds emptied cells to the free ones, in the next
    /// transaction. Returns the cells, which may be used once that is durable.
    fn settle_erasures(&mut self, transaction: &mut RawTransaction) -> Vec<u64> {
        let done = self.eraser.take_done();
        transaction.pending_remove.extend(done.erased.iter().map(|key| -> KeyName { key.0 }));
        transaction.free_add.extend(&done.freed);
        done.freed
    }

    fn load_row(&mut self, row: RowId) -> Result<Option<Loaded>, StoreError> {
        self.check()?;
        let raw = match self.backend.load(row) {
            Ok(raw) => raw,
            Err(failure) => return Err(self.fail(failure)),
        };
        let (generation, bytes) = match raw {
            None => return Ok(None),
            Some(RawRow::Damaged(reason)) => return Err(StoreError::Unsealable { row, generation: 0, reason }),
            Some(RawRow::Sealed { generation, bytes }) => (generation, bytes),
        };
        let unsealable = |reason| StoreError::Unsealable { row, generation, reason };
        let head = self.head_of(row, generation, &bytes)?;
        let header = head.header.map_err(unsealable)?;
        let live = head.live.as_ref().ok_or_else(|| unsealable(UnsealReason::KeyGone))?;
        let place = Place { store: &self.store, row: &row, generation };
        let opened = seal::open_row(&live.key, place, &bytes).map_err(unsealable)?;
        let quarantine = head.quarantine(header, self.lineage, self.suspicion);
        self.cache.put(row, head);
        Ok(Some(Loaded { name: opened.name, generation, record: opened.record, quarantine }))
    }
}

impl<B: Backend> EkmStore for Vault<B> {
    fn load(&mut self, name: &RowName) -> Result<Option<Loaded>, StoreError> {
        self.load_row(self.row_id(name))
    }

    fn load_by_id(&mut self, row: RowId) -> Result<Option<Loaded>, StoreError> {
        self.load_row(row)
    }

    fn load_sub(
        &mut self,
        name: &RowName,
        sub: SubRowId,
        key: &SubRowKey,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.check()?;
        let row = self.row_id(name);
        match self.backend.load_sub(row, sub) {
            Ok(None) => Ok(None),
            Ok(Some(sealed)) => seal::open_sub(key, &self.store, &row, sub, &sealed)
                .map(Some)
                .map_err(|reason| StoreError::Unsealable { row, generation: 0, reason }),
            Err(failure) => Err(self.fail(failure)),
        }
    }

    fn commit_many(&mut self, batches: Vec<Batch>) -> Vec<Result<(), StoreError>> {
        self.commit_groups(batches)
    }

    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, StoreError> {
        self.check()?;
        self.backend.scan(after, limit).map_err(|failure| self.fail(failure))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.check()?;
        self.erase_now()
    }
}

impl<B: Backend> Drop for Vault<B> {
    fn drop(&mut self) {
        // What cannot be erased now is on the list of pending erasures and will be at the next opening.
        let _ = self.shut();
    }
}

impl<B: Backend> fmt::Debug for Vault<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault {{ lineage: {}, poisoned: {}, .. }}", self.lineage, self.poisoned)
    }
}

#[cfg(test)]
mod tests;
