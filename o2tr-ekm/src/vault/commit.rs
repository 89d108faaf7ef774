//! Commits: examine a batch, plan what it writes, carry out a group of batches as one transaction.

use std::collections::HashSet;

use otr_core::planted::{Fault, planted};

use super::Vault;
use super::head::{Head, Live};
use crate::backend::{Backend, Pending, RawChange, RawTransaction};
use crate::cells::{Job, Piece, Slot, Work};
use crate::error::{BackendError, StoreError};
use crate::row::{MAX_NAME, RowId};
use crate::seal::{self, MAX_RECORD, MAX_SUB_ROW, Place, RowHeader};
use crate::store::{Batch, Change, Expected, SubChange};

/// Batches that become one transaction; no row occurs twice, so that each rotation finds its spare.
#[derive(Default)]
struct Group {
    /// Positions of the batches in the caller's list.
    members: Vec<usize>,
    rows: HashSet<RowId>,
    /// Cells of new rows, to be durable before the transaction.
    pieces: Vec<Piece>,
    transaction: RawTransaction,
    /// What is true once the transaction is durable.
    heads: Vec<(RowId, Head)>,
    work: Vec<Work>,
    /// Whether a key is to be erased before the commit returns.
    removes: bool,
}

/// A change whose row was looked at.
struct Examined {
    row: RowId,
    head: Option<Head>,
    change: Change,
}

impl<B: Backend> Vault<B> {
    pub(super) fn commit_groups(&mut self, batches: Vec<Batch>) -> Vec<Result<(), StoreError>> {
        let mut results = vec![Ok(()); batches.len()];
        let mut group = Group::default();
        for (index, batch) in batches.into_iter().enumerate() {
            if batch.changes.iter().any(|change| group.rows.contains(&self.row_id(&change.name))) {
                self.finish(std::mem::take(&mut group), &mut results);
            }
            match self.stage(&mut group, batch) {
                Ok(()) => group.members.push(index),
                Err(error) => set(&mut results, index, Err(error)),
            }
        }
        self.finish(group, &mut results);
        results
    }

    fn finish(&mut self, group: Group, results: &mut [Result<(), StoreError>]) {
        let members = group.members.clone();
        if members.is_empty() {
            return;
        }
        let result = self.carry_out(group);
        for index in members {
            set(results, index, result.clone());
        }
    }

    /// Adds a batch to a group, or refuses it and changes nothing.
    fn stage(&mut self, group: &mut Group, batch: Batch) -> Result<(), StoreError> {
        self.check()?;
        let mut examined: Vec<Examined> = Vec::with_capacity(batch.changes.len());
        for change in batch.changes {
            let row = self.row_id(&change.name);
            let twice = examined.iter().any(|earlier| earlier.row == row);
            let result = if twice { Err(StoreError::Duplicate { row }) } else { self.examine(row, &change) };
            match result {
                Ok(head) => examined.push(Examined { row, head, change }),
                Err(error) => {
                    self.put_back(examined);
                    return Err(error);
                }
            }
        }
        // From here on only the medium can fail, and then nothing of the group is carried out.
        for Examined { row, head, mut change } in examined {
            group.rows.insert(row);
            match change.record {
                Some(_) => self.plan_put(group, row, head, &change)?,
                None => self.plan_removal(group, row, head)?,
            }
            // Sooner and in one sweep, instead of byte by byte when it is dropped.
            change.record.iter_mut().for_each(|record| otr_core::wipe(record));
        }
        Ok(())
    }

    fn put_back(&mut self, examined: Vec<Examined>) {
        for Examined { row, head, change: _ } in examined {
            if let Some(head) = head {
                self.cache.put(row, head);
            }
        }
    }

    /// Everything about a change that the caller can have wrong.
    fn examine(&mut self, row: RowId, change: &Change) -> Result<Option<Head>, StoreError> {
        let Change { name, expected, record, retires_secret: _, lifts_quarantine: _, subs } = change;
        if !name.is_within_limits() {
            let len = name.account().len().max(name.peer().map_or(0, <[u8]>::len));
            return Err(StoreError::TooLarge { len, limit: MAX_NAME });
        }
        at_most(record.as_ref().map_or(0, |record| record.len()), MAX_RECORD)?;
        let mut numbers = HashSet::new();
        for SubChange { id, content } in subs {
            at_most(content.as_ref().map_or(0, |(_, text)| text.len()), MAX_SUB_ROW)?;
            if !numbers.insert(*id) {
                return Err(StoreError::Duplicate { row });
            }
        }
        let head = self.head(row)?;
        let found = head.as_ref().map_or(0, |head| head.generation);
        match *expected {
            // SQLite's integers end at 2^63.
            Expected::Generation(expected) if expected != found || expected >= i64::MAX.cast_unsigned() => {
                self.put_back(vec![Examined { row, head, change: change.clone() }]);
                Err(StoreError::Conflict { row, expected, found })
            }
            Expected::Generation(_) | Expected::Any => Ok(head),
        }
    }

