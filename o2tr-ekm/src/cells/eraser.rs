//! The flush: overwrites retired keys in the background, many at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use otr_core::planted::{Fault, planted};

use super::file::{Piece, other};
use super::{CellFile, Slot};
use crate::error::BackendError;
use crate::row::RowId;
use crate::seal::KeyId;

/// What is to be done to one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) cell: u64,
    pub(crate) row: RowId,
    pub(crate) job: Job,
    /// The keys this erases, for the list of pending erasures; empty if it only raises the floor.
    pub(crate) erases: Vec<KeyId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Put a fresh spare beside the live slot.
    Provision { live: usize, live_sequence: u64, floor: u64 },
    /// Empty the cell.
    Clear,
}

/// What flushes have done since the vault last asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Keys that are gone.
    pub(crate) erased: Vec<KeyId>,
    /// Cells that are empty.
    pub(crate) freed: Vec<u64>,
}

/// More cells than this do not wait for the interval.
const CROWD: usize = 4096;

/// The cells file and what is still to be written to it; shared by the vault and the flush thread.
pub(crate) struct Eraser {
    pub(crate) file: CellFile,
    /// Held by the one flush that runs.
    turn: Mutex<()>,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<u64, Work>,
    under_way: BTreeSet<u64>,
    done: Done,
    failure: Option<BackendError>,
    stop: bool,
}

impl Eraser {
    pub(crate) fn new(file: CellFile) -> Arc<Self> {
        Arc::new(Self { file, turn: Mutex::default(), state: Mutex::default(), wake: Condvar::new() })
    }

    /// Adds work; for a cell that has some already, the new job replaces the old one and erases its keys too.
    pub(crate) fn add(&self, work: impl IntoIterator<Item = Work>) {
        let mut state = lock(&self.state);
        for mut work in work {
            if let Some(earlier) = state.waiting.remove(&work.cell) {
                work.erases.extend(earlier.erases);
            }
            state.waiting.insert(work.cell, work);
        }
        self.wake.notify_all();
    }

    /// Sees to it that nobody writes to a cell until work is added for it again: a rotation is about to use its spare.
    ///
    /// If a retired key waits there, or a write is under way, this flushes first.
    pub(crate) fn settle(&self, cell: u64) -> Result<(), BackendError> {
        let busy = {
            let mut state = lock(&self.state);
            let retired = state.waiting.get(&cell).is_some_and(|work| !work.erases.is_empty());
            let busy = retired || state.under_way.contains(&cell);
            if !busy {
                state.waiting.remove(&cell);
            }
            busy
        };
        if busy { self.flush() } else { Ok(()) }
    }

