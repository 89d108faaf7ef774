//! The order of steps: every message in every state, results, trust, misuse.

use super::super::{MAX_QUESTION_LEN, SmpError, SmpEvent, SmpFault, SmpKind};
use super::*;

#[test]
fn every_message_in_every_state() {
    use SmpEvent::{Aborted, AskAnswer, AskSecret, InProgress, Success};
    let run = &*RUN;
    let with_question = Run::make(b"same", b"same", Some(b"who?")).one;
    let messages = [
        ("1", run.one.clone()),
        ("1Q", with_question),
        ("2", run.two.clone()),
        ("3", run.three.clone()),
        ("4", run.four.clone()),
        ("abort", SmpMessage::Abort),
    ];
    let states = [SmpState::Idle, run.asked.clone(), run.expect2.clone(), run.expect3.clone(), run.expect4.clone()];
    let ask = || AskAnswer { question: b"who?".to_vec() };
    // State, message; state, reply, event afterwards. What is not listed is out of turn.
    let in_turn = [
        ("idle", "1", "asked", None, AskSecret),
        ("idle", "1Q", "asked", None, ask()),
        ("asked", "1", "asked", None, AskSecret),
        ("asked", "1Q", "asked", None, ask()),
        ("expect 2", "2", "expect 4", Some(SmpKind::Three), InProgress),
        ("expect 3", "3", "idle", Some(SmpKind::Four), Success),
        ("expect 4", "4", "idle", None, Success),
        ("idle", "abort", "idle", None, Aborted),
        ("asked", "abort", "idle", None, Aborted),
        ("expect 2", "abort", "idle", None, Aborted),
        ("expect 3", "abort", "idle", None, Aborted),
        ("expect 4", "abort", "idle", None, Aborted),
    ];
    let mut out_of_turn = 0;
    for state in &states {
        for (message_name, message) in &messages {
            let mut smp = Smp::restore(state.clone());
            let outcome = smp.handle(message.clone(), &mut rng(2));
            let reply = outcome.reply.as_ref().map(SmpMessage::kind);
            let found = (name(&smp.snapshot()), reply, outcome.event.clone());
            let listed = in_turn.iter().find(|row| (row.0, row.1) == (name(state), message_name));
            let expected = listed.map_or_else(
                || {
                    out_of_turn += 1;
                    ("idle", Some(SmpKind::Abort), SmpEvent::Error(SmpFault::Unexpected(message.kind())))
                },
                |row| (row.2, row.3, row.4.clone()),
            );
            assert_eq!(found, expected, "{} receives {message_name}", name(state));
            assert_eq!(outcome.trust.is_some(), outcome.event == Success);
        }
    }
    assert_eq!(out_of_turn, 5 * 6 - in_turn.len());
}

#[test]
fn results_and_trust() {
    for (bob_secret, equal) in [(&b"same"[..], true), (b"Same", false), (b"", false)] {
        for question in [None, Some(&b"who?"[..])] {
            let run = Run::make(b"same", bob_secret, question);
            let event = if equal { SmpEvent::Success } else { SmpEvent::Failure };
            let bob = Smp::restore(run.expect3).handle(run.three, &mut rng(3));
            assert_eq!((bob.event, bob.trust), (event.clone(), question.is_none().then_some(equal)));
            let alice = Smp::restore(run.expect4).handle(run.four, &mut rng(3));
            assert_eq!((alice.event, alice.trust), (event, Some(equal)));
        }
    }
}

#[test]
fn secrets_are_bound_to_session_and_keys() {
    for at_bob in [
        SmpContext { ssid: &[8; 8], ..BOB },
        SmpContext { theirs: &[0xc; 20], ..BOB },
        SmpContext { ours: &[0xc; 20], ..BOB },
        ALICE,
    ] {
        let mut rng = rng(4);
        let mut bob = Smp::restore(RUN.asked.clone());
        let two = bob.respond(b"same", at_bob, &mut rng).unwrap();
        let three = Smp::restore(RUN.expect2.clone()).handle(two, &mut rng).reply.unwrap();
        assert_eq!(bob.handle(three, &mut rng).event, SmpEvent::Failure);
    }
}

#[test]
fn a_restart_sends_an_abort_first() {
    let run = &*RUN;
    for state in [&run.asked, &run.expect2, &run.expect3, &run.expect4] {
        let mut smp = Smp::restore(state.clone());
        let started = smp.start(b"again", None, ALICE, &mut rng(5)).unwrap();
        assert_eq!(started.abort, Some(SmpMessage::Abort), "{}", name(state));
        assert_eq!(name(&smp.snapshot()), "expect 2");
        // The peer gets both in this order and is asked anew.
        let mut peer = Smp::restore(run.expect3.clone());
        assert_eq!(peer.handle(SmpMessage::Abort, &mut rng(5)).event, SmpEvent::Aborted);
        assert_eq!(peer.handle(started.message, &mut rng(5)).event, SmpEvent::AskSecret);
    }
    let mut idle = Smp::default();
    assert_eq!(idle.start(b"first", None, ALICE, &mut rng(5)).unwrap().abort, None);
}

