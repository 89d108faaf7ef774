//! Crashes and full disks at every single operation on the medium.

use std::collections::{BTreeMap, BTreeSet};

use super::{name, put, read};
use crate::error::OpenError;
use crate::media::{Aftermath, Fault, Simulated};
use crate::row::RowName;
use crate::store::{Batch, Change, EkmStore};

/// Opens the store that a medium holds, or makes one.
pub type OpenOn<'a> = dyn Fn(&Simulated) -> Result<Box<dyn EkmStore>, OpenError> + 'a;

/// Names the data keys that the rows of a medium are sealed under.
pub type KeyIds<'a> = dyn Fn(&Simulated) -> BTreeSet<Vec<u8>> + 'a;

/// Runs a script of commits, rotations, removals and reopenings again and again, each time with a crash at another
/// operation and another aftermath, and looks at what is found afterwards.
///
/// `open` has to flush manually, so that the order of operations repeats. Data keys that
/// no row is sealed under any more must be gone.
///
/// # Panics
///
/// If an acknowledged commit is lost, a commit is torn, a row cannot be unsealed, the store does not open, or a
/// retired key is still there after recovery.
pub fn crash_at_every_write(open: &OpenOn<'_>, key_ids: &KeyIds<'_>) {
    let run = |at| {
        let media = Simulated::new();
        media.set_fault(Some(Fault::Crash(at)));
        let run = Run::until_it_fails(&media, open, key_ids);
        (media, run)
    };
    let (media, complete) = run(u64::MAX);
    assert!(complete.is_none(), "the script fails without a fault");
    let operations = media.operations();
    assert!(operations > 100);
    for at in 1..=operations {
        let (media, interrupted) = run(at);
        let Some(interrupted) = interrupted else { panic!("operation {at} of {operations} is not reached") };
        for aftermath in [Aftermath::Killed, Aftermath::PowerCut, Aftermath::Mixed(at), Aftermath::Mixed(!at)] {
            let context = format!("operation {at} of {operations}, {aftermath:?}");
            interrupted.check(&media.after_crash(aftermath), open, key_ids, &context);
        }
    }
}

/// The same script on a disk that is full from some operation on; then there is room again and the store is reopened.
///
/// # Panics
///
/// As [`crash_at_every_write`], and if work goes on after a failure.
pub fn fill_disk_at_every_write(open: &OpenOn<'_>, key_ids: &KeyIds<'_>) {
    let media = Simulated::new();
    media.set_fault(None);
    assert!(Run::until_it_fails(&media, open, key_ids).is_none());
    let operations = media.operations();
    let mut failures = 0;
    for at in 1..=operations {
        let media = Simulated::new();
        media.set_fault(Some(Fault::Full(at)));
        if let Some(interrupted) = Run::until_it_fails(&media, open, key_ids) {
            failures += 1;
            media.set_fault(None);
            interrupted.check(&media, open, key_ids, &format!("full from operation {at} of {operations}"));
        }
    }
    assert!(failures > operations / 4, "{failures} of {operations}");
}

type State = BTreeMap<RowName, (u64, Vec<u8>)>;

