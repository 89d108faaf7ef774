//! A transport and a store that pass the places.

use std::io::Write as _;

use o2tr::transport::{Address, DeliveryId, Limits, PeerId, SendToken, Transport, TransportEvent};
use o2tr_ekm::{Batch, EkmStore, Loaded, RowId, RowName, StoreError, SubRowId, SubRowKey};
use zeroize::Zeroizing;

use super::pass;

/// A transport or a store whose calls pass places.
pub(crate) struct Watched<T>(T);

/// Watches a transport or a store.
pub(crate) const fn watched<T>(inner: T) -> Watched<T> {
    Watched(inner)
}

/// What [`watched`] was given.
pub(crate) fn unwatched<T>(watched: Watched<T>) -> T {
    watched.0
}

#[async_trait::async_trait]
impl<T: Transport> Transport for Watched<T> {
    fn local(&self) -> Address {
        self.0.local()
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    async fn next_event(&mut self) -> Option<TransportEvent> {
        let event = self.0.next_event().await;
        if matches!(event, Some(TransportEvent::Delivery(_))) {
            pass("after-receive");
        }
        event
    }

    async fn send(&mut self, to: &Address, line: &[u8], token: SendToken) {
        pass("before-transmit");
        trace(to, line);
        self.0.send(to, line, token).await;
        pass("after-transmit");
    }

    async fn acknowledge(&mut self, id: DeliveryId) {
        pass("before-acknowledge");
        self.0.acknowledge(id).await;
        pass("after-acknowledge");
    }

    async fn confirm(&mut self, id: DeliveryId) {
        self.0.confirm(id).await;
    }

    async fn set_presence(&mut self, available: bool) {
        self.0.set_presence(available).await;
    }

    async fn set_contact(&mut self, peer: &PeerId, contact: bool) {
        self.0.set_contact(peer, contact).await;
    }

    async fn close(&mut self) {
        self.0.close().await;
    }
}

/// Notes a line that leaves: ciphertext, unless the user sends in clear.
fn trace(to: &Address, line: &[u8]) {
    let Some(path) = std::env::var_os("O2TR_TRACE") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    // A test that finds no trace fails.
    let _ = file.and_then(|mut file| writeln!(file, "{to} {}", String::from_utf8_lossy(line)));
}

impl<S: EkmStore> EkmStore for Watched<S> {
    fn load(&mut self, name: &RowName) -> Result<Option<Loaded>, StoreError> {
        self.0.load(name)
    }

    fn load_by_id(&mut self, row: RowId) -> Result<Option<Loaded>, StoreError> {
        self.0.load_by_id(row)
    }

    fn load_sub(
        &mut self,
        name: &RowName,
        sub: SubRowId,
        key: &SubRowKey,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.0.load_sub(name, sub, key)
    }

    fn commit_many(&mut self, batches: Vec<Batch>) -> Vec<Result<(), StoreError>> {
        pass("before-commit");
        let results = self.0.commit_many(batches);
        pass("after-commit");
        results
    }

    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, StoreError> {
        self.0.scan(after, limit)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.0.flush()
    }
}
