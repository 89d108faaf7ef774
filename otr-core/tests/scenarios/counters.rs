//! Counters: forged, repeated, at their end.

use otr_core::wire::Route;
use otr_core::{Event, Rejection, Settings};

use crate::forge::Forged;
use crate::pair::{Alice, Bob, Pair, Side, changed, header_len, quiet, quiet_v2, window};

/// Where the counter of a data message with a full-length next key stands.
fn counter_at(settings: &Settings) -> usize {
    let version =
        if settings.policy.allows(otr_core::Version::V3) { otr_core::Version::V3 } else { otr_core::Version::V2 };
    header_len(version) + 9 + 4 + 192
}

fn forged(pair: &mut Pair, side: Side, plaintext: &[u8]) -> Forged {
    let id = pair.end(side).id();
    pair.act(side, |peer, _, _| peer.prepare(id));
    let snapshot = pair.end(side).peer.snapshot();
    let own = pair.end(side).identity.instance();
    let peer = pair.end(side.other()).identity.instance();
    let route = match id.version {
        otr_core::Version::V2 => Route::V2,
        otr_core::Version::V3 => Route::V3 { sender: own, receiver: Some(peer) },
    };
    Forged::next(&snapshot, route, plaintext)
}

#[test]
fn a_forged_counter_of_max_blocks_nothing() {
    for settings in [quiet(), quiet_v2(), window()] {
        let mut pair = Pair::private(10, settings.clone());
        let line = pair.write(Alice, "genuine");
        let at = counter_at(&settings);
        let max = changed(&line, |message| message[at..at + 8].fill(0xff));
        pair.refuse(Bob, &max, Rejection::Unreadable { forged: true });
        pair.hand(Bob, &line);
        assert_eq!(pair.end(Bob).texts(), ["genuine"]);
    }
}

#[test]
fn a_counter_of_zero_is_never_read() {
    for settings in [quiet(), window()] {
        let mut pair = Pair::private(11, settings);
        let line = Forged { counter: 0, ..forged(&mut pair, Alice, b"zero") }.line();
        pair.refuse(Bob, &line, Rejection::Unreadable { forged: false });
    }
}

#[test]
fn an_authentic_counter_of_max_is_read_and_ends_nothing_but_its_key() {
    let mut pair = Pair::private(12, window());
    let max = Forged { counter: u64::MAX, ..forged(&mut pair, Alice, b"last") }.line();
    pair.hand(Bob, &max);
    // In the window the counters below are still free; under the strict rule they would not be.
    pair.say(Alice, "first");
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["last", "first"]);
    assert_eq!(pair.end(Bob).rejections(), []);

    let mut pair = Pair::private(12, quiet());
    let max = Forged { counter: u64::MAX, ..forged(&mut pair, Alice, b"last") }.line();
    pair.hand(Bob, &max);
    let line = pair.write(Alice, "first");
    pair.refuse(Bob, &line, Rejection::Replay { same: true });
    // Bob's answer turns the key, and with it the counter.
    pair.say(Bob, "turn");
    pair.run();
    pair.say(Alice, "again");
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["last", "again"]);
}

#[test]
fn a_send_counter_at_its_end_refuses_to_send() {
    let mut pair = Pair::private(13, quiet());
    pair.edit(Alice, |snapshot| crate::pair::ring(snapshot).counter = u64::MAX);
    let before = pair.end(Alice).state();
    let now = pair.now;
    let error = pair.act(Alice, |peer, _, _| peer.send(b"x", now)).unwrap_err();
    assert!(matches!(error, otr_core::SendError::Seal(otr_core::SealError::KeyExhausted { .. })));
    assert_eq!(pair.end(Alice).state(), before);
}

#[test]
fn an_exact_duplicate_is_silent() {
    let mut pair = Pair::private(14, window());
    let line = pair.write(Alice, "once");
    pair.hand(Bob, &line);
    let sent = pair.end(Bob).sent.len();
    let before = pair.end(Bob).state();
    for _ in 0..3 {
        let events = pair.events_of(Bob, &line);
        let [Event::Rejected(rejected)] = events[..] else { panic!("{events:?}") };
        assert_eq!(rejected.reason, Rejection::Replay { same: true });
        assert!(rejected.ignorable, "a user need not see it");
    }
    assert_eq!(pair.end(Bob).sent.len(), sent, "nothing is answered");
    assert_eq!(pair.end(Bob).state(), before);
    assert_eq!(pair.end(Bob).texts(), ["once"]);
}

#[test]
fn another_message_under_a_counter_that_was_used_is_told_apart() {
    let mut pair = Pair::private(15, window());
    let other = forged(&mut pair, Alice, b"from a copy of Alice").line();
    let line = pair.write(Alice, "from Alice");
    pair.hand(Bob, &line);
    pair.refuse(Bob, &other, Rejection::Replay { same: false });
    assert!(!pair.end(Bob).sent.is_empty(), "a clone is answered with an error");
}

#[test]
fn the_tail_of_revealed_keys_makes_no_other_message() {
    let mut pair = Pair::private(16, window());
    let line = pair.write(Alice, "text");
    pair.hand(Bob, &line);
    let tail = changed(&line, |message| {
        let end = message.len() - 4;
        message.truncate(end);
        message.extend_from_slice(&[0, 0, 0, 3, 1, 2, 3]);
    });
    pair.refuse(Bob, &tail, Rejection::Replay { same: true });
}

#[test]
fn a_forged_message_of_any_shape_changes_nothing() {
    for settings in [quiet(), quiet_v2(), window()] {
        let mut pair = Pair::private(17, settings);
        let line = pair.write(Alice, "text");
        let length = crate::pair::binary(&line).len();
        let before = pair.end(Bob).state();
        // Every byte but those of the old MAC keys, which nothing covers.
        for at in 0..length - 4 {
            let flipped = changed(&line, |message| message[at] ^= 0x11);
            let events = pair.events_of(Bob, &flipped);
            assert!(events.iter().all(|event| matches!(event, Event::Rejected(_))), "byte {at}: {events:?}");
        }
        assert_eq!(pair.end(Bob).state(), before);
        pair.hand(Bob, &line);
        assert_eq!(pair.end(Bob).texts(), ["text"]);
    }
}

#[test]
fn keys_of_our_own_or_of_the_peer_are_no_next_key() {
    for settings in [quiet(), window()] {
        let mut pair = Pair::private(18, settings);
        pair.say(Alice, "1");
        pair.run();
        pair.say(Bob, "2");
        pair.run();
        let ours = crate::pair::ring(&mut pair.end(Bob).peer.snapshot()).clone();
        let theirs = [Some(ours.their_newest), ours.their_previous];
        let own = [ours.our_newest.public, ours.our_previous.public];
        for next_dh in theirs.into_iter().chain(own).flatten() {
            let line = Forged { next_dh: next_dh.as_minimal().to_vec(), ..forged(&mut pair, Alice, b"loop") };
            pair.refuse(Bob, &line.line(), Rejection::Malformed);
        }
    }
}
