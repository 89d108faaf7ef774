//! The store contract: load, atomic compare-and-swap batches, scan, remove.

use core::fmt;

use zeroize::Zeroizing;

use crate::error::StoreError;
use crate::row::{RowId, RowName, SubRowId, SubRowKey};

/// A store of sealed rows, each with a generation that rises by one per commit.
///
/// Calls block until their effect is durable. One caller at a time: a program that serves many conversations puts a
/// [`Writer`](crate::Writer) before it.
pub trait EkmStore: Send {
    /// Reads a row.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsealable`] if the row is there and cannot be read: other rows are not affected.
    fn load(&mut self, name: &RowName) -> Result<Option<Loaded>, StoreError>;

    /// Reads a row of which only the id is known, from a [`scan`](Self::scan).
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    fn load_by_id(&mut self, row: RowId) -> Result<Option<Loaded>, StoreError>;

    /// Reads a sub-row with the key that stands in its row.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsealable`] if it is there and cannot be read with this key.
    fn load_sub(
        &mut self,
        name: &RowName,
        sub: SubRowId,
        key: &SubRowKey,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError>;

    /// Does all changes of a batch or none, durably.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] and other faults of the batch leave the store as it was, and usable. After
    /// [`StoreError::Backend`] it must be reopened, and only then is it known whether the batch was done.
    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.commit_many(vec![batch]).pop().unwrap_or(Err(StoreError::Poisoned))
    }

    /// Commits several independent batches together: one synchronisation of the disk for all of them.
    ///
    /// The answer has one result per batch, in order; a conflict in one batch does not affect the others.
    fn commit_many(&mut self, batches: Vec<Batch>) -> Vec<Result<(), StoreError>>;

    /// Lists ids and generations in the order of ids: at most `limit`, those after `after`.
    ///
    /// # Errors
    ///
    /// Failures of the medium only.
    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, StoreError>;

    /// Overwrites every retired key now instead of within the flush interval.
    ///
    /// # Errors
    ///
    /// Failures of the medium only.
    fn flush(&mut self) -> Result<(), StoreError>;
}

impl<S: EkmStore + ?Sized> EkmStore for Box<S> {
    fn load(&mut self, name: &RowName) -> Result<Option<Loaded>, StoreError> {
        (**self).load(name)
    }

    fn load_by_id(&mut self, row: RowId) -> Result<Option<Loaded>, StoreError> {
        (**self).load_by_id(row)
    }

    fn load_sub(
        &mut self,
        name: &RowName,
        sub: SubRowId,
        key: &SubRowKey,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        (**self).load_sub(name, sub, key)
    }

    fn commit_many(&mut self, batches: Vec<Batch>) -> Vec<Result<(), StoreError>> {
        (**self).commit_many(batches)
    }

    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, StoreError> {
        (**self).scan(after, limit)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        (**self).flush()
    }
}

/// Reads all rows of a store one by one, in the order of their ids.
///
/// Rows that change meanwhile are seen before or after the change. An unsealable row is an item like any other.
pub fn rows(store: &mut dyn EkmStore) -> Rows<'_> {
    Rows { store, page: Vec::new().into_iter(), last: None, ended: false }
}

/// The iterator of [`rows`].
pub struct Rows<'a> {
    store: &'a mut dyn EkmStore,
    page: std::vec::IntoIter<(RowId, u64)>,
    last: Option<RowId>,
    ended: bool,
}

impl Iterator for Rows<'_> {
    type Item = Result<(RowId, Loaded), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        const PAGE: usize = 256;
        loop {
            if let Some((row, _)) = self.page.next() {
                self.last = Some(row);
                match self.store.load_by_id(row) {
                    Ok(Some(loaded)) => return Some(Ok((row, loaded))),
                    Ok(None) => continue,
                    Err(error) => return Some(Err(error)),
                }
            }
            if self.ended {
                return None;
            }
            match self.store.scan(self.last, PAGE) {
                Ok(page) => {
                    self.ended = page.is_empty();
                    self.page = page.into_iter();
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// A row as it was read. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The row's name, as it was sealed with it.
    pub name: RowName,
    /// The generation to give to the next [`Change`].
    pub generation: u64,
    /// The record.
    pub record: Zeroizing<Vec<u8>>,
    /// Set if the row may be older than what was once committed, or a copy: it may be read and must not be continued.
    pub quarantine: Option<Quarantine>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, generation, record, quarantine } = self;
        f.debug_struct("Loaded")
            .field("name", name)
            .field("generation", generation)
            .field("record", &format_args!("{} bytes", record.len()))
            .field("quarantine", quarantine)
            .finish()
    }
}

/// Why a row must not be continued: no sending, no key advance, until a full AKE
/// ([`Change::lifting_quarantine`]).
///
/// MAC keys that were revealed since an older state of a row was written let anybody forge messages to that state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Quarantine {
    /// The files are not the ones the store last wrote, but copies of them.
    #[error("the store's files are copies")]
    Copied,
    /// Rows and cells are of different times: one of them was restored without the other.
    #[error("rows and cells are of different times")]
    Mismatched,
    /// The whole store is older than the anchor the program kept elsewhere.
    #[error("the store is older than its anchor")]
    BehindAnchor,
    /// This row is older than its cell: it was restored alone.
    #[error("the row is older than its cell")]
    RolledBack,
}

impl Quarantine {
    pub(crate) const fn to_number(self) -> u8 {
        match self {
            Self::Copied => 1,
            Self::Mismatched => 2,
            Self::BehindAnchor => 3,
            Self::RolledBack => 4,
        }
    }

