//! Copies and backups of a store are noticed, and what they hold is quarantined until a full AKE.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::fs;
use std::path::Path;

use o2tr_ekm::conformance::unlock;
use o2tr_ekm::media::Simulated;
use o2tr_ekm::{
    Change, EkmStore, Flush, Loaded, OpenError, Options, Quarantine, RowName, StoreError, UnsealReason, open_files,
    open_in_memory, open_sqlite,
};

const MANUAL: Options =
    Options { create: true, flush: Flush::Manually, anchor: None, cached_rows: 8, required: Vec::new() };

fn ada() -> RowName {
    RowName::conversation(b"me", b"ada")
}

fn put(expected: u64) -> Change {
    Change::put(ada(), expected, format!("record {}", expected + 1).into_bytes().into())
}

fn load(store: &mut dyn EkmStore) -> Loaded {
    store.load(&ada()).unwrap().unwrap()
}

type Store = (Box<dyn EkmStore>, Option<Quarantine>);

fn sqlite(directory: &Path) -> Store {
    let opened = open_sqlite(directory, &unlock(), &MANUAL).unwrap();
    (Box::new(opened.vault), opened.quarantine)
}

fn files(directory: &Path) -> Store {
    let opened = open_files(directory, &unlock(), &MANUAL).unwrap();
    (Box::new(opened.vault), opened.quarantine)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Scenario 1: the whole directory is copied.
#[test]
fn a_copied_directory_is_quarantined_until_a_full_ake() {
    for open in [sqlite as fn(&Path) -> Store, files] {
        let parent = tempfile::tempdir().unwrap();
        let [original, copied] = ["original", "copied"].map(|name| parent.path().join(name));
        let (mut store, quarantine) = open(&original);
        assert_eq!(quarantine, None);
        store.commit(put(0).into()).unwrap();
        drop(store);
        copy(&original, &copied);

        let (mut store, quarantine) = open(&copied);
        assert_eq!(quarantine, Some(Quarantine::Copied));
        assert_eq!(load(&mut *store).quarantine, Some(Quarantine::Copied));
        // What is read while quarantined may be stored, which lifts nothing.
        store.commit(put(1).into()).unwrap();
        store.commit(put(2).retiring_secret().into()).unwrap();
        drop(store);
        let (mut store, quarantine) = open(&copied);
        assert_eq!(quarantine, None, "the copy is a store of its own now");
        assert_eq!(load(&mut *store).quarantine, Some(Quarantine::Copied));
        store.commit(put(3).lifting_quarantine().into()).unwrap();
        assert_eq!(load(&mut *store).quarantine, None);
        drop(store);
        assert_eq!(load(&mut *open(&copied).0).quarantine, None);

        let (mut store, quarantine) = open(&original);
        assert_eq!(quarantine, None);
        assert_eq!((load(&mut *store).quarantine, load(&mut *store).generation), (None, 1));
    }
}

#[test]
fn moving_a_directory_is_no_copy() {
    for open in [sqlite as fn(&Path) -> Store, files] {
        let parent = tempfile::tempdir().unwrap();
        let [here, there] = ["here", "there"].map(|name| parent.path().join(name));
        let (mut store, _) = open(&here);
        store.commit(put(0).into()).unwrap();
        drop(store);
        fs::rename(&here, &there).unwrap();
        let (mut store, quarantine) = open(&there);
        assert_eq!(quarantine, None);
        assert_eq!(load(&mut *store).quarantine, None);
    }
}

/// Scenario 2: the database is restored, the cells are not, and a key was retired in between.
#[test]
fn a_database_restored_across_a_rotation_cannot_be_unsealed() {
    let media = Simulated::new();
    let mut store = open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault;
    store.commit(put(0).into()).unwrap();
    let backup = media.copied();
    store.commit(put(1).retiring_secret().into()).unwrap();
    store.close().unwrap();
    media.restore_rows_from(&backup);

    let mut store = open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault;
    let error = store.load(&ada()).unwrap_err();
    assert!(matches!(error, StoreError::Unsealable { generation: 1, reason: UnsealReason::KeyGone, .. }));
    // The engine puts a fresh record in its place; it stays quarantined until the AKE.
    store.commit(put(1).into()).unwrap();
    assert_eq!(load(&mut store).quarantine, Some(Quarantine::RolledBack));
    store.commit(put(2).lifting_quarantine().into()).unwrap();
    store.close().unwrap();
    let mut store = open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault;
    assert_eq!((load(&mut store).generation, load(&mut store).quarantine), (3, None));
}

/// Scenario 3: the same without a rotation, even without a reopening in between.
#[test]
fn a_row_restored_within_an_epoch_is_quarantined() {
    let media = Simulated::new();
    let mut store = open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault;
    store.commit(put(0).into()).unwrap();
    store.commit(put(1).into()).unwrap();
    let backup = media.copied();
    store.commit(put(2).into()).unwrap();
    store.flush().unwrap();
    // The process dies; somebody restores the database in place.
    let media = media.after_crash(o2tr_ekm::media::Aftermath::Killed);
    media.restore_rows_from(&backup);

    let opened = open_in_memory(&media, &unlock(), &MANUAL).unwrap();
    assert_eq!(opened.quarantine, None, "both sides are of the same opening");
    let mut store = opened.vault;
    let loaded = load(&mut store);
    assert_eq!((loaded.generation, loaded.quarantine), (2, Some(Quarantine::RolledBack)));
    // Going past the generation that was lost does not make the row younger.
    store.commit(put(2).into()).unwrap();
    store.commit(put(3).retiring_secret().into()).unwrap();
    store.close().unwrap();
    let mut store = open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault;
    assert_eq!(load(&mut store).quarantine, Some(Quarantine::RolledBack));
    store.commit(put(4).lifting_quarantine().into()).unwrap();
    store.close().unwrap();
    assert_eq!(load(&mut open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault).quarantine, None);
}

#[test]
fn lifting_a_rollback_below_the_lost_generation_holds() {
    let media = Simulated::new();
    let mut store = open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault;
    store.commit(put(0).into()).unwrap();
    let backup = media.copied();
    for generation in 1..9 {
        store.commit(put(generation).into()).unwrap();
    }
    store.flush().unwrap();
    drop(store);
    media.restore_rows_from(&backup);
    let mut store = open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault;
    assert!(load(&mut store).quarantine.is_some());
    store.commit(put(1).lifting_quarantine().into()).unwrap();
    store.close().unwrap();
    let mut store = open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault;
    assert_eq!((load(&mut store).generation, load(&mut store).quarantine), (2, None));
}

/// Old cells beside a new database: retired keys are back, and are erased again.
#[test]
fn restored_cells_are_noticed_and_their_retired_keys_erased_again() {
    let media = Simulated::new();
    let mut store = open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault;
    store.commit(put(0).into()).unwrap();
    store.flush().unwrap();
    let mut retired = Vec::new();
    media.edit_rows(|_, _, bytes| retired = bytes[21..37].to_vec());
    let old_cells = media.bytes("cells").unwrap();
    store.commit(put(1).retiring_secret().into()).unwrap();
    store.close().unwrap();
    let holds_retired = |media: &Simulated| media.bytes("cells").unwrap().windows(16).any(|part| part == retired);
    assert!(!holds_retired(&media));
    media.overwrite("cells", &old_cells);
    assert!(holds_retired(&media));

    // The same opening: only the key in the cells shows it, and it is erased when the row is first looked at.
    let mut store = open_in_memory(&media, &unlock(), &MANUAL).unwrap().vault;
    assert_eq!(load(&mut store).generation, 2);
    store.close().unwrap();
    assert!(!holds_retired(&media));

    // Cells of an earlier opening.
    media.overwrite("cells", &old_cells);
    let opened = open_in_memory(&media, &unlock(), &MANUAL).unwrap();
    assert_eq!(opened.quarantine, Some(Quarantine::Mismatched));
}

#[test]
fn a_store_set_back_as_a_whole_is_noticed_by_its_anchor_only() {
    let media = Simulated::new();
    drop(open_in_memory(&media, &unlock(), &MANUAL).unwrap());
    let backup = media.copied();
    let newest = open_in_memory(&media, &unlock(), &MANUAL).unwrap().anchor;
    let restore = |media: &Simulated| {
        media.overwrite("cells", &backup.bytes("cells").unwrap());
        media.restore_rows_from(&backup);
    };
    restore(&media);
    let with_anchor = Options { anchor: Some(newest), ..MANUAL };
    assert_eq!(open_in_memory(&media, &unlock(), &with_anchor).unwrap().quarantine, Some(Quarantine::BehindAnchor));
    restore(&media);
    assert_eq!(open_in_memory(&media, &unlock(), &MANUAL).unwrap().quarantine, None);
}

#[test]
fn halves_of_different_stores_are_refused() {
    let [one, other] = [Simulated::new(), Simulated::new()];
    drop(open_in_memory(&one, &unlock(), &MANUAL).unwrap());
    drop(open_in_memory(&other, &unlock(), &MANUAL).unwrap());
    one.restore_rows_from(&other);
    assert_eq!(open_in_memory(&one, &unlock(), &MANUAL).unwrap_err(), OpenError::Foreign);
}

#[test]
fn a_missing_half_is_named_and_not_made_anew() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("store");
    drop(sqlite(&directory));
    let rows = fs::read(directory.join("rows.sqlite")).unwrap();
    fs::remove_file(directory.join("rows.sqlite")).unwrap();
    let open = || open_sqlite(&directory, &unlock(), &MANUAL).err();
    assert_eq!(open(), Some(OpenError::Missing { file: "rows.sqlite" }));
    fs::write(directory.join("rows.sqlite"), rows).unwrap();
    fs::remove_file(directory.join("cells")).unwrap();
    assert_eq!(open(), Some(OpenError::Missing { file: "cells" }));
    assert!(!directory.join("cells").exists());
    let absent = Options { create: false, ..MANUAL };
    let nowhere = parent.path().join("nowhere");
    assert_eq!(open_files(&nowhere, &unlock(), &absent).err(), Some(OpenError::Missing { file: "cells" }));
    assert!(!nowhere.exists());
}
