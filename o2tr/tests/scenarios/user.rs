//! The user's word: end, clear, cancel; and what the peer's end means.

use o2tr::conversation::{Event, Hold, Privacy, SendError};
use o2tr::settings::{AbsentPolicy, Settings};
use otr_core::Policy;

use crate::common::Pair;

#[test]
fn an_end_tells_the_peer_and_forgets() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.end(0);
    let record = pair.ends[0].record();
    assert!(record.peer.sessions.is_empty() && record.sessions.is_empty() && record.retained.is_empty());
    assert!(record.was_private.is_none());
    pair.settle();
    assert_eq!(pair.ends[1].conversation.view().privacy, Privacy::Finished);
    pair.send(0, "in clear, as the user wanted");
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["in clear, as the user wanted"]);
}

#[test]
fn in_finished_a_text_is_held_and_that_survives_a_restart() {
    for legacy in [false, true] {
        let mut pair = if legacy { Pair::with_legacy(Settings::default()) } else { Pair::new(Settings::default()) };
        pair = pair.talking();
        pair.end(1);
        pair.settle();
        assert!(pair.ends[0].has(|event| matches!(event, Event::Finished { .. })));
        pair.restart(0);
        assert_eq!(pair.ends[0].conversation.view().privacy, Privacy::Finished);
        pair.send(0, "held");
        assert!(pair.ends[0].has(|event| matches!(event, Event::Paused { reason: Hold::NoSession, .. })));
        assert!(pair.ends[1].incoming.is_empty());
        pair.restart(0);
        pair.wait(600);
        assert!(pair.ends[1].incoming.is_empty());
        assert_eq!((pair.ends[0].conversation.view().privacy, pair.ends[0].queued()), (Privacy::Finished, 1));
        pair.start(0);
        pair.wait(30);
        assert_eq!(pair.ends[1].texts(), ["held"], "legacy {legacy}");
    }
}

#[test]
fn one_text_leaves_in_clear_by_command_and_the_next_does_not() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.ends[0].watch.commanded.insert(b"in clear".to_vec());
    pair.turn(0, |conversation, now, rng| conversation.send_clear(b"in clear", now, rng)).unwrap().unwrap();
    assert_eq!(pair.ends[1].incoming, [b"in clear".to_vec()]);
    pair.send(0, "encrypted");
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["in clear", "encrypted"]);
}

#[test]
fn a_text_that_waits_can_be_cancelled() {
    let mut pair = Pair::new(Settings::default()).talking();
    for number in 0..6 {
        pair.send(0, &number.to_string());
    }
    let waits = pair.ends[0].conversation.outbox().last().unwrap().id.clone();
    let left = pair.ends[0].conversation.outbox()[0].id.clone();
    let cancel =
        |pair: &mut Pair, id: &str| pair.turn(0, |conversation, now, rng| conversation.cancel(id, now, rng)).unwrap();
    assert_eq!(cancel(&mut pair, &left), Err(SendError::AlreadyLeft(left)));
    pair.ends[0].watch.cancelled(&waits);
    assert_eq!(cancel(&mut pair, &waits), Ok(()));
    assert_eq!(cancel(&mut pair, &waits), Err(SendError::UnknownId(waits)));
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["0", "1", "2", "3", "4"]);
}

#[test]
fn a_text_for_an_absent_plain_client_waits_until_it_is_back() {
    let mut pair = Pair::with_legacy(Settings::default()).talking();
    pair.presence(0, false);
    pair.send(0, "are you there?");
    assert!(pair.ends[0].has(|event| matches!(event, Event::Paused { reason: Hold::PeerAway, queued: 1 })));
    assert!(pair.ends[1].incoming.is_empty());
    pair.restart(0);
    pair.presence(0, false);
    pair.wait(3600);
    assert!(pair.ends[1].incoming.is_empty());
    pair.presence(0, true);
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["are you there?"]);
}

#[test]
fn a_text_for_an_absent_plain_client_leaves_if_the_user_wants_it() {
    let settings = Settings { absent: AbsentPolicy::Send, ..Settings::default() };
    let mut pair = Pair::with_legacy(settings).talking();
    pair.presence(0, false);
    pair.send(0, "for later");
    assert_eq!(pair.ends[1].incoming.len(), 1);
}

#[test]
fn a_text_for_an_absent_o2tr_peer_leaves_at_once() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.presence(0, false);
    pair.kill(1);
    pair.send(0, "for later");
    assert_eq!(pair.ends[1].incoming.len(), 1);
    pair.restart(1);
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["for later"]);
}

#[test]
fn where_encryption_is_required_texts_wait_and_leave_in_order() {
    for legacy in [false, true] {
        let settings = Settings { policy: Policy::OPPORTUNISTIC | Policy::REQUIRE_ENCRYPTION, ..Settings::default() };
        let mut pair = if legacy { Pair::with_legacy(settings) } else { Pair::new(settings) };
        for text in ["one", "two", "three"] {
            pair.send(0, text);
        }
        assert_eq!(pair.ends[0].count(|event| matches!(event, Event::Paused { reason: Hold::NoSession, .. })), 3);
        pair.restart(0);
        pair.settle();
        pair.wait(30);
        assert_eq!(pair.ends[1].texts(), ["one", "two", "three"], "legacy {legacy}");
        assert_eq!(pair.ends[0].queued(), 0);
    }
}

#[test]
fn a_text_that_waited_for_a_session_leaves_when_the_peer_comes() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.caught_up(0);
    pair.kill(1);
    pair.wait(15 * 24 * 3600);
    pair.intercept(1);
    pair.presence(0, false);
    pair.send(0, "while you were away");
    // The server keeps our offer, and the peer does not answer it by itself.
    pair.restart(1);
    let lines = pair.intercept(1);
    pair.deliver_all(1, &lines, &crate::common::late());
    assert_eq!(pair.ends[0].queued(), 1);
    pair.wait(120);
    pair.presence(0, true);
    pair.settle();
    pair.wait(30);
    assert_eq!(pair.ends[1].texts(), ["while you were away"]);
}

#[test]
fn more_than_can_be_kept_is_refused_and_nothing_is_poisoned() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.kill(1);
    let long = vec![b'x'; 200 << 10];
    let mut refused = 0;
    for _ in 0..12 {
        let sent = pair.turn(0, |conversation, now, rng| conversation.send(&long, None, now, rng)).unwrap();
        refused += usize::from(sent == Err(SendError::OutboxFull));
    }
    assert_eq!(refused, 7);
    assert!(!pair.ends[0].conversation.is_poisoned());
    pair.restart(0);
    assert_eq!(pair.ends[0].conversation.outbox().len(), 5);
}

#[test]
fn what_the_application_does_not_take_fills_up_and_then_nothing_more_is_read() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.ends[1].acknowledges = false;
    for number in 0..12 {
        let long = vec![b'a' + number; 150 << 10];
        let sent = pair.turn(0, |conversation, now, rng| conversation.send(&long, None, now, rng)).unwrap();
        if sent == Err(SendError::OutboxFull) {
            break;
        }
        let lines = pair.intercept(1);
        pair.deliver_all(1, &lines, &o2tr::transport::Evidence::LIVE);
        pair.settle();
    }
    use o2tr::conversation::Rejection;
    assert!(pair.ends[1].has(|event| matches!(event, Event::Rejected(Rejection::OverLimit))));
    assert!(!pair.ends[1].conversation.is_poisoned());
    pair.restart(1);
}
