//! Profanity: version 2 only, and a program that ends the private conversation and goes on in clear text when the peer
//! goes offline. Nothing of ours may follow it there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::time::Duration;

use common::network::Device;
use serde_json::json;
use xtask::clients::{ChatClient, OtrState, Profanity};
use xtask::servers::{Kind, Server, Setup};

const ALICE: &str = "alice@localhost";
const BOB: &str = "bob@localhost";

/// How long a program may take to show something on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn talks_and_does_not_follow_into_clear_text() {
    let Some(server) = Server::require(Kind::Prosody, Setup::default()).unwrap() else { return };
    let Some(mut bob) = Profanity::require(&server, "bob").unwrap() else { return };
    let device = Device::new(&server, "alice", &["--peer", BOB]);
    let mut alice = device.log_in();
    alice.wait_until("bob to be there", |event| event.is("presence") && event.flag("online") == Some(true));

    // Live, in the only version that it speaks.
    alice.command(&json!({"cmd": "query", "to": BOB}));
    assert_eq!(alice.wait("encrypted").number("version"), Some(2));
    bob.wait_for_state(ALICE, OtrState::Unverified, PATIENCE).unwrap();
    alice.send(BOB, "in private");
    bob.wait_for_text(ALICE, "in private", PATIENCE).unwrap();
    bob.send(ALICE, "yes").unwrap();
    let text = alice.wait("plaintext");
    assert_eq!((text.text("text"), text.flag("encrypted")), (Some("yes"), Some(true)));

    // She takes leave of the server; it drops the session without a word and goes on in clear text.
    if alice.try_command(&json!({"cmd": "quit"})).is_ok() {
        alice.end();
    }
    bob.wait_for_state(ALICE, OtrState::Plain, PATIENCE).unwrap();
    bob.send(ALICE, "in clear and without a word").unwrap();

    // What comes is shown for what it is.
    let mut alice = device.log_in();
    let text = alice.wait("plaintext");
    assert_eq!(text.text("text"), Some("in clear and without a word"));
    assert_eq!((text.flag("encrypted"), text.text("provenance")), (Some(false), Some("clear")));
    assert_eq!(alice.state(BOB).text("state"), Some("encrypted"));

    // What she writes leaves encrypted or not at all, and does not count as read.
    alice.send(BOB, "a secret");
    bob.send(ALICE, "still in clear").unwrap();
    assert_eq!(alice.wait("plaintext").text("provenance"), Some("clear"));
    let outbox = alice.ask(&json!({"cmd": "outbox", "to": BOB}), "outbox");
    assert!(format!("{outbox:?}").contains("a secret"), "{outbox:?}");

    // He begins anew; they are private again, and he reads what he could not read.
    bob.start_otr(ALICE).unwrap();
    bob.wait_for_state(ALICE, OtrState::Unverified, PATIENCE).unwrap();
    alice.wait("still_encrypted");
    bob.wait_for_text(ALICE, "a secret", PATIENCE).unwrap();
    alice.send(BOB, "in private again");
    bob.wait_for_text(ALICE, "in private again", PATIENCE).unwrap();
    let lines = device.traced();
    assert!(lines.iter().any(|line| line.contains("?OTR")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("secret") || line.contains("in private")), "{lines:?}");
}
