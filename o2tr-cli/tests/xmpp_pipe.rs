//! Pipes with a network inside, over real servers: they talk, die, come back, and lose nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use common::network::{Device, Talker, encrypt};
use serde_json::json;
use xtask::pipe::Event;
use xtask::servers::{Kind, Server, Setup};

const ALICE: &str = "alice@localhost";
const BOB: &str = "bob@localhost";

fn server(kind: Kind, setup: Setup) -> Option<Server> {
    Server::require(kind, setup).unwrap()
}

fn texts(events: &[Event]) -> Vec<&str> {
    events.iter().filter(|event| event.is("plaintext")).map(|event| event.text("text").unwrap()).collect()
}

/// A session, texts, SMP; then one is killed, gets messages meanwhile, and comes back.
fn survives(kind: Kind) {
    let Some(server) = server(kind, Setup::default()) else { return };
    let alice = Device::new(&server, "alice", &["--peer", BOB]);
    let bob = Device::new(&server, "bob", &[]);
    let mut a = alice.start();
    let ready = a.process.ready().clone();
    assert_eq!((ready.text("state"), ready.flag("restored")), (Some("plaintext"), Some(false)));
    assert_eq!(a.wait("online").flag("resumed"), Some(false));
    a.wait("caught_up");
    let mut b = bob.log_in();
    let there = a.wait("presence");
    assert_eq!((there.text("peer"), there.flag("online")), (Some(BOB), Some(true)));
    encrypt(&mut a, BOB, &mut b);
    a.send(BOB, "hello");
    assert_eq!(b.texts(1), ["hello"]);
    b.send(ALICE, "hi");
    let text = a.wait("plaintext");
    let from = (text.text("text"), text.text("peer"), text.text("provenance"));
    assert_eq!(from, (Some("hi"), Some(BOB), Some("live")));
    a.wait_until("the acknowledgement", |event| event.is("acknowledged") && event.text("id") == Some("hello"));
    compare_secrets(&mut a, &mut b);

    b.kill();
    for text in ["one", "two", "three"] {
        a.send(BOB, text);
    }
    a.wait_until("it to leave", |event| event.is("sent") && event.text("id") == Some("three"));
    let mut b = bob.start();
    assert_eq!(b.process.ready().flag("restored"), Some(true));
    if kind == Kind::Ejabberd {
        // It may drop what it had for the killed connection to resume, once another one takes its place. The sender has it
        // still, and sees from the answer to a later text what is missing.
        b.wait("caught_up");
        a.send(BOB, "four");
        b.wait_until("four", |event| event.is("plaintext") && event.text("text") == Some("four"));
        b.send(ALICE, "is something missing?");
        assert_eq!(a.texts(1), ["is something missing?"]);
        let mut read = b.texts(3);
        read.sort();
        assert_eq!(read, ["one", "three", "two"]);
        b.send(ALICE, "now I have all");
        assert_eq!(a.texts(1), ["now I have all"]);
    } else {
        b.wait("recovered");
        for wanted in ["one", "two", "three"] {
            let text = b.wait("plaintext");
            assert_eq!((text.text("text"), text.text("provenance")), (Some(wanted), Some("offline")), "{text:?}");
        }
    }
    a.wait_until("the last acknowledgement", |event| event.is("acknowledged") && event.text("id") == Some("three"));
    b.send(ALICE, "back again");
    assert_eq!(a.texts(1), ["back again"]);
    assert_eq!(texts(b.rest()), [""; 0], "nothing twice");
    assert!(b.process.quit().unwrap().success());
    assert!(a.process.quit().unwrap().success());
}

fn compare_secrets(a: &mut Talker, b: &mut Talker) {
    a.command(&json!({"cmd": "smp_start", "secret": "xyzzy", "question": "the magic word?"}));
    let asked = b.wait("smp");
    assert_eq!((asked.text("result"), asked.text("question")), (Some("ask_answer"), Some("the magic word?")));
    b.command(&json!({"cmd": "smp_respond", "to": ALICE, "secret": "xyzzy"}));
    for end in [&mut *a, &mut *b] {
        end.wait_until("the result", |event| event.is("smp") && event.text("result") == Some("ok"));
    }
    assert_eq!(a.state(BOB).text("trust"), Some("verified"));
}

