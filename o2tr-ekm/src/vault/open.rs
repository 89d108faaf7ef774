//! Opening a store: unlock, recognise, doubt, recover.

use core::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Vault;
use super::cache::Cache;
use super::inspect::refuse_damage;
#[cfg(feature = "sqlite")]
use crate::backend::Sqlite;
use crate::backend::{Backend, Files, Ledger, Memory, RawTransaction};
use crate::cells::{Binding, CellFile, Eraser, FlushThread, RowsBinding};
use crate::error::{BackendError, OpenError, StoreError};
use crate::home::{Lock, Warning, warnings};
use crate::key::{KeyHeader, StoreKeys, Unlock, new_master};
use crate::media::{Disk, Identity, Media, MediaFile, Simulated, make_directory};
use crate::row::RowName;
use crate::store::Quarantine;
use crate::{key, random};

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether to make a store that is not there.
    pub create: bool,
    /// When retired keys are overwritten.
    pub flush: Flush,
    /// The newest [`Opened::anchor`] that the program has kept outside the store, for example in the keyring.
    pub anchor: Option<Anchor>,
    /// Rows whose keys are kept in memory.
    pub cached_rows: usize,
    /// Rows that must not be damaged: if one is, the store does not open, and nothing in it is changed.
    pub required: Vec<RowName>,
}

impl Default for Options {
    /// Makes the store if need be, flushes after 75 ms (done within 100), has no anchor, keeps the keys of 4096 rows.
    fn default() -> Self {
        Self {
            create: true,
            flush: Flush::After(Duration::from_millis(75)),
            anchor: None,
            cached_rows: 4096,
            required: Vec::new(),
        }
    }
}

/// When retired keys are overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// In the background, this long after the first one was retired.
    After(Duration),
    /// When the caller says so ([`crate::EkmStore::flush`]), a key is retired twice, or the store closes.
    Manually,
}

/// How far a store has come: kept outside of it, it shows that all of the store was set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The store's id.
    pub store: [u8; 16],
    /// How often it was opened.
    pub opens: u64,
}

/// An open store, and what there is to say about it.
pub struct Opened<B: Backend> {
    /// The store.
    pub vault: Vault<B>,
    /// Whether it was made just now.
    pub created: bool,
    /// Set if this opening found a doubt that puts every row into quarantine. Rows that were quarantined earlier and
    /// not lifted since are still so: [`crate::Loaded::quarantine`].
    pub quarantine: Option<Quarantine>,
    /// Why forgetting may not work where the store is.
    pub warnings: Vec<Warning>,
    /// To be kept outside the store.
    pub anchor: Anchor,
}

impl<B: Backend> fmt::Debug for Opened<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vault, created, quarantine, warnings, anchor } = self;
        f.debug_struct("Opened")
            .field("vault", vault)
            .field("created", created)
            .field("quarantine", quarantine)
            .field("warnings", warnings)
            .field("anchor", anchor)
            .finish()
    }
}

/// Opens a store in a directory, with rows in SQLite.
///
/// # Errors
///
/// [`OpenError`]; the store's files are then as they were.
#[cfg(feature = "sqlite")]
pub fn open_sqlite(directory: &Path, unlock: &Unlock, options: &Options) -> Result<Opened<Sqlite>, OpenError> {
    let rows = directory.join("rows.sqlite");
    let (media, place) = enter(directory, &[], options)?;
    let exist = std::fs::metadata(&rows).is_ok_and(|metadata| metadata.len() > 0);
    let rows = Rows { file: "rows.sqlite", exist, open: |create| Sqlite::open(&rows, create) };
    open(&media, rows, unlock, options, place)
}

/// Opens a store in a directory, with rows as plain files.
///
/// # Errors
///
/// [`OpenError`]; the store's files are then as they were.
pub fn open_files(directory: &Path, unlock: &Unlock, options: &Options) -> Result<Opened<Files>, OpenError> {
    let (media, place) = enter(directory, &["rows"], options)?;
    open_files_in(Arc::new(media), unlock, options, place)
}

/// Opens a store of plain files on any medium. Nothing keeps a second process out: that is up to the medium.
///
/// # Errors
///
/// [`OpenError`].
pub fn open_files_on(media: Arc<dyn Media>, unlock: &Unlock, options: &Options) -> Result<Opened<Files>, OpenError> {
    open_files_in(media, unlock, options, Place::default())
}