    /// Unknown numbers count as the most general reason.
    pub(crate) const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Copied,
            3 => Self::BehindAnchor,
            4 => Self::RolledBack,
            _ => Self::Mismatched,
        }
    }
}

/// Changes that happen together or not at all; each row at most once.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(crate) changes: Vec<Change>,
}

impl Batch {
    /// An empty batch, whose commit does nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { changes: Vec::new() }
    }

    /// Adds a change, for building a batch in one expression.
    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }
}

impl FromIterator<Change> for Batch {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        Self { changes: changes.into_iter().collect() }
    }
}

impl Extend<Change> for Batch {
    fn extend<I: IntoIterator<Item = Change>>(&mut self, changes: I) {
        self.changes.extend(changes);
    }
}

impl From<Change> for Batch {
    fn from(change: Change) -> Self {
        Self { changes: vec![change] }
    }
}

/// What happens to one row. `Debug` shows sizes only.
#[derive(Clone)]
pub struct Change {
    pub(crate) name: RowName,
    pub(crate) expected: Expected,
    /// `None`: the row is removed, with its sub-rows and its key.
    pub(crate) record: Option<Zeroizing<Vec<u8>>>,
    pub(crate) retires_secret: bool,
    pub(crate) lifts_quarantine: bool,
    pub(crate) subs: Vec<SubChange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This generation; 0: no row.
    Generation(u64),
    Any,
}

#[derive(Clone)]
pub(crate) struct SubChange {
    pub(crate) id: SubRowId,
    /// `None`: the sub-row is removed.
    pub(crate) content: Option<(SubRowKey, Zeroizing<Vec<u8>>)>,
}

impl Change {
    /// Replaces the record of a row that is at generation `expected` (0: makes a new row); it gets `expected` + 1.
    #[must_use]
    pub fn put(name: RowName, expected: u64, record: Zeroizing<Vec<u8>>) -> Self {
        Self { expected: Expected::Generation(expected), record: Some(record), ..Self::remove_any(name) }
    }

    /// Removes a row that is at generation `expected`. Its data key is overwritten before the commit returns.
    #[must_use]
    pub fn remove(name: RowName, expected: u64) -> Self {
        Self { expected: Expected::Generation(expected), ..Self::remove_any(name) }
    }

    /// Removes a row whatever its generation, also one that cannot be unsealed, and also an absent one.
    #[must_use]
    pub const fn wipe(name: RowName) -> Self {
        Self::remove_any(name)
    }

    /// The new record lacks a secret that the old one had: the row changes to a new data key and the old key is
    /// overwritten within the flush interval.
    #[must_use]
    pub fn retiring_secret(mut self) -> Self {
        self.retires_secret = true;
        self
    }

    /// A full AKE has replaced everything that the quarantine was about.
    #[must_use]
    pub fn lifting_quarantine(mut self) -> Self {
        self.lifts_quarantine = true;
        self
    }

    /// Writes a sub-row along. A key must not seal two texts that differ unless their numbers do.
    #[must_use]
    pub fn putting_sub(mut self, id: SubRowId, key: SubRowKey, text: Zeroizing<Vec<u8>>) -> Self {
        self.subs.push(SubChange { id, content: Some((key, text)) });
        self
    }

    /// Removes a sub-row along; an absent one is no fault. What forgets its text is that its key leaves the record:
    /// mark the change [`retiring_secret`](Self::retiring_secret).
    #[must_use]
    pub fn removing_sub(mut self, id: SubRowId) -> Self {
        self.subs.push(SubChange { id, content: None });
        self
    }

    const fn remove_any(name: RowName) -> Self {
        Self {
            name,
            expected: Expected::Any,
            record: None,
            retires_secret: false,
            lifts_quarantine: false,
            subs: Vec::new(),
        }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected, record, retires_secret, lifts_quarantine, subs } = self;
        f.debug_struct("Change")
            .field("name", name)
            .field("expected", expected)
            .field("record", &record.as_ref().map(|record| record.len()))
            .field("retires_secret", retires_secret)
            .field("lifts_quarantine", lifts_quarantine)
            .field("subs", subs)
            .finish()
    }
}

impl fmt::Debug for SubChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, content } = self;
        let len = content.as_ref().map(|(_, text)| text.len());
        f.debug_struct("SubChange").field("id", id).field("len", &len).finish()
    }
}

/// A fresh key for a sub-row.
///
/// # Errors
///
/// [`crate::BackendError::Randomness`].
pub fn sub_row_key() -> Result<SubRowKey, StoreError> {
    Ok(crate::random::secret()?)
}

#[cfg(test)]
mod tests {
    use otr_core::SecretBytes;

    use super::*;

    #[test]
    fn debug_shows_sizes_only() {
        let name = RowName::conversation(b"me", b"ada");
        let change = Change::put(name.clone(), 3, Zeroizing::new(b"record".to_vec())).retiring_secret().putting_sub(
            SubRowId(1),
            SecretBytes::new([7; 32]),
            Zeroizing::new(b"text".to_vec()),
        );
        assert_eq!(
            format!("{change:?}"),
            "Change { name: RowName::conversation(..), expected: Generation(3), record: Some(6), \
             retires_secret: true, lifts_quarantine: false, subs: [SubChange { id: SubRowId(1), len: Some(4) }] }"
        );
        let loaded = Loaded { name, generation: 3, record: Zeroizing::new(b"record".to_vec()), quarantine: None };
        assert_eq!(
            format!("{loaded:?}"),
            "Loaded { name: RowName::conversation(..), generation: 3, record: 6 bytes, quarantine: None }"
        );
    }
}
