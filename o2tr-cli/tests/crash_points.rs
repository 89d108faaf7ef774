//! The process dies between any two of its outputs: what it had said was stored, what it had not said is done again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::collections::VecDeque;

use common::{Endpoint, now, shown};
use serde_json::{Value, json};
use xtask::pipe::{Ended, Event, PipeProcess};

/// The places of `O2TR_FAULT`.
const PLACES: [&str; 6] =
    ["before-commit", "after-commit", "before-transmit", "after-transmit", "before-event", "after-event"];
/// Which passing of a place is the last one.
const PASSINGS: [u32; 12] = [1, 2, 3, 4, 5, 7, 9, 11, 14, 19, 28, 42];

/// An end with a process that may die once, and what it has shown.
struct End {
    endpoint: Endpoint,
    process: PipeProcess,
    incoming: VecDeque<String>,
    /// Lines that left, in order.
    outgoing: Vec<String>,
    /// (id, text), each id once.
    shown: Vec<(String, String)>,
    sent: Vec<String>,
    died: bool,
}

impl End {
    fn new(name: &'static str, peer: &'static str, keys: &tempfile::TempDir, fault: Option<String>) -> Self {
        let key = keys.path().join(name).to_str().unwrap().to_owned();
        let mut endpoint = Endpoint::new(name, peer, &["--libotr-key", &key]);
        endpoint.set_fault(fault);
        let process = endpoint.start();
        let (incoming, outgoing, shown, sent) = Default::default();
        Self { endpoint, process, incoming, outgoing, shown, sent, died: false }
    }

    /// Gives a command; `false` if the process died of it. Then it runs again.
    fn command(&mut self, command: &Value) -> bool {
        match self.process.command(command) {
            Ok(events) => {
                self.note(&events);
                true
            }
            Err(error) => {
                let ended: Ended = error.downcast().unwrap();
                assert!(!self.died && ended.status.is_none(), "dies once, by a signal: {ended}");
                self.died = true;
                self.note(&ended.events);
                self.endpoint.set_fault(None);
                self.process = self.endpoint.start();
                // What is unfinished comes again.
                let events = self.process.command(&json!({"cmd": "state"})).unwrap();
                self.note(&events);
                false
            }
        }
    }

    fn note(&mut self, events: &[Event]) {
        let lines = events.iter().filter(|event| event.is("inject"));
        self.outgoing.extend(lines.map(|event| event.text("msg").unwrap().to_owned()));
        for (id, text) in shown(events) {
            match self.shown.iter().find(|(known, _)| *known == id) {
                Some((_, before)) => assert_eq!(*before, text, "another text under a known id"),
                None => self.shown.push((id, text)),
            }
        }
    }

    fn send(&mut self, text: &str) {
        self.sent.push(text.to_owned());
        let command = json!({"cmd": "send", "text": text, "id": text});
        if !self.command(&command) {
            // It died over it: has the text been taken?
            let events = self.process.command(&json!({"cmd": "outbox"})).unwrap();
            let outbox = events.iter().find(|event| event.is("outbox")).unwrap();
            let taken = outbox.get("items").unwrap().as_array().unwrap().iter().any(|item| item["id"] == text);
            self.note(&events);
            if !taken {
                assert!(self.command(&command));
            }
        }
    }

    /// A line is taken off the network only when the endpoint is done with it.
    fn deliver(&mut self) -> bool {
        let Some(line) = self.incoming.front().cloned() else { return false };
        let command = json!({"cmd": "recv", "msg": line});
        if self.command(&command) {
            self.incoming.pop_front();
        }
        true
    }
}

fn settle(a: &mut End, b: &mut End) {
    for step in 0..8 {
        loop {
            b.incoming.extend(a.outgoing.drain(..));
            a.incoming.extend(b.outgoing.drain(..));
            if !(a.deliver() | b.deliver()) {
                break;
            }
        }
        for end in [&mut *a, &mut *b] {
            end.command(&json!({"cmd": "poll", "now": now() + 60 * (step + 1)}));
        }
    }
}

/// A short conversation, in which `a` dies at the given place. Whether it did.
fn conversation(place: &str, passing: u32, keys: &tempfile::TempDir) -> bool {
    let mut a = End::new("alice", "bob", keys, Some(format!("{place}:{passing}")));
    let mut b = End::new("bob", "alice", keys, None);
    a.command(&json!({"cmd": "query"}));
    settle(&mut a, &mut b);
    for round in 0..3 {
        a.send(&format!("a{round}"));
        b.send(&format!("b{round}"));
        a.send(&format!("a{round}, again"));
        settle(&mut a, &mut b);
    }
    for (from, to) in [(&a, &b), (&b, &a)] {
        let texts: Vec<_> = to.shown.iter().map(|(_, text)| text).collect();
        assert_eq!(texts, from.sent.iter().collect::<Vec<_>>(), "{place}:{passing}");
    }
    a.died
}

#[test]
fn the_conversation_goes_on_wherever_the_process_dies() {
    let keys = tempfile::tempdir().unwrap();
    for place in PLACES {
        let died = PASSINGS.into_iter().filter(|passing| conversation(place, *passing, &keys)).count();
        assert!(died >= 5, "{place} is passed too seldom: {died}");
    }
}
