//! SMP inside sessions that move under it.

use otr_core::smp::SmpEvent;
use otr_core::wire::{DataFlags, Tlv, tlv_type};
use otr_core::{SealError, SendError, Settings, SmpSendError, State};

use crate::pair::{Alice, Bob, Pair, Side, quiet};

fn start(pair: &mut Pair, side: Side) {
    let id = pair.end(side).id();
    pair.act(side, |peer, now, rng| peer.start_smp(id, b"plum", None, now, rng)).unwrap();
}

fn respond(pair: &mut Pair, side: Side) {
    let id = pair.end(side).id();
    pair.act(side, |peer, now, rng| peer.respond_smp(id, b"plum", now, rng)).unwrap();
}

fn send(pair: &mut Pair, side: Side, text: &[u8], tlvs: &[Tlv]) {
    let id = pair.end(side).id();
    pair.act(side, |peer, now, _| peer.send_in(id, text, tlvs, DataFlags::empty(), now)).unwrap();
}

/// A pair in each point of a run. Alice started it.
fn points() -> Vec<Pair> {
    (0..4)
        .map(|steps| {
            let mut pair = Pair::private(5, quiet());
            if steps > 0 {
                start(&mut pair, Alice);
            }
            if steps > 1 {
                pair.deliver(Alice);
            }
            if steps > 2 {
                respond(&mut pair, Bob);
            }
            pair
        })
        .collect()
}

#[test]
fn equal_secrets_are_found_equal_in_a_session() {
    let mut pair = points().pop().unwrap();
    pair.run();
    assert_eq!(pair.end(Alice).smp_events(), [SmpEvent::InProgress, SmpEvent::Success]);
    assert_eq!(pair.end(Bob).smp_events(), [SmpEvent::AskSecret, SmpEvent::Success]);
}

#[test]
fn a_session_that_ends_takes_its_run_with_it() {
    for ends in [Alice, Bob] {
        for (point, mut pair) in points().into_iter().enumerate() {
            pair.act(ends, |peer, now, _| peer.end(now));
            pair.run();
            assert_eq!(pair.end(ends).peer.state(), State::Plaintext);
            assert_eq!(pair.end(ends.other()).peer.state(), State::Finished, "point {point}");
            let aborted = pair.end(ends.other()).smp_events().contains(&SmpEvent::Aborted);
            assert_eq!(aborted, point > 0, "{ends:?} ends at point {point}");
            // A new session knows nothing of the run.
            pair.ake();
            start(&mut pair, Bob);
            pair.run();
            respond(&mut pair, Alice);
            pair.run();
            assert_eq!(pair.end(Bob).smp_events().last(), Some(&SmpEvent::Success));
        }
    }
}

#[test]
fn a_renewed_session_aborts_the_run() {
    for mut pair in points().into_iter().skip(1).take(2) {
        pair.run();
        pair.act(Bob, |peer, _, _| peer.start());
        pair.run();
        for side in [Alice, Bob] {
            assert_eq!(pair.end(side).smp_events().last(), Some(&SmpEvent::Aborted));
            assert!(!pair.end(side).view().smp_running);
        }
    }
}

#[test]
fn a_run_continues_after_a_restart_in_the_middle() {
    for mut pair in points().into_iter().skip(1) {
        for side in [Alice, Bob] {
            pair.restart(side, None);
        }
        pair.run();
        if pair.end(Bob).smp_events() == [SmpEvent::AskSecret] {
            respond(&mut pair, Bob);
            pair.run();
        }
        assert_eq!(pair.end(Alice).smp_events().last(), Some(&SmpEvent::Success));
    }
}

