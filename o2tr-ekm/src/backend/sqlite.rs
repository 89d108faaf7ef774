//! Rows in SQLite: write-ahead log, every commit synchronised.
//!
//! `synchronous` is FULL and cannot be turned down: with NORMAL a power cut takes back commits whose messages have
//! already left. The lock on the store's directory lets SQLite keep its own lock for good, which spares the
//! shared-memory file.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};

use super::{Backend, Ledger, Pending, RawChange, RawRow, RawTransaction};
use crate::error::{BackendError, OpenError, UnsealReason};
use crate::media::{Identity, identity_of};
use crate::row::{RowId, SubRowId};

/// Sealed rows in one SQLite database.
///
/// SQLite's pages carry no checksums: a row whose key rots in the index is not found, as if it had never been there.
/// What is found is authenticated.
pub struct Sqlite {
    connection: Connection,
    identity: Identity,
}

/// "O2TR" in SQLite's header, so that `file` and we recognise the database.
const APPLICATION_ID: u32 = 0x4f32_5452;
const FORMAT: u32 = 1;

/// Free cells read at opening; the others wait for the next one.
const FREE_CELLS: i64 = 4096;

const TABLES: &str = "
CREATE TABLE rows (id BLOB PRIMARY KEY NOT NULL, generation INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE sub_rows (
    row BLOB NOT NULL, id INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (row, id)
) STRICT;
CREATE TABLE pending_erase (
    key BLOB PRIMARY KEY NOT NULL, cell INTEGER NOT NULL, row BLOB NOT NULL, whole_cell INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE free_cells (cell INTEGER PRIMARY KEY) STRICT;
CREATE TABLE meta (only INTEGER PRIMARY KEY CHECK (only = 0), next_cell INTEGER NOT NULL, binding BLOB) STRICT;
INSERT INTO meta VALUES (0, 0, NULL);
";

impl Sqlite {
    /// Opens a database, or makes it (mode 0600) if `create` is set. An existing one is changed only after it was
    /// recognised.
    ///
    /// # Errors
    ///
    /// [`OpenError::Missing`], [`OpenError::UnknownFormat`], [`OpenError::Damaged`], failures of the medium.
    pub fn open(path: &Path, create: bool) -> Result<Self, OpenError> {
        const FILE: &str = "rows.sqlite";
        let file = match OpenOptions::new().read(true).write(true).create(create).mode(0o600).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpenError::Missing { file: FILE });
            }
            Err(error) => return Err(BackendError::io("opening the database")(error).into()),
        };
        let identity = identity_of(&file).map_err(BackendError::io("inspecting the database"))?;
        let empty = file.metadata().map_err(BackendError::io("inspecting the database"))?.len() == 0;
        drop(file);
        let fault = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::Damaged { file: FILE },
            _ => OpenError::Backend(failure("opening the database")(error)),
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(fault)?;
        connection
            .execute_batch(
                "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;
                 PRAGMA locking_mode = EXCLUSIVE; PRAGMA mmap_size = 0;",
            )
            .map_err(fault)?;
        if !(empty && create) {
            let [application, format] = ["application_id", "user_version"]
                .map(|pragma| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, u32>(0)));
            match (application.map_err(fault)?, format.map_err(fault)?) {
                (APPLICATION_ID, FORMAT) => {}
                // A creation that was interrupted before its transaction.
                (0, 0) if create && is_blank(&connection).map_err(fault)? => {}
                (APPLICATION_ID, found) => return Err(OpenError::UnknownFormat { file: FILE, found, known: FORMAT }),
                _ => return Err(OpenError::Damaged { file: FILE }),
            }
        }
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(fault)?;
        if mode != "wal" {
            return Err(BackendError::Damaged { what: "SQLite's write-ahead log" }.into());
        }
        connection.execute_batch("PRAGMA synchronous = FULL;").map_err(fault)?;
        if is_blank(&connection).map_err(fault)? {
            let transaction = connection.transaction().map_err(fault)?;
            transaction.execute_batch(TABLES).map_err(fault)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault)?;
            transaction.pragma_update(None, "user_version", FORMAT).map_err(fault)?;
            transaction.commit().map_err(fault)?;
            sync_directory_of(path)?;
        }
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection, identity })
    }
}