/// Opens a store in memory: a new one on a new medium, or the one that a clone of the medium holds.
///
/// # Errors
///
/// [`OpenError`].
pub fn open_in_memory(media: &Simulated, unlock: &Unlock, options: &Options) -> Result<Opened<Memory>, OpenError> {
    let mut rows = Memory::new(media.clone());
    let exist = rows.ledger()?.binding.is_some();
    open(media, Rows { file: "rows", exist, open: |_| Ok(rows) }, unlock, options, Place::default())
}

fn open_files_in(
    media: Arc<dyn Media>,
    unlock: &Unlock,
    options: &Options,
    place: Place,
) -> Result<Opened<Files>, OpenError> {
    let exist = Files::exist(&*media)?;
    let rows = Rows { file: "rows", exist, open: |create| Files::open(Arc::clone(&media), create) };
    open(&*media, rows, unlock, options, place)
}

/// The rows of a store before they are opened.
struct Rows<F> {
    file: &'static str,
    exist: bool,
    /// Opens them; may make them if the argument says so.
    open: F,
}

/// What is known of a store's directory.
#[derive(Default)]
struct Place {
    lock: Option<Lock>,
    warnings: Vec<Warning>,
}

/// Enters a store's directory: makes it if asked to, locks it, looks at its file system.
fn enter(directory: &Path, subdirectories: &[&str], options: &Options) -> Result<(Disk, Place), OpenError> {
    if !options.create && !directory.is_dir() {
        return Err(OpenError::Missing { file: "cells" });
    }
    let failed = BackendError::io("making the store's directory");
    make_directory(directory).map_err(&failed)?;
    let lock = Lock::take(directory)?;
    let media = Disk::new(directory, subdirectories).map_err(failed)?;
    Ok((media, Place { lock: Some(lock), warnings: warnings(directory) }))
}

fn open<B: Backend>(
    media: &dyn Media,
    rows: Rows<impl FnOnce(bool) -> Result<B, OpenError>>,
    unlock: &Unlock,
    options: &Options,
    place: Place,
) -> Result<Opened<B>, OpenError> {
    let created = find_or_create(media, rows.exist, unlock, options)?;
    let Unlocked { file, header, header_twofold, master } = unlock_cells(media, unlock)?;
    let store = header.store;
    let keys = StoreKeys::derive(&master, &store)?;
    let cells = CellFile::new(file, store, keys.cells.clone());
    let mut binding = cells.read_binding(&keys.binding)?;
    // An opening that was interrupted may have left the rows unmade.
    let fresh = binding.opens == 0;
    if !fresh && !rows.exist {
        return Err(OpenError::Missing { file: rows.file });
    }
    let mut backend = (rows.open)(fresh)?;
    let ledger = backend.ledger()?;
    let identities = Identities {
        cells: media.identity("cells").map_err(BackendError::io("inspecting the cells"))?,
        rows: backend.identity()?,
    };
    let quarantine = if fresh {
        None
    } else {
        doubt(&binding, &read_rows_binding(&ledger, &keys, &store)?, identities, &store, options.anchor)
    };
    refuse_damage(&mut backend, &cells, &keys, &store, &options.required)?;
    // Everything is recognised: from here on there are changes.
    cells.sync()?;
    if !header_twofold {
        cells.write_header(&header)?;
    }
    if let Some(doubt) = quarantine {
        binding.lineage = binding.lineage.saturating_add(1);
        binding.reason = doubt.to_number();
        cells.write_binding(&binding, &keys.binding)?;
    }
    tie(&mut backend, &cells, &mut binding, identities, &keys, &store)?;

    let mut vault = Vault {
        backend,
        eraser: Eraser::new(cells),
        thread: None,
        store,
        master,
        keys,
        cache: Cache::new(options.cached_rows),
        next_cell: ledger.next_cell,
        free_cells: ledger.free,
        lineage: binding.lineage,
        suspicion: Quarantine::from_number(binding.reason),
        poisoned: false,
        _lock: place.lock,
    };
    vault.recover(ledger.pending).map_err(|error| match error {
        StoreError::Backend(failure) => failure,
        _ => BackendError::Damaged { what: "the list of pending erasures" },
    })?;
    if let Flush::After(interval) = options.flush {
        vault.thread = Some(FlushThread::start(Arc::clone(&vault.eraser), interval)?);
    }
    let anchor = Anchor { store, opens: binding.opens };
    Ok(Opened { vault, created, quarantine, warnings: place.warnings, anchor })
}

