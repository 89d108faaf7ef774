//! The language of the pipe, command by command, between two endpoints of ours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::process::Command;

use common::{begin, kinds, now, send, state};
use serde_json::{Value, json};
use xtask::pipe::{Ended, Event, Exchange, PipeProcess, Relay, Side};

fn endpoint(name: &str, peer: &str, options: &[&str]) -> PipeProcess {
    try_endpoint(name, peer, options).unwrap()
}

fn try_endpoint(name: &str, peer: &str, options: &[&str]) -> anyhow::Result<PipeProcess> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_o2tr"));
    command.args(["pipe", "--name", name, "--peer", peer]).args(options);
    PipeProcess::spawn(name, &mut command)
}

fn pair(options: &[&str]) -> Relay {
    let options = [&["--memory"], options].concat();
    Relay::new(endpoint("alice", "bob", &options), endpoint("bob", "alice", &options))
}

fn smp(exchange: &Exchange, side: Side) -> Vec<(&str, Option<&Value>)> {
    let events = exchange.side(side).iter().filter(|event| event.is("smp"));
    events.map(|event| (event.text("result").unwrap(), event.get("question"))).collect()
}

fn code(events: &[Event]) -> Option<&str> {
    events.iter().find(|event| event.is("error")).and_then(|event| event.text("code"))
}

#[test]
fn a_refused_start_says_why_in_both_languages() {
    for options in [
        &["--memory", "--threshold", "1"][..],
        &["--memory", "--state", "somewhere"],
        &[],
        &["--memory", "--policy", "v9"],
        &["--memory", "--mtu", "5"],
        &["--memory", "--dance"],
    ] {
        let refused: Ended = try_endpoint("alice", "bob", options).unwrap_err().downcast().unwrap();
        assert_eq!(refused.status, Some(2), "{refused}");
        assert_eq!(kinds(&refused.events), ["error"], "{refused}");
        assert_eq!(code(&refused.events), Some("usage"));
        assert!(!refused.stderr.is_empty());
    }
    assert!(!std::path::Path::new("somewhere").exists());
}

