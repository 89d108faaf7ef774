//! Two libotr processes face to face: the driver speaks the pipe language, and the harness carries it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::Command;

use serde_json::json;
use xtask::peers::require_driver;
use xtask::pipe::{Ended, Exchange, PipeProcess, Relay, Side};

fn start(driver: &Path, name: &str, peer: &str, options: &[&str]) -> PipeProcess {
    let mut command = Command::new(driver);
    command.args(["--name", name, "--peer", peer]).args(options);
    PipeProcess::spawn(name, &mut command).unwrap()
}

/// Alice is side A, Bob is side B.
fn pair(driver: &Path, options: &[&str]) -> Relay {
    let options = [&["--memory"], options].concat();
    Relay::new(start(driver, "alice", "bob", &options), start(driver, "bob", "alice", &options))
}

fn handshake(relay: &mut Relay) -> Exchange {
    let exchange = relay.run(Side::A, &json!({"cmd": "query"})).unwrap();
    for side in [Side::A, Side::B] {
        assert_eq!(state(relay, side), "encrypted");
    }
    exchange
}

fn state(relay: &mut Relay, side: Side) -> String {
    let events = relay.command(side, &json!({"cmd": "state"})).unwrap();
    assert_eq!(events.len(), 1);
    events[0].text("state").unwrap().to_owned()
}

fn say(relay: &mut Relay, from: Side, text: &str) {
    let exchange = relay.run(from, &json!({"cmd": "send", "text": text, "id": "x"})).unwrap();
    assert_eq!(exchange.only(from, "sent").unwrap().text("id"), Some("x"));
    let shown = exchange.only(from.other(), "plaintext").unwrap();
    assert_eq!(shown.text("text"), Some(text));
    assert_eq!(shown.flag("encrypted"), Some(true));
    assert_eq!(shown.text("provenance"), Some("live"));
}

fn smp_results(exchange: &Exchange, side: Side) -> Vec<&str> {
    exchange.side(side).iter().filter(|event| event.is("smp")).filter_map(|event| event.text("result")).collect()
}

#[test]
fn version_3_carries_text_both_ways() {
    conversation("v3", 3);
}

#[test]
fn version_2_carries_text_both_ways() {
    conversation("v2", 2);
}

fn conversation(policy: &str, version: u64) {
    let Some(driver) = require_driver().unwrap() else { return };
    let mut relay = pair(&driver, &["--policy", policy]);
    let exchange = handshake(&mut relay);
    let fingerprint = relay.process(Side::B).ready().text("fingerprint").unwrap().to_owned();
    let encrypted = exchange.only(Side::A, "encrypted").unwrap();
    assert_eq!(encrypted.number("version"), Some(version));
    assert_eq!(encrypted.text("fingerprint"), Some(fingerprint.as_str()));
    assert_eq!(encrypted.text("ssid"), exchange.only(Side::B, "encrypted").unwrap().text("ssid"));
    assert_eq!(encrypted.text("ssid").unwrap().len(), 16);
    for text in ["hello", "Zażółć gęślą jaźń, 你好, 👋🏽", "quotes \" \\ / \t and\nlines", " leading and trailing "]
    {
        say(&mut relay, Side::A, text);
        say(&mut relay, Side::B, text);
    }
    relay.quit().unwrap();
}

#[test]
fn the_state_event_tells_keyids_and_uses() {
    let Some(driver) = require_driver().unwrap() else { return };
    let mut relay = pair(&driver, &[]);
    handshake(&mut relay);
    for _ in 0..3 {
        say(&mut relay, Side::A, "same key");
    }
    let state = relay.command(Side::A, &json!({"cmd": "state"})).unwrap().remove(0);
    assert_eq!(state.number("uses_of_key"), Some(3), "{state:?}");
    assert_eq!(state.number("version"), Some(3));
    assert_eq!(state.number("our_keyid"), Some(2));
    assert_eq!(state.number("their_keyid"), Some(1));
    assert_eq!(state.number("our_instance"), relay.process(Side::A).ready().number("instance"));
    assert_eq!(state.number("their_instance"), relay.process(Side::B).ready().number("instance"));
    say(&mut relay, Side::B, "rotates");
    say(&mut relay, Side::A, "new key");
    let state = relay.command(Side::A, &json!({"cmd": "state"})).unwrap().remove(0);
    assert_eq!(state.number("uses_of_key"), Some(1), "{state:?}");
}

