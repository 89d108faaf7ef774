//! Both ends are ours, both keep keys, and both are killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use common::{Endpoint, begin, kill, kill_and_restart, kinds, now, send, shown, state};
use serde_json::json;
use xtask::pipe::{Event, Relay, Side};

struct Pair {
    ends: [Endpoint; 2],
    relay: Relay,
    /// What each side was shown, with its id.
    shown: [Vec<(String, String)>; 2],
    /// What each side has sent.
    sent: [Vec<String>; 2],
    acknowledged: [Vec<String>; 2],
}

impl Pair {
    fn new(options: &[&str]) -> Self {
        let ends = [Endpoint::new("alice", "bob", options), Endpoint::new("bob", "alice", options)];
        let mut relay = Relay::new(ends[0].start(), ends[1].start());
        begin(&mut relay);
        Self { ends, relay, shown: Default::default(), sent: Default::default(), acknowledged: Default::default() }
    }

    fn send(&mut self, side: Side, text: &str) {
        let command = json!({"cmd": "send", "text": text, "id": text});
        let events = self.relay.command(side, &command).unwrap();
        self.sent[index(side)].push(text.to_owned());
        self.note(side, &events);
    }

    /// Both talk until nothing is under way, and their timers have had an hour.
    fn settle(&mut self) {
        for step in 0..12 {
            let exchange = self.relay.settle().unwrap();
            self.note(Side::A, &exchange.a);
            self.note(Side::B, &exchange.b);
            for side in [Side::A, Side::B] {
                let poll = json!({"cmd": "poll", "now": now() + 60 * (step + 1)});
                let events = self.relay.command(side, &poll).unwrap();
                self.note(side, &events);
            }
        }
    }

    fn kill_and_restart(&mut self, side: Side) {
        kill_and_restart(&mut self.relay, side, &self.ends[index(side)]);
    }

    fn note(&mut self, side: Side, events: &[Event]) {
        self.shown[index(side)].extend(shown(events));
        let acknowledged = events.iter().filter(|event| event.is("acknowledged"));
        self.acknowledged[index(side)].extend(acknowledged.map(|event| event.text("id").unwrap().to_owned()));
    }

    /// Everything that one has sent the other was shown: all of it, in order, nothing twice, by text and by id.
    fn nothing_is_lost_or_shown_twice(&self) {
        for (from, to) in [(0, 1), (1, 0)] {
            let texts: Vec<_> = self.shown[to].iter().map(|(_, text)| text.clone()).collect();
            assert_eq!(texts, self.sent[from], "from {from}");
            let mut ids: Vec<_> = self.shown[to].iter().map(|(id, _)| id.clone()).collect();
            let count = ids.len();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), count, "ids repeat");
        }
    }
}

fn index(side: Side) -> usize {
    match side {
        Side::A => 0,
        Side::B => 1,
    }
}

#[test]
fn both_are_killed_and_nothing_is_lost_or_shown_twice() {
    let mut pair = Pair::new(&[]);
    for round in 0..6 {
        let text = |what: &str| format!("{what} {round}");
        pair.send(Side::A, &text("from a"));
        kill(&mut pair.relay, Side::B);
        pair.send(Side::A, &text("while b is away"));
        drop(pair.relay.replace(Side::B, pair.ends[1].start()));
        pair.send(Side::B, &text("from b"));
        pair.kill_and_restart(Side::A);
        pair.kill_and_restart(Side::B);
        pair.settle();
    }
    pair.nothing_is_lost_or_shown_twice();
}

#[test]
fn every_text_is_acknowledged_in_the_end() {
    let mut pair = Pair::new(&[]);
    for number in 0..4 {
        pair.send(Side::A, &format!("a{number}"));
        pair.send(Side::B, &format!("b{number}"));
    }
    pair.kill_and_restart(Side::A);
    pair.settle();
    pair.kill_and_restart(Side::B);
    pair.settle();
    pair.nothing_is_lost_or_shown_twice();
    for side in [Side::A, Side::B] {
        let outbox = pair.relay.command(side, &json!({"cmd": "outbox"})).unwrap();
        assert_eq!(outbox[0].get("items"), Some(&json!([])), "{outbox:?}");
        assert!(pair.acknowledged[index(side)].ends_with(&pair.sent[index(side)]), "{:?}", pair.acknowledged);
    }
}

