//! Only the receiver needs O2TR: the sender is libotr, and the receiver is killed at bad moments.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::path::Path;

use common::{Endpoint, begin, kill, kill_and_restart, kinds, libotr, now, poll, send, texts};
use serde_json::json;
use xtask::peers::require_driver;
use xtask::pipe::{Relay, Side};

const VERSIONS: [&str; 2] = ["v3", "v2"];

/// Side A is ours, side B is libotr.
fn pair(driver: &Path, version: &str) -> (Endpoint, Relay) {
    let ours = Endpoint::new("alice", "bob", &["--policy", &format!("{version},errstart")]);
    let theirs = libotr(driver, "bob", "alice", &["--memory", "--policy", version]);
    let relay = Relay::new(ours.start(), theirs);
    (ours, relay)
}

/// The refresh leaves, libotr takes it, and both go on.
fn refresh_and_go_on(relay: &mut Relay) {
    let mut texts = Vec::new();
    let mut refreshed = Vec::new();
    // Twice: the peer may have been told of our newest key before, and that one was in the store.
    for text in ["are you back?", "really?"] {
        poll(relay, Side::A);
        relay.settle().unwrap();
        let exchange = relay.run(Side::B, &json!({"cmd": "send", "text": text})).unwrap();
        texts.extend(exchange.texts(Side::A).into_iter().map(str::to_owned));
        refreshed.extend(exchange.a.iter().filter(|event| event.is("refreshed")).cloned());
    }
    assert_eq!(texts, ["are you back?", "really?"]);
    assert_eq!(refreshed.len(), 1, "{refreshed:?}");
    assert_eq!(refreshed[0].text("how"), Some("ratchet"));
    let exchange = relay.run(Side::A, &json!({"cmd": "send", "text": "I am"})).unwrap();
    assert_eq!(exchange.texts(Side::B), ["I am"], "{exchange:?}");
    let exchange = relay.run(Side::B, &json!({"cmd": "send", "text": "good"})).unwrap();
    assert_eq!(exchange.only(Side::A, "plaintext").unwrap().text("provenance"), Some("live"));
}

#[test]
fn messages_written_meanwhile_are_read_and_the_session_is_refreshed() {
    let Some(driver) = require_driver().unwrap() else { return };
    for version in VERSIONS {
        let (ours, mut relay) = pair(&driver, version);
        begin(&mut relay);
        kill(&mut relay, Side::A);
        let written: Vec<_> = (0..20).map(|number| format!("message {number}")).collect();
        for text in &written {
            send(&mut relay, Side::B, text);
        }
        drop(relay.replace(Side::A, ours.start()));
        let ready = relay.process(Side::A).ready();
        assert_eq!((ready.text("state"), ready.flag("restored")), (Some("encrypted"), Some(true)));
        let exchange = relay.settle().unwrap();
        assert_eq!(exchange.texts(Side::A), written);
        let recovered = exchange.only(Side::A, "recovered").unwrap();
        assert_eq!(recovered.number("messages_under_key"), Some(1));
        assert!(recovered.number("age_s").is_some());
        assert_eq!(exchange.a[0].kind(), "recovered", "before the first text");
        let of_texts = exchange.a.iter().filter(|event| event.is("plaintext"));
        assert!(of_texts.clone().all(|event| event.text("provenance") == Some("offline")));
        assert!(exchange.b.is_empty(), "nothing leaves before the batch has ended: {exchange:?}");
        refresh_and_go_on(&mut relay);
    }
}

#[test]
fn killed_straight_after_the_handshake() {
    let Some(driver) = require_driver().unwrap() else { return };
    for version in VERSIONS {
        let (ours, mut relay) = pair(&driver, version);
        relay.run(Side::A, &json!({"cmd": "query"})).unwrap();
        kill(&mut relay, Side::A);
        send(&mut relay, Side::B, "first words");
        drop(relay.replace(Side::A, ours.start()));
        let exchange = relay.settle().unwrap();
        assert_eq!(exchange.texts(Side::A), ["first words"], "{exchange:?}");
        refresh_and_go_on(&mut relay);
    }
}

#[test]
fn killed_in_the_midst_of_a_burst() {
    let Some(driver) = require_driver().unwrap() else { return };
    for version in VERSIONS {
        let (ours, mut relay) = pair(&driver, version);
        begin(&mut relay);
        let written: Vec<_> = (0..10).map(|number| format!("burst {number}")).collect();
        for text in &written {
            send(&mut relay, Side::B, text);
        }
        let mut read = Vec::new();
        for _ in 0..4 {
            read.extend(texts(&relay.deliver(Side::A).unwrap().unwrap()));
        }
        kill_and_restart(&mut relay, Side::A, &ours);
        let exchange = relay.settle().unwrap();
        read.extend(texts(&exchange.a));
        assert_eq!(read, written);
        refresh_and_go_on(&mut relay);
    }
}

#[test]
fn killed_right_after_a_send() {
    let Some(driver) = require_driver().unwrap() else { return };
    for version in VERSIONS {
        let (ours, mut relay) = pair(&driver, version);
        begin(&mut relay);
        let events = send(&mut relay, Side::A, "on its way");
        assert_eq!(kinds(&events), ["sent"]);
        kill_and_restart(&mut relay, Side::A, &ours);
        let again = send(&mut relay, Side::A, "and once more");
        assert_eq!(kinds(&again), ["sent"], "encrypted, since the session was");
        let exchange = relay.settle().unwrap();
        assert_eq!(exchange.texts(Side::B), ["on its way", "and once more"], "{exchange:?}");
        let exchange = relay.run(Side::B, &json!({"cmd": "send", "text": "got both"})).unwrap();
        assert_eq!(exchange.texts(Side::A), ["got both"], "{exchange:?}");
    }
}