#[test]
fn smp_ends_as_the_secrets_say() {
    let Some(driver) = require_driver().unwrap() else { return };
    let mut relay = pair(&driver, &[]);
    handshake(&mut relay);
    for (question, asked) in [(json!(null), "ask_secret"), (json!("where did we meet?"), "ask_answer")] {
        for (answer, result) in [("Málaga", "ok"), ("elsewhere", "fail")] {
            let start = json!({"cmd": "smp_start", "secret": "Málaga", "question": question});
            let exchange = relay.run(Side::A, &start).unwrap();
            let ask = exchange.only(Side::B, "smp").unwrap();
            assert_eq!((ask.text("result"), ask.get("question")), (Some(asked), Some(&question)));
            let exchange = relay.run(Side::B, &json!({"cmd": "smp_respond", "secret": answer})).unwrap();
            assert_eq!(smp_results(&exchange, Side::A).last(), Some(&result), "{exchange:?}");
            assert_eq!(smp_results(&exchange, Side::B).last(), Some(&result), "{exchange:?}");
        }
    }
    let exchange = relay.run(Side::A, &json!({"cmd": "smp_start", "secret": "x"})).unwrap();
    assert_eq!(smp_results(&exchange, Side::B), ["ask_secret"]);
    let exchange = relay.run(Side::A, &json!({"cmd": "smp_abort"})).unwrap();
    assert_eq!(smp_results(&exchange, Side::B), ["abort"]);
}

#[test]
fn the_extra_key_is_the_same_on_both_sides() {
    let Some(driver) = require_driver().unwrap() else { return };
    let mut relay = pair(&driver, &[]);
    handshake(&mut relay);
    let exchange = relay.run(Side::A, &json!({"cmd": "symkey", "use": 4_000_000_000_u32, "data": "00ff7f"})).unwrap();
    let (sent, got) = (exchange.only(Side::A, "symkey").unwrap(), exchange.only(Side::B, "symkey").unwrap());
    assert_eq!((sent.flag("sent"), got.flag("sent")), (Some(true), Some(false)));
    for event in [sent, got] {
        assert_eq!((event.number("use"), event.text("data")), (Some(4_000_000_000), Some("00ff7f")));
        assert_eq!(event.text("key").unwrap().len(), 64);
    }
    assert_eq!(sent.text("key"), got.text("key"));
}

#[test]
fn fragments_are_put_together_again() {
    let Some(driver) = require_driver().unwrap() else { return };
    for policy in ["v2", "v3"] {
        let mut relay = pair(&driver, &["--policy", policy, "--mtu", "200"]);
        handshake(&mut relay);
        let text = "long ".repeat(200);
        relay.command(Side::A, &json!({"cmd": "send", "text": text})).unwrap();
        assert!(relay.pending(Side::B).len() > 5);
        assert!(relay.pending(Side::B).iter().all(|line| line.len() <= 200));
        assert_eq!(relay.settle().unwrap().texts(Side::B), [text.as_str()]);
        relay.command(Side::A, &json!({"cmd": "mtu", "value": 0})).unwrap();
        relay.command(Side::A, &json!({"cmd": "send", "text": text})).unwrap();
        assert_eq!(relay.pending(Side::B).len(), 1);
    }
}

#[test]
fn after_the_end_nothing_leaves() {
    let Some(driver) = require_driver().unwrap() else { return };
    let mut relay = pair(&driver, &[]);
    handshake(&mut relay);
    let exchange = relay.run(Side::A, &json!({"cmd": "end"})).unwrap();
    exchange.only(Side::B, "finished").unwrap();
    assert_eq!((state(&mut relay, Side::A), state(&mut relay, Side::B)), ("plaintext".into(), "finished".into()));
    let events = relay.command(Side::B, &json!({"cmd": "send", "text": "into the void"})).unwrap();
    assert_eq!((events.len(), events[0].text("code")), (1, Some("finished")));
    assert!(relay.pending(Side::A).is_empty());
}

