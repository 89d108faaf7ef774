//! The paper's case: one end loses its session, the other goes on writing.

use crate::common::Pair;
use o2tr::conversation::{Event, Refresh};
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
