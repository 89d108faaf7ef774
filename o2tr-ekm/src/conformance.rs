//! The test suite that every store has to pass, for our backends and for those of embedders.
//!
//! ```no_run
//! use o2tr_ekm::conformance::{contract, unlock};
//! use o2tr_ekm::{EkmStore, Options, open_files};
//!
//! let directory = tempfile::tempdir()?;
//! contract(&|| {
//!     let opened = open_files(directory.path(), &unlock(), &Options::default())?;
//!     Ok(Box::new(opened.vault) as Box<dyn EkmStore>)
//! });
//! # Ok::<(), std::io::Error>(())
//! ```
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test suite: a panic is its verdict")]

mod crash;
mod operations;
mod rules;

use otr_core::SecretBytes;
use zeroize::Zeroizing;

pub use self::crash::{KeyIds, OpenOn, crash_at_every_write, fill_disk_at_every_write};
use crate::error::OpenError;
use crate::key::Unlock;
use crate::row::RowName;
use crate::store::{Change, EkmStore};

/// Opens the store under test. It is called again and again, always after the store it gave before was dropped, and
/// always opens the same store; the first time, an empty one.
pub type Open<'a> = dyn Fn() -> Result<Box<dyn EkmStore>, OpenError> + 'a;

/// Runs the contract: each rule on rows of its own, then a long random sequence against a model.
///
/// # Panics
///
/// At the first rule that does not hold.
pub fn contract(open: &Open<'_>) {
    rules::all(open);
    for seed in 0..3 {
        operations::against_model(open, seed);
    }
}

/// A fixed key, for tests that do not want to pay for a passphrase.
#[must_use]
pub const fn unlock() -> Unlock {
    Unlock::Key(SecretBytes::new([0x5a; 32]))
}

fn name(rule: &str, number: usize) -> RowName {
    RowName::conversation(rule.as_bytes(), format!("peer{number}@example.org").as_bytes())
}

fn put(name: &RowName, expected: u64, record: &[u8]) -> Change {
    Change::put(name.clone(), expected, Zeroizing::new(record.to_vec()))
}

/// Generation and record of a row that is not quarantined.
fn read(store: &mut dyn EkmStore, name: &RowName) -> Option<(u64, Vec<u8>)> {
    let loaded = store.load(name).unwrap()?;
    assert_eq!(&loaded.name, name);
    assert_eq!(loaded.quarantine, None);
    Some((loaded.generation, loaded.record.to_vec()))
}
