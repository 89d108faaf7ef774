//! Stores that were copied or set back.

use std::sync::Arc;

use o2tr::conversation::{Conversation, Event, Hold, Opening, Output};
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use o2tr_ekm::record::Provenance;
use otr_core::text::armour;
use otr_core::wire::DataMessage;
use otr_core::{Leap, decode_data, toolkit};

use crate::common::{Pair, late};

fn row(pair: &Pair, side: usize) -> Vec<u8> {
    pair.ends[side].row.clone().unwrap().1
}

fn exchange(pair: &mut Pair, rounds: usize, name: &str) {
    for round in 0..rounds {
        pair.send(0, &format!("{name} {round} there"));
        pair.settle();
        pair.send(1, &format!("{name} {round} back"));
        pair.settle();
    }
}

#[test]
fn s01_a_message_forged_with_a_revealed_key_is_read_as_unverified_and_nothing_follows() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(0, "recorded by the server");
    let recorded = pair.ends[1].incoming[0].clone();
    let old = row(&pair, 1);
    pair.settle();
    exchange(&mut pair, 4, "on");
    pair.caught_up(1);
    pair.wait(2 * 3600);
    exchange(&mut pair, 2, "revealing");
    // Everybody on the way knows the MAC key now.
    let bytes = decode_data(&recorded).unwrap();
    let message = DataMessage::parse(&bytes).unwrap();
    let revealed = *pair.ends[1]
        .watch
        .revealed
        .iter()
        .find(|key| toolkit::authenticate(key, &message) == message.authenticator)
        .expect("the key of an old pair was revealed");
    let own = toolkit::public_value(&otr_core::SecretBytes::new([3; 40])).unwrap();
    let forged = DataMessage { next_dh: own, counter: message.counter + 1000, ..message };
    let forged = armour(&toolkit::remac(&forged, &revealed));
    for set_back in [false, true] {
        if set_back {
            pair.set_back(1, old.clone());
            assert!(pair.ends[1].has(|event| matches!(event, Event::Quarantined)));
        }
        pair.ends[1].events.clear();
        pair.intercept(0);
        pair.deliver_line(1, &forged, &late());
        let texts: Vec<_> = pair.ends[1]
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Text(text) => Some(text.provenance),
                _ => None,
            })
            .collect();
        assert_eq!(texts, if set_back { vec![Provenance::Unverified] } else { vec![] });
        assert!(pair.ends[0].incoming.is_empty());
    }
    assert!(pair.ends[1].record().peer.sessions.is_empty());
    // When a new AKE has ended the quarantine, the old keys are no better.
    pair.start(1);
    assert!(!pair.ends[1].conversation.view().quarantined);
    pair.ends[1].events.clear();
    let again = DataMessage { next_dh: own, counter: message.counter + 1001, ..message };
    pair.deliver_line(1, &armour(&toolkit::remac(&again, &revealed)), &late());
    assert!(pair.ends[1].has(|event| matches!(event, Event::Text(text) if text.provenance == Provenance::Unverified)));
}

#[test]
fn s03_a_store_that_was_set_back_sends_nothing_before_a_new_ake() {
    let mut pair = Pair::new(Settings::default()).talking();
    let old = row(&pair, 0);
    pair.send(0, "one");
    pair.send(0, "two");
    pair.settle();
    pair.set_back(0, old);
    let view = pair.ends[0].conversation.view();
    assert!(view.quarantined && view.session.is_none());
    pair.send(0, "held");
    assert!(pair.ends[0].has(|event| matches!(event, Event::Paused { reason: Hold::NoSession, .. })));
    assert!(pair.ends[1].incoming.iter().all(|line| decode_data(line).is_none()));
    pair.restart(0);
    assert!(pair.ends[0].conversation.view().quarantined, "a restart does not end it");
    pair.send(1, "to the old keys");
    pair.settle();
    pair.wait(60);
    assert!(!pair.ends[0].conversation.view().quarantined);
    assert!(pair.ends[1].texts().contains(&"held".to_owned()));
    assert!(pair.ends[0].texts().contains(&"to the old keys".to_owned()));
}

#[test]
fn s03_an_unverified_message_starts_the_ake_if_it_came_live() {
    for live in [false, true] {
        let mut pair = Pair::new(Settings::default()).talking();
        let old = row(&pair, 0);
        pair.set_back(0, old);
        pair.send(1, "hello again");
        let line = pair.intercept(0).remove(0);
        pair.deliver_line(0, &line, &if live { Evidence::LIVE } else { late() });
        let unverified =
            |event: &Event| matches!(event, Event::Text(text) if text.provenance == Provenance::Unverified);
        assert_eq!(pair.ends[0].count(unverified), 1);
        assert_eq!(pair.ends[1].incoming.len(), usize::from(live));
    }
}

/// The data messages that a conversation sends now.
fn data_of(conversation: &mut Conversation) -> Vec<(u64, Vec<u8>)> {
    let mut sent = Vec::new();
    while let Some(output) = conversation.poll_output() {
        match output {
            Output::Commit(_) => conversation.commit_done(),
            Output::Transmit(line) => {
                conversation.transmitted(line.id);
                if let Some(bytes) = decode_data(&line.line) {
                    let message = DataMessage::parse(&bytes).unwrap();
                    sent.push((message.counter, message.encrypted.to_vec()));
                }
            }
            Output::Event(_) => {}
        }
    }
    sent
}

