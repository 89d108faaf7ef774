//! Rows in memory: for tests and for sessions that are to leave nothing behind.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Backend, Ledger, RawChange, RawRow, RawTransaction};
use crate::error::BackendError;
use crate::media::Identity;
use crate::row::{RowId, SubRowId};

/// Sealed rows in memory. Clones share them, so that a test can close a store and open it again.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default)]
struct State {
    rows: BTreeMap<RowId, (u64, Vec<u8>)>,
    subs: BTreeMap<(RowId, SubRowId), Vec<u8>>,
    ledger: Ledger,
    failing: bool,
}

impl Memory {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows as they are now, no longer shared: a backup.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Lets every following transaction fail, or no longer.
    pub fn set_failing(&self, failing: bool) {
        self.state().failing = failing;
    }

    /// Calls `edit` with the bytes of every row, as somebody with access to the file could.
    pub fn edit_rows(&self, mut edit: impl FnMut(RowId, &mut u64, &mut Vec<u8>)) {
        for (row, (generation, bytes)) in &mut self.state().rows {
            edit(*row, generation, bytes);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Memory {
    fn load(&mut self, row: RowId) -> Result<Option<RawRow>, BackendError> {
        let state = self.state();
        let found = state.rows.get(&row);
        Ok(found.map(|(generation, bytes)| RawRow::Sealed { generation: *generation, bytes: bytes.clone() }))
    }

    fn load_sub(&mut self, row: RowId, sub: SubRowId) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.state().subs.get(&(row, sub)).cloned())
    }

    fn apply(&mut self, transaction: &RawTransaction) -> Result<(), BackendError> {
        let mut state = self.state();
        if state.failing {
            return Err(BackendError::Io { action: "committing", kind: std::io::ErrorKind::StorageFull });
        }
        for RawChange { row, expected, new: _ } in &transaction.rows {
            let found = state.rows.get(row).map_or(0, |(generation, _)| *generation);
            if expected.is_some_and(|expected| expected != found) {
                return Err(BackendError::Interference);
            }
        }
        for RawChange { row, expected: _, new } in &transaction.rows {
            match new {
                Some(new) => {
                    state.rows.insert(*row, new.clone());
                }
                None => {
                    state.rows.remove(row);
                    state.subs.retain(|(of, _), _| of != row);
                }
            }
        }
        for (row, sub, bytes) in &transaction.subs {
            match bytes {
                Some(bytes) => state.subs.insert((*row, *sub), bytes.clone()),
                None => state.subs.remove(&(*row, *sub)),
            };
        }
        state.ledger.apply(transaction);
        Ok(())
    }

    fn ledger(&mut self) -> Result<Ledger, BackendError> {
        Ok(self.state().ledger.clone())
    }

    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, BackendError> {
        let state = self.state();
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = state.rows.range((after, Bound::Unbounded)).take(limit);
        Ok(rows.map(|(row, (generation, _))| (*row, *generation)).collect())
    }

    fn identity(&self) -> Result<Identity, BackendError> {
        Ok(Identity::default())
    }
}
