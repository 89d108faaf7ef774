//! The store on its own thread: work goes there and comes back as a message, so that nothing here blocks.

use std::collections::VecDeque;

use o2tr_ekm::{Batch, EkmStore, Loaded, RowName, StoreError, Writer};
use tokio::sync::mpsc;

use super::sweep::{self, Page, Search};
use crate::transport::PeerId;

/// Work that is with the writer at a time; the rest waits here. Enough to fill the groups it commits in.
const AT_WORK: usize = 256;

/// Work for the store.
pub(super) enum Job {
    /// Read a conversation's row.
    Load(PeerId, RowName),
    /// Write one conversation's row, or remove it.
    Commit(PeerId, Batch),
    /// Read the journal.
    LoadJournal(RowName),
    /// Write the journal.
    SaveJournal(Batch),
    /// Search some rows for what is due.
    Sweep(Search),
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    Loaded(PeerId, Result<Option<Loaded>, StoreError>),
    Committed(PeerId, Result<(), StoreError>),
    JournalLoaded(Result<Option<Loaded>, StoreError>),
    JournalSaved(Result<(), StoreError>),
    Swept(Result<Page, StoreError>),
}

/// The way to the store and back.
pub(super) struct StoreLink<S> {
    writer: Writer<S>,
    waiting: VecDeque<Job>,
    at_work: usize,
    sender: mpsc::UnboundedSender<Done>,
    /// Holds at most one answer for each work under way.
    receiver: mpsc::UnboundedReceiver<Done>,
}

impl<S: EkmStore + 'static> StoreLink<S> {
    pub(super) fn start(store: S) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let writer = Writer::start(store, AT_WORK)?;
        Ok(Self { writer, waiting: VecDeque::new(), at_work: 0, sender, receiver })
    }

    /// Takes work; never waits.
    pub(super) fn submit(&mut self, jobs: impl IntoIterator<Item = Job>) {
        self.waiting.extend(jobs);
        self.pump();
    }

    /// The next result. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Done> {
        let done = self.receiver.recv().await?;
        Some(self.finished(done))
    }

    /// The next result if there is one.
    pub(super) fn try_next(&mut self) -> Option<Done> {
        let done = self.receiver.try_recv().ok()?;
        Some(self.finished(done))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.at_work == 0 && self.waiting.is_empty()
    }

    /// How much waits or is under way.
    pub(super) fn load(&self) -> usize {
        self.at_work + self.waiting.len()
    }

    /// Ends the thread, which has nothing left to do, and gives the store back.
    pub(super) fn close(self) -> Result<S, StoreError> {
        self.writer.close()
    }

    fn finished(&mut self, done: Done) -> Done {
        self.at_work = self.at_work.saturating_sub(1);
        self.pump();
        done
    }

    /// The writer's queue has room for all that is at work, so handing over does not block.
    fn pump(&mut self) {
        while self.at_work < AT_WORK
            && let Some(job) = self.waiting.pop_front()
        {
            self.at_work += 1;
            self.hand_over(job);
        }
    }

    fn hand_over(&self, job: Job) {
        match job {
            Job::Commit(peer, batch) => {
                let sender = self.sender.clone();
                self.writer.submit(batch, move |result| drop(sender.send(Done::Committed(peer, result))));
            }
            Job::SaveJournal(batch) => {
                let sender = self.sender.clone();
                self.writer.submit(batch, move |result| drop(sender.send(Done::JournalSaved(result))));
            }
            Job::Load(peer, name) => {
                let answer = self.answer(Done::Loaded(peer.clone(), Err(StoreError::Closed)));
                self.writer.call(move |store| answer.give(Done::Loaded(peer, store.load(&name))));
            }
            Job::LoadJournal(name) => {
                let answer = self.answer(Done::JournalLoaded(Err(StoreError::Closed)));
                self.writer.call(move |store| answer.give(Done::JournalLoaded(store.load(&name))));
            }
            Job::Sweep(search) => {
                let answer = self.answer(Done::Swept(Err(StoreError::Closed)));
                self.writer.call(move |store| answer.give(Done::Swept(sweep::page(store, &search))));
            }
        }
    }

    fn answer(&self, otherwise: Done) -> Answer {
        Answer { sender: self.sender.clone(), otherwise: Some(otherwise) }
    }
}

/// Sends exactly one answer, also if the thread has died and the call is dropped.
struct Answer {
    sender: mpsc::UnboundedSender<Done>,
    otherwise: Option<Done>,
}

impl Answer {
    fn give(mut self, done: Done) {
        self.otherwise = Some(done);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(done) = self.otherwise.take() {
            // Nobody listens any more: the client is gone.
            let _ = self.sender.send(done);
        }
    }
}
