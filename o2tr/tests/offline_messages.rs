//! The paper's case: one end loses its session, the other goes on writing.

mod common;

use common::Pair;
use o2tr::conversation::{Event, Hold, Refresh};
use o2tr::settings::Settings;

#[test]
fn messages_written_while_the_reader_is_away_are_read_and_the_session_is_refreshed() {
    let mut pair = Pair::new(Settings::default());
    pair.start(0);
    pair.send(0, "hello");
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["hello"]);
    pair.send(1, "hi");
    pair.settle();
    assert_eq!(pair.ends[0].texts(), ["hi"]);

    pair.kill(1);
    for text in ["one", "two", "three"] {
        pair.send(0, text);
    }
    pair.restart(1);
    pair.settle();
    assert!(pair.ends[1].has(|event| matches!(event, Event::Recovered { .. })));
    assert_eq!(pair.ends[1].texts(), ["one", "two", "three"]);
    pair.wait(5);
    pair.send(0, "are you back?");
    pair.settle();
    assert!(pair.ends[1].has(|event| matches!(event, Event::Refreshed { how: Refresh::Ratchet, .. })));
    assert_eq!(pair.ends[1].texts(), ["are you back?"]);
    pair.send(1, "I am");
    pair.settle();
    assert_eq!(pair.ends[0].texts(), ["I am"]);
}

#[test]
fn the_key_encrypts_k_messages_and_the_rest_waits_in_order() {
    let mut pair = Pair::new(Settings::default());
    pair.start(0);
    pair.send(0, "hello");
    pair.settle();
    pair.send(1, "hi");
    pair.settle();
    pair.ends[1].texts();
    pair.kill(1);
    for number in 0..8 {
        pair.send(0, &number.to_string());
    }
    assert_eq!(pair.ends[1].incoming.len(), 5);
    assert_eq!(pair.ends[0].conversation.view().queued, 3);
    pair.kill(0);
    pair.restart(0);
    pair.restart(1);
    pair.settle();
    pair.wait(120);
    assert_eq!(pair.ends[1].texts(), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(pair.ends[0].conversation.view().queued, 0);
}

#[test]
fn what_leaves_at_once_neither_pauses_nor_resumes() {
    let mut pair = Pair::new(Settings::default());
    pair.start(0);
    pair.send(0, "hello");
    pair.settle();
    assert!(!pair.ends[0].has(|event| matches!(event, Event::Paused { .. } | Event::Resumed)));
}

#[test]
fn a_peer_that_keeps_nothing_is_not_written_to_while_it_is_away() {
    let mut pair = Pair::with(Settings::default(), Settings { keeps_keys: false, ..Settings::default() });
    pair.start(0);
    for (side, text) in [(0, "hello"), (1, "hi")] {
        pair.send(side, text);
        pair.settle();
    }
    assert!(pair.ends[1].conversation.view().peer_keeps_keys);
    assert!(!pair.ends[0].conversation.view().peer_keeps_keys);
    let (now, rng) = (pair.now, &mut pair.rng);
    pair.ends[0].conversation.handle_presence(false, now, rng);
    pair.send(0, "still there?");
    assert_eq!(pair.ends[0].conversation.outbox().last().and_then(|text| text.reason), Some(Hold::PeerAway));
}

#[test]
fn a_key_that_nobody_was_told_of_is_replaced_so_one_answer_refreshes() {
    let mut pair = Pair::new(Settings::default());
    pair.start(0);
    // Nothing was said since the handshake: the key that end 1 will announce next is in its store already.
    pair.kill(1);
    pair.send(0, "first words");
    pair.restart(1);
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["first words"]);
    pair.wait(5);
    pair.send(0, "are you back?");
    pair.settle();
    assert!(pair.ends[1].has(|event| matches!(event, Event::Refreshed { how: Refresh::Ratchet, .. })));
}

#[test]
fn a_key_that_was_announced_before_the_restart_does_not_count_as_fresh() {
    let mut pair = Pair::new(Settings::default());
    pair.start(0);
    for (side, text) in [(0, "hello"), (1, "hi")] {
        pair.send(side, text);
        pair.settle();
    }
    // End 1 has announced its newest key and dies; its peer uses that key, which is in the store.
    pair.send(0, "using your newest key");
    pair.kill(1);
    pair.restart(1);
    pair.settle();
    pair.wait(5);
    for round in 0..3 {
        pair.send(0, &round.to_string());
        pair.settle();
        pair.wait(5);
    }
    assert!(pair.ends[1].has(|event| matches!(event, Event::Refreshed { how: Refresh::Ratchet, .. })));
    let texts = pair.ends[1].texts();
    assert_eq!(texts[texts.len() - 4..], ["using your newest key", "0", "1", "2"]);
}

#[test]
fn both_write_at_once_after_the_handshake_and_every_text_is_acknowledged() {
    let mut pair = Pair::new(Settings::default());
    pair.start(0);
    for number in 0..2 {
        pair.send(0, &number.to_string());
        pair.send(1, &number.to_string());
    }
    pair.settle();
    pair.wait(5);
    for side in [0, 1] {
        pair.send(side, "and so on");
        pair.settle();
    }
    pair.wait(5);
    for end in &pair.ends {
        let acknowledged = end.events.iter().filter(|event| matches!(event, Event::Acknowledged { .. })).count();
        assert!(acknowledged >= 2, "{acknowledged}");
    }
}
