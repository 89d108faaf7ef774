//! The drivers of bitlbee and pidgin: two people talk with nothing of ours between them, and lose what comes while one
//! of them is gone.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use xtask::clients::{Bitlbee, ChatClient, OtrState, Pidgin, Smp};
use xtask::process::wait_until;
use xtask::servers::{Kind, Server, Setup};

const PATIENCE: Duration = Duration::from_secs(60);

const ALICE: &str = "alice@localhost";
const BOB: &str = "bob@localhost";

fn is(wanted: Smp) -> impl Fn(&Smp) -> bool {
    move |smp| *smp == wanted
}

/// Starts a private conversation with a peer who is online.
fn private(one: &mut dyn ChatClient, other: &mut dyn ChatClient) {
    let (one_jid, other_jid) = (one.jid().to_owned(), other.jid().to_owned());
    one.start_otr(&other_jid).unwrap();
    one.wait_for_state(&other_jid, OtrState::Unverified, PATIENCE).unwrap();
    other.wait_for_state(&one_jid, OtrState::Unverified, PATIENCE).unwrap();
}

fn say(from: &mut dyn ChatClient, to: &mut dyn ChatClient, text: &str) {
    let (from_jid, to_jid) = (from.jid().to_owned(), to.jid().to_owned());
    from.send(&to_jid, text).unwrap();
    assert_eq!(to.wait_for_text(&from_jid, text, PATIENCE).unwrap(), text);
}

fn wait_for_presence(what: &str, mut sees: impl FnMut() -> bool) {
    wait_until(what, PATIENCE, || Ok(sees().then_some(()))).unwrap();
}

#[test]
fn bitlbee_talks_to_bitlbee_over_prosody_until_one_is_killed() {
    bitlbee_talks_to_bitlbee(Kind::Prosody);
}

#[test]
fn bitlbee_talks_to_bitlbee_over_ejabberd_until_one_is_killed() {
    bitlbee_talks_to_bitlbee(Kind::Ejabberd);
}

#[test]
fn pidgin_talks_to_bitlbee_over_prosody() {
    pidgin_talks_to_bitlbee(Kind::Prosody);
}

#[test]
fn pidgin_talks_to_bitlbee_over_ejabberd() {
    pidgin_talks_to_bitlbee(Kind::Ejabberd);
}

fn bitlbee_talks_to_bitlbee(kind: Kind) {
    let Some(server) = Server::require(kind, Setup::default()).unwrap() else { return };
    let Some(mut alice) = Bitlbee::require(&server, "alice").unwrap() else { return };
    let Some(mut bob) = Bitlbee::require(&server, "bob").unwrap() else { return };
    wait_for_presence("bob to be seen", || alice.sees(BOB).unwrap() && bob.sees(ALICE).unwrap());

    private(&mut alice, &mut bob);
    assert_eq!(alice.otr_version(BOB).unwrap(), Some(3));
    assert_eq!(alice.peer_fingerprint(BOB).unwrap(), Some(bob.fingerprint().unwrap()));
    assert_eq!(bob.peer_fingerprint(ALICE).unwrap(), Some(alice.fingerprint().unwrap()));
    say(&mut alice, &mut bob, "Grüße: 1 : 2");
    say(&mut bob, &mut alice, "zurück");

    alice.ask_smp(BOB, Some("which pet"), "cat").unwrap();
    bob.wait_for_smp(ALICE, &is(Smp::Asked(Some("which pet".to_owned()))), PATIENCE).unwrap();
    bob.answer_smp(ALICE, "dog").unwrap();
    alice.wait_for_smp(BOB, &is(Smp::Failed), PATIENCE).unwrap();
    bob.ask_smp(ALICE, None, "cat").unwrap();
    alice.wait_for_smp(BOB, &is(Smp::Asked(None)), PATIENCE).unwrap();
    alice.answer_smp(BOB, "cat").unwrap();
    alice.wait_for_smp(BOB, &is(Smp::Succeeded), PATIENCE).unwrap();
    bob.wait_for_smp(ALICE, &is(Smp::Succeeded), PATIENCE).unwrap();
    alice.wait_for_state(BOB, OtrState::Verified, PATIENCE).unwrap();

    alice.kill().unwrap();
    wait_for_presence("alice to be gone", || !bob.sees(ALICE).unwrap());
    for text in ["first", "second", "third"] {
        bob.send(ALICE, text).unwrap();
    }
    assert_eq!(bob.otr_state(ALICE).unwrap(), OtrState::Verified, "bob believes that all is well");
    alice.restart().unwrap();
    wait_until("a message that cannot be read", PATIENCE, || {
        Ok(alice.remarks(BOB)?.iter().any(|remark| remark.contains("unexpected encrypted message")).then_some(()))
    })
    .unwrap();
    wait_for_presence("alice to be back", || bob.sees(ALICE).unwrap());
    alice.start_otr(BOB).unwrap();
    alice.wait_for_state(BOB, OtrState::Verified, PATIENCE).unwrap();
    // The one who was asked is in clear text until the last message of the handshake.
    bob.wait_for_state(ALICE, OtrState::Verified, PATIENCE).unwrap();
    say(&mut bob, &mut alice, "fourth");
    assert_eq!(alice.received(BOB).unwrap(), ["fourth"], "what came meanwhile is lost");

    alice.end_otr(BOB).unwrap();
    bob.wait_for_state(ALICE, OtrState::Finished, PATIENCE).unwrap();
}

fn pidgin_talks_to_bitlbee(kind: Kind) {
    let Some(server) = Server::require(kind, Setup::default()).unwrap() else { return };
    let Some(mut alice) = Pidgin::require(&server, "alice").unwrap() else { return };
    let Some(mut bob) = Bitlbee::require(&server, "bob").unwrap() else { return };
    wait_for_presence("each other's presence", || alice.sees(BOB).unwrap() && bob.sees(ALICE).unwrap());

    private(&mut alice, &mut bob);
    assert_eq!(alice.peer_fingerprint(BOB).unwrap(), Some(bob.fingerprint().unwrap()));
    say(&mut alice, &mut bob, "it's \"1 < 2\" & \\more");
    say(&mut bob, &mut alice, "it's \"1 < 2\" & \\more");
    assert_eq!(alice.otr_version(BOB).unwrap(), Some(3));

    bob.ask_smp(ALICE, None, "cat").unwrap();
    alice.wait_for_smp(BOB, &is(Smp::Asked(None)), PATIENCE).unwrap();
    alice.answer_smp(BOB, "cat").unwrap();
    bob.wait_for_smp(ALICE, &is(Smp::Succeeded), PATIENCE).unwrap();
    alice.wait_for_smp(BOB, &is(Smp::Succeeded), PATIENCE).unwrap();
    alice.wait_for_state(BOB, OtrState::Verified, PATIENCE).unwrap();

    alice.ask_smp(BOB, Some("which pet"), "dog").unwrap();
    bob.wait_for_smp(ALICE, &is(Smp::Asked(Some("which pet".to_owned()))), PATIENCE).unwrap();
    bob.answer_smp(ALICE, "dog").unwrap();
    bob.wait_for_smp(ALICE, &is(Smp::Succeeded), PATIENCE).unwrap();

    alice.end_otr(BOB).unwrap();
    bob.wait_for_state(ALICE, OtrState::Finished, PATIENCE).unwrap();
    alice.restart().unwrap();
    bob.start_otr(ALICE).unwrap();
    bob.wait_for_state(ALICE, OtrState::Verified, PATIENCE).unwrap();
    say(&mut alice, &mut bob, "again");
}
