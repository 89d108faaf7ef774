use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;
use crate::backend::Memory;
use crate::key::KdfCost;
use crate::media::{Fault, Simulated};
use crate::store::Change;

const MANUAL: Options =
    Options { create: true, flush: Flush::Manually, anchor: None, cached_rows: 8, required: Vec::new() };

fn key(byte: u8) -> Unlock {
    Unlock::Key(SecretBytes::new([byte; 32]))
}

fn vault(media: &Simulated) -> Vault<Memory> {
    open_in_memory(media, &key(1), &MANUAL).unwrap().vault
}

fn name(peer: u8) -> RowName {
    RowName::conversation(b"me", &[peer])
}

fn put(peer: u8, expected: u64) -> Change {
    Change::put(name(peer), expected, Zeroizing::new(vec![peer; 100]))
}

/// The data key a row is sealed under.
fn live_key(vault: &mut Vault<Memory>, peer: u8) -> [u8; 32] {
    let row = vault.row_id(&name(peer));
    let head = vault.head(row).unwrap().unwrap();
    let key = *head.live.as_ref().unwrap().key.expose();
    vault.cache.put(row, head);
    key
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn no_key_byte_is_written() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    let mut keys = BTreeSet::from([*vault.master.expose(), *vault.keys.names.expose(), *vault.keys.cells.expose()]);
    for generation in 0..10 {
        for peer in 0..3 {
            vault.commit(put(peer, generation).retiring_secret().into()).unwrap();
            keys.insert(live_key(&mut vault, peer));
        }
    }
    assert_eq!(keys.len(), 3 + 30, "each rotation has a key of its own");
    let mut written: Vec<Vec<u8>> = media.files().into_values().collect();
    media.edit_rows(|row, _, bytes| written.push([row.as_bytes(), bytes.as_slice()].concat()));
    for (key, bytes) in keys.iter().flat_map(|key| written.iter().map(move |bytes| (key, bytes))) {
        assert!(key.windows(8).all(|part| !contains(bytes, part)));
    }
}

#[test]
fn a_retired_key_can_no_longer_open_anything_that_is_left() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    vault.commit(put(0, 0).into()).unwrap();
    let row = vault.row_id(&name(0));
    let mut old = Vec::new();
    media.edit_rows(|_, _, bytes| old = bytes.clone());
    let id = crate::seal::RowHeader::parse(&old).unwrap().key;
    vault.commit(put(0, 1).retiring_secret().into()).unwrap();
    assert!(vault.eraser.file.holds(0, id).unwrap());
    vault.flush().unwrap();
    assert!(!vault.eraser.file.holds(0, id).unwrap());
    assert!(vault.eraser.file.read(0, &row).unwrap().find(id).is_none());
    assert!(!contains(&media.bytes("cells").unwrap(), &id.0));
}

#[test]
fn the_background_flush_keeps_its_time() {
    let media = Simulated::new();
    let mut vault = open_in_memory(&media, &key(1), &Options::default()).unwrap().vault;
    vault.commit(put(0, 0).into()).unwrap();
    vault.flush().unwrap();
    let mut id = Vec::new();
    media.edit_rows(|_, _, bytes| id = bytes[21..37].to_vec());
    vault.commit(put(0, 1).retiring_secret().into()).unwrap();
    let retired = Instant::now();
    while contains(&media.bytes("cells").unwrap(), &id) {
        std::thread::sleep(Duration::from_millis(1));
        assert!(retired.elapsed() < Duration::from_secs(5), "not erased");
    }
    assert!(retired.elapsed() > Duration::from_millis(50), "not batched");
}

#[test]
fn removal_erases_before_it_returns_and_the_cell_is_used_again() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    vault.commit(put(0, 0).into()).unwrap();
    vault.commit(put(1, 0).into()).unwrap();
    vault.commit(Change::remove(name(0), 1).into()).unwrap();
    assert!(vault.eraser.file.is_blank(0).unwrap());
    vault.commit(put(1, 1).into()).unwrap();
    vault.commit(put(2, 0).into()).unwrap();
    assert!(!vault.eraser.file.is_blank(0).unwrap());
    assert_eq!(vault.next_cell, 2);
    vault.close().unwrap();
    let vault = self::vault(&media);
    assert_eq!((vault.next_cell, vault.free_cells.len()), (2, 0));
}

#[test]
fn a_commit_that_retires_nothing_writes_to_the_database_only() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    vault.commit(put(0, 0).into()).unwrap();
    vault.commit(put(0, 1).retiring_secret().into()).unwrap();
    vault.flush().unwrap();
    for (generation, retires) in [(2, false), (3, true)] {
        media.set_fault(None);
        let change = put(0, generation);
        vault.commit(if retires { change.retiring_secret() } else { change }.into()).unwrap();
        assert_eq!(media.operations(), 2, "one transaction, nothing in the cells");
        vault.flush().unwrap();
        // Primary, sync, mirror, sync.
        assert_eq!(media.operations(), 6);
    }
}

#[test]
fn a_second_rotation_waits_for_the_first_key_to_be_erased() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    vault.commit(put(0, 0).into()).unwrap();
    let mut first = Vec::new();
    media.edit_rows(|_, _, bytes| first = bytes[21..37].to_vec());
    vault.commit(put(0, 1).retiring_secret().into()).unwrap();
    assert!(contains(&media.bytes("cells").unwrap(), &first));
    vault.commit(put(0, 2).retiring_secret().into()).unwrap();
    assert!(!contains(&media.bytes("cells").unwrap(), &first));
}