#[test]
fn a_line_that_is_no_command_is_refused_and_nothing_is_lost() {
    let mut relay = pair(&[]);
    begin(&mut relay);
    let process = relay.process(Side::A);
    for line in
        ["", "x", "[]", "{}", r#"{"cmd":7}"#, r#"{"cmd":"dance"}"#, r#"{"cmd":"send"}"#, r#"{"cmd":"send","text":1}"#]
    {
        let events = process.raw_line(line).unwrap();
        assert_eq!((kinds(&events), code(&events)), (vec!["error"], Some("usage")), "{line}");
    }
    let huge = format!(r#"{{"cmd":"send","text":"{}"}}"#, "x".repeat(5 << 20));
    assert_eq!(code(&process.raw_line(&huge).unwrap()), Some("usage"));
    let exchange = relay.run(Side::A, &json!({"cmd": "send", "text": "still here"})).unwrap();
    assert_eq!(exchange.texts(Side::B), ["still here"]);
}

#[test]
fn the_end_of_the_input_is_a_quit() {
    assert!(endpoint("alice", "bob", &["--memory"]).close().unwrap().success());
    assert!(endpoint("alice", "bob", &["--memory"]).quit().unwrap().success());
}

#[test]
fn text_of_any_kind_arrives_as_it_was() {
    let mut relay = pair(&[]);
    begin(&mut relay);
    for text in ["Zażółć gęślą jaźń, 你好, 👋🏽", "quotes \" \\ / \t and\nlines", " around ", "<b>&amp;</b>", "?OTR?"]
    {
        for side in [Side::A, Side::B] {
            let exchange = relay.run(side, &json!({"cmd": "send", "text": text, "id": "x"})).unwrap();
            assert_eq!(exchange.texts(side.other()), [text]);
            assert_eq!(exchange.only(side, "sent").unwrap().text("id"), Some("x"));
        }
    }
}

#[test]
fn a_small_network_gets_fragments() {
    let mut relay = pair(&["--mtu", "120"]);
    begin(&mut relay);
    send(&mut relay, Side::A, &"long ".repeat(200));
    assert!(relay.pending(Side::B).len() > 10);
    assert!(relay.pending(Side::B).iter().all(|line| line.len() <= 120));
    assert_eq!(relay.settle().unwrap().texts(Side::B), ["long ".repeat(200)]);
    relay.command(Side::A, &json!({"cmd": "mtu", "value": 0})).unwrap();
    send(&mut relay, Side::A, &"whole ".repeat(200));
    assert_eq!(relay.pending(Side::B).len(), 1);
}

#[test]
fn secrets_are_compared_with_and_without_a_question() {
    let mut relay = pair(&["--threshold", "0"]);
    begin(&mut relay);
    for (question, ask) in [(json!(null), "ask_secret"), (json!("where?"), "ask_answer")] {
        for (answer, result) in [("Málaga", "ok"), ("elsewhere", "fail")] {
            let start = json!({"cmd": "smp_start", "secret": "Málaga", "question": question});
            let exchange = relay.run(Side::A, &start).unwrap();
            assert_eq!(smp(&exchange, Side::B), [(ask, Some(&question))]);
            let exchange = relay.run(Side::B, &json!({"cmd": "smp_respond", "secret": answer})).unwrap();
            for side in [Side::A, Side::B] {
                assert_eq!(smp(&exchange, side).last().unwrap().0, result, "{exchange:?}");
            }
        }
    }
    relay.run(Side::A, &json!({"cmd": "smp_start", "secret": "x"})).unwrap();
    let exchange = relay.run(Side::A, &json!({"cmd": "smp_abort"})).unwrap();
    assert_eq!(smp(&exchange, Side::B).last().unwrap().0, "abort");
}

#[test]
fn both_ends_get_the_same_extra_key() {
    let mut relay = pair(&[]);
    begin(&mut relay);
    let exchange = relay.run(Side::A, &json!({"cmd": "symkey", "use": 7, "data": "c0ffee"})).unwrap();
    let (sent, received) = (exchange.only(Side::A, "symkey").unwrap(), exchange.only(Side::B, "symkey").unwrap());
    assert_eq!((sent.flag("sent"), received.flag("sent")), (Some(true), Some(false)));
    assert_eq!((sent.number("use"), received.number("use")), (Some(7), Some(7)));
    assert_eq!(sent.text("key").unwrap().len(), 64);
    assert_eq!(sent.text("key"), received.text("key"));
    assert_eq!(received.text("data"), Some("c0ffee"));
}

#[test]
fn without_a_session_there_is_nothing_to_compare() {
    let mut process = endpoint("alice", "bob", &["--memory"]);
    for command in [
        json!({"cmd": "smp_start", "secret": "x"}),
        json!({"cmd": "smp_respond", "secret": "x"}),
        json!({"cmd": "smp_abort"}),
    ] {
        assert_eq!(code(&process.command(&command).unwrap()), Some("smp"));
    }
    let events = process.command(&json!({"cmd": "symkey", "use": 1, "data": ""})).unwrap();
    assert_eq!(code(&events), Some("symkey"));
}

#[test]
fn what_must_be_private_waits_for_keys_and_leaves_in_order() {
    let mut relay = pair(&["--policy", "v3,require"]);
    for number in 0..3 {
        let events = send(&mut relay, Side::A, &format!("text {number}"));
        let paused = events.iter().find(|event| event.is("paused")).unwrap();
        assert_eq!((paused.number("queued"), paused.text("reason")), (Some(number + 1), Some("no_session")));
    }
    assert!(relay.pending(Side::B).iter().all(|line| line.starts_with("?OTR")), "nothing leaves in clear");
    let exchange = relay.settle().unwrap();
    assert_eq!(exchange.texts(Side::B), ["text 0", "text 1", "text 2"]);
    assert_eq!(exchange.only(Side::A, "resumed").unwrap().number("queued"), Some(0));
}

#[test]
fn a_text_that_waits_is_listed_and_can_be_withdrawn() {
    let mut relay = pair(&["--policy", "v3,require"]);
    for id in ["first", "second"] {
        relay.command(Side::A, &json!({"cmd": "send", "text": id, "id": id})).unwrap();
    }
    let twice = relay.command(Side::A, &json!({"cmd": "send", "text": "x", "id": "first"})).unwrap();
    assert_eq!(code(&twice), Some("id_in_use"));
    let outbox = relay.command(Side::A, &json!({"cmd": "outbox"})).unwrap();
    let item = |id: &str| json!({"id": id, "state": "queued", "reason": "no_session"});
    assert_eq!(outbox[0].get("items"), Some(&json!([item("first"), item("second")])));
    relay.command(Side::A, &json!({"cmd": "cancel", "id": "first"})).unwrap();
    let unknown = relay.command(Side::A, &json!({"cmd": "cancel", "id": "first"})).unwrap();
    assert_eq!(code(&unknown), Some("unknown_id"));
    assert_eq!(relay.settle().unwrap().texts(Side::B), ["second"]);
}

#[test]
fn clear_text_needs_a_word_of_the_user_and_is_marked() {
    let mut relay = pair(&["--policy", "v3"]);
    let exchange = relay.run(Side::A, &json!({"cmd": "send", "text": "before anything"})).unwrap();
    let text = exchange.only(Side::B, "plaintext").unwrap();
    assert_eq!((text.flag("encrypted"), text.text("provenance")), (Some(false), Some("clear")));
    begin(&mut relay);
    let exchange = relay.run(Side::A, &json!({"cmd": "clear", "text": "in clear"})).unwrap();
    let text = exchange.only(Side::B, "plaintext").unwrap();
    assert_eq!((text.text("text"), text.flag("encrypted")), (Some("in clear"), Some(false)));
    assert_eq!(state(&mut relay, Side::B).text("state"), Some("encrypted"));
}

#[test]
fn trust_is_kept_and_shown() {
    let mut relay = pair(&[]);
    begin(&mut relay);
    let fingerprint = relay.process(Side::B).ready().text("fingerprint").unwrap().to_owned();
    for level in ["verified", "unverified"] {
        relay.command(Side::A, &json!({"cmd": "trust", "fingerprint": fingerprint, "level": level})).unwrap();
        assert_eq!(state(&mut relay, Side::A).text("trust"), Some(level));
    }
}

#[test]
fn a_late_offer_is_not_taken_up_and_a_late_line_dated() {
    let mut relay = pair(&[]);
    begin(&mut relay);
    let offer = json!({"cmd": "recv", "msg": "?OTRv23?", "delayed": "2026-01-01T00:00:00Z"});
    let events = relay.command(Side::B, &offer).unwrap();
    assert_eq!(kinds(&events), ["rejected"]);
    assert_eq!(events[0].text("reason"), Some("policy"));
    assert!(relay.pending(Side::A).is_empty(), "not answered");
    send(&mut relay, Side::A, "from last year");
    let line = relay.pending(Side::B).pop_front().unwrap();
    let late = json!({"cmd": "recv", "msg": line, "delayed": "2025-12-31T23:59:59+01:00"});
    let events = relay.command(Side::B, &late).unwrap();
    let text = events.iter().find(|event| event.is("plaintext")).unwrap();
    assert_eq!(text.text("sent_at"), Some("2025-12-31T22:59:59Z"));
}

#[test]
fn a_late_message_without_keys_is_not_answered() {
    let mut relay = pair(&[]);
    begin(&mut relay);
    send(&mut relay, Side::A, "lost");
    let line = relay.pending(Side::B).pop_front().unwrap();
    drop(relay.replace(Side::B, endpoint("bob", "alice", &["--memory"])));
    let late = json!({"cmd": "recv", "msg": line, "delayed": "2026-01-01T00:00:00Z"});
    let events = relay.command(Side::B, &late).unwrap();
    assert_eq!(kinds(&events), ["rejected"], "{events:?}");
    assert!(relay.pending(Side::A).is_empty());
}

#[test]
fn modified_lines_are_refused_and_change_nothing() {
    let mut relay = pair(&[]);
    begin(&mut relay);
    send(&mut relay, Side::A, "intact");
    let line = relay.pending(Side::B).front().unwrap().clone();
    for position in (30..line.len() - 2).step_by(23) {
        let mut modified: Vec<char> = line.chars().collect();
        modified[position] = if modified[position] == 'A' { 'B' } else { 'A' };
        let modified: String = modified.into_iter().collect();
        if modified == line {
            continue;
        }
        let events = relay.command(Side::B, &json!({"cmd": "recv", "msg": modified})).unwrap();
        let rejected: Vec<_> = events.iter().filter(|event| event.is("rejected")).collect();
        let shown = events.iter().filter(|event| event.is("plaintext")).count();
        // The list of revealed keys behind the authenticator is not authenticated.
        if shown == 1 {
            return;
        }
        assert_eq!(rejected.len(), 1, "position {position}: {events:?}");
        assert!(
            ["forged", "unreadable", "malformed", "other_instance"].contains(&rejected[0].text("reason").unwrap()),
            "{events:?}"
        );
    }
    assert_eq!(relay.settle().unwrap().texts(Side::B), ["intact"]);
}

#[test]
fn the_clock_runs_ahead_and_never_back() {
    let mut relay = pair(&[]);
    begin(&mut relay);
    // At the threshold, with a peer that is there and silent, new keys are asked for after a while.
    for number in 0..8 {
        send(&mut relay, Side::A, &number.to_string());
    }
    relay.pending(Side::B).clear();
    relay.command(Side::A, &json!({"cmd": "poll", "now": 0})).unwrap();
    assert!(relay.pending(Side::B).is_empty());
    relay.command(Side::A, &json!({"cmd": "poll", "now": now() + 60})).unwrap();
    let line = relay.pending(Side::B).front().expect("a D-H Commit");
    assert!(line.starts_with("?OTR:AAMC"), "{line}");
}

#[test]
fn a_peer_that_is_away_and_keeps_nothing_is_not_written_to() {
    let mut relay = pair(&[]);
    begin(&mut relay);
    relay.command(Side::A, &json!({"cmd": "peer", "online": false})).unwrap();
    let events = send(&mut relay, Side::A, "later");
    let paused = events.iter().find(|event| event.is("paused")).unwrap();
    assert_eq!(paused.text("reason"), Some("peer_away"));
    let exchange = relay.run(Side::A, &json!({"cmd": "peer", "online": true})).unwrap();
    assert_eq!(exchange.texts(Side::B), ["later"]);
}