impl Backend for Sqlite {
    fn load(&mut self, row: RowId) -> Result<Option<RawRow>, BackendError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT generation, sealed FROM rows WHERE id = ?1")
            .map_err(failure("reading a row"))?;
        let read = |found: &Row<'_>| {
            let generation: i64 = found.get(0)?;
            let bytes = found.get(1)?;
            Ok(u64::try_from(generation)
                .map_or(RawRow::Damaged(UnsealReason::Damaged), |generation| RawRow::Sealed { generation, bytes }))
        };
        statement.query_row([row.as_bytes()], read).optional().map_err(failure("reading a row"))
    }

    fn load_sub(&mut self, row: RowId, sub: SubRowId) -> Result<Option<Vec<u8>>, BackendError> {
        self.connection
            .prepare_cached("SELECT sealed FROM sub_rows WHERE row = ?1 AND id = ?2")
            .and_then(|mut statement| {
                statement.query_row(params![row.as_bytes(), bits(sub.0)], |found| found.get(0)).optional()
            })
            .map_err(failure("reading a sub-row"))
    }

    fn apply(&mut self, transaction: &RawTransaction) -> Result<(), BackendError> {
        if transaction.is_empty() {
            return Ok(());
        }
        let failed = failure("committing");
        let open = self.connection.transaction().map_err(&failed)?;
        for RawChange { row, expected, new } in &transaction.rows {
            let changed = apply_row(&open, row, *expected, new.as_ref()).map_err(&failed)?;
            if !changed {
                return Err(BackendError::Interference);
            }
        }
        apply_subs(&open, transaction).and_then(|()| apply_ledger(&open, transaction)).map_err(&failed)?;
        open.commit().map_err(failed)
    }

    fn ledger(&mut self) -> Result<Ledger, BackendError> {
        self.read_ledger().map_err(failure("reading the ledger"))
    }

    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, BackendError> {
        let after = after.map_or(Vec::new(), |row| row.as_bytes().to_vec());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = |found: &Row<'_>| Ok((RowId::from_bytes(found.get(0)?), unbits(found.get(1)?)));
        self.connection
            .prepare_cached("SELECT id, generation FROM rows WHERE id > ?1 ORDER BY id LIMIT ?2")
            .and_then(|mut statement| statement.query_map(params![after, limit], read)?.collect())
            .map_err(failure("listing rows"))
    }

    fn identity(&self) -> Result<Identity, BackendError> {
        Ok(self.identity)
    }
}