#[test]
fn a_second_message_1_replaces_the_first() {
    let mut rng = rng(6);
    let (mut alice, mut bob) = (Smp::default(), Smp::restore(RUN.asked.clone()));
    let one = alice.start(b"new", Some(b"new?"), ALICE, &mut rng).unwrap().message;
    assert_eq!(bob.handle(one, &mut rng).event, SmpEvent::AskAnswer { question: b"new?".to_vec() });
    let two = bob.respond(b"new", BOB, &mut rng).unwrap();
    let three = alice.handle(two, &mut rng).reply.unwrap();
    let outcome = bob.handle(three, &mut rng);
    assert_eq!((outcome.event, outcome.trust), (SmpEvent::Success, None));
}

#[test]
fn both_start_at_once_and_both_runs_end() {
    let mut rng = rng(7);
    let (mut alice, mut bob) = (Smp::default(), Smp::default());
    let from_alice = alice.start(b"s", None, ALICE, &mut rng).unwrap().message;
    let from_bob = bob.start(b"s", None, BOB, &mut rng).unwrap().message;
    for (smp, message) in [(&mut alice, from_bob), (&mut bob, from_alice)] {
        let outcome = smp.handle(message, &mut rng);
        assert_eq!(outcome.event, SmpEvent::Error(SmpFault::Unexpected(SmpKind::One)));
        assert_eq!(outcome.reply, Some(SmpMessage::Abort));
    }
    for smp in [&mut alice, &mut bob] {
        let outcome = smp.handle(SmpMessage::Abort, &mut rng);
        assert_eq!((outcome.event, outcome.reply), (SmpEvent::Aborted, None));
        assert!(!smp.is_running());
    }
}

#[test]
fn the_user_ends_a_run_or_the_session_does() {
    let run = &*RUN;
    for state in [&run.asked, &run.expect2, &run.expect3, &run.expect4] {
        let mut smp = Smp::restore(state.clone());
        assert_eq!(smp.abort(), SmpMessage::Abort);
        assert!(!smp.is_running());
        let mut smp = Smp::restore(state.clone());
        assert!(smp.reset());
        assert!(!smp.is_running() && !smp.reset());
    }
    assert_eq!(Smp::default().abort(), SmpMessage::Abort);
}

#[test]
fn an_answer_needs_a_question() {
    let run = &*RUN;
    for state in [&SmpState::Idle, &run.expect2, &run.expect3, &run.expect4] {
        let mut smp = Smp::restore(state.clone());
        assert!(!smp.is_asked());
        assert_eq!(smp.respond(b"same", BOB, &mut rng(8)), Err(SmpError::NotAsked));
        assert_eq!(name(&smp.snapshot()), name(state));
    }
    assert!(Smp::restore(run.asked.clone()).is_asked());
}

#[test]
fn a_refused_question_changes_nothing() {
    let mut smp = Smp::restore(RUN.expect4.clone());
    let long = vec![b'?'; MAX_QUESTION_LEN + 1];
    let error = smp.start(b"s", Some(&long), ALICE, &mut rng(9)).unwrap_err();
    assert_eq!(error, SmpError::QuestionLength(long.len()));
    assert_eq!(smp.start(b"s", Some(b"a\0b"), ALICE, &mut rng(9)).unwrap_err(), SmpError::QuestionNul);
    assert_eq!(name(&smp.snapshot()), "expect 4");
    let started = smp.start(b"s", Some(&long[1..]), ALICE, &mut rng(9)).unwrap();
    assert!(started.message.encode_value().len() < usize::from(u16::MAX));
}

#[test]
fn percentages_are_those_of_libotr() {
    let fault = SmpFault::Random;
    let events = [
        (SmpEvent::AskSecret, 25),
        (SmpEvent::AskAnswer { question: Vec::new() }, 25),
        (SmpEvent::InProgress, 60),
        (SmpEvent::Success, 100),
        (SmpEvent::Failure, 100),
        (SmpEvent::Aborted, 0),
        (SmpEvent::Cheated(fault), 0),
        (SmpEvent::Error(fault), 0),
    ];
    for (event, percent) in events {
        assert_eq!(event.percent(), percent, "{event:?}");
    }
}
