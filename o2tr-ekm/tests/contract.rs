//! Every backend passes the same contract.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::sync::Arc;

use o2tr_ekm::conformance::{contract, unlock};
use o2tr_ekm::media::Simulated;
use o2tr_ekm::{EkmStore, Flush, Options, open_files, open_files_on, open_in_memory, open_sqlite};

#[test]
fn memory() {
    let media = Simulated::new();
    let options = Options { cached_rows: 4, ..Options::default() };
    contract(&|| Ok(Box::new(open_in_memory(&media, &unlock(), &options)?.vault) as Box<dyn EkmStore>));
}

#[test]
fn files_in_memory() {
    let media = Simulated::new();
    let options = Options { flush: Flush::Manually, ..Options::default() };
    contract(&|| {
        let opened = open_files_on(Arc::new(media.clone()), &unlock(), &options)?;
        Ok(Box::new(opened.vault) as Box<dyn EkmStore>)
    });
}

#[test]
fn files_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    contract(&|| {
        let opened = open_files(directory.path(), &unlock(), &Options::default())?;
        Ok(Box::new(opened.vault) as Box<dyn EkmStore>)
    });
}

#[test]
fn sqlite() {
    let directory = tempfile::tempdir().unwrap();
    contract(&|| {
        let opened = open_sqlite(directory.path(), &unlock(), &Options::default())?;
        Ok(Box::new(opened.vault) as Box<dyn EkmStore>)
    });
}