/// Makes the cells file of a new store. It comes first and complete: rows without cells are never made.
fn find_or_create(media: &dyn Media, rows_exist: bool, unlock: &Unlock, options: &Options) -> Result<bool, OpenError> {
    if media.open("cells", false).map_err(BackendError::io("opening the cells"))?.is_some() {
        return Ok(false);
    }
    if rows_exist || !options.create {
        return Err(OpenError::Missing { file: "cells" });
    }
    let (master, store) = new_master()?;
    let header = KeyHeader::wrap(unlock, &master, store, true)?;
    let keys = StoreKeys::derive(&master, &store)?;
    let binding = Binding {
        opens: 0,
        opening: random::bytes()?,
        lineage: 1,
        reason: 0,
        cells: Identity::default(),
        rows: Identity::default(),
    };
    CellFile::create(media, &header, &binding.to_sector(&keys.binding, &store)?)?;
    Ok(true)
}

struct Unlocked {
    file: Arc<dyn MediaFile>,
    header: KeyHeader,
    header_twofold: bool,
    master: key::MasterKey,
}

/// Tries the header, and its second copy if a change of passphrase was interrupted between the two.
fn unlock_cells(media: &dyn Media, unlock: &Unlock) -> Result<Unlocked, OpenError> {
    let headers = CellFile::read_headers(media)?.ok_or(OpenError::Missing { file: "cells" })?;
    let mut refusal = OpenError::Damaged { file: "cells" };
    for header in headers.candidates() {
        match header.unwrap(unlock) {
            Ok(master) => {
                return Ok(Unlocked {
                    file: Arc::clone(&headers.file),
                    header: header.clone(),
                    header_twofold: headers.are_twofold(),
                    master,
                });
            }
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

#[derive(Clone, Copy)]
struct Identities {
    cells: Identity,
    rows: Identity,
}

fn read_rows_binding(ledger: &Ledger, keys: &StoreKeys, store: &[u8; 16]) -> Result<RowsBinding, OpenError> {
    RowsBinding::from_bytes(ledger.binding.as_deref().unwrap_or_default(), &keys.binding, store)
}

/// Whether cells, rows and anchor tell the same story.
fn doubt(
    binding: &Binding,
    rows: &RowsBinding,
    found: Identities,
    store: &[u8; 16],
    anchor: Option<Anchor>,
) -> Option<Quarantine> {
    if !binding.fits(rows) {
        return Some(Quarantine::Mismatched);
    }
    if anchor.is_some_and(|anchor| anchor.store != *store || anchor.opens > binding.opens) {
        return Some(Quarantine::BehindAnchor);
    }
    (binding.cells != found.cells || binding.rows != found.rows).then_some(Quarantine::Copied)
}

/// Gives both sides the number of this opening: rows first announce it, then the cells take it, then the rows. A crash
/// in between leaves a state that [`Binding::fits`] explains; nothing else does.
fn tie<B: Backend>(
    backend: &mut B,
    cells: &CellFile,
    binding: &mut Binding,
    identities: Identities,
    keys: &StoreKeys,
    store: &[u8; 16],
) -> Result<(), OpenError> {
    let opening = random::bytes()?;
    let mut note = |note: RowsBinding| -> Result<(), BackendError> {
        let binding = Some(note.to_bytes(&keys.binding, store)?);
        backend.apply(&RawTransaction { binding, ..RawTransaction::default() })
    };
    note(RowsBinding { opening: binding.opening, next: Some(opening) })?;
    *binding = Binding {
        opens: binding.opens.saturating_add(1),
        opening,
        cells: identities.cells,
        rows: identities.rows,
        ..binding.clone()
    };
    cells.write_binding(binding, &keys.binding)?;
    Ok(note(RowsBinding { opening, next: None })?)
}
