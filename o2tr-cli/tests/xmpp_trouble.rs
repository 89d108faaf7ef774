//! Pipes with a network inside while servers die, links freeze and mailboxes are full: nothing is lost, nothing comes twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeSet;

use common::network::{Device, Talker, encrypt};
use serde_json::json;
use xtask::pipe::Event;
use xtask::proxy::Proxy;
use xtask::servers::{Kind, Server, Setup};

const ALICE: &str = "alice@localhost";
const BOB: &str = "bob@localhost";

fn server(kind: Kind, setup: Setup) -> Option<Server> {
    Server::require(kind, setup).unwrap()
}

fn place(proxy: &Proxy) -> String {
    let (host, port) = proxy.host_port();
    format!("{host}:{port}")
}

/// Both logged in and with a session.
fn talking(alice: &Device, bob: &Device) -> (Talker, Talker) {
    let (mut a, mut b) = (alice.log_in(), bob.log_in());
    a.wait_until("bob", |event| event.is("presence") && event.text("peer") == Some(BOB));
    encrypt(&mut a, BOB, &mut b);
    a.send(BOB, "hello");
    assert_eq!(b.texts(1), ["hello"]);
    b.send(ALICE, "hi");
    assert_eq!(a.texts(1), ["hi"]);
    acknowledged(&mut a, "hello");
    (a, b)
}

fn acknowledged(talker: &mut Talker, id: &str) {
    talker.wait_until(id, |event| event.is("acknowledged") && event.text("id") == Some(id));
}

fn texts(events: &[Event]) -> Vec<&str> {
    events.iter().filter(|event| event.is("plaintext")).map(|event| event.text("text").unwrap()).collect()
}

/// Texts that wait or are not acknowledged, with what is said of them.
fn outbox(talker: &mut Talker) -> Vec<(String, String)> {
    let outbox = talker.ask(&json!({"cmd": "outbox", "to": BOB}), "outbox");
    let items = outbox.get("items").unwrap().as_array().unwrap();
    let word = |item: &serde_json::Value, name: &str| item[name].as_str().unwrap().to_owned();
    items.iter().map(|item| (word(item, "id"), word(item, "state"))).collect()
}

/// Lines that left twice left in the same bytes: no two lines have the same beginning, header and counter, and differ.
fn assert_repeated_exactly(device: &Device) {
    let lines = device.traced();
    let data: Vec<_> = lines.iter().filter(|line| line.contains("?OTR:AAMD")).collect();
    let distinct: BTreeSet<_> = data.iter().map(|line| line.split_once(' ').unwrap().1).collect();
    assert!(distinct.len() < data.len(), "a line left again: {} of {}", distinct.len(), data.len());
    // Behind `?OTR:`, version, type, tags, flags, keyids and the next key take 216 bytes; then comes the counter.
    let head = "?OTR:".len() + (216 + 9) / 3 * 4;
    let counters: BTreeSet<_> = distinct.iter().map(|line| line.get(..head).unwrap()).collect();
    assert_eq!(counters.len(), distinct.len(), "a counter was used twice");
}

/// The server is killed while messages are under way.
fn server_dies(kind: Kind) {
    let Some(mut server) = server(kind, Setup::default()) else { return };
    let proxy = Proxy::start(server.host_port()).unwrap();
    let alice = Device::at(&server, "alice", &place(&proxy), &["--ping", "60"]);
    let bob = Device::new(&server, "bob", &[]);
    let (mut a, mut b) = talking(&alice, &bob);
    // They leave and nobody gets them.
    proxy.freeze();
    for text in ["one", "two", "three"] {
        a.send(BOB, text);
    }
    server.kill().unwrap();
    proxy.drop_connections();
    proxy.thaw();
    a.wait("offline");
    a.send(BOB, "while it is down");
    server.restart().unwrap();
    a.wait("online");
    b.wait("online");
    let mut read = b.texts(4);
    acknowledged(&mut a, "while it is down");
    read.extend(texts(b.rest()).into_iter().map(str::to_owned));
    assert_eq!(read, ["one", "two", "three", "while it is down"]);
    assert_eq!(outbox(&mut a), []);
    assert_repeated_exactly(&alice);
}

#[test]
fn prosody_dies_and_comes_back() {
    server_dies(Kind::Prosody);
}

#[test]
fn ejabberd_dies_and_comes_back() {
    server_dies(Kind::Ejabberd);
}

#[test]
fn a_frozen_link_is_noticed_and_resumed() {
    let Some(server) = server(Kind::Prosody, Setup::default()) else { return };
    let proxy = Proxy::start(server.host_port()).unwrap();
    let alice = Device::at(&server, "alice", &place(&proxy), &["--ping", "1"]);
    let (mut a, mut b) = talking(&alice, &Device::new(&server, "bob", &[]));
    proxy.freeze();
    a.send(BOB, "into the ice");
    let offline = a.wait("offline");
    assert!(offline.get("retry_in_s").unwrap().is_number(), "{offline:?}");
    b.send(ALICE, "are you there?");
    proxy.drop_connections();
    proxy.thaw();
    assert_eq!(a.wait("online").flag("resumed"), Some(true));
    assert_eq!(a.texts(1), ["are you there?"]);
    assert_eq!(b.texts(1), ["into the ice"]);
    b.send(ALICE, "not lost");
    assert_eq!(a.texts(1), ["not lost"]);
    acknowledged(&mut a, "into the ice");
    assert_eq!(texts(b.rest()), [""; 0]);
    assert_eq!(texts(a.rest()), [""; 0]);
}

