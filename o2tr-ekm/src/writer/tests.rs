use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use super::*;
use crate::media::{Fault, Simulated};
use crate::row::{RowId, RowName, SubRowId, SubRowKey};
use crate::store::{Change, Loaded};
use crate::vault::{Flush, Options, Vault, open_in_memory};

fn vault(media: &Simulated) -> Vault<crate::backend::Memory> {
    let unlock = crate::key::Unlock::Key(otr_core::SecretBytes::new([1; 32]));
    open_in_memory(media, &unlock, &Options { flush: Flush::Manually, ..Options::default() }).unwrap().vault
}

fn put(peer: usize, expected: u64) -> Batch {
    let name = RowName::conversation(b"me", &peer.to_be_bytes());
    Change::put(name, expected, Zeroizing::new(vec![1])).into()
}

/// A store that records the sizes of its groups and waits for a sign before each.
struct Recorder {
    groups: Arc<Mutex<Vec<usize>>>,
    gate: Receiver<()>,
}

impl EkmStore for Recorder {
    fn load(&mut self, _: &RowName) -> Result<Option<Loaded>, StoreError> {
        Ok(None)
    }

    fn load_by_id(&mut self, _: RowId) -> Result<Option<Loaded>, StoreError> {
        Ok(None)
    }

    fn load_sub(&mut self, _: &RowName, _: SubRowId, _: &SubRowKey) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        Ok(None)
    }

    fn commit_many(&mut self, batches: Vec<Batch>) -> Vec<Result<(), StoreError>> {
        self.gate.recv().unwrap();
        self.groups.lock().unwrap().push(batches.len());
        vec![Ok(()); batches.len()]
    }

    fn scan(&mut self, _: Option<RowId>, _: usize) -> Result<Vec<(RowId, u64)>, StoreError> {
        Ok(Vec::new())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn recorder(capacity: usize) -> (Writer<Recorder>, Sender<()>, Arc<Mutex<Vec<usize>>>) {
    let groups = Arc::new(Mutex::new(Vec::new()));
    let (open, gate) = channel();
    (Writer::start(Recorder { groups: Arc::clone(&groups), gate }, capacity).unwrap(), open, groups)
}

#[test]
fn what_queues_up_is_committed_together_and_completed_in_order() {
    let (writer, open, groups) = recorder(1000);
    let (done, completed) = channel();
    for number in 0..150 {
        let done = done.clone();
        writer.submit(put(number, 0), move |result| done.send((number, result)).unwrap());
    }
    for _ in 0..150 {
        open.send(()).unwrap();
    }
    drop(writer.close().unwrap());
    drop(done);
    let completed: Vec<_> = completed.iter().collect();
    assert_eq!(completed.len(), 150);
    assert!(completed.iter().enumerate().all(|(index, (number, result))| index == *number && result.is_ok()));
    let groups = groups.lock().unwrap();
    assert_eq!(groups.iter().sum::<usize>(), 150);
    // The first group may be small; then everything waits, and goes in full groups.
    assert!(groups.len() <= 4 && groups.contains(&MAX_GROUP), "{groups:?}");
}

#[test]
fn a_full_queue_gives_the_batch_back_without_completing_it() {
    let (writer, open, _) = recorder(1);
    let (done, completed) = channel();
    let mut taken = 0;
    let refused = loop {
        let done = done.clone();
        match writer.try_submit(put(taken, 0), move |result| done.send(result).unwrap()) {
            Ok(()) => taken += 1,
            Err(QueueFull(batch)) => break batch,
        }
        assert!(taken < 200);
    };
    assert_eq!(refused.changes.len(), 1);
    for _ in 0..taken {
        open.send(()).unwrap();
    }
    drop(writer);
    drop(done);
    assert_eq!(completed.iter().count(), taken);
}

#[test]
fn calls_run_in_order_between_commits() {
    let media = Simulated::new();
    let writer = Writer::start(vault(&media), 16).unwrap();
    let (done, seen) = channel();
    for generation in 0..3 {
        writer.submit(put(0, generation), |result| result.unwrap());
        let done = done.clone();
        writer.call(move |store| {
            let loaded = store.load(&RowName::conversation(b"me", &0_usize.to_be_bytes())).unwrap().unwrap();
            done.send(loaded.generation).unwrap();
        });
    }
    let mut vault = writer.close().unwrap();
    drop(done);
    assert_eq!(seen.iter().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(vault.load(&RowName::conversation(b"me", &0_usize.to_be_bytes())).unwrap().is_some());
}

#[test]
fn conflicts_are_told_to_their_own_submitter_and_failures_to_all() {
    let media = Simulated::new();
    let writer = Writer::start(vault(&media), 16).unwrap();
    let (done, results) = channel();
    let submit = |batch| {
        let done = done.clone();
        writer.submit(batch, move |result| done.send(result).unwrap());
    };
    submit(put(0, 0));
    submit(put(1, 7));
    submit(put(2, 0));
    let first: Vec<_> = results.iter().take(3).map(|result| result.is_ok()).collect();
    assert_eq!(first, [true, false, true]);
    media.set_fault(Some(Fault::Full(1)));
    submit(put(0, 1));
    assert!(matches!(results.recv().unwrap(), Err(StoreError::Backend(_))));
    media.set_fault(None);
    submit(put(0, 1));
    assert_eq!(results.recv().unwrap(), Err(StoreError::Poisoned));
}

#[test]
fn a_dead_thread_completes_everything_with_closed() {
    let (writer, open, _) = recorder(16);
    let (done, results) = channel();
    for number in 0..5 {
        let done = done.clone();
        writer.submit(put(number, 0), move |result| done.send(result).unwrap());
    }
    // The gate breaks: the store panics in the writer's thread.
    drop(open);
    let results: Vec<_> = results.iter().take(5).collect();
    assert!(results.iter().all(|result| *result == Err(StoreError::Closed)));
    assert_eq!(writer.close().err(), Some(StoreError::Closed));
}
