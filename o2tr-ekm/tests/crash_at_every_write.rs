//! Wherever a crash or a full disk interrupts it, a store opens again with every acknowledged commit, every row can be
//! unsealed, and no retired key is left.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::collections::BTreeSet;
use std::sync::Arc;

use o2tr_ekm::conformance::{crash_at_every_write, fill_disk_at_every_write, unlock};
use o2tr_ekm::media::Simulated;
use o2tr_ekm::{EkmStore, Flush, OpenError, Options, open_files_on, open_in_memory};

const OPTIONS: Options =
    Options { create: true, flush: Flush::Manually, anchor: None, cached_rows: 8, required: Vec::new() };

fn files(media: &Simulated) -> Result<Box<dyn EkmStore>, OpenError> {
    Ok(Box::new(open_files_on(Arc::new(media.clone()), &unlock(), &OPTIONS)?.vault))
}

/// The ids of the keys that the row files are sealed under: they stand in clear before the ciphertext.
fn keys_of_files(media: &Simulated) -> BTreeSet<Vec<u8>> {
    let rows = media.files().into_iter().filter(|(name, _)| name.len() == "rows/".len() + 64);
    rows.filter_map(|(_, bytes)| Some(bytes.get(34..50)?.to_vec())).collect()
}

#[test]
fn s38_files_survive_a_crash_at_every_write() {
    crash_at_every_write(&files, &keys_of_files);
}

#[test]
fn files_survive_a_full_disk_at_every_write() {
    fill_disk_at_every_write(&files, &keys_of_files);
}

/// Rows whose transactions are atomic and durable, as SQLite's are: here only the cells can be torn.
fn database(media: &Simulated) -> Result<Box<dyn EkmStore>, OpenError> {
    Ok(Box::new(open_in_memory(media, &unlock(), &OPTIONS)?.vault))
}

fn keys_of_database(media: &Simulated) -> BTreeSet<Vec<u8>> {
    let mut keys = BTreeSet::new();
    media.edit_rows(|_, _, bytes| {
        keys.insert(bytes[21..37].to_vec());
    });
    keys
}

#[test]
fn s38_cells_beside_a_database_survive_a_crash_at_every_write() {
    crash_at_every_write(&database, &keys_of_database);
}

#[test]
fn cells_beside_a_database_survive_a_full_disk_at_every_write() {
    fill_disk_at_every_write(&database, &keys_of_database);
}
