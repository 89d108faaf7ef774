//! Face to face with the chat programs that people use, over the servers that people use: a private conversation from
//! either side, and what a killed O2TR reads that a killed OTR client loses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::time::Duration;

use common::network::{Device, Talker};
use serde_json::json;
use xtask::clients::{Bitlbee, ChatClient, Mcabber, OtrState, Pidgin, Smp};
use xtask::pipe::Event;
use xtask::process::wait_until;
use xtask::servers::{Kind, Server, Setup};

const ALICE: &str = "alice@localhost";
const BOB: &str = "bob@localhost";

/// How long a program may take to show something on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is sent while the receiver is not there.
const MEANWHILE: [&str; 3] = ["while you were gone: one", "while you were gone: two", "while you were gone: three"];

/// Characters that IRC, HTML and XML each have their own ideas about.
const HARD: &str = "Grüße, it's \"1 < 2\" & 3 > 2 🦀";

/// A program of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Bitlbee,
    Mcabber,
    Pidgin,
}

impl Program {
    /// Bob's; `None` when it is not installed.
    fn log_in(self, server: &Server) -> Option<Box<dyn ChatClient>> {
        Some(match self {
            Self::Bitlbee => Box::new(Bitlbee::require(server, "bob").unwrap()?),
            Self::Mcabber => Box::new(Mcabber::require(server, "bob").unwrap()?),
            Self::Pidgin => Box::new(Pidgin::require(server, "bob").unwrap()?),
        })
    }

    /// What it makes of a text before it encrypts it: pidgin and bitlbee talk in HTML.
    fn encodes(self, text: &str) -> String {
        let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        match self {
            Self::Pidgin => html,
            Self::Bitlbee => html.replace('"', "&quot;"),
            Self::Mcabber => text.to_owned(),
        }
    }
}

/// One test for each row: server, program of the peer, version.
macro_rules! table {
    ($run:ident: $($name:ident: $server:ident, $program:ident, $version:literal;)*) => {
        $(#[test]
        fn $name() {
            $run(Kind::$server, Program::$program, $version);
        })*
    };
}

table! { talks:
    talks_with_bitlbee_over_prosody: Prosody, Bitlbee, 3;
    talks_with_bitlbee_over_prosody_in_version_2: Prosody, Bitlbee, 2;
    talks_with_bitlbee_over_ejabberd: Ejabberd, Bitlbee, 3;
    talks_with_bitlbee_over_ejabberd_in_version_2: Ejabberd, Bitlbee, 2;
    talks_with_pidgin_over_prosody: Prosody, Pidgin, 3;
    talks_with_pidgin_over_prosody_in_version_2: Prosody, Pidgin, 2;
    talks_with_pidgin_over_ejabberd: Ejabberd, Pidgin, 3;
    talks_with_pidgin_over_ejabberd_in_version_2: Ejabberd, Pidgin, 2;
    talks_with_mcabber_over_prosody: Prosody, Mcabber, 3;
    talks_with_mcabber_over_prosody_in_version_2: Prosody, Mcabber, 2;
    talks_with_mcabber_over_ejabberd: Ejabberd, Mcabber, 3;
    talks_with_mcabber_over_ejabberd_in_version_2: Ejabberd, Mcabber, 2;
}

table! { reads_what_came_meanwhile:
    a_killed_o2tr_reads_what_bitlbee_sent_over_prosody: Prosody, Bitlbee, 3;
    a_killed_o2tr_reads_what_bitlbee_sent_over_prosody_in_version_2: Prosody, Bitlbee, 2;
    a_killed_o2tr_reads_what_bitlbee_sent_over_ejabberd: Ejabberd, Bitlbee, 3;
    a_killed_o2tr_reads_what_bitlbee_sent_over_ejabberd_in_version_2: Ejabberd, Bitlbee, 2;
    a_killed_o2tr_reads_what_pidgin_sent_over_prosody: Prosody, Pidgin, 3;
    a_killed_o2tr_reads_what_pidgin_sent_over_prosody_in_version_2: Prosody, Pidgin, 2;
    a_killed_o2tr_reads_what_pidgin_sent_over_ejabberd: Ejabberd, Pidgin, 3;
    a_killed_o2tr_reads_what_pidgin_sent_over_ejabberd_in_version_2: Ejabberd, Pidgin, 2;
    a_killed_o2tr_reads_what_mcabber_sent_over_prosody: Prosody, Mcabber, 3;
    a_killed_o2tr_reads_what_mcabber_sent_over_prosody_in_version_2: Prosody, Mcabber, 2;
    a_killed_o2tr_reads_what_mcabber_sent_over_ejabberd: Ejabberd, Mcabber, 3;
    a_killed_o2tr_reads_what_mcabber_sent_over_ejabberd_in_version_2: Ejabberd, Mcabber, 2;
}