#[test]
fn killed_twenty_times_in_a_row() {
    let Some(driver) = require_driver().unwrap() else { return };
    let (ours, mut relay) = pair(&driver, "v3");
    begin(&mut relay);
    for round in 0..20 {
        let texts: Vec<_> = (0..3).map(|number| format!("{round}/{number}")).collect();
        kill(&mut relay, Side::A);
        for text in &texts {
            send(&mut relay, Side::B, text);
        }
        drop(relay.replace(Side::A, ours.start()));
        let exchange = relay.settle().unwrap();
        assert_eq!(exchange.texts(Side::A), texts, "round {round}: {exchange:?}");
        if round % 4 == 3 {
            poll(&mut relay, Side::A);
            relay.settle().unwrap();
        }
    }
    refresh_and_go_on(&mut relay);
}

#[test]
fn a_replay_is_refused_before_and_after_a_restart() {
    let Some(driver) = require_driver().unwrap() else { return };
    let (ours, mut relay) = pair(&driver, "v3");
    begin(&mut relay);
    send(&mut relay, Side::B, "once");
    let line = relay.pending(Side::A).front().unwrap().clone();
    assert_eq!(texts(&relay.deliver(Side::A).unwrap().unwrap()), ["once"]);
    for _ in 0..2 {
        let events = relay.command(Side::A, &json!({"cmd": "recv", "msg": line})).unwrap();
        assert_eq!(kinds(&events), ["rejected"], "{events:?}");
        assert_eq!(events[0].text("reason"), Some("duplicate"));
        kill_and_restart(&mut relay, Side::A, &ours);
    }
    assert!(relay.pending(Side::B).is_empty(), "a replay is not answered");
}

#[test]
fn after_a_minute_new_keys_by_a_handshake_in_the_background() {
    let Some(driver) = require_driver().unwrap() else { return };
    let (ours, mut relay) = pair(&driver, "v3");
    begin(&mut relay);
    kill(&mut relay, Side::A);
    send(&mut relay, Side::B, "meanwhile");
    drop(relay.replace(Side::A, ours.start()));
    relay.settle().unwrap();
    refresh_and_go_on(&mut relay);
    let ssid = |exchange: &xtask::pipe::Exchange, side| {
        exchange.only(side, "still_encrypted").unwrap().text("ssid").map(str::to_owned)
    };
    let exchange = relay.run(Side::A, &json!({"cmd": "poll", "now": now() + 60})).unwrap();
    assert_eq!(ssid(&exchange, Side::A), ssid(&exchange, Side::B), "{exchange:?}");
    let exchange = relay.run(Side::B, &json!({"cmd": "send", "text": "new keys"})).unwrap();
    assert_eq!(exchange.texts(Side::A), ["new keys"]);
}

#[test]
fn a_libotr_peer_that_lost_its_session_gets_the_text_once_more() {
    let Some(driver) = require_driver().unwrap() else { return };
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (key, tags) = (path("otr.private_key"), path("otr.instance_tags"));
    let options = ["--policy", "v3", "--libotr-key", &key, "--libotr-instag", &tags];
    let ours = Endpoint::new("alice", "bob", &["--policy", "v3,errstart"]);
    let mut relay = Relay::new(ours.start(), libotr(&driver, "bob", "alice", &options));
    begin(&mut relay);
    relay.run(Side::B, &json!({"cmd": "send", "text": "got that"})).unwrap();
    drop(relay.replace(Side::B, libotr(&driver, "bob", "alice", &options)));
    let exchange = relay.run(Side::A, &json!({"cmd": "send", "text": "are you there?"})).unwrap();
    assert!(exchange.texts(Side::B).is_empty(), "it has no keys for it: {exchange:?}");
    let exchange = relay.run(Side::B, &json!({"cmd": "query"})).unwrap();
    let again = exchange.texts(Side::B);
    assert_eq!(again.len(), 1, "{exchange:?}");
    assert!(again[0].ends_with("are you there?"), "{again:?}");
    for side in [Side::A, Side::B] {
        let exchange = relay.run(side, &json!({"cmd": "send", "text": "under new keys"})).unwrap();
        assert_eq!(exchange.texts(side.other()), ["under new keys"], "{exchange:?}");
    }
}

#[test]
fn what_was_written_for_one_key_does_not_go_to_another_without_a_word() {
    let Some(driver) = require_driver().unwrap() else { return };
    let (_ours, mut relay) = pair(&driver, "v3");
    begin(&mut relay);
    drop(relay.replace(Side::B, libotr(&driver, "bob", "alice", &["--memory", "--policy", "v3"])));
    relay.run(Side::A, &json!({"cmd": "send", "text": "for the first key"})).unwrap();
    let exchange = relay.run(Side::B, &json!({"cmd": "query"})).unwrap();
    assert_eq!(exchange.only(Side::A, "new_fingerprint").unwrap().text("fingerprint").unwrap().len(), 40);
    assert!(exchange.texts(Side::B).is_empty(), "{exchange:?}");
    let exchange = relay.run(Side::A, &json!({"cmd": "send", "text": "also for the first key"})).unwrap();
    assert!(exchange.texts(Side::B).is_empty(), "{exchange:?}");
}