#[test]
fn clear_text_is_shown_as_clear() {
    let Some(driver) = require_driver().unwrap() else { return };
    let mut relay = pair(&driver, &["--policy", "v2,v3,wstag"]);
    // With a tag at the first text, without one once the peer has declined it; in private by `clear` only.
    for _ in 0..2 {
        let exchange = relay.run(Side::A, &json!({"cmd": "send", "text": "good day"})).unwrap();
        assert_clear(&exchange, Side::A, "good day");
        relay.run(Side::B, &json!({"cmd": "send", "text": "good day to you"})).unwrap();
    }
    handshake(&mut relay);
    let exchange = relay.run(Side::A, &json!({"cmd": "clear", "text": "in clear"})).unwrap();
    assert_clear(&exchange, Side::A, "in clear");
}

fn assert_clear(exchange: &Exchange, from: Side, text: &str) {
    let shown = exchange.only(from.other(), "plaintext").unwrap();
    assert_eq!((shown.text("text"), shown.flag("encrypted")), (Some(text), Some(false)));
    assert_eq!(shown.text("provenance"), Some("clear"));
    assert!(exchange.side(from).is_empty(), "{exchange:?}");
}

#[test]
fn whitespace_and_required_encryption_start_a_session() {
    let Some(driver) = require_driver().unwrap() else { return };
    let mut relay = pair(&driver, &["--policy", "v3,wstag,wsstart"]);
    relay.run(Side::A, &json!({"cmd": "send", "text": "tagged"})).unwrap();
    assert_eq!(state(&mut relay, Side::B), "encrypted");

    let mut relay = pair(&driver, &["--policy", "v3,require"]);
    let exchange = relay.run(Side::A, &json!({"cmd": "send", "text": "not in clear"})).unwrap();
    assert_eq!(exchange.only(Side::A, "paused").unwrap().text("reason"), Some("no_session"));
    let shown = exchange.only(Side::B, "plaintext").unwrap();
    assert_eq!((shown.text("text"), shown.flag("encrypted")), (Some("not in clear"), Some(true)));
}

#[test]
fn hostile_lines_are_rejected_with_a_reason() {
    let Some(driver) = require_driver().unwrap() else { return };
    let mut relay = pair(&driver, &[]);
    handshake(&mut relay);
    relay.command(Side::A, &json!({"cmd": "send", "text": "once"})).unwrap();
    let line = relay.pending(Side::B).front().unwrap().clone();
    assert_eq!(relay.settle().unwrap().texts(Side::B), ["once"]);
    for (line, reason) in [
        (line.clone(), "unreadable"),
        ("?OTR:AAMDAAAA.".to_owned(), "malformed"),
        (format!("?OTR:{}.", &line[5..60]), "malformed"),
    ] {
        let events = relay.command(Side::B, &json!({"cmd": "recv", "msg": line})).unwrap();
        let reasons: Vec<_> =
            events.iter().filter(|event| event.is("rejected")).map(|event| event.text("reason")).collect();
        assert_eq!(reasons, [Some(reason)], "{line}: {events:?}");
    }
    relay.pending(Side::A).clear();
    say(&mut relay, Side::A, "still here");
}

