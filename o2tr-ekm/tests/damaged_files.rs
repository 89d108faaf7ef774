//! Damage and wrong secrets give clear errors; nothing is changed by an opening that fails, and no wrong record is
//! ever returned.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use o2tr_ekm::conformance::unlock;
use o2tr_ekm::{
    Change, EkmStore, Flush, KdfCost, OpenError, Options, RowName, StoreError, Unlock, UnsealReason, open_files,
    open_sqlite,
};

const MANUAL: Options =
    Options { create: false, flush: Flush::Manually, anchor: None, cached_rows: 8, required: Vec::new() };
const CREATE: Options =
    Options { create: true, flush: Flush::Manually, anchor: None, cached_rows: 8, required: Vec::new() };

fn passphrase(text: &str) -> Unlock {
    Unlock::Passphrase(text.to_owned().into(), KdfCost::for_tests())
}

fn open(backend: &str, directory: &Path, unlock: &Unlock, options: &Options) -> Result<Box<dyn EkmStore>, OpenError> {
    Ok(match backend {
        "sqlite" => Box::new(open_sqlite(directory, unlock, options)?.vault),
        _ => Box::new(open_files(directory, unlock, options)?.vault),
    })
}

fn name(row: u8) -> RowName {
    RowName::conversation(b"me", &[row])
}

fn record(row: u8) -> Vec<u8> {
    format!("record {row}").repeat(40).into_bytes()
}

fn filled(backend: &str, unlock: &Unlock) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(backend, directory.path(), unlock, &CREATE).unwrap();
    for row in 0..3 {
        store.commit(Change::put(name(row), 0, record(row).into()).into()).unwrap();
        store.commit(Change::put(name(row), 1, record(row).into()).retiring_secret().into()).unwrap();
    }
    drop(store);
    directory
}

/// Every file but the lock, with its bytes.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("lock") {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

fn put_back(files: &BTreeMap<PathBuf, Vec<u8>>, directory: &Path) {
    for extra in self::files(directory).keys().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(extra).unwrap();
    }
    for (path, bytes) in files {
        fs::write(path, bytes).unwrap();
    }
}

/// Opens a damaged store and reads everything. Returns whether the damage was noticed.
fn noticed(backend: &str, directory: &Path, context: &str) -> bool {
    let before = files(directory);
    let mut store = match open(backend, directory, &unlock(), &MANUAL) {
        Ok(store) => store,
        Err(error) => {
            assert_eq!(files(directory), before, "{context}: changed by an opening that failed with {error}");
            return true;
        }
    };
    let mut noticed = false;
    for row in 0..3 {
        match store.load(&name(row)) {
            Ok(Some(loaded)) => {
                assert_eq!((*loaded.record == record(row), loaded.generation), (true, 2), "{context}: wrong record");
                noticed |= loaded.quarantine.is_some();
            }
            // No file, no row: SQLite's pages carry no checksum, so a key that rotted in its index is not found.
            Ok(None) => noticed = true,
            Err(StoreError::Unsealable { .. } | StoreError::Backend(_) | StoreError::Poisoned) => noticed = true,
            Err(error) => panic!("{context}: {error}"),
        }
    }
    noticed
}

fn damage_everywhere(backend: &str, steps: usize) {
    let directory = filled(backend, &unlock());
    let original = files(directory.path());
    let mut counts = BTreeMap::new();
    for (path, bytes) in &original {
        for step in 0..steps {
            let at = bytes.len() * step / steps;
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (step % 8);
            for (kind, damaged) in [("flipped", flipped), ("cut", bytes[..at].to_vec())] {
                fs::write(path, damaged).unwrap();
                let context = format!("{backend}, {}, {kind} at {at}", path.display());
                let count: &mut (usize, usize) = counts.entry((path.file_name().unwrap(), kind)).or_default();
                count.0 += usize::from(noticed(backend, directory.path(), &context));
                count.1 += 1;
                put_back(&original, directory.path());
            }
        }
    }
    assert!(!noticed(backend, directory.path(), "undamaged"));
    for ((file, kind), (noticed, tried)) in counts {
        println!("{backend}: {file:?} {kind}: {noticed} of {tried} noticed, the others harmless");
        // Half of the cells file is the other half's copy, and pages have room that is not used.
        assert!(noticed > 0 || file == "cells", "{file:?} {kind}");
        if file.len() == 64 {
            assert_eq!(noticed, tried, "{file:?} {kind}");
        }
    }
}

#[test]
fn damaged_files_give_errors_and_no_wrong_records() {
    damage_everywhere("files", 60);
}

#[test]
fn a_damaged_database_gives_errors_and_no_wrong_records() {
    damage_everywhere("sqlite", 150);
}

/// Overwrites a page, of which the last one may be short.
fn ruin(bytes: &mut [u8], page: usize) {
    let end = bytes.len().min((page + 1) * 4096);
    bytes[page * 4096..end].fill(0xee);
}