#[test]
fn every_record_in_every_state() {
    for kind in tlv_type::SMP_1..=tlv_type::SMP_1_QUESTION {
        for value in [Vec::new(), vec![0xff; 4], vec![0; 8], b"why?\0\0\0\0\x06".to_vec()] {
            for (point, mut pair) in points().into_iter().enumerate() {
                for from in [Alice, Bob] {
                    pair.run();
                    send(&mut pair, from, b"", &[Tlv::new(kind, value.clone()).unwrap()]);
                    pair.run();
                    assert!(!pair.end(from.other()).view().smp_running, "{kind} at point {point}");
                }
                // The session is none the worse for it, and the next run succeeds.
                start(&mut pair, Alice);
                pair.run();
                respond(&mut pair, Bob);
                pair.run();
                assert_eq!(pair.end(Alice).smp_events().last(), Some(&SmpEvent::Success));
            }
        }
    }
}

#[test]
fn several_records_in_one_message() {
    let mut pair = Pair::private(6, quiet());
    let abort = Tlv::empty(tlv_type::SMP_ABORT);
    let bad = |kind| Tlv::new(kind, vec![1, 2, 3]).unwrap();
    // All kinds at once, twice each: of every kind the first is looked at, in the order 7, 2, 3, 4, 5, 6.
    let tlvs: Vec<_> = [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 7]
        .into_iter()
        .map(|kind| if kind == 6 { abort.clone() } else { bad(kind) })
        .collect();
    send(&mut pair, Alice, b"text in front", &tlvs);
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["text in front"]);
    let events = pair.end(Bob).smp_events();
    assert_eq!(events.len(), 6);
    let refused = |event: &SmpEvent| matches!(event, SmpEvent::Cheated(_) | SmpEvent::Error(_));
    assert!(events[..5].iter().all(refused), "{events:?}");
    assert_eq!(events[5], SmpEvent::Aborted);
    // Five aborts came back, and none of them was answered.
    assert_eq!(pair.end(Alice).smp_events(), vec![SmpEvent::Aborted; 5]);
}

#[test]
fn a_disconnect_beside_smp_wins() {
    let mut pair = Pair::private(7, quiet());
    start(&mut pair, Bob);
    pair.run();
    let tlvs = [Tlv::empty(tlv_type::SMP_ABORT), Tlv::empty(tlv_type::DISCONNECTED)];
    send(&mut pair, Alice, b"bye", &tlvs);
    pair.run();
    assert_eq!(pair.end(Bob).peer.state(), State::Finished);
    assert_eq!(pair.end(Bob).smp_events(), [SmpEvent::Aborted]);
}

#[test]
fn an_answer_that_may_not_leave_ends_the_run_at_the_end_of_its_events() {
    // Alice has used her key up when message 2 arrives: message 3 cannot leave.
    let mut pair = Pair::private(8, Settings { key_limit: Some(2), ..quiet() });
    start(&mut pair, Alice);
    pair.deliver(Alice);
    respond(&mut pair, Bob);
    let two = pair.take(Bob);
    pair.act(Alice, |peer, _, _| peer.settings_mut().key_limit = Some(0));
    pair.hand(Alice, &two);
    assert_eq!(pair.end(Alice).smp_events(), [SmpEvent::InProgress, SmpEvent::Aborted]);
    assert!(!pair.end(Alice).view().smp_running);
    assert!(pair.end(Alice).wire.is_empty());
}

#[test]
fn an_answer_and_an_abort_need_one_use_of_a_key_and_a_restart_needs_two() {
    let limited = Settings { key_limit: Some(1), ..quiet() };
    let mut pair = Pair::private(90, limited);
    let (alice, bob) = (pair.end(Alice).id(), pair.end(Bob).id());
    pair.act(Alice, |peer, now, rng| peer.start_smp(alice, b"secret", None, now, rng)).unwrap();
    assert!(pair.deliver(Alice));
    let restarted = pair.act(Bob, |peer, now, rng| peer.start_smp(bob, b"secret", None, now, rng));
    assert!(matches!(restarted, Err(SmpSendError::Send(SendError::Seal(SealError::KeyExhausted { uses: 0 })))));
    let before = pair.end(Bob).peer.snapshot();
    pair.act(Bob, |peer, now, rng| peer.respond_smp(bob, b"secret", now, rng)).unwrap();
    pair.restore(Bob, before, None);
    pair.act(Bob, |peer, now, _| peer.abort_smp(bob, now)).unwrap();
}