/// How far the script came.
#[derive(Default)]
struct Run {
    /// What was acknowledged.
    before: State,
    /// What the interrupted step would have led to.
    after: State,
    /// Keys that rows were ever sealed under, also in commits that were not acknowledged.
    keys: BTreeSet<Vec<u8>>,
    /// Those of acknowledged commits.
    acknowledged: BTreeSet<Vec<u8>>,
    /// Those of the last acknowledged state.
    live: BTreeSet<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum Step {
    /// Rows to be written together, and whether their keys are retired.
    Put(&'static [usize], bool),
    Remove(usize),
    Flush,
    Reopen,
}

const SCRIPT: &[Step] = &[
    Step::Put(&[0], false),
    Step::Put(&[0], false),
    Step::Put(&[0], true),
    // The second rotation finds its spare slot still holding the first retired key.
    Step::Put(&[0], true),
    Step::Put(&[0, 1, 2], false),
    Step::Flush,
    Step::Put(&[1, 2], true),
    Step::Reopen,
    Step::Put(&[1], true),
    Step::Remove(1),
    Step::Put(&[0], true),
    Step::Put(&[1], false),
    Step::Put(&[0, 1], true),
    Step::Flush,
    Step::Put(&[0], true),
    Step::Remove(0),
    Step::Put(&[2], false),
    Step::Reopen,
    Step::Put(&[2], true),
];

impl Run {
    fn until_it_fails(media: &Simulated, open: &OpenOn<'_>, key_ids: &KeyIds<'_>) -> Option<Self> {
        let mut run = Self::default();
        let Ok(mut store) = open(media) else { return Some(run) };
        for step in SCRIPT {
            run.after = run.before.clone();
            let done = match *step {
                Step::Put(rows, retires) => {
                    let mut batch = Batch::new();
                    for number in rows {
                        let name = name("crash", *number);
                        let generation = run.before.get(&name).map_or(0, |(generation, _)| *generation);
                        let record = format!("row {number}, generation {}", generation + 1).into_bytes();
                        let change = put(&name, generation, &record);
                        batch = batch.with(if retires { change.retiring_secret() } else { change });
                        run.after.insert(name, (generation + 1, record));
                    }
                    store.commit(batch).is_ok()
                }
                Step::Remove(number) => {
                    let name = name("crash", number);
                    let removed = run.after.remove(&name).map_or(0, |(generation, _)| generation);
                    store.commit(Change::remove(name, removed).into()).is_ok()
                }
                Step::Flush => store.flush().is_ok(),
                Step::Reopen => {
                    drop(store);
                    match open(media) {
                        Ok(opened) => {
                            store = opened;
                            true
                        }
                        Err(_) => return Some(run),
                    }
                }
            };
            run.keys.extend(key_ids(media));
            if !done {
                assert!(store.commit(put(&name("crash", 9), 0, b"x").into()).is_err(), "work went on after a failure");
                return Some(run);
            }
            run.before = run.after.clone();
            run.live = key_ids(media);
            run.acknowledged.extend(run.live.iter().cloned());
        }
        // Closing writes too.
        drop(store);
        run.after = run.before.clone();
        media.has_crashed().then_some(run)
    }

    fn check(&self, media: &Simulated, open: &OpenOn<'_>, key_ids: &KeyIds<'_>, context: &str) {
        let mut store = open(media).unwrap_or_else(|error| panic!("{context}: {error}"));
        // What was retired and acknowledged is erased by the opening itself, whether or not its row is looked at.
        let cells = media.bytes("cells").unwrap_or_default();
        for key in self.acknowledged.difference(&self.live) {
            assert_eq!(count(&cells, key), 0, "{context}: a retired key outlived the opening");
        }
        let mut found = State::new();
        for number in 0..3 {
            let name = name("crash", number);
            let loaded = store.load(&name).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert!(loaded.as_ref().is_none_or(|loaded| loaded.quarantine.is_none()), "{context}: {loaded:?}");
            found.extend(loaded.map(|loaded| (name, (loaded.generation, loaded.record.to_vec()))));
        }
        assert!(found == self.before || found == self.after, "{context}: {found:?}");
        let mut keys = self.keys.clone();
        keys.extend(key_ids(media));
        // The conversation goes on: twice, so that both slots are used.
        for round in 0..2 {
            for (name, (generation, record)) in &mut found {
                record.push(round);
                let change = put(name, *generation, record).retiring_secret();
                store.commit(change.into()).unwrap_or_else(|error| panic!("{context}: {error}"));
                *generation += 1;
            }
        }
        store.flush().unwrap();
        for (name, expected) in &found {
            assert_eq!(read(&mut *store, name).as_ref(), Some(expected), "{context}");
        }
        let used = key_ids(media);
        let cells = media.bytes("cells").unwrap_or_default();
        for key in &used {
            assert_eq!(count(&cells, key), 2, "{context}: a live key is not there twice");
        }
        for key in keys.difference(&used) {
            assert_eq!(count(&cells, key), 0, "{context}: a retired key is still there");
        }
    }
}

fn count(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).filter(|window| *window == part).count()
}
