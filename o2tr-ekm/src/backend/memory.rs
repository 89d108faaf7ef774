//! Rows in memory: for tests and for sessions that are to leave nothing behind.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Backend, Ledger, RawChange, RawRow, RawTransaction};
use crate::error::BackendError;
use crate::media::{Identity, Media, Simulated};
use crate::row::{RowId, SubRowId};

/// Sealed rows in a simulated medium, beside its files: a database whose transactions are atomic and durable at once.
#[derive(Clone)]
pub struct Memory(Simulated);

/// What such a database holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub(crate) rows: BTreeMap<RowId, (u64, Vec<u8>)>,
    subs: BTreeMap<(RowId, SubRowId), Vec<u8>>,
    pub(crate) ledger: Ledger,
}

impl Memory {
    /// The rows of a medium.
    #[must_use]
    pub const fn new(media: Simulated) -> Self {
        Self(media)
    }
}

impl Backend for Memory {
    fn load(&mut self, row: RowId) -> Result<Option<RawRow>, BackendError> {
        let sealed =
            |(generation, bytes): &(u64, Vec<u8>)| RawRow::Sealed { generation: *generation, bytes: bytes.clone() };
        self.0.tables(|tables| tables.rows.get(&row).map(sealed)).map_err(BackendError::io("reading a row"))
    }

    fn load_sub(&mut self, row: RowId, sub: SubRowId) -> Result<Option<Vec<u8>>, BackendError> {
        let read = self.0.tables(|tables| tables.subs.get(&(row, sub)).cloned());
        read.map_err(BackendError::io("reading a sub-row"))
    }

    fn apply(&mut self, transaction: &RawTransaction) -> Result<(), BackendError> {
        let applied = self.0.transaction(|tables| tables.apply(transaction));
        applied.map_err(BackendError::io("committing"))?
    }

    fn ledger(&mut self) -> Result<Ledger, BackendError> {
        self.0.tables(|tables| tables.ledger.clone()).map_err(BackendError::io("reading the ledger"))
    }

    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, BackendError> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let read = self.0.tables(|tables| {
            let rows = tables.rows.range((after, Bound::Unbounded)).take(limit);
            rows.map(|(row, (generation, _))| (*row, *generation)).collect()
        });
        read.map_err(BackendError::io("listing rows"))
    }

    fn identity(&self) -> Result<Identity, BackendError> {
        self.0.identity("rows").map_err(BackendError::io("inspecting the rows"))
    }
}

impl Tables {
    fn apply(&mut self, transaction: &RawTransaction) -> Result<(), BackendError> {
        for RawChange { row, expected, new: _ } in &transaction.rows {
            let found = self.rows.get(row).map_or(0, |(generation, _)| *generation);
            if expected.is_some_and(|expected| expected != found) {
                return Err(BackendError::Interference);
            }
        }
        for RawChange { row, expected: _, new } in &transaction.rows {
            match new {
                Some(new) => {
                    self.rows.insert(*row, new.clone());
                }
                None => {
                    self.rows.remove(row);
                    self.subs.retain(|(of, _), _| of != row);
                }
            }
        }
        for (row, sub, bytes) in &transaction.subs {
            match bytes {
                Some(bytes) => self.subs.insert((*row, *sub), bytes.clone()),
                None => self.subs.remove(&(*row, *sub)),
            };
        }
        self.ledger.apply(transaction);
        Ok(())
    }
}
