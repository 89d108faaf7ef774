//! mcabber is driven: two of them have a private conversation.

use std::time::Duration;

use xtask::clients::{ChatClient, Mcabber, OtrState, Smp};
use xtask::servers::{Kind, Server, Setup};

const PATIENCE: Duration = Duration::from_secs(60);
const ALICE: &str = "alice@localhost";
const BOB: &str = "bob@localhost";

#[test]
fn two_of_them_talk_in_private_and_compare_secrets() {
    let Some(server) = Server::require(Kind::Prosody, Setup::default()).unwrap() else { return };
    let Some(mut alice) = Mcabber::require(&server, "alice").unwrap() else { return };
    let Some(mut bob) = Mcabber::require(&server, "bob").unwrap() else { return };
    assert_eq!(alice.otr_state(BOB).unwrap(), OtrState::Plain);
    assert_eq!(alice.peer_fingerprint(BOB).unwrap(), None);

    alice.start_otr(BOB).unwrap();
    alice.wait_for_state(BOB, OtrState::Unverified, PATIENCE).unwrap();
    bob.wait_for_state(ALICE, OtrState::Unverified, PATIENCE).unwrap();
    assert_eq!(alice.peer_fingerprint(BOB).unwrap(), Some(bob.fingerprint().unwrap()));
    alice.send(BOB, "hello, söme text").unwrap();
    assert_eq!(bob.wait_for_text(ALICE, "hello", PATIENCE).unwrap(), "hello, söme text");
    bob.send(ALICE, "and back").unwrap();
    alice.wait_for_text(BOB, "and back", PATIENCE).unwrap();

    for (secret, outcome) in [("another", Smp::Failed), ("the same", Smp::Succeeded)] {
        alice.ask_smp(BOB, None, "the same").unwrap();
        bob.wait_for_smp(ALICE, &|smp| matches!(smp, Smp::Asked(_)), PATIENCE).unwrap();
        bob.answer_smp(ALICE, secret).unwrap();
        alice.wait_for_smp(BOB, &|smp| *smp == outcome, PATIENCE).unwrap();
        bob.wait_for_smp(ALICE, &|smp| *smp == outcome, PATIENCE).unwrap();
    }
    alice.wait_for_state(BOB, OtrState::Verified, PATIENCE).unwrap();
    alice.end_otr(BOB).unwrap();
    bob.wait_for_state(ALICE, OtrState::Plain, PATIENCE).unwrap();
}

#[test]
fn one_that_is_killed_loses_what_was_sent_to_it() {
    let Some(server) = Server::require(Kind::Ejabberd, Setup::default()).unwrap() else { return };
    let Some(mut alice) = Mcabber::require(&server, "alice").unwrap() else { return };
    let Some(mut bob) = Mcabber::require(&server, "bob").unwrap() else { return };
    alice.start_otr(BOB).unwrap();
    alice.wait_for_state(BOB, OtrState::Unverified, PATIENCE).unwrap();
    bob.wait_for_state(ALICE, OtrState::Unverified, PATIENCE).unwrap();
    let fingerprint = bob.fingerprint().unwrap();
    alice.trust(BOB).unwrap();
    alice.wait_for_state(BOB, OtrState::Verified, PATIENCE).unwrap();

    bob.kill().unwrap();
    alice.send(BOB, "lost").unwrap();
    bob.restart().unwrap();
    assert_eq!(bob.fingerprint().unwrap(), fingerprint, "the key is the same");
    assert_eq!(bob.otr_state(ALICE).unwrap(), OtrState::Plain);
    bob.start_otr(ALICE).unwrap();
    bob.wait_for_state(ALICE, OtrState::Unverified, PATIENCE).unwrap();
    alice.wait_for_state(BOB, OtrState::Verified, PATIENCE).unwrap();
    alice.send(BOB, "seen").unwrap();
    bob.wait_for_text(ALICE, "seen", PATIENCE).unwrap();
    assert!(bob.received(ALICE).unwrap().iter().all(|text| !text.contains("lost")));
}