table! { loses_what_came_meanwhile:
    a_killed_bitlbee_loses_what_bitlbee_sent_over_prosody: Prosody, Bitlbee, 3;
    a_killed_bitlbee_loses_what_bitlbee_sent_over_ejabberd: Ejabberd, Bitlbee, 3;
    a_killed_bitlbee_loses_what_pidgin_sent_over_prosody: Prosody, Pidgin, 3;
    a_killed_bitlbee_loses_what_mcabber_sent_over_ejabberd: Ejabberd, Mcabber, 3;
}

/// Alice uses O2TR, Bob the program: she begins, they talk, compare secrets in both directions, and he ends it.
fn talks(kind: Kind, program: Program, version: u64) {
    let Some(server) = Server::require(kind, Setup::default()).unwrap() else { return };
    let Some(mut bob) = program.log_in(&server) else { return };
    let device = device(&server, version);
    let mut alice = arrive(&device);

    alice.command(&json!({"cmd": "query", "to": BOB}));
    let encrypted = alice.wait("encrypted");
    assert_eq!(encrypted.number("version"), Some(version));
    bob.wait_for_state(ALICE, OtrState::Unverified, PATIENCE).unwrap();
    let hers = alice.process.ready().text("fingerprint").unwrap().to_uppercase();
    assert_eq!(bob.peer_fingerprint(ALICE).unwrap(), Some(hers));
    if program != Program::Pidgin {
        assert_eq!(encrypted.text("fingerprint").unwrap().to_uppercase(), bob.fingerprint().unwrap());
    }
    talk(&mut alice, bob.as_mut(), program);

    // She asks, he answers; and the other way round, where he can with a question, and first she answers wrongly.
    alice.command(&json!({"cmd": "smp_start", "to": BOB, "secret": "xyzzy"}));
    bob.wait_for_smp(ALICE, &|smp| *smp == Smp::Asked(None), PATIENCE).unwrap();
    bob.answer_smp(ALICE, "xyzzy").unwrap();
    smp_result(&mut alice, "ok");
    bob.wait_for_smp(ALICE, &|smp| *smp == Smp::Succeeded, PATIENCE).unwrap();
    assert_eq!(alice.state(BOB).text("trust"), Some("verified"));
    let question = (program != Program::Mcabber).then_some("which one?");
    let asking = if question.is_some() { "ask_answer" } else { "ask_secret" };
    for (answer, result) in [("wrong", "fail"), ("right", "ok")] {
        bob.ask_smp(ALICE, question, "right").unwrap();
        let asked = alice.wait_until("to be asked", |event| event.text("result") == Some(asking));
        assert_eq!(asked.text("question"), question);
        alice.command(&json!({"cmd": "smp_respond", "to": BOB, "secret": answer}));
        smp_result(&mut alice, result);
    }

    bob.end_otr(ALICE).unwrap();
    alice.wait("finished");
}

/// Bob begins; Alice is killed, he sends three texts and does nothing else; she comes back and reads them.
fn reads_what_came_meanwhile(kind: Kind, program: Program, version: u64) {
    let Some(server) = Server::require(kind, Setup::default()).unwrap() else { return };
    let Some(mut bob) = program.log_in(&server) else { return };
    let device = device(&server, version);
    let mut alice = arrive(&device);
    bob.start_otr(ALICE).unwrap();
    assert_eq!(alice.wait("encrypted").number("version"), Some(version));
    bob.wait_for_state(ALICE, OtrState::Unverified, PATIENCE).unwrap();
    talk(&mut alice, bob.as_mut(), program);

    alice.kill();
    for text in MEANWHILE {
        bob.send(ALICE, text).unwrap();
    }
    let mut alice = device.start();
    assert_eq!(alice.process.ready().text("state"), Some("encrypted"));
    alice.wait("recovered");
    let texts = MEANWHILE.map(|_| alice.wait("plaintext"));
    let mut read = texts.each_ref().map(|text| text.text("text").unwrap());
    let mut sent = MEANWHILE;
    if kind == Kind::Ejabberd {
        // It hands over what the killed device had not acknowledged while newer messages take the direct way.
        read.sort_unstable();
        sent.sort_unstable();
    }
    assert_eq!(read, sent);
    for text in &texts {
        assert_eq!((text.flag("encrypted"), text.text("provenance")), (Some(true), Some("offline")));
    }
    assert_eq!(bob.otr_state(ALICE).unwrap(), OtrState::Unverified);

    // Both directions go on; his first text under keys of today refreshes the session.
    alice.send(BOB, "I have read it");
    bob.wait_for_text(ALICE, "I have read it", PATIENCE).unwrap();
    bob.send(ALICE, "so quickly").unwrap();
    assert_eq!(alice.wait("plaintext").text("text"), Some("so quickly"));
    alice.wait("refreshed");
    bob.send(ALICE, "and now?").unwrap();
    let live = alice.wait("plaintext");
    assert_eq!((live.text("text"), live.text("provenance")), (Some("and now?"), Some("live")));
    let rest = alice.rest();
    assert!(!rest.iter().any(|event| event.is("plaintext") || event.is("recovered")), "{rest:?}");
}

