//! Where things stand in the cells file.

use crate::key::SECTOR;

/// Bytes of a page: the unit in which a slot and its copy are apart.
pub(crate) const PAGE_LEN: u64 = 4096;

/// Bytes of a cell: one conversation.
pub(crate) const CELL_LEN: usize = 256;

/// Bytes of a slot: one data key.
pub(crate) const SLOT_LEN: usize = 128;

/// The highest cell number: beyond it a number is damage, not a conversation.
pub(crate) const MAX_CELL: u64 = 1 << 40;

const CELLS_PER_PAGE: u64 = PAGE_LEN / CELL_LEN as u64;

/// The two copies of everything, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copy {
    Primary,
    Mirror,
}

pub(crate) const COPIES: [Copy; 2] = [Copy::Primary, Copy::Mirror];

/// Where the key header stands.
pub(crate) const fn header_offset(copy: Copy) -> u64 {
    match copy {
        Copy::Primary => 0,
        Copy::Mirror => PAGE_LEN,
    }
}

/// Where the binding stands.
pub(crate) const fn binding_offset(copy: Copy) -> u64 {
    header_offset(copy) + SECTOR as u64
}

/// Where a cell stands; `None` beyond [`MAX_CELL`].
pub(crate) const fn cell_offset(copy: Copy, cell: u64) -> Option<u64> {
    if cell > MAX_CELL {
        return None;
    }
    let pair = (cell / CELLS_PER_PAGE + 1) * 2 * PAGE_LEN;
    Some(pair + header_offset(copy) + (cell % CELLS_PER_PAGE) * CELL_LEN as u64)
}

/// Where a slot (0 or 1) of a cell stands.
pub(crate) fn slot_offset(copy: Copy, cell: u64, slot: usize) -> Option<u64> {
    Some(cell_offset(copy, cell)? + ((slot & 1) * SLOT_LEN) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_slot_crosses_a_sector_and_none_overlap() {
        let mut taken = std::collections::BTreeSet::new();
        for cell in 0..100 {
            for slot in 0..2 {
                for copy in COPIES {
                    let start = slot_offset(copy, cell, slot).unwrap();
                    assert_eq!(start / 512, (start + SLOT_LEN as u64 - 1) / 512);
                    assert!(start >= 2 * PAGE_LEN);
                    assert!(taken.insert(start));
                }
                let [primary, mirror] = COPIES.map(|copy| slot_offset(copy, cell, slot).unwrap() / PAGE_LEN);
                assert_eq!(mirror, primary + 1);
            }
        }
        assert_eq!(cell_offset(Copy::Primary, u64::MAX), None);
    }
}
