//! A pipe with a network inside dies at the worst moments: nothing is lost, and nothing is shown twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;

use common::network::{Device, Talker};
use serde_json::json;
use xtask::pipe::Event;
use xtask::servers::{Kind, Server, Setup};

const ALICE: &str = "alice@localhost";
const BOB: &str = "bob@localhost";

/// Where the reader dies: a line was read and is not stored; it is stored and the server does not know; the server was told;
/// and before and after a text was written out.
const PLACES: [&str; 7] = [
    "after-receive",
    "before-commit",
    "after-commit",
    "before-acknowledge",
    "after-acknowledge",
    "before-event",
    "before-transmit",
];
/// Which passing of a place is the last one.
const PASSINGS: [u32; 3] = [1, 2, 4];

/// Bob, who dies and is started again.
struct Mortal {
    device: Device,
    talker: Talker,
    /// Texts by their ids: the same id again is the same text again, and counts once.
    shown: BTreeMap<u64, String>,
}

impl Mortal {
    fn note(&mut self, events: &[Event]) {
        for event in events.iter().filter(|event| event.is("plaintext")) {
            let id = event.text("id").unwrap().parse().unwrap();
            let text = event.text("text").unwrap().to_owned();
            let before = self.shown.insert(id, text.clone());
            assert!(before.is_none_or(|before| before == text), "another text under a known id");
        }
    }

    /// Waits for so many texts, and gets up again after each death. Whether there was one.
    fn read(&mut self, count: usize) -> bool {
        let mut died = false;
        while self.shown.len() < count {
            match self.talker.try_wait_until("a text", |event| event.is("plaintext")) {
                Ok(event) => self.note(&[event]),
                Err(ended) => {
                    assert!(!died && ended.status.is_none(), "dies once, by a signal: {ended}");
                    died = true;
                    self.note(&ended.events);
                    self.device.set_fault(None);
                    self.talker = self.device.start();
                }
            }
        }
        died
    }
}

/// Texts are sent to somebody who is away, comes back, and dies over them. Whether it did.
fn comes_back_and_dies(server: &Server, place: &str, passing: u32) -> bool {
    println!("dies at {place}, passing {passing}");
    let alice = Device::new(server, "alice", &["--threshold", "0"]);
    let device = Device::new(server, "bob", &["--threshold", "0"]);
    let mut a = alice.log_in();
    let mut talker = device.log_in();
    common::network::encrypt(&mut a, BOB, &mut talker);
    a.send(BOB, "first");
    assert_eq!(talker.texts(1), ["first"]);
    talker.send(ALICE, "first answer");
    assert_eq!(a.texts(1), ["first answer"]);
    assert!(talker.process.quit().unwrap().success());
    let sent: Vec<_> = (0..5).map(|number| format!("text {number}")).collect();
    for text in &sent {
        a.send(BOB, text);
    }
    a.wait_until("them to leave", |event| event.is("sent") && event.text("id") == sent.last().map(String::as_str));
    let mut device = device;
    device.set_fault(Some(format!("{place}:{passing}")));
    let talker = device.start();
    let mut bob = Mortal { device, talker, shown: BTreeMap::new() };
    let mut died = bob.read(sent.len());
    bob.device.set_fault(None);
    // The conversation goes on, wherever that was.
    a.send(BOB, "and on");
    died |= bob.read(sent.len() + 1);
    bob.talker.send(ALICE, "got it");
    assert_eq!(a.texts(1), ["got it"]);
    a.wait_until("the end", |event| event.is("acknowledged") && event.text("id") == Some("and on"));
    let rest = bob.talker.rest().to_vec();
    bob.note(&rest);
    let mut texts: Vec<_> = bob.shown.values().cloned().collect();
    let mut wanted: Vec<_> = sent.into_iter().chain(["and on".to_owned()]).collect();
    if server.kind() == Kind::Ejabberd {
        // What it had handed over before the crash, it hands over again behind the rest.
        texts.sort();
        wanted.sort();
    }
    assert_eq!(texts, wanted, "{place}:{passing}");
    let outbox = a.ask(&json!({"cmd": "outbox", "to": BOB}), "outbox");
    assert_eq!(outbox.get("items"), Some(&json!([])), "{place}:{passing}");
    // A device that was killed counts as there for a while, and would get what is for the next one.
    for process in [a.process, bob.talker.process] {
        assert!(process.quit().unwrap().success());
    }
    died
}

fn dies_everywhere(kind: Kind, places: &[&str], passings: &[u32]) {
    let Some(server) = Server::require(kind, Setup::default()).unwrap() else { return };
    for place in places {
        let died = passings.iter().filter(|passing| comes_back_and_dies(&server, place, **passing)).count();
        assert!(died >= passings.len() - 1, "{place} is passed too seldom: {died}");
    }
}

#[test]
fn nothing_is_lost_wherever_the_reader_dies_on_prosody() {
    dies_everywhere(Kind::Prosody, &PLACES, &PASSINGS);
}

#[test]
fn nothing_is_lost_wherever_the_reader_dies_on_ejabberd() {
    dies_everywhere(Kind::Ejabberd, &["after-receive", "after-commit", "before-acknowledge"], &[1, 3]);
}

/// Between storing a line and handing it to the network: it leaves in the same bytes after the restart.
#[test]
fn a_sender_that_dies_before_a_line_leaves_sends_it_later() {
    let Some(server) = Server::require(Kind::Prosody, Setup::default()).unwrap() else { return };
    for place in ["before-transmit", "after-transmit", "after-commit"] {
        let mut alice = Device::new(&server, "alice", &[]);
        let (mut a, mut b) = (alice.log_in(), Device::new(&server, "bob", &[]).log_in());
        common::network::encrypt(&mut a, BOB, &mut b);
        a.send(BOB, "hello");
        assert_eq!(b.texts(1), ["hello"]);
        b.send(ALICE, "hi");
        assert_eq!(a.texts(1), ["hi"]);
        a.wait("acknowledged");
        assert!(a.process.quit().unwrap().success());
        alice.set_fault(Some(format!("{place}:1")));
        let mut a = alice.start();
        a.try_wait_until("the connection", |event| event.is("caught_up")).map(drop).unwrap_or_default();
        // If it has not died of its first commit already, it dies of this one.
        let command = json!({"cmd": "send", "to": BOB, "text": "survivor", "id": "survivor"});
        let died = a.try_command(&command).and_then(|()| a.try_wait_until("its end", |_| false).map(drop)).unwrap_err();
        assert!(died.status.is_none(), "{place}: {died}");
        alice.set_fault(None);
        let mut a = alice.start();
        let outbox = a.ask(&json!({"cmd": "outbox", "to": BOB}), "outbox");
        let kept = outbox.get("items").unwrap().as_array().unwrap().iter().any(|item| item["id"] == "survivor");
        if !kept {
            // It died before the text was stored: `done` was not said, so the caller says it again.
            a.send(BOB, "survivor");
        }
        assert_eq!(b.texts(1), ["survivor"], "{place}");
        b.send(ALICE, "got it");
        a.wait_until("the proof", |event| event.is("acknowledged") && event.text("id") == Some("survivor"));
        assert!(!b.rest().iter().any(|event| event.is("plaintext")), "{place}: nothing twice");
        for process in [a.process, b.process] {
            assert!(process.quit().unwrap().success());
        }
    }
}
