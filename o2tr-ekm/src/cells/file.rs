//! Reading and writing the cells file, always both copies.

use std::sync::Arc;

use otr_core::SecretBytes;

use super::layout::{self, CELL_LEN, COPIES, Copy, SLOT_LEN};
use super::{Binding, Slot, SlotPlace};
use crate::error::{BackendError, OpenError};
use crate::key::{KeyHeader, SECTOR};
use crate::media::{Media, MediaFile};
use crate::row::RowId;
use crate::seal::KeyId;

/// The cells file with the key that wraps its slots.
pub(crate) struct CellFile {
    file: Arc<dyn MediaFile>,
    store: [u8; 16],
    wrapping: SecretBytes<32>,
}

/// What a cell holds for one row.
pub(crate) struct Cell {
    slots: [Option<Slot>; 2],
    /// Whether both copies of the slot are the same bytes.
    twofold: [bool; 2],
}

/// One slot's new bytes and where they go.
pub(crate) struct Piece {
    pub(crate) cell: u64,
    pub(crate) slot: usize,
    pub(crate) bytes: [u8; SLOT_LEN],
}

/// A cells file that was found, with the two copies of its header.
pub(crate) struct Headers {
    pub(crate) file: Arc<dyn MediaFile>,
    copies: [Option<KeyHeader>; 2],
}

impl Headers {
    /// The header to try first, and the other copy if it differs: a change of passphrase was interrupted.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &KeyHeader> {
        let [primary, mirror] = &self.copies;
        primary.iter().chain(mirror.iter().filter(move |mirror| primary.as_ref() != Some(*mirror)))
    }

    /// Whether both copies are there and equal.
    pub(crate) fn are_twofold(&self) -> bool {
        let [primary, mirror] = &self.copies;
        primary.is_some() && primary == mirror
    }
}

const ACTION_READ: &str = "reading the cells";
const ACTION_WRITE: &str = "writing the cells";

impl CellFile {
    /// The headers of a cells file; `None` if there is no such file.
    pub(crate) fn read_headers(media: &dyn Media) -> Result<Option<Headers>, OpenError> {
        let Some(file) = media.open("cells", false).map_err(BackendError::io("opening the cells"))? else {
            return Ok(None);
        };
        let mut copies = [None, None];
        let mut unknown = None;
        for (found, copy) in copies.iter_mut().zip(COPIES) {
            match KeyHeader::parse(&read_sector(&*file, layout::header_offset(copy))?) {
                Ok(header) => *found = header,
                Err(error) => unknown = Some(error),
            }
        }
        match (&copies, unknown) {
            ([None, None], Some(error)) => Err(error),
            ([None, None], None) => Err(OpenError::Damaged { file: "cells" }),
            _ => Ok(Some(Headers { file, copies })),
        }
    }

    /// Writes a new cells file, complete or not at all.
    pub(crate) fn create(media: &dyn Media, header: &KeyHeader, binding: &[u8; SECTOR]) -> Result<(), BackendError> {
        let page = usize::try_from(layout::PAGE_LEN).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(2 * page);
        for _ in COPIES {
            let start = bytes.len();
            bytes.extend_from_slice(&header.to_sector());
            bytes.extend_from_slice(binding);
            bytes.resize(start + page, 0);
        }
        media
            .write_new("cells.new", &bytes)
            .and_then(|()| media.rename("cells.new", "cells"))
            .and_then(|()| media.sync_names(""))
            .map_err(BackendError::io("creating the cells"))
    }

    pub(crate) fn new(file: Arc<dyn MediaFile>, store: [u8; 16], wrapping: SecretBytes<32>) -> Self {
        Self { file, store, wrapping }
    }

    /// Makes whatever a killed process left in the page cache durable, so that what is read may be relied upon.
    pub(crate) fn sync(&self) -> Result<(), BackendError> {
        self.file.sync().map_err(BackendError::io(ACTION_WRITE))
    }

