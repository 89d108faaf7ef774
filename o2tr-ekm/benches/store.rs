//! Durable commits: alone and in groups of 64, over SQLite and plain files. The records are as long as a real one.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use o2tr_ekm::conformance::unlock;
use o2tr_ekm::{Batch, Change, EkmStore, Options, RowName, open_files, open_sqlite};

const ROWS: usize = 256;
const RECORD: usize = 1090;

type Open = fn(&Path) -> Box<dyn EkmStore>;

fn sqlite(directory: &Path) -> Box<dyn EkmStore> {
    Box::new(open_sqlite(directory, &unlock(), &Options::default()).unwrap().vault)
}

fn files(directory: &Path) -> Box<dyn EkmStore> {
    Box::new(open_files(directory, &unlock(), &Options::default()).unwrap().vault)
}

struct Load {
    store: Box<dyn EkmStore>,
    generations: Vec<u64>,
    turn: usize,
    _directory: tempfile::TempDir,
}

impl Load {
    fn new(open: Open) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut load =
            Self { store: open(directory.path()), generations: vec![0; ROWS], turn: 0, _directory: directory };
        let all = (0..ROWS).map(|_| load.next(false)).collect();
        load.commit(all);
        load
    }

    fn next(&mut self, retires: bool) -> Batch {
        let row = self.turn % ROWS;
        self.turn += 1;
        let generation = self.generations[row];
        self.generations[row] += 1;
        let name = RowName::conversation(b"me@example.org", &row.to_be_bytes());
        let change = Change::put(name, generation, vec![row as u8; RECORD].into());
        if retires { change.retiring_secret() } else { change }.into()
    }

    fn commit(&mut self, batches: Vec<Batch>) {
        for result in black_box(self.store.commit_many(batches)) {
            result.unwrap();
        }
    }
}

fn commits(c: &mut Criterion) {
    for (backend, open) in [("sqlite", sqlite as Open), ("files", files)] {
        for (kind, retires) in [("keeping the key", false), ("retiring it", true)] {
            for size in [1, 64] {
                let mut load = Load::new(open);
                let mut group = c.benchmark_group(format!("{backend}, {kind}"));
                group.throughput(Throughput::Elements(size));
                group.sample_size(10);
                group.bench_function(format!("group of {size}"), |bencher| {
                    bencher.iter(|| {
                        let batches = (0..size).map(|_| load.next(retires)).collect();
                        load.commit(batches);
                    });
                });
                group.finish();
                percentiles(&mut load, backend, kind, retires, size);
            }
        }
    }
}

fn percentiles(load: &mut Load, backend: &str, kind: &str, retires: bool, size: u64) {
    let mut times: Vec<_> = (0..100)
        .map(|_| {
            let batches = (0..size).map(|_| load.next(retires)).collect();
            let start = Instant::now();
            load.commit(batches);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{backend}, {kind}, group of {size}: p50 {:?}, p99 {:?}\n", times[50], times[98]);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = commits
}
criterion_main!(benches);
