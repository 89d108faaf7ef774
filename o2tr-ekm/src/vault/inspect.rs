//! A look at rows before anything is written: what cannot be read is left as it was.

use crate::backend::{Backend, RawRow};
use crate::cells::CellFile;
use crate::error::{BackendError, OpenError, UnsealReason};
use crate::key::StoreKeys;
use crate::row::{RowId, RowName};
use crate::seal::{self, Place, RowHeader};

/// Refuses a store in which one of `names` is there and damaged. A row whose key was overwritten is none of these:
/// it is an old copy, and its cell says so.
pub(super) fn refuse_damage<B: Backend>(
    backend: &mut B,
    cells: &CellFile,
    keys: &StoreKeys,
    store: &[u8; 16],
    names: &[RowName],
) -> Result<(), OpenError> {
    for name in names {
        let row = RowId::of(name, &keys.names);
        let damaged = |reason| OpenError::Unreadable { row, reason };
        match backend.load(row)? {
            None => {}
            Some(RawRow::Damaged(reason)) => return Err(damaged(reason)),
            Some(RawRow::Sealed { generation, bytes }) => {
                let place = Place { store, row: &row, generation };
                check(cells, place, &bytes).map_err(|fault| match fault {
                    Fault::Row(reason) => damaged(reason),
                    Fault::Medium(failure) => failure.into(),
                })?;
            }
        }
    }
    Ok(())
}

enum Fault {
    Row(UnsealReason),
    Medium(BackendError),
}

fn check(cells: &CellFile, place: Place<'_>, bytes: &[u8]) -> Result<(), Fault> {
    let header = RowHeader::parse(bytes).map_err(Fault::Row)?;
    let cell = cells.read(header.cell, place.row).map_err(Fault::Medium)?;
    match cell.find(header.key) {
        Some((_, slot)) => seal::open_row(&slot.key, place, bytes).map(drop).map_err(Fault::Row),
        None if cell.is_ours() => Ok(()),
        None => Err(Fault::Row(UnsealReason::KeyGone)),
    }
}
