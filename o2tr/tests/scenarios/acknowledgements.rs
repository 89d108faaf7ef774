//! What is acknowledged was read; what was not read comes again.

use o2tr::conversation::Event;
use o2tr::settings::Settings;
use o2tr::transport::Evidence;

use crate::common::Pair;
use crate::common::invariants::Whereabouts;

#[test]
fn s28_a_lost_message_is_not_acknowledged_and_comes_again_in_the_same_bytes() {
    let mut pair = Pair::new(Settings::default()).talking();
    let ids: Vec<_> = (1..=5).map(|number| pair.send(0, &format!("m{number}"))).collect();
    let lines = pair.intercept(1);
    for (index, line) in lines.iter().enumerate() {
        if index != 2 {
            pair.deliver_line(1, line, &Evidence::LIVE);
        }
    }
    while pair.deliver(0, &Evidence::LIVE) {}
    assert_eq!(pair.ends[0].watch.fate(&ids[2]), None);
    // The heartbeat at the fourth message spoke of the first three.
    assert_eq!(pair.ends[0].watch.fate(&ids[1]), Some(Whereabouts::Acknowledged));
    assert!(pair.ends[1].incoming.contains(&lines[2]));
    pair.settle();
    pair.send(1, "now all");
    pair.settle();
    assert!(ids.iter().all(|id| pair.ends[0].watch.fate(id) == Some(Whereabouts::Acknowledged)));
    assert_eq!(pair.ends[1].texts(), ["m1", "m2", "m4", "m5", "m3"]);
}

#[test]
fn s28_the_last_message_under_a_key_is_missed_when_a_later_one_is_read() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(0, "read");
    pair.settle();
    let lost = pair.send(0, "lost");
    pair.intercept(1);
    pair.send(1, "keys go on");
    pair.settle();
    pair.send(0, "under the next key");
    pair.settle();
    pair.send(1, "read that");
    pair.settle();
    pair.send(1, "and that");
    pair.settle();
    assert_eq!(pair.ends[0].watch.fate(&lost), Some(Whereabouts::Acknowledged));
    assert_eq!(pair.ends[1].texts(), ["read", "under the next key", "lost"]);
}

#[test]
fn what_is_missed_right_after_a_repetition_is_repeated_later() {
    let mut pair = Pair::new(Settings::default()).talking();
    let mut lost = Vec::new();
    for round in 0..2 {
        lost.push(pair.send(0, &format!("lost {round}")));
        pair.intercept(1);
        pair.send(0, &format!("read {round}"));
        pair.settle();
        pair.send(1, &format!("answer {round}"));
        pair.settle();
    }
    assert_eq!(pair.ends[0].watch.fate(&lost[0]), Some(Whereabouts::Acknowledged), "the first gap is closed at once");
    assert_eq!(pair.ends[0].watch.fate(&lost[1]), None, "the second is too soon after it");
    // By now no acknowledgement speaks of the key that it left under.
    for round in 2..5 {
        pair.send(0, &format!("read {round}"));
        pair.settle();
        pair.send(1, &format!("answer {round}"));
        pair.settle();
    }
    pair.wait(60);
    pair.send(1, "all of it");
    pair.settle();
    assert!(pair.ends[1].texts().contains(&"lost 1".to_owned()));
}

#[test]
fn s29_what_was_read_in_a_new_session_says_nothing_of_the_old_one() {
    let mut pair = Pair::new(Settings::default()).talking();
    let old: Vec<_> = (1..=3).map(|number| pair.send(0, &format!("old {number}"))).collect();
    let lines = pair.intercept(1);
    pair.deliver_all(1, &lines[..2], &Evidence::LIVE);
    // The new session has messages under the same keyids and use numbers.
    pair.turn(1, |conversation, now, rng| conversation.start(now, rng));
    for side in [0, 1, 0, 1, 0] {
        pair.deliver(side, &Evidence::LIVE);
    }
    for number in 1..=4 {
        pair.send(0, &format!("new {number}"));
    }
    pair.settle();
    pair.send(1, "an answer");
    pair.settle();
    pair.send(1, "another");
    pair.settle();
    let mut texts = pair.ends[1].texts();
    texts.sort();
    assert_eq!(texts, ["new 1", "new 2", "new 3", "new 4", "old 1", "old 2", "old 3"]);
    assert!(old.iter().all(|id| pair.ends[0].watch.fate(id) == Some(Whereabouts::Acknowledged)));
}

#[test]
fn an_answer_that_was_lost_is_repeated_when_its_question_comes_again() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(0, "question");
    let question = pair.ends[1].incoming[0].clone();
    pair.settle();
    pair.send(1, "answer");
    let answer = pair.intercept(0);
    pair.now = otr_core::Timestamp::from_secs(pair.now.as_secs() + 100);
    pair.deliver_line(1, &question, &Evidence::LIVE);
    assert_eq!(pair.ends[0].incoming, answer);
    pair.deliver_line(1, &question, &Evidence::LIVE);
    assert_eq!(pair.ends[0].incoming.len(), 1, "at most once in half a minute");
    pair.settle();
    assert_eq!(pair.ends[0].texts(), ["answer"]);
}

#[test]
fn without_receipts_nothing_is_acknowledged_and_nothing_is_kept_for_ever() {
    let settings = Settings { receipts: false, ..Settings::default() };
    let mut pair = Pair::with(Settings::default(), settings).talking();
    for number in 0..100 {
        pair.send(0, &format!("a{number}"));
        pair.settle();
        pair.send(1, &format!("b{number}"));
        pair.settle();
    }
    assert!(!pair.ends[0].has(|event| matches!(event, Event::Acknowledged { .. })));
    assert!(pair.ends[0].record().lines.len() <= 80, "{}", pair.ends[0].record().lines.len());
    assert!(pair.ends[0].record().outbox.len() <= 80, "{}", pair.ends[0].record().outbox.len());
    assert!(!pair.ends[1].has(|event| matches!(event, Event::Rejected(_))));
}