#[test]
fn at_the_threshold_texts_wait_across_a_restart_and_leave_in_order() {
    let mut pair = Pair::new(&[]);
    let used = state(&mut pair.relay, Side::A).number("uses_of_key").unwrap();
    kill(&mut pair.relay, Side::B);
    let mut paused = Vec::new();
    for number in 0..9 {
        let text = format!("text {number}");
        let events = pair.relay.command(Side::A, &json!({"cmd": "send", "text": text, "id": text})).unwrap();
        pair.sent[0].push(text);
        paused.extend(events.into_iter().filter(|event| event.is("paused")));
    }
    let queued: Vec<_> = paused.iter().map(|event| event.number("queued").unwrap()).collect();
    let held = 9 - (5 - used);
    assert_eq!(queued, (1..=held).collect::<Vec<_>>());
    assert!(paused.iter().all(|event| event.text("reason") == Some("threshold")));
    assert_eq!(state(&mut pair.relay, Side::A).number("uses_of_key"), Some(5));
    pair.kill_and_restart(Side::A);
    assert_eq!(state(&mut pair.relay, Side::A).number("queued"), Some(held));
    drop(pair.relay.replace(Side::B, pair.ends[1].start()));
    pair.settle();
    pair.nothing_is_lost_or_shown_twice();
}

#[test]
fn the_first_text_after_a_restart_leaves_encrypted() {
    let mut pair = Pair::new(&[]);
    pair.kill_and_restart(Side::A);
    let events = send(&mut pair.relay, Side::A, "typed first");
    assert_eq!(kinds(&events), ["sent"]);
    let line = pair.relay.pending(Side::B).back().unwrap();
    assert!(line.starts_with("?OTR:AAMD"), "{line}");
}

#[test]
fn what_was_not_acknowledged_comes_again_under_the_same_id() {
    let mut pair = Pair::new(&["--no-auto-ack"]);
    pair.send(Side::A, "keep me");
    let first = shown(&pair.relay.deliver(Side::B).unwrap().unwrap());
    assert_eq!(first.len(), 1);
    pair.kill_and_restart(Side::B);
    let again = pair.relay.command(Side::B, &json!({"cmd": "state"})).unwrap();
    let repeated: Vec<_> = shown(&again).into_iter().filter(|(_, text)| text == "keep me").collect();
    assert_eq!(repeated, first);
    for (id, _) in shown(&again) {
        pair.relay.command(Side::B, &json!({"cmd": "ack", "id": id})).unwrap();
    }
    pair.kill_and_restart(Side::B);
    let after = pair.relay.command(Side::B, &json!({"cmd": "state"})).unwrap();
    assert!(shown(&after).is_empty(), "{after:?}");
}

#[test]
fn finished_survives_a_restart_and_holds_what_is_typed() {
    let mut pair = Pair::new(&[]);
    let exchange = pair.relay.run(Side::A, &json!({"cmd": "end"})).unwrap();
    exchange.only(Side::A, "insecure").unwrap();
    exchange.only(Side::B, "finished").unwrap();
    for _ in 0..2 {
        assert_eq!(state(&mut pair.relay, Side::B).text("state"), Some("finished"));
        let events = send(&mut pair.relay, Side::B, "not in clear");
        let paused = events.iter().find(|event| event.is("paused")).unwrap();
        assert_eq!(paused.text("reason"), Some("no_session"), "{events:?}");
        assert!(pair.relay.pending(Side::A).iter().all(|line| !line.contains("clear")));
        pair.kill_and_restart(Side::B);
    }
}

#[test]
fn the_handshake_itself_survives_a_kill_after_every_line() {
    let ends = [Endpoint::new("alice", "bob", &[]), Endpoint::new("bob", "alice", &[])];
    let mut relay = Relay::new(ends[0].start(), ends[1].start());
    relay.command(Side::A, &json!({"cmd": "query"})).unwrap();
    for _ in 0..20 {
        for (side, end) in [(Side::B, &ends[1]), (Side::A, &ends[0])] {
            relay.deliver(side).unwrap();
            kill_and_restart(&mut relay, side, end);
            relay.command(side, &json!({"cmd": "poll"})).unwrap();
        }
    }
    for side in [Side::A, Side::B] {
        assert_eq!(state(&mut relay, side).text("state"), Some("encrypted"));
    }
    let exchange = relay.run(Side::A, &json!({"cmd": "send", "text": "made it"})).unwrap();
    assert_eq!(exchange.texts(Side::B), ["made it"], "{exchange:?}");
}
