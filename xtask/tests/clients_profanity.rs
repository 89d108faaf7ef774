//! profanity is driven: it talks with mcabber in private, by OTR version 2.

use std::time::Duration;

use xtask::clients::{ChatClient, Mcabber, OtrState, Profanity, Smp};
use xtask::servers::{Kind, Server, Setup};

const PATIENCE: Duration = Duration::from_secs(60);
const ALICE: &str = "alice@localhost";
const BOB: &str = "bob@localhost";

#[test]
fn it_talks_with_mcabber_in_private_and_compares_secrets() {
    let Some(server) = Server::require(Kind::Prosody, Setup::default()).unwrap() else { return };
    let Some(mut alice) = Profanity::require(&server, "alice").unwrap() else { return };
    let Some(mut bob) = Mcabber::require(&server, "bob").unwrap() else { return };
    assert_eq!(alice.otr_state(BOB).unwrap(), OtrState::Plain);
    assert_eq!(alice.peer_fingerprint(BOB).unwrap(), None);

    alice.start_otr(BOB).unwrap();
    alice.wait_for_state(BOB, OtrState::Unverified, PATIENCE).unwrap();
    bob.wait_for_state(ALICE, OtrState::Unverified, PATIENCE).unwrap();
    assert_eq!(alice.peer_fingerprint(BOB).unwrap(), Some(bob.fingerprint().unwrap()));
    assert_eq!(bob.peer_fingerprint(ALICE).unwrap(), Some(alice.fingerprint().unwrap()));
    alice.send(BOB, "hello, söme text").unwrap();
    assert_eq!(bob.wait_for_text(ALICE, "hello", PATIENCE).unwrap(), "hello, söme text");
    bob.send(ALICE, "and back").unwrap();
    assert_eq!(alice.wait_for_text(BOB, "and back", PATIENCE).unwrap(), "and back");

    bob.ask_smp(ALICE, None, "the same").unwrap();
    alice.wait_for_smp(BOB, &|smp| *smp == Smp::Asked(None), PATIENCE).unwrap();
    alice.answer_smp(BOB, "another").unwrap();
    alice.wait_for_smp(BOB, &|smp| *smp == Smp::Failed, PATIENCE).unwrap();
    alice.ask_smp(BOB, Some("which one"), "this").unwrap();
    bob.wait_for_smp(ALICE, &|smp| matches!(smp, Smp::Asked(_)), PATIENCE).unwrap();
    bob.answer_smp(ALICE, "this").unwrap();
    alice.wait_for_smp(BOB, &|smp| *smp == Smp::Succeeded, PATIENCE).unwrap();
    alice.wait_for_state(BOB, OtrState::Verified, PATIENCE).unwrap();
}

#[test]
fn it_goes_on_in_clear_text_when_the_peer_has_gone() {
    let Some(server) = Server::require(Kind::Ejabberd, Setup { stream_management: false, ..Setup::default() }).unwrap()
    else {
        return;
    };
    let Some(mut alice) = Profanity::require(&server, "alice").unwrap() else { return };
    let Some(mut bob) = Mcabber::require(&server, "bob").unwrap() else { return };
    bob.start_otr(ALICE).unwrap();
    alice.wait_for_state(BOB, OtrState::Unverified, PATIENCE).unwrap();
    bob.wait_for_state(ALICE, OtrState::Unverified, PATIENCE).unwrap();
    let fingerprint = alice.fingerprint().unwrap();

    bob.kill().unwrap();
    alice.wait_for_state(BOB, OtrState::Plain, PATIENCE).unwrap();
    alice.kill().unwrap();
    alice.restart().unwrap();
    bob.restart().unwrap();
    assert_eq!(alice.fingerprint().unwrap(), fingerprint, "the key is the same");
    assert_eq!(alice.received(BOB).unwrap(), [""; 0]);
    alice.start_otr(BOB).unwrap();
    alice.wait_for_state(BOB, OtrState::Unverified, PATIENCE).unwrap();
}