/// The same with bitlbee in the place of O2TR.
fn loses_what_came_meanwhile(kind: Kind, program: Program, version: u64) {
    assert_eq!(version, 3, "no program takes another one by itself");
    let Some(server) = Server::require(kind, Setup::default()).unwrap() else { return };
    let Some(mut bob) = program.log_in(&server) else { return };
    let Some(mut alice) = Bitlbee::require(&server, "alice").unwrap() else { return };
    wait_until("bob to be seen", PATIENCE, || Ok(alice.sees(BOB)?.then_some(()))).unwrap();
    bob.start_otr(ALICE).unwrap();
    alice.wait_for_state(BOB, OtrState::Unverified, PATIENCE).unwrap();
    bob.wait_for_state(ALICE, OtrState::Unverified, PATIENCE).unwrap();
    alice.send(BOB, "hello").unwrap();
    bob.wait_for_text(ALICE, "hello", PATIENCE).unwrap();
    bob.send(ALICE, "hi").unwrap();
    alice.wait_for_text(BOB, "hi", PATIENCE).unwrap();

    let Some(mut carol) = Bitlbee::require(&server, "carol").unwrap() else { return };
    wait_until("carol to see alice", PATIENCE, || Ok(carol.sees(ALICE)?.then_some(()))).unwrap();
    alice.kill().unwrap();
    // What a server sends into a dead connection is lost for anybody without stream management. That is another story:
    // here it knows that she is away.
    wait_until("alice to be gone", PATIENCE, || Ok((!carol.sees(ALICE)?).then_some(()))).unwrap();
    for text in MEANWHILE {
        bob.send(ALICE, text).unwrap();
    }
    alice.restart().unwrap();
    // They have arrived, and cannot be read.
    wait_until("a message that cannot be read", PATIENCE, || {
        Ok(alice.remarks(BOB)?.iter().any(|remark| remark.contains("unexpected encrypted message")).then_some(()))
    })
    .unwrap();
    // What comes after them does not bring them back.
    alice.start_otr(BOB).unwrap();
    alice.wait_for_state(BOB, OtrState::Unverified, PATIENCE).unwrap();
    alice.send(BOB, "hello again").unwrap();
    bob.wait_for_text(ALICE, "hello again", PATIENCE).unwrap();
    bob.send(ALICE, "hi again").unwrap();
    alice.wait_for_text(BOB, "hi again", PATIENCE).unwrap();
    let shown = alice.received(BOB).unwrap();
    assert!(!shown.iter().any(|text| MEANWHILE.iter().any(|lost| text.contains(lost))), "{shown:?}");
}

/// Alice's O2TR. Of two versions she would take the newer one.
fn device(server: &Server, version: u64) -> Device {
    let policy = if version == 2 { "v2,wsstart,errstart" } else { "v2,v3,wsstart,errstart" };
    Device::new(server, "alice", &["--peer", BOB, "--policy", policy])
}

/// Logs in and sees Bob, who then can reach her too.
fn arrive(device: &Device) -> Talker {
    let mut alice = device.log_in();
    alice.wait_until("bob to be there", |event| event.is("presence") && event.flag("online") == Some(true));
    alice
}

fn talk(alice: &mut Talker, bob: &mut dyn ChatClient, program: Program) {
    alice.send(BOB, HARD);
    assert_eq!(bob.wait_for_text(ALICE, "Grüße", PATIENCE).unwrap(), HARD);
    bob.send(ALICE, HARD).unwrap();
    let text = alice.wait("plaintext");
    assert_eq!(text.text("text"), Some(program.encodes(HARD).as_str()));
    assert_eq!((text.flag("encrypted"), text.text("provenance")), (Some(true), Some("live")));
}

fn smp_result(alice: &mut Talker, wanted: &str) {
    let over = |event: &Event| {
        event.is("smp") && matches!(event.text("result"), Some("ok" | "fail" | "abort" | "cheated" | "error"))
    };
    assert_eq!(alice.wait_until("the end of SMP", over).text("result"), Some(wanted));
}
