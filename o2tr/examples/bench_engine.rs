//! What the engine costs, in microseconds of process CPU time: our side of `cargo xtask bench paper`.
//!
//! `bench_engine paper COUNT` measures each operation of the paper's table 1 and figures 7 and 8 so many times;
//! `bench_engine event COUNT` that many bursts only, for a profiler; `bench_engine memory COUNT` what so many sessions
//! at work hold in memory. The answer is one line of JSON. The store is
//! in memory: nothing here waits for a disk, but every commit is encoded and sealed.

#![expect(clippy::unwrap_used, reason = "a bench may fail by panicking")]

#[path = "support/ends.rs"]
mod ends;
#[path = "support/measure.rs"]
mod measure;

use std::process::ExitCode;
use std::sync::Arc;

use o2tr::settings::Settings;
use otr_core::{Leap, Peer, State};
use serde_json::{Value, json};

use ends::{Ours, Pair, Plain, random};
use measure::{resident, timed};

const TEXT: [u8; 100] = [b'x'; 100];
/// Messages of one burst.
const BURST: usize = 100;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(what), Some(count)) = (arguments.first(), arguments.get(1).and_then(|count| count.parse().ok())) else {
        eprintln!("usage: bench_engine paper|event|memory COUNT");
        return ExitCode::from(2);
    };
    match what.as_str() {
        "paper" => println!("{}", paper(count)),
        "event" => println!("{}", events(count)),
        "memory" => println!("{}", memory(count)),
        _ => {
            eprintln!("no such measurement: {what}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Every operation in turn, so that whatever else the machine does meets all of them.
fn paper(count: usize) -> Value {
    let mut rows = Rows::default();
    let mut ours = Pair::new(Ours::new(1, settings()), Ours::new(2, settings()));
    let mut plain = Pair::new(Plain::new(1), Plain::new(2));
    ours.begin();
    plain.begin();
    ours.talk(4, &TEXT);
    plain.talk(4, &TEXT);
    ours.commits();
    for number in 0..count {
        let from = number % 2;
        let (outgoing, incoming) = ours.message(from, &TEXT);
        rows.outgoing.push(outgoing);
        rows.incoming.push(incoming);
        let (outgoing, incoming) = plain.message(from, &TEXT);
        rows.plain_outgoing.push(outgoing);
        rows.plain_incoming.push(incoming);
        rows.handshakes.push(plain.handshake());
    }
    rows.talking = ours.commits() as f64 / count as f64;
    for _ in 0..count {
        // Both have read something under the newest keys, as in the midst of a conversation.
        ours.talk(4, &TEXT);
        let lines = ours.say(0, &TEXT);
        let (read, cost) = timed(|| {
            ours.restart(1);
            ours.read(1, &lines)
        });
        assert_eq!(read, 1);
        rows.offline.push(cost);
        rows.refreshes.push(ours.refresh(1));
    }
    rows.bursts(count.max(BURST));
    rows.into_json()
}

fn events(count: usize) -> Value {
    let mut rows = Rows::default();
    rows.bursts(count * BURST);
    rows.into_json()
}

/// What was measured, in microseconds each.
#[derive(Default)]
struct Rows {
    outgoing: Vec<f64>,
    incoming: Vec<f64>,
    plain_outgoing: Vec<f64>,
    plain_incoming: Vec<f64>,
    handshakes: Vec<f64>,
    offline: Vec<f64>,
    refreshes: Vec<f64>,
    events: Vec<f64>,
    plain_events: Vec<f64>,
    /// Commits per message, both sides.
    talking: f64,
    bursting: f64,
}

impl Rows {
    /// Messages under one key: what an event costs apart from the arithmetic of new keys. Averages of bursts.
    fn bursts(&mut self, count: usize) {
        let mut ours = Pair::new(Ours::new(1, without_threshold()), Ours::new(2, without_threshold()));
        let mut plain = Pair::new(Plain::new(1), Plain::new(2));
        ours.begin();
        plain.begin();
        for _ in 0..count / BURST {
            let lines: Vec<_> = (0..BURST).flat_map(|_| ours.say(0, &TEXT)).collect();
            ours.commits();
            let (read, cost) = timed(|| ours.read(1, &lines));
            assert_eq!(read, BURST);
            self.events.push(cost / BURST as f64);
            self.bursting = ours.commits() as f64 / BURST as f64;
            ours.message(1, &TEXT);
            let lines: Vec<_> = (0..BURST).flat_map(|_| plain.say(0, &TEXT)).collect();
            let (read, cost) = timed(|| plain.read(1, &lines));
            assert_eq!(read, BURST);
            self.plain_events.push(cost / BURST as f64);
            plain.message(1, &TEXT);
        }
    }

    fn into_json(self) -> Value {
        json!({
            "unit": "microseconds of process CPU time",
            "outgoing": {"o2tr": self.outgoing, "otr": self.plain_outgoing},
            "incoming": {"o2tr": self.incoming, "otr": self.plain_incoming},
            "offline first": {"o2tr": self.offline},
            "refresh": {"o2tr": self.refreshes},
            "handshake": {"otr": self.handshakes},
            "event": {"o2tr": self.events, "otr": self.plain_events},
            "commits": {"in a conversation, per message": self.talking, "in a burst, per message": self.bursting},
        })
    }
}

/// The threshold of the paper; no handshake in the background.
fn settings() -> Settings {
    Settings { reauthenticate: false, ..Settings::default() }
}

fn without_threshold() -> Settings {
    Settings { threshold: None, ..settings() }
}

/// Sessions that are ready to send: what each adds to the resident memory.
fn memory(count: usize) -> Value {
    let mut pair = Pair::new(Plain::new(1), Plain::new(2));
    pair.begin();
    pair.talk(4, &TEXT);
    let (identity, snapshot) = pair.snapshot(0);
    let before = resident();
    let peers: Vec<_> = (0..count)
        .map(|_| {
            let leap = Some(Leap::random(&mut random()));
            let settings = otr_core::Settings::default();
            let mut peer = Peer::restore(Arc::clone(&identity), settings, snapshot.clone(), leap).unwrap();
            peer.send(&TEXT, ends::NOW).unwrap();
            while peer.poll_output().is_some() {}
            peer
        })
        .collect();
    let bytes = resident().saturating_sub(before) / count.max(1) as u64;
    assert!(peers.iter().all(|peer| peer.state() == State::Encrypted));
    json!({"sessions": count, "bytes per session": bytes})
}
