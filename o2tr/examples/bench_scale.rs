//! What a store of many conversations costs, on a disk: our side of `cargo xtask bench scale`. Each answer is one line of
//! JSON.

#![expect(clippy::unwrap_used, reason = "a bench may fail by panicking")]

#[path = "support/feed.rs"]
mod feed;
#[path = "support/measure.rs"]
mod measure;
#[path = "support/stock.rs"]
mod stock;

use std::collections::VecDeque;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::channel;

use o2tr::client::{Answering, Client, ClientConfig, ClientEvent};
use o2tr::transport::PeerId;
use o2tr_ekm::{Batch, Change, EkmStore, Options, Writer, open_sqlite};
use otr_core::dsa::PrivateKey;
use otr_core::{Identity, InstanceTag, Timestamp};
use serde_json::{Value, json};

use feed::Feed;
use measure::{cpu_us, resident, wall_us};
use stock::{ACCOUNT, Acquaintance, Stock, peer_name, random, row_name, settings, unlock};

/// Conversations of a burst.
const TALKING: usize = 64;
/// Conversations in memory at a time.
const ACTIVE: usize = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<usize>().unwrap();
    match parts[..] {
        ["fill", directory, rows] => {
            Stock::fill(Path::new(directory), number(rows), &mut |rows| println!("{}", json!({"rows": rows})));
        }
        ["hold", directory] => hold(Path::new(directory)),
        ["open", directory] => println!("{}", open(Path::new(directory))),
        ["cold", directory, rows, count] => {
            println!("{}", cold(Path::new(directory), number(rows), number(count)));
        }
        ["burst", directory, messages] => println!("{}", burst(Path::new(directory), number(messages))),
        ["resident", directory, rows] => println!("{}", remain(Path::new(directory), number(rows))),
        _ => {
            eprintln!(
                "usage: bench_scale fill DIRECTORY ROWS | hold DIRECTORY | open DIRECTORY | cold DIRECTORY ROWS COUNT \
                 | burst DIRECTORY MESSAGES | resident DIRECTORY ROWS"
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Writes into the store until somebody kills the process.
fn hold(directory: &Path) {
    let stock = Stock::at(directory);
    let mut vault = open_sqlite(&stock.store, &unlock(), &Options::default()).unwrap().vault;
    let record = std::fs::read(directory.join("record")).unwrap();
    let name = o2tr_ekm::RowName::conversation(b"killed@example.org", b"peer");
    let mut generation = vault.load(&name).unwrap().map_or(0, |loaded| loaded.generation);
    loop {
        let change = Change::put(name.clone(), generation, record.clone().into()).retiring_secret();
        vault.commit(change.into()).unwrap();
        generation += 1;
        println!("{}", json!({"generation": generation}));
    }
}

/// How long it takes until the store can be read.
fn open(directory: &Path) -> Value {
    let stock = Stock::at(directory);
    let start = wall_us();
    let mut vault = open_sqlite(&stock.store, &unlock(), &Options::default()).unwrap().vault;
    assert!(vault.load(&row_name(0)).unwrap().is_some());
    json!({"wall_us": wall_us() - start})
}

/// The first message that conversations read which nobody has touched since the store was opened, spread over it.
fn cold(directory: &Path, rows: usize, count: usize) -> Value {
    let stock = Stock::at(directory);
    let mut vault = open_sqlite(&stock.store, &unlock(), &Options::default()).unwrap().vault;
    let step = (rows / count).max(1);
    // Another row at each run: those of the last one have been read.
    let taken = directory.join(format!("taken-{rows}"));
    let first: usize = std::fs::read_to_string(&taken).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    assert!(first < step, "every conversation has been read; fill another store");
    std::fs::write(&taken, (first + 1).to_string()).unwrap();
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for number in 0..count.min(rows) {
        let start = (wall_us(), cpu_us());
        stock.read_owed(&mut vault, first + number * step);
        wall.push(wall_us() - start.0);
        cpu.push(cpu_us() - start.1);
    }
    json!({"rows": rows, "wall_us": wall, "cpu_us": cpu})
}

/// Many messages in some conversations at once, through the client, until each is durable and taken by the application;
/// and what the store alone commits in rows of that length.
fn burst(directory: &Path, messages: usize) -> Value {
    let now = Timestamp::from_secs(1_800_000_000);
    let own = Identity::new(PrivateKey::generate(&mut random()), InstanceTag::new(0x1000).unwrap());
    let theirs = Identity::new(PrivateKey::generate(&mut random()), InstanceTag::new(0x2000).unwrap());
    std::fs::create_dir_all(directory).unwrap();
    let mut vault = open_sqlite(&directory.join("burst"), &unlock(), &Options::default()).unwrap().vault;
    let mut lines = Vec::new();
    let mut record_len = 0;
    for number in 0..TALKING {
        let mut known = Acquaintance::make(&own, &theirs, now);
        lines.push(VecDeque::from(known.lines(messages / TALKING, &[b'x'; 100], now)));
        record_len = known.record().len();
        vault.commit(Change::put(row_name(number), 0, known.record().to_vec().into()).into()).unwrap();
    }
    let mut mixed = VecDeque::new();
    while lines.iter().any(|lines| !lines.is_empty()) {
        for (number, lines) in lines.iter_mut().enumerate() {
            mixed.extend(lines.pop_front().map(|line| (PeerId::new(&peer_name(number)), line)));
        }
    }
    let total = mixed.len();
    let cpu = cpu_us();
    let (log, vault) = runtime().block_on(async {
        let (feed, log, done) = Feed::new(mixed);
        let (client, mut events, driver) = Client::open(config(), feed, vault, own).unwrap();
        let driver = tokio::spawn(driver.run());
        let application = {
            let client = client.clone();
            tokio::spawn(async move {
                while let Some(event) = events.next().await {
                    let ClientEvent::Conversation { peer, event } = event else { continue };
                    let Some(id) = event.id() else { continue };
                    let client = client.clone();
                    // An application that waits for nothing; what it cannot tell now comes again.
                    tokio::spawn(async move { client.acknowledge(&peer, id).await });
                }
            })
        };
        done.notified().await;
        client.stop().await;
        let vault = driver.await.unwrap().unwrap();
        application.await.unwrap();
        (log, vault)
    });
    let cpu = cpu_us() - cpu;
    let log = log.lock().unwrap();
    let raw = raw(vault, record_len, total);
    json!({
        "messages": total,
        "conversations": TALKING,
        "wall_us": log.last - log.first,
        "cpu_us": cpu,
        "latency_us": percentiles(&log.latencies),
        "raw": raw,
    })
}

fn percentiles(values: &[f64]) -> Value {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: usize| sorted.get(sorted.len() * share / 1000).copied();
    json!({"p50": at(500), "p99": at(990), "p999": at(999), "max": sorted.last()})
}

/// Each row is replaced as soon as the last replacement is durable, as a conversation would.
fn raw(store: impl EkmStore + 'static, record_len: usize, commits: usize) -> Value {
    let account = b"raw@example.org";
    let name = |row: usize| o2tr_ekm::RowName::conversation(account, &row.to_be_bytes());
    let (sender, receiver) = channel();
    let writer = Writer::start(store, TALKING).unwrap();
    let submit = |row: usize, generation: u64| {
        let sender = sender.clone();
        let change = Change::put(name(row), generation, vec![0x5a; record_len].into());
        writer.submit(Batch::from(change), move |result| drop(sender.send((row, generation, result))));
    };
    let start = wall_us();
    (0..TALKING).for_each(|row| submit(row, 0));
    for done in 1..=commits {
        let (row, generation, result) = receiver.recv().unwrap();
        result.unwrap();
        if done + TALKING <= commits {
            submit(row, generation + 1);
        }
    }
    json!({"commits": commits, "record_len": record_len, "wall_us": wall_us() - start})
}

fn config() -> ClientConfig {
    let mut config = ClientConfig::new(PeerId::new(ACCOUNT));
    config.settings = settings();
    config.answering = Answering::Everybody;
    config.assume_present = true;
    config.active = ACTIVE;
    config
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// What the process holds with so many conversations known and a thousand in memory that each have just read something.
fn remain(directory: &Path, rows: usize) -> Value {
    let stock = Stock::at(directory);
    let vault = open_sqlite(&stock.store, &unlock(), &Options::default()).unwrap().vault;
    let step = rows / ACTIVE;
    let lines: VecDeque<_> =
        (0..ACTIVE).map(|number| (PeerId::new(&peer_name(number * step + step - 1)), stock.line.clone())).collect();
    let bytes = runtime().block_on(async {
        let (feed, _, done) = Feed::new(lines);
        let (client, mut events, driver) = Client::open(config(), feed, vault, Arc::clone(&stock.identity)).unwrap();
        let driver = tokio::spawn(driver.run());
        let application = tokio::spawn(async move { while events.next().await.is_some() {} });
        done.notified().await;
        let bytes = resident();
        client.stop().await;
        drop(driver.await.unwrap().unwrap());
        application.await.unwrap();
        bytes
    });
    json!({"rows": rows, "active": ACTIVE, "resident_bytes": bytes})
}
