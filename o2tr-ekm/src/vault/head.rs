//! What a commit has to know of a row: its generation and its data key.

use super::Vault;
use crate::backend::{Backend, RawRow};
use crate::cells::{Job, MAX_CELL, Work};
use crate::error::{StoreError, UnsealReason};
use crate::row::RowId;
use crate::seal::{DataKey, KeyId, RowHeader};
use crate::store::Quarantine;

/// A row without its content.
pub(super) struct Head {
    pub(super) generation: u64,
    /// What stands in clear before the sealed bytes.
    pub(super) header: Result<RowHeader, UnsealReason>,
    /// `None` if the data key is gone: the row cannot be unsealed.
    pub(super) live: Option<Live>,
    /// Whether the cell has seen a later generation.
    pub(super) rolled_back: bool,
    /// Whether the cell that the header names is certainly this row's.
    pub(super) owns_cell: bool,
}

/// The key a row is sealed under.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) slot: usize,
    pub(super) sequence: u64,
    pub(super) id: KeyId,
    pub(super) key: DataKey,
}

impl Head {
    /// What the row is suspected of.
    pub(super) fn quarantine(&self, header: RowHeader, lineage: u64, suspicion: Quarantine) -> Option<Quarantine> {
        match header.lineage {
            _ if self.rolled_back => Some(Quarantine::RolledBack),
            vouched if vouched == lineage => None,
            0 => Some(Quarantine::RolledBack),
            _ => Some(suspicion),
        }
    }
}

impl<B: Backend> Vault<B> {
    /// The head of a row, from the cache or the files. The caller puts it back into the cache.
    pub(super) fn head(&mut self, row: RowId) -> Result<Option<Head>, StoreError> {
        if let Some(head) = self.cache.take(&row) {
            return Ok(Some(head));
        }
        match self.backend.load(row) {
            Ok(None) => Ok(None),
            Ok(Some(RawRow::Sealed { generation, bytes })) => self.head_of(row, generation, &bytes).map(Some),
            Ok(Some(RawRow::Damaged(reason))) => Ok(Some(Head::unreadable(0, reason))),
            Err(failure) => Err(self.fail(failure)),
        }
    }

    /// The head of a row whose bytes are at hand.
    pub(super) fn head_of(&mut self, row: RowId, generation: u64, bytes: &[u8]) -> Result<Head, StoreError> {
        let header = match RowHeader::parse(bytes) {
            Ok(header) => header,
            Err(reason) => return Ok(Head::unreadable(generation, reason)),
        };
        if let Some(head) = self.cache.take(&row)
            && head.generation == generation
            && head.header == Ok(header)
        {
            return Ok(head);
        }
        // A cell number that makes no sense stands in a damaged row and is no failure of the medium.
        if header.cell > MAX_CELL {
            return Ok(Head::unreadable(generation, UnsealReason::KeyGone));
        }
        let cell = match self.eraser.file.read(header.cell, &row) {
            Ok(cell) => cell,
            Err(failure) => return Err(self.fail(failure)),
        };
        let live = cell.find(header.key).map(|(slot, found)| Live {
            slot,
            sequence: found.sequence,
            id: found.id,
            key: found.key.clone(),
        });
        if let Some(live) = &live
            && !cell.is_twofold(live.slot)
            && let Err(failure) = self.eraser.file.mend(header.cell, live.slot, &row)
        {
            return Err(self.fail(failure));
        }
        if let Some(live) = &live
            && cell.spare(live.slot).is_none()
        {
            // An erasure is under way or was undone by an old copy of the cells; doing it again is right in both cases.
            let job = Job::Provision { live: live.slot, live_sequence: live.sequence, floor: generation };
            let erases = cell.other_than(live.slot).map(|slot| slot.id);
            self.eraser.add([Work { cell: header.cell, row, job, erases: erases.into_iter().collect() }]);
        }
        Ok(Head {
            generation,
            header: Ok(header),
            live,
            rolled_back: cell.floor() > generation,
            owns_cell: cell.is_ours(),
        })
    }
}

impl Head {
    const fn unreadable(generation: u64, reason: UnsealReason) -> Self {
        Self { generation, header: Err(reason), live: None, rolled_back: false, owns_cell: false }
    }
}