    /// Writes everything that waits, after whatever is under way.
    pub(crate) fn flush(&self) -> Result<(), BackendError> {
        let _turn = lock(&self.turn);
        let work = {
            let mut state = lock(&self.state);
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            let work = std::mem::take(&mut state.waiting);
            state.under_way = work.keys().copied().collect();
            work
        };
        let result = self.write(work.values());
        let mut state = lock(&self.state);
        state.under_way.clear();
        match result {
            Ok(()) => {
                for work in work.into_values() {
                    state.done.erased.extend(work.erases);
                    if work.job == Job::Clear {
                        state.done.freed.push(work.cell);
                    }
                }
                Ok(())
            }
            Err(failure) => {
                state.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    /// Takes what has been done.
    pub(crate) fn take_done(&self) -> Done {
        std::mem::take(&mut lock(&self.state).done)
    }

    /// The failure of an earlier flush, also of one in the background.
    pub(crate) fn failure(&self) -> Option<BackendError> {
        lock(&self.state).failure.clone()
    }

    fn write<'a>(&self, work: impl Iterator<Item = &'a Work>) -> Result<(), BackendError> {
        let mut pieces = Vec::new();
        for Work { cell, row, job, erases } in work {
            if planted(Fault::OldDataKeyKept) && !erases.is_empty() {
                continue;
            }
            match *job {
                Job::Provision { live, live_sequence, floor } => {
                    let spare = Slot::fresh(live_sequence.saturating_add(1), floor)?;
                    pieces.push(self.file.piece(&spare, *cell, other(live), row)?);
                }
                Job::Clear => {
                    pieces.extend([0, 1].map(|slot| Piece { cell: *cell, slot, bytes: [0; super::layout::SLOT_LEN] }));
                }
            }
        }
        self.file.write(&pieces)
    }

    fn run(&self, interval: Duration) {
        loop {
            let mut state = lock(&self.state);
            while state.waiting.is_empty() && !state.stop {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let waits = |state: &mut State| !state.stop && state.waiting.len() < CROWD;
            let (state, _) =
                self.wake.wait_timeout_while(state, interval, waits).unwrap_or_else(PoisonError::into_inner);
            let stop = state.stop;
            drop(state);
            // A failure is kept and found by the next commit.
            if stop || self.flush().is_err() {
                return;
            }
        }
    }
}

/// The thread that flushes; dropping it ends it without a last flush, which is the vault's to do.
pub(crate) struct FlushThread {
    eraser: Arc<Eraser>,
    thread: Option<JoinHandle<()>>,
}

impl FlushThread {
    pub(crate) fn start(eraser: Arc<Eraser>, interval: Duration) -> Result<Self, BackendError> {
        let shared = Arc::clone(&eraser);
        let thread = thread::Builder::new()
            .name("o2tr-flush".to_owned())
            .spawn(move || shared.run(interval))
            .map_err(BackendError::io("starting the flush thread"))?;
        Ok(Self { eraser, thread: Some(thread) })
    }
}

impl Drop for FlushThread {
    fn drop(&mut self) {
        lock(&self.eraser.state).stop = true;
        self.eraser.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // A flush that panicked has nothing more to tell here.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use otr_core::SecretBytes;

    use super::*;
    use crate::media::{Fault, Media, Simulated};

    const ROW: RowId = RowId::from_bytes([1; 32]);
    const PROVISION: Job = Job::Provision { live: 0, live_sequence: 1, floor: 5 };

    fn eraser() -> (Simulated, Arc<Eraser>) {
        let media = Simulated::new();
        let file = media.open("cells", true).unwrap().unwrap();
        (media, Eraser::new(CellFile::new(file, [2; 16], SecretBytes::new([3; 32]))))
    }

    fn work(job: Job, erases: &[KeyId]) -> Work {
        Work { cell: 0, row: ROW, job, erases: erases.to_vec() }
    }

    /// A cell with a live key and a retired one beside it; returns both ids.
    fn with_retired(eraser: &Eraser) -> (KeyId, KeyId) {
        let (live, retired) = (Slot::fresh(1, 1).unwrap(), Slot::fresh(0, 1).unwrap());
        let pieces = [eraser.file.piece(&live, 0, 0, &ROW).unwrap(), eraser.file.piece(&retired, 0, 1, &ROW).unwrap()];
        eraser.file.write(&pieces).unwrap();
        (live.id, retired.id)
    }

    #[test]
    fn a_flush_replaces_the_retired_key_and_leaves_the_live_one() {
        let (_, eraser) = eraser();
        let (live, retired) = with_retired(&eraser);
        assert!(eraser.file.read(0, &ROW).unwrap().spare(0).is_none());
        eraser.add([work(PROVISION, &[retired])]);
        eraser.flush().unwrap();
        let cell = eraser.file.read(0, &ROW).unwrap();
        assert!(cell.find(retired).is_none());
        assert_eq!(cell.find(live).unwrap().0, 0);
        assert_eq!(cell.spare(0).unwrap().sequence, 2);
        assert_eq!(cell.floor(), 5);
        assert_eq!(eraser.take_done(), Done { erased: vec![retired], freed: vec![] });
        assert_eq!(eraser.take_done(), Done::default());
    }

    #[test]
    fn clearing_after_retiring_erases_both_and_frees_the_cell() {
        let (media, eraser) = eraser();
        let (live, retired) = with_retired(&eraser);
        eraser.add([work(PROVISION, &[retired])]);
        eraser.add([work(Job::Clear, &[live])]);
        eraser.flush().unwrap();
        assert!(media.bytes("cells").unwrap().iter().all(|byte| *byte == 0));
        assert_eq!(eraser.take_done(), Done { erased: vec![live, retired], freed: vec![0] });
    }

    #[test]
    fn settling_flushes_retired_keys_and_drops_mere_floors() {
        let (media, eraser) = eraser();
        let (_, retired) = with_retired(&eraser);
        eraser.add([work(PROVISION, &[retired])]);
        eraser.settle(0).unwrap();
        assert_eq!(eraser.take_done().erased, vec![retired]);
        eraser.add([work(PROVISION, &[])]);
        media.set_fault(None);
        eraser.settle(0).unwrap();
        eraser.flush().unwrap();
        assert_eq!(media.operations(), 0);
    }

    #[test]
    fn the_thread_flushes_in_time() {
        let (_, eraser) = eraser();
        let (_, retired) = with_retired(&eraser);
        let thread = FlushThread::start(Arc::clone(&eraser), Duration::from_millis(20)).unwrap();
        eraser.add([work(PROVISION, &[retired])]);
        let mut waited = Duration::ZERO;
        while eraser.file.read(0, &ROW).unwrap().spare(0).is_none() {
            thread::sleep(Duration::from_millis(5));
            waited += Duration::from_millis(5);
            assert!(waited < Duration::from_secs(10));
        }
        drop(thread);
    }

    #[test]
    fn a_failed_flush_is_remembered() {
        let (media, eraser) = eraser();
        let (_, retired) = with_retired(&eraser);
        media.set_fault(Some(Fault::Full(1)));
        eraser.add([work(PROVISION, &[retired])]);
        assert!(eraser.flush().is_err());
        media.set_fault(None);
        assert!(eraser.flush().is_err() && eraser.failure().is_some());
        assert_eq!(eraser.take_done(), Done::default());
    }
}