#[test]
fn a_line_that_is_no_command_is_a_usage_error_and_loses_nothing() {
    let Some(driver) = require_driver().unwrap() else { return };
    let mut relay = pair(&driver, &[]);
    handshake(&mut relay);
    let long = format!("{{{}\"cmd\":\"state\"}}", "\"a\":1,".repeat(20));
    for line in [
        "{",
        "nonsense",
        "[]",
        "{\"cmd\":\"state\"} {}",
        "{\"cmd\":7}",
        "{\"cmd\":\"dance\"}",
        "{\"cmd\":\"send\"}",
        "{\"cmd\":\"send\",\"text\":[]}",
        "{\"cmd\":\"send\",\"text\":\"\\ud800\"}",
        "{\"cmd\":\"send\",\"text\":\"a\\u0000b\"}",
        "{\"cmd\":\"send\",\"text\":\"unfinished",
        "{\"cmd\":\"send\",\"text\":\"bad \\x escape\"}",
        "{\"cmd\":\"recv\",\"msg\":\"x\",\"delayed\":5}",
        "{\"cmd\":\"symkey\",\"use\":-1,\"data\":\"\"}",
        "{\"cmd\":\"symkey\",\"use\":1,\"data\":\"0\"}",
        "{\"cmd\":\"symkey\",\"use\":1.5,\"data\":\"\"}",
        "{\"cmd\":\"mtu\",\"value\":\"many\"}",
        "{\"cmd\":\"peer\",\"online\":1}",
        long.as_str(),
    ] {
        let events = relay.process(Side::A).raw_line(line).unwrap();
        assert_eq!(events.len(), 1, "{line}: {events:?}");
        assert_eq!(events[0].text("code"), Some("usage"), "{line}: {events:?}");
    }
    say(&mut relay, Side::A, "nothing is lost");
    let events =
        relay.process(Side::A).raw_line(r#" { "cmd" : "send" , "text":"\ud83d\ude00 \u00e9\n" , "id":null } "#);
    let events = events.unwrap();
    let line = events[0].text("msg").unwrap();
    let shown = relay.command(Side::B, &json!({"cmd": "recv", "msg": line})).unwrap();
    assert_eq!(shown[0].text("text"), Some("😀 é\n"));
}

#[test]
fn without_a_session_smp_and_keys_are_refused() {
    let Some(driver) = require_driver().unwrap() else { return };
    let mut relay = pair(&driver, &[]);
    for command in [
        json!({"cmd": "smp_start", "secret": "x"}),
        json!({"cmd": "smp_respond", "secret": "x"}),
        json!({"cmd": "smp_abort"}),
        json!({"cmd": "symkey", "use": 1, "data": ""}),
    ] {
        let events = relay.command(Side::A, &command).unwrap();
        assert_eq!((events.len(), events[0].text("code")), (1, Some("no_session")), "{command}");
    }
    handshake(&mut relay);
    let events = relay.command(Side::A, &json!({"cmd": "smp_respond", "secret": "unasked"})).unwrap();
    assert_eq!((events.len(), events[0].text("code")), (1, Some("smp")));
}

#[test]
fn key_and_tag_files_make_the_same_endpoint_again() {
    let Some(driver) = require_driver().unwrap() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (key, tag) = (folder.path().join("otr.private_key"), folder.path().join("otr.instance_tags"));
    let options = ["--libotr-key", key.to_str().unwrap(), "--libotr-instag", tag.to_str().unwrap()];
    let first = start(&driver, "alice", "bob", &options);
    let ready = first.ready().clone();
    first.kill().unwrap();
    assert_eq!(start(&driver, "alice", "bob", &options).ready(), &ready);
    let other = start(&driver, "carol", "bob", &options);
    assert_ne!(other.ready().text("fingerprint"), ready.text("fingerprint"));
    assert_eq!(start(&driver, "alice", "bob", &options).ready(), &ready, "a second account leaves the first alone");

    std::fs::write(&key, "damaged").unwrap();
    let error =
        PipeProcess::spawn("alice", Command::new(&driver).args(["--name", "alice", "--peer", "bob"]).args(options));
    let error = error.unwrap_err();
    let refused = error.downcast_ref::<Ended>().unwrap();
    assert_eq!((refused.status, refused.events[0].text("code")), (Some(3), Some("store")));
    assert_eq!(std::fs::read(&key).unwrap(), b"damaged", "a damaged file is left as it was");
}

#[test]
fn a_wrong_start_is_a_usage_error() {
    let Some(driver) = require_driver().unwrap() else { return };
    for arguments in [
        &["--name", "alice", "--peer", "bob"][..],
        &["--name", "alice", "--memory"],
        &["--name", "alice", "--peer", "bob", "--memory", "--libotr-key", "file"],
        &["--name", "alice", "--peer", "bob", "--memory", "--policy", "v4"],
        &["--name", "alice", "--peer", "bob", "--memory", "--mtu", "-1"],
        &["--name", "alice", "--peer", "bob", "--memory", "--dance"],
        &["--name", "alice", "--peer", "bob", "--memory", "more"],
    ] {
        let error = PipeProcess::spawn("alice", Command::new(&driver).args(arguments)).unwrap_err();
        let refused = error.downcast_ref::<Ended>().unwrap();
        assert_eq!((refused.status, refused.events[0].text("code")), (Some(2), Some("usage")), "{arguments:?}");
        assert!(refused.stderr.contains("usage:"), "{arguments:?}");
    }
}