    pub(crate) fn write_header(&self, header: &KeyHeader) -> Result<(), BackendError> {
        self.write_sectors(layout::header_offset, &header.to_sector())
    }

    /// Overwrites the wrapped master key.
    pub(crate) fn erase_header(&self) -> Result<(), BackendError> {
        self.write_sectors(layout::header_offset, &[0; SECTOR])
    }

    /// The binding: the primary, or the mirror if that is damaged.
    pub(crate) fn read_binding(&self, key: &SecretBytes<32>) -> Result<Binding, OpenError> {
        for copy in COPIES {
            let sector = read_sector(&*self.file, layout::binding_offset(copy))?;
            if let Some(binding) = Binding::from_sector(&sector, key, &self.store) {
                return Ok(binding);
            }
        }
        Err(OpenError::Damaged { file: "cells" })
    }

    pub(crate) fn write_binding(&self, binding: &Binding, key: &SecretBytes<32>) -> Result<(), BackendError> {
        self.write_sectors(layout::binding_offset, &binding.to_sector(key, &self.store)?)
    }

    /// Reads a row's cell; where the copies of a slot differ, the primary counts if it is whole.
    pub(crate) fn read(&self, cell: u64, row: &RowId) -> Result<Cell, BackendError> {
        let mut slots = [None, None];
        let mut twofold = [false, false];
        let [primary, mirror] = [self.read_copy(Copy::Primary, cell)?, self.read_copy(Copy::Mirror, cell)?];
        for (slot, (found, same)) in slots.iter_mut().zip(&mut twofold).enumerate() {
            let [first, second] = [slot_of(&primary, slot), slot_of(&mirror, slot)];
            *same = first == second;
            *found = self.open_slot(&first, cell, slot, row);
            if found.is_none() && !*same {
                *found = self.open_slot(&second, cell, slot, row);
            }
        }
        Ok(Cell { slots, twofold })
    }

    /// Gives a slot of which one copy is ruined its second copy back.
    pub(crate) fn mend(&self, cell: u64, slot: usize, row: &RowId) -> Result<(), BackendError> {
        for (good, bad) in [(Copy::Primary, Copy::Mirror), (Copy::Mirror, Copy::Primary)] {
            let bytes = slot_of(&self.read_copy(good, cell)?, slot);
            if self.open_slot(&bytes, cell, slot, row).is_some() {
                let offset = layout::slot_offset(bad, cell, slot).ok_or(NO_SUCH_CELL)?;
                self.file.write_at(offset, &bytes).map_err(BackendError::io(ACTION_WRITE))?;
                return self.sync();
            }
        }
        Ok(())
    }

    /// Whether nothing stands in a cell.
    pub(crate) fn is_blank(&self, cell: u64) -> Result<bool, BackendError> {
        let is_zero = |bytes: [u8; CELL_LEN]| bytes.iter().all(|byte| *byte == 0);
        Ok(is_zero(self.read_copy(Copy::Primary, cell)?) && is_zero(self.read_copy(Copy::Mirror, cell)?))
    }

    /// Looks through all cells for the one of a row whose header is unreadable.
    pub(crate) fn find_cell_of(&self, row: &RowId, end: u64) -> Result<Option<u64>, BackendError> {
        for cell in 0..end {
            if self.read(cell, row)?.is_ours() {
                return Ok(Some(cell));
            }
        }
        Ok(None)
    }