    fn plan_put(
        &mut self,
        group: &mut Group,
        row: RowId,
        head: Option<Head>,
        change: &Change,
    ) -> Result<(), StoreError> {
        let generation = head.as_ref().map_or(0, |head| head.generation).saturating_add(1);
        let lineage = self.lineage_after(head.as_ref(), change.lifts_quarantine);
        let (cell, live) = self.key_for(group, row, head.as_ref(), generation, change.retires_secret)?;
        let header = RowHeader { cell, lineage, key: live.id };
        let place = Place { store: &self.store, row: &row, generation };
        let record = change.record.as_deref().map_or(&[][..], Vec::as_slice);
        let sealed = seal::seal_row(&live.key, header, place, &change.name, record);
        let sealed = sealed.map_err(|failure| self.fail(failure))?;
        group.transaction.rows.push(RawChange {
            row,
            expected: expected_of(head.as_ref()),
            new: Some((generation, sealed)),
        });
        for SubChange { id, content } in &change.subs {
            let sealed = content.as_ref().map(|(key, text)| seal::seal_sub(key, &self.store, &row, *id, text));
            let sealed = sealed.transpose().map_err(|failure| self.fail(failure))?;
            group.transaction.subs.push((row, *id, sealed));
        }
        let head = Head { generation, header: Ok(header), live: Some(live), rolled_back: false, owns_cell: true };
        group.heads.push((row, head));
        Ok(())
    }

    fn plan_removal(&mut self, group: &mut Group, row: RowId, head: Option<Head>) -> Result<(), StoreError> {
        let Some(head) = head else { return Ok(()) };
        self.give_up_cell(group, row, &head)?;
        group.transaction.rows.push(RawChange { row, expected: expected_of(Some(&head)), new: None });
        group.removes = true;
        Ok(())
    }

    /// The lineage a row gets: what was doubtful stays so until the quarantine is lifted.
    fn lineage_after(&self, head: Option<&Head>, lifts_quarantine: bool) -> u64 {
        match head {
            None => self.lineage,
            Some(_) if lifts_quarantine => self.lineage,
            Some(Head { header: Ok(header), live: Some(_), rolled_back: false, .. }) => header.lineage,
            Some(_) => 0,
        }
    }

    /// The cell and key a row is to be sealed under, with what has to be done to cells before and after.
    fn key_for(
        &mut self,
        group: &mut Group,
        row: RowId,
        head: Option<&Head>,
        floor: u64,
        retires_secret: bool,
    ) -> Result<(u64, Live), StoreError> {
        if let Some(head) = head {
            if let Some((header, live)) = head.usable() {
                let floor = if planted(Fault::FloorNotRaised) { 0 } else { floor };
                if !retires_secret {
                    let job = Job::Provision { live: live.slot, live_sequence: live.sequence, floor };
                    group.work.push(Work { cell: header.cell, row, job, erases: Vec::new() });
                    return Ok((header.cell, live.clone()));
                }
                if let Some(spare) = self.spare_for(header.cell, row, live, head.generation)? {
                    let job = Job::Provision { live: spare.slot, live_sequence: spare.sequence, floor };
                    group.work.push(Work { cell: header.cell, row, job, erases: vec![live.id] });
                    let pending = Pending { key: live.id.0, cell: header.cell, row, whole_cell: false };
                    group.transaction.pending_add.push(pending);
                    return Ok((header.cell, spare));
                }
            }
            // The key is gone or the cell does not hold what is written to it: begin anew in another cell.
            self.give_up_cell(group, row, head)?;
        }
        self.new_cell(group, row, floor)
    }

