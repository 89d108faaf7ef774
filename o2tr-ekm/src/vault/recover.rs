//! Finishes the erasures that a crash interrupted.

use super::Vault;
use crate::backend::{Backend, Pending, RawTransaction};
use crate::cells::{Job, Work};
use crate::error::StoreError;
use crate::seal::KeyId;

/// What is to be done about a pending erasure.
enum Owed {
    Work(Work),
    Nothing,
    /// The row is unreadable, perhaps because a newer program wrote it: clearing its cell could destroy it.
    Undecided,
}

impl<B: Backend> Vault<B> {
    /// Erases every key of the list that is still to be found, and empties the list.
    pub(super) fn recover(&mut self, pending: Vec<Pending>) -> Result<(), StoreError> {
        let mut settled = Vec::with_capacity(pending.len());
        for pending in pending {
            match self.still_owed(pending)? {
                Owed::Work(work) => {
                    settled.push(pending.key);
                    self.eraser.add([work]);
                }
                Owed::Nothing => settled.push(pending.key),
                Owed::Undecided => {}
            }
        }
        if settled.is_empty() {
            return Ok(());
        }
        self.erase_now()?;
        let mut transaction = RawTransaction::default();
        let freed = self.settle_erasures(&mut transaction);
        transaction.pending_remove = settled;
        self.apply(&transaction)?;
        self.free_cells.extend(freed);
        Ok(())
    }

    fn still_owed(&mut self, pending: Pending) -> Result<Owed, StoreError> {
        let Pending { key, cell, row, whole_cell } = pending;
        let key = KeyId(key);
        let held = self.eraser.file.holds(cell, key).map_err(|failure| self.fail(failure))?;
        if !held && !whole_cell {
            return Ok(Owed::Nothing);
        }
        let head = self.head(row)?;
        if head.as_ref().is_some_and(|head| head.header.is_err()) {
            return Ok(Owed::Undecided);
        }
        let at_home = head.as_ref().and_then(|head| {
            let header = head.header.ok().filter(|header| header.cell == cell)?;
            Some((head.live.as_ref()?, header))
        });
        let job = match at_home {
            // The row lives here under the very key: an older state of the rows was restored, nothing is owed.
            Some((_, header)) if header.key == key || whole_cell => None,
            Some((live, _)) => {
                let floor = head.as_ref().map_or(0, |head| head.generation);
                Some(Job::Provision { live: live.slot, live_sequence: live.sequence, floor })
            }
            None => {
                let found = self.eraser.file.read(cell, &row).map_err(|failure| self.fail(failure))?;
                let blank = self.eraser.file.is_blank(cell).map_err(|failure| self.fail(failure))?;
                (found.is_ours() || blank || held).then_some(Job::Clear)
            }
        };
        if let Some(head) = head {
            self.cache.put(row, head);
        }
        Ok(job.map_or(Owed::Nothing, |job| Owed::Work(Work { cell, row, job, erases: vec![key] })))
    }
}
