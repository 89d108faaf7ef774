//! Rows as plain files, one per conversation: no C code, for small embedders.
//!
//! ```text
//! rows/<row id>               "O2FR" | version (1) | generation (8) | sealed row
//! rows/<row id>-<sub number>  sealed sub-row
//! rows/ledger                 SHA-256 (32) | the ledger, encoded
//! rows/journal                a transaction of several files, while it is carried out
//! rows/new                    the file being written
//! ```
//!
//! One file is replaced by writing a new one, synchronising, renaming and synchronising the directory. Several files
//! go through the journal: once it has its name, the transaction will be completed, if need be after a crash.

mod journal;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::journal::Writes;
use super::{Backend, Ledger, Pending, RawChange, RawRow, RawTransaction};
use crate::codec::{self, Record};
use crate::error::{BackendError, OpenError, UnsealReason};
use crate::media::{Identity, Media};
use crate::row::{RowId, SubRowId};

/// Sealed rows as files in the subdirectory `rows` of a [`Media`].
pub struct Files {
    media: Arc<dyn Media>,
    ledger: Ledger,
    /// The ids of all rows in order, kept from one page of a scan to the next.
    listing: Option<Vec<RowId>>,
}

const DIRECTORY: &str = "rows";
const LEDGER: &str = "rows/ledger";
const MAGIC: [u8; 4] = *b"O2FR";
const VERSION: u8 = 1;
const HEADER_LEN: usize = 4 + 1 + 8;

/// Empty cells kept in the ledger; beyond that they are not used again.
const FREE_CELLS: usize = 100_000;

impl Files {
    /// Opens the rows and completes an interrupted transaction; with `create` an absent ledger is made.
    ///
    /// # Errors
    ///
    /// [`OpenError::Missing`] or [`OpenError::Damaged`] for ledger and journal, failures of the medium.
    pub fn open(media: Arc<dyn Media>, create: bool) -> Result<Self, OpenError> {
        journal::complete(&*media)?;
        let ledger = match media.read(LEDGER).map_err(BackendError::io("reading the ledger"))? {
            Some(bytes) => ledger_from(&bytes).ok_or(OpenError::Damaged { file: LEDGER })?,
            None if create => Ledger::default(),
            None => return Err(OpenError::Missing { file: LEDGER }),
        };
        Ok(Self { media, ledger, listing: None })
    }

    /// Whether there are rows to open.
    pub(crate) fn exist(media: &dyn Media) -> Result<bool, BackendError> {
        let there = |name| media.open(name, false).map(|file| file.is_some());
        there(LEDGER)
            .and_then(|ledger| Ok(ledger || there(journal::NAME)?))
            .map_err(BackendError::io("looking for rows"))
    }

    fn writes(&mut self, transaction: &RawTransaction, ledger: &Ledger) -> Result<Writes, BackendError> {
        let mut writes = Writes::new();
        for RawChange { row, expected, new } in &transaction.rows {
            let found = self.generation(*row)?;
            if expected.is_some_and(|expected| expected != found) {
                return Err(BackendError::Interference);
            }
            match new {
                Some((generation, sealed)) => {
                    let mut bytes = Vec::with_capacity(HEADER_LEN + sealed.len());
                    bytes.extend_from_slice(&MAGIC);
                    bytes.push(VERSION);
                    bytes.extend_from_slice(&generation.to_be_bytes());
                    bytes.extend_from_slice(sealed);
                    writes.push((row_name(*row), Some(bytes)));
                }
                None => {
                    let prefix = format!("{}-", hexadecimal(row.as_bytes()));
                    let names = self.media.list(DIRECTORY).map_err(BackendError::io("listing rows"))?;
                    let subs = names.into_iter().filter(|name| name.starts_with(&prefix));
                    writes.extend(subs.map(|name| (format!("{DIRECTORY}/{name}"), None)));
                    writes.push((row_name(*row), None));
                }
            }
        }
        for (row, sub, bytes) in &transaction.subs {
            writes.push((sub_name(*row, *sub), bytes.clone()));
        }
        if transaction.touches_ledger() {
            writes.push((LEDGER.to_owned(), Some(ledger_to(ledger)?)));
        }
        Ok(writes)
    }

    /// The generation a row file states; 0 if there is none, or none readable.
    fn generation(&self, row: RowId) -> Result<u64, BackendError> {
        let failed = BackendError::io("reading a row");
        let Some(file) = self.media.open(&row_name(row), false).map_err(&failed)? else { return Ok(0) };
        let mut header = [0; HEADER_LEN];
        file.read_at(0, &mut header).map_err(failed)?;
        Ok(split_header(&header).map_or(0, |(generation, _)| generation))
    }
}

impl Backend for Files {
    fn load(&mut self, row: RowId) -> Result<Option<RawRow>, BackendError> {
        let read = self.media.read(&row_name(row)).map_err(BackendError::io("reading a row"))?;
        Ok(read.map(|bytes| match split_header(&bytes) {
            Ok((generation, sealed)) => RawRow::Sealed { generation, bytes: sealed.to_vec() },
            Err(reason) => RawRow::Damaged(reason),
        }))
    }

    fn load_sub(&mut self, row: RowId, sub: SubRowId) -> Result<Option<Vec<u8>>, BackendError> {
        self.media.read(&sub_name(row, sub)).map_err(BackendError::io("reading a sub-row"))
    }