    /// The durable spare of a cell; `None` if the cell does not keep one.
    fn spare_for(&mut self, cell: u64, row: RowId, live: &Live, floor: u64) -> Result<Option<Live>, StoreError> {
        let read = |vault: &Self| -> Result<Option<Live>, BackendError> {
            let found = vault.eraser.file.read(cell, &row)?;
            Ok(found.spare(live.slot).map(|spare| Live {
                slot: 1 - live.slot,
                sequence: spare.sequence,
                id: spare.id,
                key: spare.key.clone(),
            }))
        };
        let found = self.eraser.settle(cell).and_then(|()| match read(self)? {
            Some(spare) => Ok(Some(spare)),
            None => {
                let job = Job::Provision { live: live.slot, live_sequence: live.sequence, floor };
                self.eraser.add([Work { cell, row, job, erases: Vec::new() }]);
                self.eraser.flush()?;
                read(self)
            }
        });
        found.map_err(|failure| self.fail(failure))
    }

    /// Plans the erasure of everything in a row's cell.
    fn give_up_cell(&mut self, group: &mut Group, row: RowId, head: &Head) -> Result<(), StoreError> {
        let cell = match head.header {
            Ok(header) if head.owns_cell => Some(header.cell),
            // The header may lie: only a slot that opens for this row proves that a cell is its own.
            _ => {
                let found = self.eraser.file.find_cell_of(&row, self.next_cell);
                found.map_err(|failure| self.fail(failure))?
            }
        };
        let Some(cell) = cell else { return Ok(()) };
        let key = match head.header {
            Ok(header) if head.owns_cell => header.key,
            _ => crate::random::bytes().map(crate::seal::KeyId).map_err(|failure| self.fail(failure))?,
        };
        group.transaction.pending_add.push(Pending { key: key.0, cell, row, whole_cell: true });
        group.work.push(Work { cell, row, job: Job::Clear, erases: vec![key] });
        Ok(())
    }

    /// Takes an empty cell and plans a live key and a spare in it.
    fn new_cell(&mut self, group: &mut Group, row: RowId, floor: u64) -> Result<(u64, Live), StoreError> {
        let planned = self.take_cell(&mut group.transaction).and_then(|cell| {
            let (live, spare) = (Slot::fresh(1, floor)?, Slot::fresh(2, floor)?);
            group.pieces.push(self.eraser.file.piece(&live, cell, 0, &row)?);
            group.pieces.push(self.eraser.file.piece(&spare, cell, 1, &row)?);
            Ok((cell, Live { slot: 0, sequence: live.sequence, id: live.id, key: live.key.clone() }))
        });
        planned.map_err(|failure| self.fail(failure))
    }

    fn take_cell(&mut self, transaction: &mut RawTransaction) -> Result<u64, BackendError> {
        loop {
            let cell = match self.free_cells.pop() {
                Some(cell) => {
                    transaction.free_remove.push(cell);
                    cell
                }
                None => {
                    let cell = self.next_cell;
                    self.next_cell = cell.saturating_add(1);
                    transaction.next_cell = Some(self.next_cell);
                    cell
                }
            };
            // A cell that should be empty and is not belongs to a commit that was interrupted, or the ledger is
            // damaged: leaving it alone is right in both cases.
            if self.eraser.file.is_blank(cell)? {
                return Ok(cell);
            }
        }
    }

    /// Makes a group durable: cells of new rows, then the transaction; then what is to be erased.
    fn carry_out(&mut self, group: Group) -> Result<(), StoreError> {
        self.check()?;
        let Group { members: _, rows: _, pieces, mut transaction, heads, work, removes } = group;
        self.eraser.file.write(&pieces).map_err(|failure| self.fail(failure))?;
        let freed = self.settle_erasures(&mut transaction);
        self.apply(&transaction)?;
        self.free_cells.extend(freed);
        for (row, head) in heads {
            self.cache.put(row, head);
        }
        self.eraser.add(work);
        if removes { self.erase_now() } else { Ok(()) }
    }
}

impl Head {
    /// Header and key, if the row can be continued under them.
    fn usable(&self) -> Option<(RowHeader, &Live)> {
        Some((self.header.ok()?, self.live.as_ref()?))
    }
}

/// What the backend is to check; a row too damaged to have a generation is replaced whatever it is.
const fn expected_of(head: Option<&Head>) -> Option<u64> {
    match head {
        None => Some(0),
        Some(Head { generation: 0, .. }) => None,
        Some(head) => Some(head.generation),
    }
}

const fn at_most(len: usize, limit: usize) -> Result<(), StoreError> {
    if len > limit { Err(StoreError::TooLarge { len, limit }) } else { Ok(()) }
}

fn set(results: &mut [Result<(), StoreError>], index: usize, result: Result<(), StoreError>) {
    if let Some(slot) = results.get_mut(index) {
        *slot = result;
    }
}
