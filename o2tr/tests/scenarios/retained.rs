//! Messages that a rotation or a new AKE has overtaken are read, and change nothing else.

use o2tr::conversation::Event;
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use o2tr_ekm::record::Provenance;
use otr_core::text::armour;
use otr_core::wire::{DataFlags, Tlv, tlv_type};
use otr_core::{Leap, Output, Peer};

use crate::common::{Pair, late};

fn ping_pong(pair: &mut Pair, rounds: usize, name: &str) {
    for round in 0..rounds {
        pair.send(1, &format!("{name} ping {round}"));
        pair.settle();
        pair.send(0, &format!("{name} pong {round}"));
        pair.settle();
    }
}

#[test]
fn s13_a_live_message_before_the_archived_burst_and_across_a_rotation() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.kill(1);
    for number in 0..3 {
        pair.send(0, &format!("archived {number}"));
    }
    let archive = pair.intercept(1);
    pair.restart(1);
    pair.send(0, "live");
    pair.settle();
    pair.send(1, "an answer");
    pair.settle();
    pair.send(0, "under new keys");
    pair.settle();
    pair.deliver_all(1, &archive, &late());
    let mut texts = pair.ends[1].texts();
    texts.sort();
    assert_eq!(texts, ["archived 0", "archived 1", "archived 2", "live", "under new keys"]);
}

/// Nobody asks for what was withheld.
fn without_receipts() -> Settings {
    Settings { receipts: false, ..Settings::default() }
}

#[test]
fn s14_withheld_messages_are_read_and_their_key_is_not_revealed_before() {
    let mut pair = Pair::new(without_receipts()).talking();
    for number in 1..=5 {
        pair.send(0, &format!("m{number}"));
    }
    let lines = pair.intercept(1);
    pair.deliver_line(1, &lines[0], &Evidence::LIVE);
    ping_pong(&mut pair, 4, "meanwhile");
    pair.restart(1);
    let revealed = pair.ends[1].watch.revealed.len();
    pair.ends[1].texts();
    pair.deliver_all(1, &lines[1..], &late());
    assert!(pair.ends[1].has(|event| matches!(event, Event::Text(text) if text.provenance == Provenance::Retained)));
    assert_eq!(pair.ends[1].texts(), ["m2", "m3", "m4", "m5"]);
    assert_eq!(pair.ends[1].watch.revealed.len(), revealed);
    // When the time of the pairs is over, their keys go out with the next message.
    pair.caught_up(1);
    pair.wait(2 * 3600);
    ping_pong(&mut pair, 1, "later");
    assert!(pair.ends[1].watch.revealed.len() > revealed);
    assert!(pair.ends[1].record().retained.len() <= 2);
}

#[test]
fn s15_a_leap_does_not_bury_an_older_message() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(0, "before the restart");
    let before = pair.intercept(1);
    pair.restart(0);
    pair.send(0, "after the leap");
    pair.settle();
    pair.deliver_all(1, &before, &late());
    assert_eq!(pair.ends[1].texts(), ["after the leap", "before the restart"]);
}

/// A line of an end that does what its program would not: from its state now, with other content.
fn craft(pair: &mut Pair, side: usize, text: &[u8], tlvs: &[Tlv]) -> Vec<u8> {
    let end = &pair.ends[side];
    let leap = Leap::new(1_000_000);
    let mut ghost =
        Peer::restore(end.identity.clone(), otr_core::Settings::default(), end.record().peer, leap).unwrap();
    let id = ghost.current().unwrap();
    ghost.send_in(id, text, tlvs, DataFlags::empty(), pair.now).unwrap();
    core::iter::from_fn(|| ghost.poll_output())
        .find_map(|output| match output {
            Output::Send(line) => Some(line.bytes),
            Output::Event(_) | Output::Retired(_) => None,
        })
        .unwrap()
}

#[test]
fn s36_what_a_retained_message_carries_besides_its_text_has_no_effect() {
    let mut pair = Pair::new(Settings::default()).talking();
    let smp = Tlv::new(tlv_type::SMP_ABORT, Vec::new()).unwrap();
    let key = Tlv::new(tlv_type::EXTRA_KEY, vec![0, 0, 0, 1]).unwrap();
    let line = craft(&mut pair, 1, b"late", &[Tlv::empty(tlv_type::DISCONNECTED), smp, key]);
    // Something of that pair has arrived, and keys have gone on since.
    ping_pong(&mut pair, 3, "on");
    pair.ends[0].texts();
    let before = pair.ends[0].record();
    pair.deliver_line(0, &line, &late());
    let after = pair.ends[0].record();
    crate::common::invariants::a_retained_pair_changes_no_session(&before, &after).unwrap();
    assert!(!pair.ends[0].has(|event| matches!(event, Event::Finished { .. } | Event::ExtraKey { .. })));
    assert_eq!(pair.ends[0].texts(), ["late"]);
    ping_pong(&mut pair, 1, "still");
    assert_eq!(pair.ends[0].texts(), ["still ping 0"]);
}

#[test]
fn messages_of_the_session_before_a_new_ake_are_read() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(0, "from the old session");
    let old = pair.intercept(1);
    pair.start(1);
    pair.ends[1].texts();
    pair.deliver_all(1, &old, &late());
    // The text has come again in the new session, by then it is known.
    assert!(pair.ends[1].texts().is_empty());
    assert!(pair.ends[1].watch.committed.contains("from the old session"));
}

#[test]
fn pairs_that_a_disconnect_has_closed_are_never_revealed() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(0, "just before");
    let overtaken = pair.intercept(1);
    pair.end(0);
    pair.settle();
    assert!(pair.ends[1].has(|event| matches!(event, Event::Finished { .. })));
    pair.deliver_all(1, &overtaken, &late());
    assert_eq!(pair.ends[1].texts(), ["just before"]);
    assert!(pair.ends[1].record().retained.iter().all(|retained| retained.unrevealed));
    let revealed = pair.ends[1].watch.revealed.len();
    pair.wait(700);
    assert!(pair.ends[1].record().retained.is_empty());
    pair.start(1);
    pair.send(1, "a new session");
    pair.settle();
    assert_eq!(pair.ends[1].watch.revealed.len(), revealed);
}

#[test]
fn what_was_read_with_a_retained_pair_is_acknowledged() {
    let mut pair = Pair::new(Settings::default()).talking();
    let id = pair.send(0, "overtaken");
    let line = pair.intercept(1);
    // The answer leaves before the old line arrives, so nobody misses it yet.
    pair.send(1, "keys");
    pair.settle();
    pair.send(0, "go on");
    pair.deliver(1, &Evidence::LIVE);
    pair.deliver_all(1, &line, &late());
    pair.intercept(0);
    pair.send(1, "both read");
    pair.settle();
    assert_eq!(pair.ends[0].watch.fate(&id), Some(crate::common::invariants::Whereabouts::Acknowledged));
    assert_eq!(pair.ends[1].texts(), ["go on", "overtaken"]);
}

#[test]
fn a_damaged_retained_message_changes_nothing() {
    let mut pair = Pair::new(without_receipts()).talking();
    pair.send(0, "whole");
    let line = pair.intercept(1).remove(0);
    ping_pong(&mut pair, 3, "on");
    pair.ends[1].texts();
    let mut bytes = otr_core::decode_data(&line).unwrap();
    let last = bytes.len() - 30;
    bytes[last] ^= 1;
    pair.deliver_forged(1, &armour(&bytes));
    pair.deliver_line(1, &line, &late());
    pair.deliver_line(1, &line, &late());
    assert_eq!(pair.ends[1].texts(), ["whole"]);
}