#[test]
fn one_ruined_copy_of_the_cells_is_survived_and_mended() {
    for (backend, pages) in [("files", [0, 2]), ("sqlite", [1, 3])] {
        let directory = filled(backend, &unlock());
        let path = directory.path().join("cells");
        let mut bytes = fs::read(&path).unwrap();
        pages.iter().for_each(|page| ruin(&mut bytes, *page));
        fs::write(&path, &bytes).unwrap();
        let mut store = open(backend, directory.path(), &unlock(), &MANUAL).unwrap();
        for row in 0..3 {
            assert_eq!(*store.load(&name(row)).unwrap().unwrap().record, record(row));
            store.commit(Change::put(name(row), 2, record(row).into()).retiring_secret().into()).unwrap();
        }
        drop(store);
        // Now the other copy is ruined.
        let mut bytes = fs::read(&path).unwrap();
        pages.iter().for_each(|page| ruin(&mut bytes, page ^ 1));
        fs::write(&path, &bytes).unwrap();
        let mut store = open(backend, directory.path(), &unlock(), &MANUAL).unwrap();
        assert_eq!(store.load(&name(2)).unwrap().unwrap().generation, 3);
    }
}

#[test]
fn a_damaged_row_is_told_apart_and_can_be_replaced_or_wiped() {
    let directory = filled("files", &unlock());
    let rows = files(directory.path()).into_keys().filter(|path| path.file_name().unwrap().len() == 64);
    for path in rows {
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let mut store = open("files", directory.path(), &unlock(), &MANUAL).unwrap();
    let refused = store.load(&name(0)).unwrap_err();
    assert!(matches!(refused, StoreError::Unsealable { generation: 2, reason: UnsealReason::Damaged, .. }));
    store.commit(Change::put(name(0), 2, b"fresh".to_vec().into()).into()).unwrap();
    assert_eq!(store.load(&name(0)).unwrap().unwrap().record.as_slice(), b"fresh");
    store.commit(Change::wipe(name(1)).into()).unwrap();
    assert_eq!(store.load(&name(1)).unwrap(), None);
    assert!(store.load(&name(2)).is_err());
}

#[test]
fn a_row_of_a_newer_format_or_without_a_generation_is_named_and_can_be_wiped() {
    let directory = filled("files", &unlock());
    let rows = files(directory.path()).into_keys().filter(|path| path.file_name().unwrap().len() == 64);
    for path in rows {
        let mut bytes = fs::read(&path).unwrap();
        bytes[4] = 2;
        fs::write(&path, bytes).unwrap();
    }
    let mut store = open("files", directory.path(), &unlock(), &MANUAL).unwrap();
    let refused = store.load(&name(0)).unwrap_err();
    assert!(matches!(refused, StoreError::Unsealable { generation: 0, reason: UnsealReason::UnknownFormat, .. }));
    store.commit(Change::wipe(name(0)).into()).unwrap();
    store.commit(Change::put(name(0), 0, b"fresh".to_vec().into()).into()).unwrap();
    store.commit(Change::put(name(1), 0, b"replaced".to_vec().into()).into()).unwrap();
    drop(store);
    let mut store = open("files", directory.path(), &unlock(), &MANUAL).unwrap();
    assert_eq!(store.load(&name(0)).unwrap().unwrap().record.as_slice(), b"fresh");
    assert_eq!(store.load(&name(1)).unwrap().unwrap().record.as_slice(), b"replaced");
}

#[test]
fn a_database_of_another_program_or_a_newer_version_is_not_touched() {
    let directory = filled("sqlite", &unlock());
    let path = directory.path().join("rows.sqlite");
    let original = fs::read(&path).unwrap();
    // In SQLite's header: the user version at 60, the application id at 68, both big-endian.
    for (offset, value, expected) in [
        (63, 2, OpenError::UnknownFormat { file: "rows.sqlite", found: 2, known: 1 }),
        (71, 0, OpenError::Damaged { file: "rows.sqlite" }),
    ] {
        let mut bytes = original.clone();
        bytes[offset] = value;
        fs::write(&path, &bytes).unwrap();
        let before = files(directory.path());
        assert_eq!(open("sqlite", directory.path(), &unlock(), &MANUAL).err(), Some(expected));
        assert_eq!(files(directory.path()), before);
    }
}

#[test]
fn a_wrong_secret_is_told_and_changes_nothing() {
    for backend in ["files", "sqlite"] {
        let directory = filled(backend, &passphrase("right"));
        let before = files(directory.path());
        let open = |unlock: &Unlock| open(backend, directory.path(), unlock, &CREATE).err();
        assert_eq!(open(&passphrase("wrong")), Some(OpenError::WrongKey));
        assert!(matches!(open(&unlock()), Some(OpenError::WrongKind { stored: "a passphrase", .. })));
        assert_eq!(files(directory.path()), before);
        assert_eq!(open(&passphrase("right")), None);
    }
}