    fn apply(&mut self, transaction: &RawTransaction) -> Result<(), BackendError> {
        let mut ledger = self.ledger.clone();
        ledger.apply(transaction);
        ledger.free.truncate(FREE_CELLS);
        let writes = self.writes(transaction, &ledger)?;
        journal::apply(&*self.media, &writes)?;
        self.ledger = ledger;
        if transaction.rows.iter().any(|change| change.new.is_none() || change.expected.is_none_or(|old| old == 0)) {
            self.listing = None;
        }
        Ok(())
    }

    fn ledger(&mut self) -> Result<Ledger, BackendError> {
        Ok(self.ledger.clone())
    }

    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, BackendError> {
        if self.listing.is_none() {
            let names = self.media.list(DIRECTORY).map_err(BackendError::io("listing rows"))?;
            let mut rows: Vec<RowId> = names.iter().filter_map(|name| row_of(name)).collect();
            rows.sort_unstable();
            self.listing = Some(rows);
        }
        let rows = self.listing.as_deref().unwrap_or_default();
        let start = after.map_or(0, |after| rows.partition_point(|row| *row <= after));
        let page = rows.iter().skip(start).take(limit);
        page.map(|row| Ok((*row, self.generation(*row)?))).collect()
    }

    fn identity(&self) -> Result<Identity, BackendError> {
        self.media.identity(DIRECTORY).map_err(BackendError::io("inspecting the rows"))
    }
}

/// The ledger as it is stored.
#[derive(Serialize, Deserialize)]
struct LedgerFile {
    binding: Option<Vec<u8>>,
    next_cell: u64,
    free: Vec<u64>,
    pending: Vec<([u8; 16], u64, [u8; 32], bool)>,
}

impl Record for LedgerFile {
    const SCHEMA: u16 = 1;
    const LIMIT: usize = codec::MAX_LIMIT;
}

fn ledger_to(ledger: &Ledger) -> Result<Vec<u8>, BackendError> {
    let Ledger { binding, next_cell, free, pending } = ledger.clone();
    let pending =
        pending.into_iter().map(|Pending { key, cell, row, whole_cell }| (key, cell, *row.as_bytes(), whole_cell));
    let file = LedgerFile { binding, next_cell, free, pending: pending.collect() };
    let encoded = codec::encode(&file).map_err(|_| BackendError::Damaged { what: "the ledger" })?;
    Ok([Sha256::digest(&*encoded).as_slice(), encoded.as_slice()].concat())
}

fn ledger_from(bytes: &[u8]) -> Option<Ledger> {
    let (hash, encoded) = bytes.split_first_chunk::<32>()?;
    if *hash != Into::<[u8; 32]>::into(Sha256::digest(encoded)) {
        return None;
    }
    let LedgerFile { binding, next_cell, free, pending } = codec::decode(encoded).ok()?;
    let pending = pending.into_iter().map(|(key, cell, row, whole_cell)| {
        let row = RowId::from_bytes(row);
        Pending { key, cell, row, whole_cell }
    });
    Some(Ledger { binding, next_cell, free, pending: pending.collect() })
}

fn split_header(bytes: &[u8]) -> Result<(u64, &[u8]), UnsealReason> {
    let (head, rest) = bytes.split_first_chunk::<5>().ok_or(UnsealReason::Damaged)?;
    let (generation, sealed) = rest.split_first_chunk::<8>().ok_or(UnsealReason::Damaged)?;
    match head.split_last() {
        Some((&VERSION, magic)) if magic == MAGIC => Ok((u64::from_be_bytes(*generation), sealed)),
        Some((_, magic)) if magic == MAGIC => Err(UnsealReason::UnknownFormat),
        _ => Err(UnsealReason::Damaged),
    }
}

fn row_name(row: RowId) -> String {
    format!("{DIRECTORY}/{}", hexadecimal(row.as_bytes()))
}

fn sub_name(row: RowId, sub: SubRowId) -> String {
    format!("{}-{:016x}", row_name(row), sub.0)
}

/// The row whose file has this name.
fn row_of(name: &str) -> Option<RowId> {
    let mut bytes = [0; 32];
    if name.len() != 64 {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(name.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    (hexadecimal(&bytes) == name).then_some(RowId::from_bytes(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_no_rows() {
        let row = RowId::from_bytes(core::array::from_fn(|index| index as u8));
        let name = row_name(row);
        assert_eq!(row_of(name.strip_prefix("rows/").unwrap()), Some(row));
        for other in ["ledger", "journal", "new", &"+1".repeat(32), &"AB".repeat(32), &"é".repeat(32)] {
            assert_eq!(row_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_damaged_ledger_is_noticed() {
        let pending = Pending { key: [1; 16], cell: 2, row: RowId::from_bytes([3; 32]), whole_cell: true };
        let ledger = Ledger { binding: Some(vec![9]), next_cell: 5, free: vec![1, 4], pending: vec![pending] };
        let bytes = ledger_to(&ledger).unwrap();
        assert_eq!(ledger_from(&bytes), Some(ledger));
        for index in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1;
            assert_eq!(ledger_from(&flipped), None, "byte {index}");
            assert_eq!(ledger_from(&bytes[..index]), None, "cut at {index}");
        }
    }
}
