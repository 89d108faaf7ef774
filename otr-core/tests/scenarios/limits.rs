//! Keys that may be used no more, and keyids at their end.

use otr_core::{Event, SealError, SendError, Settings, State};

use crate::pair::{Alice, Bob, Pair, quiet, ring, window};

fn exhausted(uses: u32) -> SendError {
    SendError::Seal(SealError::KeyExhausted { uses })
}

#[test]
fn a_key_encrypts_exactly_as_many_messages_as_it_may() {
    for limit in [1, 2, 5] {
        let mut pair = Pair::private(120, Settings { key_limit: Some(limit), ..window() });
        let id = pair.end(Alice).id();
        for round in 0..3 {
            // Messages of all kinds count.
            for number in 0..limit {
                pair.act(Alice, |peer, now, _| match number % 3 {
                    0 => peer.send(b"text", now),
                    1 => peer.send_silent(id, &[], now),
                    _ => peer.send_extra_key(id, 1, b"", now).map(|_| ()),
                })
                .unwrap();
                assert_eq!(pair.end(Alice).view().uses_of_key, number + 1);
            }
            let before = pair.end(Alice).state();
            let refused = pair.act(Alice, |peer, now, _| peer.send(b"text", now)).unwrap_err();
            assert_eq!(refused, exhausted(limit), "round {round}");
            assert!(pair.act(Alice, |peer, now, _| peer.send_extra_key(id, 1, b"", now)).is_err());
            assert!(pair.act(Alice, |peer, now, rng| peer.start_smp(id, b"x", None, now, rng)).is_err());
            assert_eq!(pair.end(Alice).state(), before);
            // A verified message with a newer key frees it, and nothing else.
            pair.run();
            pair.say(Bob, "turn");
            pair.run();
            assert_eq!(pair.end(Alice).view().uses_of_key, 0);
        }
    }
}

#[test]
fn the_count_survives_a_restart() {
    let mut pair = Pair::private(121, Settings { key_limit: Some(3), ..quiet() });
    pair.say(Alice, "1");
    pair.say(Alice, "2");
    pair.restart(Alice, otr_core::Leap::new(12345));
    pair.say(Alice, "3");
    assert_eq!(pair.act(Alice, |peer, now, _| peer.send(b"4", now)), Err(exhausted(3)));
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["1", "2", "3"]);
}

#[test]
fn a_session_at_its_limit_ends_without_a_word() {
    let mut pair = Pair::private(122, Settings { key_limit: Some(1), ..quiet() });
    pair.say(Alice, "1");
    pair.run();
    let sent = pair.end(Alice).sent.len();
    pair.act(Alice, |peer, now, _| peer.end(now));
    assert_eq!(pair.end(Alice).sent.len(), sent);
    assert_eq!(pair.end(Alice).peer.state(), State::Plaintext);
}

#[test]
fn a_renewed_session_starts_to_count_anew() {
    let mut pair = Pair::private(123, Settings { key_limit: Some(1), ..quiet() });
    pair.say(Alice, "1");
    pair.run();
    pair.act(Bob, |peer, _, _| peer.start());
    pair.run();
    pair.say(Alice, "2");
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["1", "2"]);
}

#[test]
fn a_peer_at_the_last_keyid_goes_on_without_rotation() {
    for settings in [quiet(), window()] {
        let mut pair = Pair::private(124, settings);
        // As if Alice had brought keyid 0xffffffff into the AKE.
        pair.edit(Bob, |snapshot| {
            let ring = ring(snapshot);
            ring.their_keyid = u32::MAX;
            ring.epochs = vec![(0, u32::MAX)];
        });
        let id = pair.end(Alice).id();
        pair.act(Alice, |peer, _, _| peer.prepare(id));
        for number in 1..4 {
            let snapshot = pair.end(Alice).peer.snapshot();
            let route = otr_core::wire::Route::V3 {
                sender: pair.end(Alice).identity.instance(),
                receiver: Some(pair.end(Bob).identity.instance()),
            };
            let mut forged = crate::forge::Forged::next(&snapshot, route, b"at the end");
            forged.keyids.0 = u32::MAX;
            forged.counter = number;
            let events = pair.events_of(Bob, &forged.line());
            assert!(events.iter().any(|event| matches!(event, Event::KeyidsExhausted { .. })), "{events:?}");
            assert!(events.iter().any(|event| matches!(event, Event::Message(_))));
            assert_eq!(pair.end(Bob).view().keyids.1, u32::MAX);
        }
        // Bob still sends, to the key that he has.
        pair.say(Bob, "heard");
        assert_eq!(pair.end(Bob).peer.state(), State::Encrypted);
        // A new AKE heals it.
        pair.end_mut(Bob).forget_past();
        pair.act(Bob, |peer, _, _| peer.start());
        pair.run();
        pair.say(Alice, "new keys");
        pair.run();
        assert_eq!(pair.end(Bob).texts().last().map(String::as_str), Some("new keys"));
    }
}

#[test]
fn keyids_out_of_reach_are_refused() {
    let mut pair = Pair::private(125, quiet());
    let id = pair.end(Alice).id();
    pair.act(Alice, |peer, _, _| peer.prepare(id));
    let snapshot = pair.end(Alice).peer.snapshot();
    let route = otr_core::wire::Route::V3 {
        sender: pair.end(Alice).identity.instance(),
        receiver: Some(pair.end(Bob).identity.instance()),
    };
    for keyids in [(0, 1), (1, 0), (0, 0), (2, 1), (1, 3), (u32::MAX, 1), (1, u32::MAX), (u32::MAX, u32::MAX)] {
        let forged = crate::forge::Forged { keyids, ..crate::forge::Forged::next(&snapshot, route, b"x") };
        pair.refuse(Bob, &forged.line(), otr_core::Rejection::Unreadable { forged: false });
    }
}

#[test]
fn a_store_that_was_rolled_back_repeats_no_counter_after_a_rotation_either() {
    // Bob sends under the key that his stored state holds as his next, is rolled back to before, and is led there
    // again by the same message of Alice.
    let mut pair = Pair::private(126, window());
    pair.say(Bob, "to make Alice turn");
    pair.run();
    let old = pair.end(Bob).peer.snapshot();
    let turn = pair.write(Alice, "turn");
    pair.hand(Bob, &turn);
    let message = |line: Vec<u8>| {
        let binary = crate::pair::binary(&line);
        let message = otr_core::wire::DataMessage::parse(&binary).unwrap();
        (message.sender_keyid, message.recipient_keyid, message.counter)
    };
    assert_eq!(message(pair.write(Bob, "one")), (2, 2, 1));
    pair.restore(Bob, old.clone(), otr_core::Leap::new(1000));
    pair.hand(Bob, &turn);
    assert_eq!(message(pair.write(Bob, "two")), (2, 2, 1001));
    // A second copy leaps elsewhere, and both go on so after a further restart.
    pair.restore(Bob, old, otr_core::Leap::new(5000));
    pair.hand(Bob, &turn);
    pair.restart(Bob, otr_core::Leap::new(7));
    assert_eq!(message(pair.write(Bob, "three")), (2, 2, 5008));
}
