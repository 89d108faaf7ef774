//! The paper's case: one end loses its session, the other goes on writing.

use crate::common::{Pair, k, late};
use o2tr::conversation::{Event, Output, Refresh};
use o2tr::settings::Settings;
use o2tr_ekm::record::ConversationRecord;

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

/// The record is made when the store takes it: what was read meanwhile is in it, and nothing is shown before.
#[test]
fn messages_read_without_a_pause_share_one_commit() {
    let mut pair = Pair::new(k(5)).talking();
    for text in ["one", "two", "three"] {
        pair.send(0, text);
    }
    let lines = pair.intercept(1);
    assert_eq!(lines.len(), 3);
    let conversation = &mut pair.ends[1].conversation;
    for line in &lines {
        conversation.handle_delivery(line, &late(), pair.now, &mut pair.rng);
    }
    let Some(Output::Commit(commit)) = conversation.poll_output() else { panic!("a commit comes first") };
    let record: ConversationRecord = o2tr_ekm::codec::decode(&commit.record).unwrap();
    assert_eq!(record.inbox.len(), 3);
    assert!(conversation.poll_output().is_none(), "nothing is shown before the commit is durable");
    conversation.commit_done();
    let outputs: Vec<_> = core::iter::from_fn(|| conversation.poll_output()).collect();
    assert!(!outputs.iter().any(|output| matches!(output, Output::Commit(_))));
    assert_eq!(outputs.iter().filter(|output| matches!(output, Output::Event(Event::Text(_)))).count(), 3);
}
