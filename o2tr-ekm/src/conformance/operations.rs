//! Long random sequences of operations, compared with a model after each.

use std::collections::BTreeMap;

use super::{Open, name, put, read};
use crate::media::SplitMix;
use crate::row::RowName;
use crate::store::{Batch, Change, EkmStore};

type Model = BTreeMap<RowName, (u64, Vec<u8>)>;

pub(super) fn against_model(open: &Open<'_>, seed: u64) {
    let account = format!("model {seed}");
    let mut random = SplitMix(seed);
    let mut model = Model::new();
    let mut store = open().unwrap();
    for step in 0..150 {
        match random.below(20) {
            0 => {
                drop(store);
                store = open().unwrap();
            }
            1 => store.flush().unwrap(),
            _ => commit(&mut *store, &mut model, &account, &mut random),
        }
        for number in 0..ROWS {
            let name = name(&account, number);
            assert_eq!(read(&mut *store, &name), model.get(&name).cloned(), "seed {seed}, step {step}, row {number}");
        }
    }
}

const ROWS: usize = 6;

/// One group of one to four batches of one to three changes.
fn commit(store: &mut dyn EkmStore, model: &mut Model, account: &str, random: &mut SplitMix) {
    let mut batches = Vec::new();
    let mut refused = Vec::new();
    for _ in 0..=random.below(4) {
        let mut next = model.clone();
        let mut batch = Batch::new();
        let mut conflict = false;
        let first = random.below(ROWS);
        for offset in 0..=random.below(3) {
            let name = name(account, (first + offset) % ROWS);
            let generation = next.get(&name).map_or(0, |(generation, _)| *generation);
            let expected = if random.below(15) == 0 { generation + 1 } else { generation };
            conflict |= expected != generation;
            let change = if random.below(6) == 0 {
                next.remove(&name);
                Change::remove(name, expected)
            } else {
                let record = vec![random.below(256) as u8; random.below(1500)];
                next.insert(name.clone(), (generation + 1, record.clone()));
                let change = put(&name, expected, &record);
                if random.below(2) == 0 { change.retiring_secret() } else { change }
            };
            batch = batch.with(change);
        }
        if !conflict {
            *model = next;
        }
        refused.push(conflict);
        batches.push(batch);
    }
    let results = store.commit_many(batches);
    assert_eq!(results.iter().map(Result::is_err).collect::<Vec<_>>(), refused);
}