    /// Whether any copy of a cell's slots claims to be this key: for finding keys to be erased.
    pub(crate) fn holds(&self, cell: u64, key: KeyId) -> Result<bool, BackendError> {
        for copy in COPIES {
            let bytes = self.read_copy(copy, cell)?;
            if (0..2).any(|slot| Slot::claimed_id(&slot_of(&bytes, slot)) == Some(key)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Wraps a key for its place.
    pub(crate) fn piece(&self, slot: &Slot, cell: u64, index: usize, row: &RowId) -> Result<Piece, BackendError> {
        let place = SlotPlace { store: &self.store, row, cell, slot: index };
        Ok(Piece { cell, slot: index, bytes: slot.wrap(&self.wrapping, place)? })
    }

    /// Writes pieces: all primaries, one sync, all mirrors, one sync.
    pub(crate) fn write(&self, pieces: &[Piece]) -> Result<(), BackendError> {
        if pieces.is_empty() {
            return Ok(());
        }
        for copy in COPIES {
            for Piece { cell, slot, bytes } in pieces {
                let offset = layout::slot_offset(copy, *cell, *slot).ok_or(NO_SUCH_CELL)?;
                self.file.write_at(offset, bytes).map_err(BackendError::io(ACTION_WRITE))?;
            }
            self.sync()?;
        }
        Ok(())
    }

    fn open_slot(&self, bytes: &[u8; SLOT_LEN], cell: u64, slot: usize, row: &RowId) -> Option<Slot> {
        Slot::unwrap(bytes, &self.wrapping, SlotPlace { store: &self.store, row, cell, slot })
    }

    fn read_copy(&self, copy: Copy, cell: u64) -> Result<[u8; CELL_LEN], BackendError> {
        let mut bytes = [0; CELL_LEN];
        let offset = layout::cell_offset(copy, cell).ok_or(NO_SUCH_CELL)?;
        self.file.read_at(offset, &mut bytes).map_err(BackendError::io(ACTION_READ))?;
        Ok(bytes)
    }

    fn write_sectors(&self, offset: impl Fn(Copy) -> u64, sector: &[u8; SECTOR]) -> Result<(), BackendError> {
        for copy in COPIES {
            self.file.write_at(offset(copy), sector).map_err(BackendError::io(ACTION_WRITE))?;
            self.sync()?;
        }
        Ok(())
    }
}

impl Cell {
    /// The slot of the key with this id.
    pub(crate) fn find(&self, id: KeyId) -> Option<(usize, &Slot)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| Some((index, slot.as_ref()?))).find(|(_, slot)| slot.id == id)
    }

    /// The spare beside a live key: the next number, whole in both copies.
    pub(crate) fn spare(&self, live: usize) -> Option<&Slot> {
        let spare = self.slots.get(other(live))?.as_ref()?;
        let sequence = self.slots.get(live)?.as_ref()?.sequence.checked_add(1)?;
        (spare.sequence == sequence && self.is_twofold(other(live))).then_some(spare)
    }

    /// The slot beside a slot, whatever it is.
    pub(crate) fn other_than(&self, slot: usize) -> Option<&Slot> {
        self.slots.get(other(slot))?.as_ref()
    }

    /// Whether both copies of a slot are the same.
    pub(crate) fn is_twofold(&self, slot: usize) -> bool {
        self.twofold.get(slot) == Some(&true)
    }

    /// The highest generation either slot has seen.
    pub(crate) fn floor(&self) -> u64 {
        self.slots.iter().flatten().map(|slot| slot.floor).max().unwrap_or(0)
    }

    /// Whether any slot is this row's: proof that the cell is.
    pub(crate) fn is_ours(&self) -> bool {
        self.slots.iter().any(Option::is_some)
    }
}

/// The slot beside a slot.
pub(crate) const fn other(slot: usize) -> usize {
    1 - (slot & 1)
}

const NO_SUCH_CELL: BackendError = BackendError::Damaged { what: "a cell number" };

fn slot_of(cell: &[u8; CELL_LEN], slot: usize) -> [u8; SLOT_LEN] {
    let start = slot * SLOT_LEN;
    cell.get(start..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; SLOT_LEN])
}

fn read_sector(file: &dyn MediaFile, offset: u64) -> Result<[u8; SECTOR], BackendError> {
    let mut sector = [0; SECTOR];
    file.read_at(offset, &mut sector).map_err(BackendError::io(ACTION_READ))?;
    Ok(sector)
}
