//! One thread that owns the store, with group commit.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use crate::error::{BackendError, StoreError};
use crate::store::{Batch, EkmStore};

/// The most batches in one transaction: beyond it the latency of the first grows and the throughput hardly does.
pub const MAX_GROUP: usize = 64;

/// A thread that owns a store, carries out what is submitted in order, and commits together what queues up meanwhile.
///
/// Dropping it completes what was submitted, then closes the store. One writer serves any number of threads by
/// reference; nothing here needs an async runtime, and a callback may complete a future of any.
pub struct Writer<S> {
    sender: Option<SyncSender<Command<S>>>,
    thread: Option<JoinHandle<S>>,
}

/// A batch that was not taken because the queue is full; its completion was not and will not be called.
#[derive(Debug)]
pub struct QueueFull(pub Batch);

enum Command<S> {
    Commit(Batch, Completion),
    Call(Box<dyn FnOnce(&mut S) + Send>),
}

impl<S: EkmStore + 'static> Writer<S> {
    /// Starts the thread. At most `capacity` submissions wait.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(store: S, capacity: usize) -> Result<Self, StoreError> {
        let (sender, receiver) = sync_channel(capacity);
        let thread = thread::Builder::new()
            .name("o2tr-writer".to_owned())
            .spawn(move || run(store, &receiver))
            .map_err(BackendError::io("starting the writer thread"))?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Submits a batch, waiting while the queue is full.
    ///
    /// `done` is called exactly once, on the writer's thread, when the batch is durable or refused; with
    /// [`StoreError::Closed`] if the thread has died. It must be short and must not panic.
    pub fn submit(&self, batch: Batch, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        self.send(Command::Commit(batch, Completion::new(done)));
    }

    /// Submits a batch unless the queue is full.
    ///
    /// # Errors
    ///
    /// [`QueueFull`] gives the batch back.
    pub fn try_submit(
        &self,
        batch: Batch,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) -> Result<(), QueueFull> {
        let Some(sender) = &self.sender else { return Ok(()) };
        match sender.try_send(Command::Commit(batch, Completion::new(done))) {
            Err(TrySendError::Full(Command::Commit(batch, mut completion))) => {
                completion.0 = None;
                Err(QueueFull(batch))
            }
            // A dead thread: dropping the command has completed it.
            Ok(()) | Err(TrySendError::Disconnected(_) | TrySendError::Full(Command::Call(_))) => Ok(()),
        }
    }

    /// Runs anything else on the store, after all that was submitted before: loads, scans, a change of passphrase.
    ///
    /// If the thread has died, `call` is dropped without being called.
    pub fn call(&self, call: impl FnOnce(&mut S) + Send + 'static) {
        self.send(Command::Call(Box::new(call)));
    }

    /// Completes what was submitted, ends the thread and gives the store back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Closed`] if the thread had died.
    pub fn close(mut self) -> Result<S, StoreError> {
        self.sender = None;
        self.thread.take().and_then(|thread| thread.join().ok()).ok_or(StoreError::Closed)
    }

    fn send(&self, command: Command<S>) {
        if let Some(sender) = &self.sender {
            // To a dead thread: dropping the command has completed it.
            let _ = sender.send(command);
        }
    }
}

impl<S> Drop for Writer<S> {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to tell: its completions were called with `Closed`.
            let _ = thread.join();
        }
    }
}

fn run<S: EkmStore>(mut store: S, queue: &Receiver<Command<S>>) -> S {
    let mut next = None;
    while let Some(command) = next.take().or_else(|| queue.recv().ok()) {
        match command {
            Command::Call(call) => call(&mut store),
            Command::Commit(batch, completion) => {
                let mut batches = vec![batch];
                let mut completions = vec![completion];
                while batches.len() < MAX_GROUP {
                    match queue.try_recv() {
                        Ok(Command::Commit(batch, completion)) => {
                            batches.push(batch);
                            completions.push(completion);
                        }
                        Ok(call @ Command::Call(_)) => {
                            next = Some(call);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                let results = store.commit_many(batches);
                for (completion, result) in completions.into_iter().zip(results) {
                    completion.complete(result);
                }
            }
        }
    }
    store
}

/// Calls back exactly once: with a result, or with [`StoreError::Closed`] when it is dropped without one.
struct Completion(Option<Callback>);

type Callback = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

impl Completion {
    fn new(done: impl FnOnce(Result<(), StoreError>) + Send + 'static) -> Self {
        Self(Some(Box::new(done)))
    }

    fn complete(mut self, result: Result<(), StoreError>) {
        if let Some(done) = self.0.take() {
            done(result);
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(StoreError::Closed));
        }
    }
}

#[cfg(test)]
mod tests;
