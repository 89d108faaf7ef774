//! The notes by which cells and rows recognise each other.
//!
//! Each side keeps one, sealed. At every opening both get the same new random number, so that an older copy of either
//! side, restored without the other, is noticed; the identities of the files show a copy of both.

use otr_core::SecretBytes;
use serde::{Deserialize, Serialize};

use crate::codec::{self, Record};
use crate::error::{BackendError, OpenError};
use crate::key::SECTOR;
use crate::media::Identity;
use crate::seal;

/// The cells' note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Binding {
    /// How often the store was opened; 0 while it is being created.
    pub(crate) opens: u64,
    /// The number of the newest opening.
    pub(crate) opening: [u8; 16],
    /// Rises with every doubt: rows of an earlier lineage are quarantined.
    pub(crate) lineage: u64,
    /// Why the lineage last rose, as a number of [`crate::Quarantine`].
    pub(crate) reason: u8,
    pub(crate) cells: Identity,
    pub(crate) rows: Identity,
}

impl Record for Binding {
    const SCHEMA: u16 = 1;
    const LIMIT: usize = 256;
}

/// The rows' note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowsBinding {
    /// The number of the newest completed opening.
    pub(crate) opening: [u8; 16],
    /// The number of an opening that may have been interrupted.
    pub(crate) next: Option<[u8; 16]>,
}

impl Record for RowsBinding {
    const SCHEMA: u16 = 1;
    const LIMIT: usize = 64;
}

impl Binding {
    pub(crate) fn to_sector(&self, key: &SecretBytes<32>, store: &[u8; 16]) -> Result<[u8; SECTOR], BackendError> {
        let sealed = seal_note(self, key, store, b"cells")?;
        let len = u16::try_from(sealed.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut sector = [0; SECTOR];
        sector.iter_mut().zip(len.into_iter().chain(sealed)).for_each(|(to, from)| *to = from);
        Ok(sector)
    }

    /// `None` if this copy is damaged.
    pub(crate) fn from_sector(sector: &[u8; SECTOR], key: &SecretBytes<32>, store: &[u8; 16]) -> Option<Self> {
        let (len, rest) = sector.split_first_chunk::<2>()?;
        open_note(rest.get(..usize::from(u16::from_be_bytes(*len)))?, key, store, b"cells")
    }

    /// Whether the rows carry the same number, or one that an interrupted opening explains.
    pub(crate) fn fits(&self, rows: &RowsBinding) -> bool {
        rows.opening == self.opening || rows.next == Some(self.opening)
    }
}

impl RowsBinding {
    pub(crate) fn to_bytes(&self, key: &SecretBytes<32>, store: &[u8; 16]) -> Result<Vec<u8>, BackendError> {
        seal_note(self, key, store, b"rows")
    }

    /// # Errors
    ///
    /// [`OpenError::Foreign`]: written under another store's key, or damaged.
    pub(crate) fn from_bytes(bytes: &[u8], key: &SecretBytes<32>, store: &[u8; 16]) -> Result<Self, OpenError> {
        open_note(bytes, key, store, b"rows").ok_or(OpenError::Foreign)
    }
}

fn seal_note<T: Record>(
    note: &T,
    key: &SecretBytes<32>,
    store: &[u8; 16],
    side: &[u8],
) -> Result<Vec<u8>, BackendError> {
    let plain = codec::encode(note).map_err(|_| BackendError::Damaged { what: "a binding" })?;
    seal::seal(key, &[], &[store, side].concat(), &plain)
}

fn open_note<T: Record>(bytes: &[u8], key: &SecretBytes<32>, store: &[u8; 16], side: &[u8]) -> Option<T> {
    codec::decode(&seal::open(key, &[store, side].concat(), bytes).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> Binding {
        Binding {
            opens: 3,
            opening: [4; 16],
            lineage: 1,
            reason: 0,
            cells: Identity::default(),
            rows: Identity { filesystem: u64::MAX, inode: u64::MAX, born: u64::MAX },
        }
    }

    #[test]
    fn a_note_reads_back_on_its_side_only() {
        let key = SecretBytes::new([1; 32]);
        let sector = binding().to_sector(&key, &[2; 16]).unwrap();
        assert_eq!(Binding::from_sector(&sector, &key, &[2; 16]), Some(binding()));
        assert!(Binding::from_sector(&sector, &key, &[3; 16]).is_none());
        let rows = RowsBinding { opening: [4; 16], next: None };
        let bytes = rows.to_bytes(&key, &[2; 16]).unwrap();
        assert_eq!(RowsBinding::from_bytes(&bytes, &key, &[2; 16]), Ok(rows));
        assert_eq!(RowsBinding::from_bytes(&bytes[1..], &key, &[2; 16]), Err(OpenError::Foreign));
    }

    #[test]
    fn an_interrupted_opening_fits_and_an_older_copy_does_not() {
        let cells = binding();
        assert!(cells.fits(&RowsBinding { opening: [4; 16], next: None }));
        assert!(cells.fits(&RowsBinding { opening: [4; 16], next: Some([5; 16]) }));
        assert!(cells.fits(&RowsBinding { opening: [3; 16], next: Some([4; 16]) }));
        assert!(!cells.fits(&RowsBinding { opening: [3; 16], next: None }));
        assert!(!cells.fits(&RowsBinding { opening: [5; 16], next: Some([6; 16]) }));
    }
}