#[test]
fn a_session_survives_on_prosody() {
    survives(Kind::Prosody);
}

#[test]
fn a_session_survives_on_ejabberd() {
    survives(Kind::Ejabberd);
}

#[test]
fn a_wrong_password_is_one_sentence_and_status_4() {
    let Some(server) = server(Kind::Prosody, Setup::default()) else { return };
    let alice = Device::new(&server, "alice", &["--peer", BOB]);
    common::network::write_private(&alice.password(), "not the password");
    let ended = alice.start().end();
    assert_eq!(ended.status, Some(4), "{ended}");
    let error = ended.events.iter().find(|event| event.is("error")).unwrap();
    assert_eq!(error.text("code"), Some("login"));
    assert!(error.text("msg").unwrap().contains("password"), "{ended}");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(!format!("{ended}").contains("not the password"));
}

#[test]
fn commands_that_belong_to_the_caller_as_network_are_refused() {
    let Some(server) = server(Kind::Prosody, Setup::default()) else { return };
    let mut a = Device::new(&server, "alice", &[]).log_in();
    for command in [
        json!({"cmd": "recv", "msg": "?OTRv3?"}),
        json!({"cmd": "peer", "online": true}),
        json!({"cmd": "mtu", "value": 0}),
        json!({"cmd": "query"}),
        json!({"cmd": "query", "to": "nobody/at all"}),
        json!({"cmd": "dance"}),
    ] {
        assert_eq!(a.ask(&command, "error").text("code"), Some("usage"), "{command}");
    }
    assert_eq!(a.state(BOB).text("state"), Some("plaintext"));
}

#[test]
fn a_signal_ends_it_in_order_and_the_session_is_kept() {
    let Some(server) = server(Kind::Prosody, Setup::default()) else { return };
    let alice = Device::new(&server, "alice", &["--peer", BOB]);
    let (mut a, mut b) = (alice.log_in(), Device::new(&server, "bob", &["--peer", ALICE]).log_in());
    a.wait("presence");
    encrypt(&mut a, BOB, &mut b);
    a.process.signal(15).unwrap();
    let ended = a.end();
    assert_eq!(ended.status, Some(0), "{ended}");
    b.wait_until("alice to be gone", |event| event.is("presence") && event.flag("online") == Some(false));
    let mut a = alice.start();
    assert_eq!(a.process.ready().text("state"), Some("encrypted"));
    b.send(ALICE, "still private");
    assert_eq!(a.texts(1), ["still private"]);
}

#[test]
fn contacts_are_asked_for_and_strangers_are_not_answered() {
    let setup = Setup { strangers: vec!["dave".to_owned()], ..Setup::default() };
    let Some(server) = server(Kind::Prosody, setup) else { return };
    let (mut a, mut d) = (Device::new(&server, "alice", &[]).log_in(), Device::new(&server, "dave", &[]).log_in());
    d.command(&json!({"cmd": "query", "to": ALICE}));
    assert_eq!(a.wait("stranger").text("peer"), Some("dave@localhost"));
    d.command(&json!({"cmd": "subscribe", "to": ALICE}));
    assert_eq!(a.wait("subscribe").text("peer"), Some("dave@localhost"));
    a.command(&json!({"cmd": "subscribe", "to": "dave@localhost"}));
    d.wait_until("alice to be seen", |event| event.is("presence") && event.flag("online") == Some(true));
    encrypt(&mut d, ALICE, &mut a);
}

#[test]
fn only_named_peers_are_answered() {
    let Some(server) = server(Kind::Prosody, Setup::default()) else { return };
    let mut a = Device::new(&server, "alice", &["--peer", BOB]).log_in();
    let mut c = Device::new(&server, "carol", &[]).log_in();
    c.command(&json!({"cmd": "query", "to": ALICE}));
    assert_eq!(a.wait("stranger").text("peer"), Some("carol@localhost"));
    let mut b = Device::new(&server, "bob", &[]).log_in();
    a.wait("presence");
    encrypt(&mut b, ALICE, &mut a);
    assert_eq!(a.state("carol@localhost").text("state"), Some("plaintext"));
}