impl Sqlite {
    fn read_ledger(&self) -> rusqlite::Result<Ledger> {
        let (next_cell, binding) = self
            .connection
            .query_row("SELECT next_cell, binding FROM meta", [], |row| Ok((unbits(row.get(0)?), row.get(1)?)))?;
        let mut free = self.connection.prepare("SELECT cell FROM free_cells LIMIT ?1")?;
        let free = free.query_map([FREE_CELLS], |row| Ok(unbits(row.get(0)?)))?.collect::<Result<_, _>>()?;
        let mut pending = self.connection.prepare("SELECT key, cell, row, whole_cell FROM pending_erase")?;
        let pending = pending
            .query_map([], |row| {
                Ok(Pending {
                    key: row.get(0)?,
                    cell: unbits(row.get(1)?),
                    row: RowId::from_bytes(row.get(2)?),
                    whole_cell: row.get(3)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        Ok(Ledger { binding, next_cell, free, pending })
    }
}

/// Whether a row was at the generation expected, and is now changed.
fn apply_row(
    open: &Connection,
    row: &RowId,
    expected: Option<u64>,
    new: Option<&(u64, Vec<u8>)>,
) -> rusqlite::Result<bool> {
    let id = row.as_bytes();
    match (new, expected) {
        (Some((generation, sealed)), Some(0)) => {
            let insert = "INSERT INTO rows VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            Ok(open.prepare_cached(insert)?.execute(params![id, bits(*generation), sealed])? == 1)
        }
        (Some((generation, sealed)), Some(expected)) => {
            let update = "UPDATE rows SET generation = ?2, sealed = ?3 WHERE id = ?1 AND generation = ?4";
            Ok(open.prepare_cached(update)?.execute(params![id, bits(*generation), sealed, bits(expected)])? == 1)
        }
        (Some((generation, sealed)), None) => {
            let replace = "INSERT OR REPLACE INTO rows VALUES (?1, ?2, ?3)";
            open.prepare_cached(replace)?.execute(params![id, bits(*generation), sealed])?;
            Ok(true)
        }
        (None, expected) => {
            open.prepare_cached("DELETE FROM sub_rows WHERE row = ?1")?.execute([id])?;
            let delete = "DELETE FROM rows WHERE id = ?1 AND (?2 IS NULL OR generation = ?2)";
            let deleted = open.prepare_cached(delete)?.execute(params![id, expected.map(bits)])?;
            Ok(deleted == 1 || expected.is_none())
        }
    }
}

fn apply_subs(open: &Connection, transaction: &RawTransaction) -> rusqlite::Result<()> {
    for (row, sub, sealed) in &transaction.subs {
        match sealed {
            Some(sealed) => open
                .prepare_cached("INSERT OR REPLACE INTO sub_rows VALUES (?1, ?2, ?3)")?
                .execute(params![row.as_bytes(), bits(sub.0), sealed])?,
            None => open
                .prepare_cached("DELETE FROM sub_rows WHERE row = ?1 AND id = ?2")?
                .execute(params![row.as_bytes(), bits(sub.0)])?,
        };
    }
    Ok(())
}

fn apply_ledger(open: &Connection, transaction: &RawTransaction) -> rusqlite::Result<()> {
    let RawTransaction { rows: _, subs: _, pending_add, pending_remove, free_add, free_remove, next_cell, binding } =
        transaction;
    for key in pending_remove {
        open.prepare_cached("DELETE FROM pending_erase WHERE key = ?1")?.execute([key])?;
    }
    for Pending { key, cell, row, whole_cell } in pending_add {
        open.prepare_cached("INSERT OR REPLACE INTO pending_erase VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            key,
            bits(*cell),
            row.as_bytes(),
            whole_cell
        ])?;
    }
    for cell in free_remove {
        open.prepare_cached("DELETE FROM free_cells WHERE cell = ?1")?.execute([bits(*cell)])?;
    }
    for cell in free_add {
        open.prepare_cached("INSERT OR IGNORE INTO free_cells VALUES (?1)")?.execute([bits(*cell)])?;
    }
    if let Some(next_cell) = next_cell {
        open.prepare_cached("UPDATE meta SET next_cell = ?1")?.execute([bits(*next_cell)])?;
    }
    if let Some(binding) = binding {
        open.prepare_cached("UPDATE meta SET binding = ?1")?.execute([binding])?;
    }
    Ok(())
}

/// Whether no table was made yet.
fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn sync_directory_of(path: &Path) -> Result<(), BackendError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(BackendError::io("creating the database"))
}

fn failure(action: &'static str) -> impl Fn(rusqlite::Error) -> BackendError {
    move |error| match error.sqlite_error() {
        Some(error) if error.code == ErrorCode::DiskFull => {
            BackendError::Io { action, kind: std::io::ErrorKind::StorageFull }
        }
        Some(error) => BackendError::Sqlite { action, code: error.extended_code },
        None => BackendError::Damaged { what: "the database" },
    }
}

/// SQLite's integers are signed: the same 64 bits.
const fn bits(number: u64) -> i64 {
    number.cast_signed()
}

const fn unbits(number: i64) -> u64 {
    number.cast_unsigned()
}