#[test]
fn s04_two_clones_never_use_a_counter_twice() {
    let mut pair = Pair::new(Settings::default()).talking();
    let (generation, record) = pair.ends[0].row.clone().unwrap();
    let mut counters = Vec::new();
    for clone in 0..6 {
        let leap = Leap::random(&mut pair.rng);
        let opening = Opening { record: &record, generation, quarantine: false, leap };
        let end = &pair.ends[0];
        let mut conversation =
            Conversation::open(Arc::clone(&end.identity), end.settings.clone(), &opening, pair.now, &mut pair.rng)
                .unwrap();
        for number in 0..3 {
            let text = format!("clone {clone} says {number}");
            conversation.send(text.as_bytes(), None, pair.now, &mut pair.rng).unwrap();
        }
        let sent = data_of(&mut conversation);
        assert_eq!(sent.len(), 3);
        counters.extend(sent.into_iter().map(|(counter, _)| counter));
    }
    counters.sort_unstable();
    counters.dedup();
    assert_eq!(counters.len(), 18);
}

#[test]
fn s05_a_replayed_reveal_over_a_restored_ake_repeats_no_counter() {
    let mut pair = Pair::new(Settings::default());
    pair.turn(0, |conversation, now, rng| conversation.start(now, rng));
    for side in [1, 0] {
        pair.deliver(side, &Evidence::LIVE);
    }
    let before = pair.ends[0].row.clone().unwrap();
    pair.deliver(1, &Evidence::LIVE);
    let reveal = pair.intercept(0).remove(0);
    pair.deliver_line(0, &reveal, &Evidence::LIVE);
    pair.send(0, "the first time");
    let first = pair.intercept(1);
    // Nobody notices that the store was set back.
    let generation = pair.ends[0].row.clone().unwrap().0;
    pair.ends[0].watch.set_back(o2tr_ekm::codec::decode(&before.1).unwrap());
    pair.ends[0].row = Some((generation, before.1.clone()));
    pair.restart(0);
    pair.intercept(1);
    pair.deliver_line(0, &reveal, &Evidence::LIVE);
    pair.send(0, "the second time");
    let second = pair.intercept(1);
    let message = |lines: &[Vec<u8>]| {
        let bytes = lines.iter().find_map(|line| decode_data(line)).unwrap();
        let message = DataMessage::parse(&bytes).unwrap();
        (message.sender_keyid, message.recipient_keyid, message.counter)
    };
    let (first, second) = (message(&first), message(&second));
    assert_eq!((first.0, first.1), (second.0, second.1), "the same keys");
    assert!(second.2 > first.2 + 1);
    // And if it is noticed, the stored AKE is not continued at all.
    pair.set_back(0, before.1);
    pair.deliver_line(0, &reveal, &Evidence::LIVE);
    assert!(pair.ends[0].record().peer.sessions.is_empty());
}

#[test]
fn ids_that_were_given_after_the_copy_are_not_given_again() {
    let mut pair = Pair::new(Settings::default()).talking();
    let old = row(&pair, 1);
    for set_back in 0..3 {
        pair.send(0, &format!("a {set_back}"));
        pair.send(0, &format!("b {set_back}"));
        pair.settle();
        pair.set_back(1, old.clone());
        pair.start(1);
        pair.settle();
    }
    let shown = pair.ends[1].shown.clone();
    let mut distinct = shown.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), shown.len());
}

#[test]
fn ids_after_a_lost_row_are_not_those_that_were_given_before() {
    let mut pair = Pair::new(Settings::default()).talking();
    let before = pair.ends[1].shown.clone();
    let generation = pair.ends[1].conversation.view().generation;
    let end = &mut pair.ends[1];
    end.watch.set_back(Default::default());
    end.row = Some((generation, Vec::new()));
    end.shown.clear();
    let (identity, settings) = (Arc::clone(&end.identity), end.settings.clone());
    end.conversation = Conversation::lost(identity, settings, generation, pair.now, &mut pair.rng);
    pair.settle();
    pair.start(1);
    pair.send(0, "in a new session");
    pair.settle();
    let after = &pair.ends[1].shown;
    assert!(!after.is_empty());
    assert!(after.iter().all(|id| *id > before.iter().max().copied().unwrap_or(0) + 1000), "{before:?} {after:?}");
}

#[test]
fn a_clone_of_the_peer_is_suspected_and_a_new_ake_follows() {
    let mut pair = Pair::new(Settings::default()).talking();
    let (generation, record) = pair.ends[1].row.clone().unwrap();
    let before = pair.ends[0].conversation.view().ssid;
    // Two copies of the peer that leap equally far, as no honest program does.
    for text in ["one", "another"] {
        let opening = Opening { record: &record, generation, quarantine: false, leap: Leap::new(5).unwrap() };
        let end = &pair.ends[1];
        let mut clone =
            Conversation::open(Arc::clone(&end.identity), end.settings.clone(), &opening, pair.now, &mut pair.rng)
                .unwrap();
        clone.send(text.as_bytes(), None, pair.now, &mut pair.rng).unwrap();
        while let Some(output) = clone.poll_output() {
            match output {
                Output::Commit(_) => clone.commit_done(),
                Output::Transmit(line) => pair.ends[0].incoming.push_back(line.line),
                Output::Event(_) => {}
            }
        }
    }
    pair.settle();
    pair.wait(30);
    use o2tr::conversation::Rejection;
    assert!(pair.ends[0].has(|event| matches!(event, Event::Rejected(Rejection::CloneSuspected))));
    assert_ne!(pair.ends[0].conversation.view().ssid, before);
    assert_eq!(pair.ends[0].texts(), ["one"]);
}