#[test]
fn a_server_that_is_not_there_is_waited_for() {
    let Some(mut server) = server(Kind::Prosody, Setup::default()) else { return };
    server.kill().unwrap();
    let alice = Device::new(&server, "alice", &["--peer", BOB]);
    let mut a = alice.start();
    let offline = a.wait("offline");
    assert!(offline.get("retry_in_s").unwrap().is_number(), "{offline:?}");
    a.send(BOB, "later");
    server.restart().unwrap();
    a.wait("online");
    let mut b = Device::new(&server, "bob", &[]).start();
    assert_eq!(b.texts(1), ["later"]);
}

#[test]
fn what_a_full_mailbox_refuses_stays_in_the_outbox() {
    let Some(server) = server(Kind::Ejabberd, Setup { max_offline: Some(2), archive: false, ..Setup::default() })
    else {
        return;
    };
    let (alice, bob) = (Device::new(&server, "alice", &[]), Device::new(&server, "bob", &[]));
    let (mut a, b) = talking(&alice, &bob);
    assert!(b.process.quit().unwrap().success());
    a.wait_until("bob to be gone", |event| event.is("presence") && event.flag("online") == Some(false));
    for text in ["one", "two", "three", "four"] {
        a.send(BOB, text);
    }
    let full = a.wait_until("the bounce", |event| event.is("bounced") || event.is("refused"));
    assert_eq!(full.text("peer"), Some(BOB));
    assert_eq!(outbox(&mut a).len(), 4, "{:?}", outbox(&mut a));
    let mut b = bob.start();
    let mut read = b.texts(4);
    read.extend(texts(b.rest()).into_iter().map(str::to_owned));
    assert_eq!(
        read.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        BTreeSet::from(["one", "two", "three", "four"])
    );
    assert_eq!(read.len(), 4, "nothing twice");
}

/// A text that is longer than the server's stanzas may be.
fn long_text(kind: Kind) {
    let Some(server) = server(kind, Setup { max_stanza: Some(10_000), ..Setup::default() }) else { return };
    let (alice, bob) = (Device::new(&server, "alice", &[]), Device::new(&server, "bob", &[]));
    let (mut a, mut b) = talking(&alice, &bob);
    let long = "long ".repeat(6000);
    a.command(&json!({"cmd": "send", "to": BOB, "text": long, "id": "long"}));
    assert_eq!(outbox(&mut a).len(), 1, "it is kept, whatever becomes of it");
    assert_eq!(b.texts(1), [long]);
    a.send(BOB, "short");
    assert_eq!(b.texts(1), ["short"]);
    b.send(ALICE, "got it");
    acknowledged(&mut a, "short");
    assert_eq!(outbox(&mut a), []);
}

#[test]
fn a_long_text_arrives_through_small_stanzas_on_prosody() {
    long_text(Kind::Prosody);
}

#[test]
fn a_long_text_arrives_through_small_stanzas_on_ejabberd() {
    long_text(Kind::Ejabberd);
}

/// Two devices of one account, with carbons and an archive.
fn two_devices(kind: Kind) {
    let Some(server) = server(kind, Setup::default()) else { return };
    let (alice, desk, phone) =
        (Device::new(&server, "alice", &[]), Device::new(&server, "bob", &[]), Device::new(&server, "bob", &[]));
    let (mut a, mut d) = talking(&alice, &desk);
    let mut p = phone.log_in();
    assert_ne!(d.process.ready().number("instance"), p.process.ready().number("instance"));
    for round in 0..3 {
        a.send(BOB, &format!("a{round}"));
        assert_eq!(d.texts(1), [format!("a{round}")]);
        d.send(ALICE, &format!("d{round}"));
        assert_eq!(a.texts(1), [format!("d{round}")]);
    }
    let seen = p.rest();
    assert_eq!(texts(seen), [""; 0], "the phone shows no ciphertext and no text that is not for it: {seen:#?}");
    assert!(!seen.iter().any(|event| event.is("encrypted") || event.is("finished") || event.is("error")), "{seen:#?}");
    assert!(!a.rest().iter().any(|event| event.is("finished") || event.is("error")), "{:#?}", a.rest());
    assert_eq!(a.state(BOB).text("state"), Some("encrypted"));
    assert_eq!(d.state(ALICE).text("state"), Some("encrypted"));
    // The phone is away and back: what it finds in the archive disturbs nobody.
    drop(p);
    a.send(BOB, "last");
    assert_eq!(d.texts(1), ["last"]);
    let mut p = phone.log_in();
    assert_eq!(texts(p.rest()), [""; 0]);
    d.send(ALICE, "and on");
    assert_eq!(a.texts(1), ["and on"]);
    assert_eq!(texts(d.rest()), [""; 0], "nothing twice");
}

#[test]
fn two_devices_share_an_account_on_prosody() {
    two_devices(Kind::Prosody);
}

#[test]
fn two_devices_share_an_account_on_ejabberd() {
    two_devices(Kind::Ejabberd);
}
