//! A store in memory that can be slow, that can fail, and that counts.

#![allow(dead_code, reason = "each scenario uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use o2tr_ekm::backend::Memory;
use o2tr_ekm::media::Simulated;
use o2tr_ekm::{
    BackendError, Batch, EkmStore, Loaded, Options, RowId, RowName, StoreError, SubRowId, SubRowKey, Unlock, Vault,
    open_in_memory,
};
use otr_core::SecretBytes;
use zeroize::Zeroizing;

/// Where the stores of one account are opened, one after the other. Clones share it.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) media: Arc<Mutex<Simulated>>,
    /// Milliseconds that each commit takes.
    pub(crate) delay: Arc<AtomicU64>,
    /// How many of the next groups of commits fail.
    pub(crate) failures: Arc<AtomicUsize>,
    /// Whether the store is gone for good.
    pub(crate) gone: Arc<AtomicBool>,
    pub(crate) groups: Arc<AtomicUsize>,
    pub(crate) commits: Arc<AtomicUsize>,
    pub(crate) loads: Arc<AtomicUsize>,
}

impl Shop {
    pub(crate) fn new(media: Simulated) -> Self {
        Self {
            media: Arc::new(Mutex::new(media)),
            delay: Arc::default(),
            failures: Arc::default(),
            gone: Arc::default(),
            groups: Arc::default(),
            commits: Arc::default(),
            loads: Arc::default(),
        }
    }

    pub(crate) fn open(&self) -> Store {
        let media = self.media.lock().unwrap().clone();
        let unlock = Unlock::Key(SecretBytes::new([7; 32]));
        let vault = open_in_memory(&media, &unlock, &Options::default()).unwrap().vault;
        Store { vault, shop: self.clone() }
    }

    /// Loads and commits so far.
    pub(crate) fn count(&self) -> (usize, usize, usize) {
        let read = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (read(&self.loads), read(&self.commits), read(&self.groups))
    }
}

/// An open one.
pub(crate) struct Store {
    vault: Vault<Memory>,
    shop: Shop,
}

impl EkmStore for Store {
    fn load(&mut self, name: &RowName) -> Result<Option<Loaded>, StoreError> {
        self.shop.loads.fetch_add(1, Ordering::SeqCst);
        self.vault.load(name)
    }

    fn load_by_id(&mut self, row: RowId) -> Result<Option<Loaded>, StoreError> {
        self.vault.load_by_id(row)
    }

    fn load_sub(
        &mut self,
        name: &RowName,
        sub: SubRowId,
        key: &SubRowKey,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.vault.load_sub(name, sub, key)
    }

    fn commit_many(&mut self, batches: Vec<Batch>) -> Vec<Result<(), StoreError>> {
        self.shop.groups.fetch_add(1, Ordering::SeqCst);
        self.shop.commits.fetch_add(batches.len(), Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(self.shop.delay.load(Ordering::SeqCst)));
        if self.shop.gone.load(Ordering::SeqCst) {
            return batches.iter().map(|_| Err(StoreError::Poisoned)).collect();
        }
        let take = |left: usize| left.checked_sub(1);
        if self.shop.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            let failure = BackendError::Io { action: "committing", kind: std::io::ErrorKind::StorageFull };
            return batches.iter().map(|_| Err(failure.clone().into())).collect();
        }
        self.vault.commit_many(batches)
    }

    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, StoreError> {
        self.vault.scan(after, limit)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.vault.flush()
    }
}