#[test]
fn a_spare_of_which_one_copy_is_missing_is_not_relied_upon() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    vault.commit(put(0, 0).into()).unwrap();
    vault.commit(put(0, 1).into()).unwrap();
    // Of the fresh spare only the primary is written.
    media.set_fault(Some(Fault::Crash(2)));
    assert!(vault.flush().is_err());
    drop(vault);
    let media = media.after_crash(crate::media::Aftermath::Killed);
    let mut vault = self::vault(&media);
    vault.commit(put(0, 2).retiring_secret().into()).unwrap();
    let mut live = Vec::new();
    media.edit_rows(|_, _, bytes| live = bytes[21..37].to_vec());
    let cells = media.bytes("cells").unwrap();
    assert_eq!(cells.windows(16).filter(|part| *part == live).count(), 2);
}

#[test]
fn a_failed_commit_poisons_until_the_store_is_reopened() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    vault.commit(put(0, 0).into()).unwrap();
    media.set_fault(Some(Fault::Full(1)));
    assert!(matches!(vault.commit(put(0, 1).into()), Err(StoreError::Backend(BackendError::Io { .. }))));
    media.set_fault(None);
    assert_eq!(vault.commit(put(0, 1).into()), Err(StoreError::Poisoned));
    assert_eq!(vault.load(&name(0)), Err(StoreError::Poisoned));
    assert_eq!(vault.scan(None, 1), Err(StoreError::Poisoned));
    assert!(vault.change_unlock(&key(2)).is_err());
    drop(vault);
    let mut vault = self::vault(&media);
    assert_eq!(vault.load(&name(0)).unwrap().unwrap().generation, 1);
    vault.commit(put(0, 1).into()).unwrap();
}

#[test]
fn a_failed_flush_in_the_background_is_found_by_the_next_call() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    vault.commit(put(0, 0).into()).unwrap();
    vault.commit(put(0, 1).retiring_secret().into()).unwrap();
    media.set_fault(Some(Fault::Full(1)));
    assert!(vault.eraser.flush().is_err());
    assert!(matches!(vault.load(&name(0)), Err(StoreError::Backend(_))));
    assert_eq!(vault.load(&name(0)), Err(StoreError::Poisoned));
}

#[test]
fn a_change_of_secret_wraps_the_master_key_and_nothing_else() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    vault.commit(put(0, 0).into()).unwrap();
    vault.flush().unwrap();
    let before = media.bytes("cells").unwrap();
    let passphrase = Unlock::Passphrase("new".to_owned().into(), KdfCost::for_tests());
    vault.change_unlock(&passphrase).unwrap();
    let after = media.bytes("cells").unwrap();
    for (index, (old, new)) in before.iter().zip(&after).enumerate() {
        assert!(old == new || index % 4096 < 512 && index < 8192, "byte {index}");
    }
    assert!(!contains(&after, &before[57..129]), "the old wrapping is overwritten");
    vault.close().unwrap();
    assert!(matches!(open_in_memory(&media, &key(1), &MANUAL), Err(OpenError::WrongKind { .. })));
    let mut vault = open_in_memory(&media, &passphrase, &MANUAL).unwrap().vault;
    assert_eq!(vault.load(&name(0)).unwrap().unwrap().generation, 1);
}

#[test]
fn an_interrupted_change_of_secret_leaves_one_of_the_two_and_is_finished() {
    // Primary, sync, mirror, sync.
    for at in 1..=4 {
        for aftermath in [crate::media::Aftermath::Killed, crate::media::Aftermath::PowerCut] {
            let media = Simulated::new();
            let mut vault = vault(&media);
            vault.commit(put(0, 0).into()).unwrap();
            media.set_fault(Some(Fault::Crash(at)));
            assert!(vault.change_unlock(&key(2)).is_err());
            drop(vault);
            let media = media.after_crash(aftermath);
            let opening = [1, 2].into_iter().find(|byte| open_in_memory(&media, &key(*byte), &MANUAL).is_ok()).unwrap();
            let other = 3 - opening;
            assert_eq!(open_in_memory(&media, &key(other), &MANUAL).unwrap_err(), OpenError::WrongKey);
            let mut vault = open_in_memory(&media, &key(opening), &MANUAL).unwrap().vault;
            assert_eq!(vault.load(&name(0)).unwrap().unwrap().generation, 1);
        }
    }
}

#[test]
fn a_destroyed_store_has_no_master_key_left() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    vault.commit(put(0, 0).into()).unwrap();
    let wrapped = media.bytes("cells").unwrap()[57..129].to_vec();
    vault.destroy().unwrap();
    assert!(!contains(&media.bytes("cells").unwrap(), &wrapped));
    assert_eq!(open_in_memory(&media, &key(1), &MANUAL).unwrap_err(), OpenError::Damaged { file: "cells" });
}

#[test]
fn a_damaged_header_never_costs_another_row_its_cell() {
    let media = Simulated::new();
    let mut vault = vault(&media);
    for peer in 0..2 {
        vault.commit(put(peer, 0).into()).unwrap();
    }
    vault.flush().unwrap();
    let victim = vault.row_id(&name(0));
    drop(vault);
    // The row of peer 0 now claims the cell of peer 1.
    media.edit_rows(|row, _, bytes| {
        if row == victim {
            bytes[12] ^= 1;
        }
    });
    let mut vault = self::vault(&media);
    assert!(vault.load(&name(0)).is_err());
    vault.commit(Change::wipe(name(0)).into()).unwrap();
    assert_eq!(vault.load(&name(1)).unwrap().unwrap().generation, 1);
    vault.flush().unwrap();
    // Its true cell was found by what opens in it, and emptied.
    assert!([0, 1].iter().filter(|cell| vault.eraser.file.is_blank(**cell).unwrap()).count() == 1);
}

#[test]
fn debug_shows_no_key() {
    let vault = vault(&Simulated::new());
    assert_eq!(format!("{vault:?}"), "Vault { lineage: 1, poisoned: false, .. }");
}
