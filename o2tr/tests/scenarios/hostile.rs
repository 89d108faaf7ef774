//! A network that repeats, reorders and makes things up.

use o2tr::conversation::{Event, Rejection};
use o2tr::settings::Settings;
use o2tr::transport::{Carbon, Evidence};
use o2tr_ekm::codec;
use o2tr_ekm::record::TrustLevel;
use otr_core::text::armour;
use otr_core::wire::{DataFlags, DataMessage, Route};
use otr_core::{InstanceTag, Line, PhaseSnapshot, decode_data};

use crate::common::{Pair, Stranger, key, late};

fn rejected(pair: &Pair, side: usize, reason: Rejection) -> usize {
    pair.ends[side].count(|event| matches!(event, Event::Rejected(why) if *why == reason))
}

#[test]
fn replays_before_and_after_a_restart_show_nothing() {
    let mut pair = Pair::new(Settings::default());
    let mut all = Vec::new();
    pair.turn(0, |conversation, now, rng| conversation.start(now, rng));
    for number in 0..40 {
        for side in [0, 1] {
            all.extend(pair.ends[side].incoming.iter().map(|line| (side, line.clone())));
            pair.deliver(side, &Evidence::LIVE);
        }
        if number > 8 && number % 4 == 0 {
            pair.send(number / 4 % 2, &number.to_string());
        }
    }
    pair.settle();
    pair.wait(120);
    let ssid = pair.ends[0].conversation.view().ssid;
    for restart in [false, true] {
        for side in [0, 1] {
            if restart {
                pair.restart(side);
            }
            pair.ends[side].texts();
        }
        for (side, line) in &all {
            pair.deliver_line(*side, line, &Evidence::LIVE);
        }
        assert!(pair.ends[0].texts().is_empty() && pair.ends[1].texts().is_empty());
        pair.settle();
        pair.wait(200);
    }
    let _ = ssid;
    pair.send(0, "after all");
    pair.settle();
    pair.wait(60);
    assert_eq!(pair.ends[1].texts(), ["after all"]);
}

#[test]
fn a_batch_in_any_order_is_read_whole() {
    let orders = [[4, 3, 2, 1, 0], [2, 4, 0, 3, 1], [1, 0, 3, 2, 4]];
    for (order, restart) in orders.into_iter().flat_map(|order| [(order, false), (order, true)]) {
        let mut pair = Pair::new(Settings::default()).talking();
        pair.kill(1);
        for number in 0..5 {
            pair.send(0, &number.to_string());
        }
        pair.restart(1);
        let lines = pair.intercept(1);
        for index in order {
            pair.deliver_line(1, &lines[index], &late());
            pair.deliver_line(1, &lines[index], &late());
            if restart {
                pair.restart(1);
            }
        }
        let mut texts = pair.ends[1].texts();
        texts.sort();
        assert_eq!(texts, ["0", "1", "2", "3", "4"]);
    }
}

#[test]
fn a_forged_message_changes_nothing_and_the_genuine_one_is_read_after_it() {
    for restored in [false, true] {
        let mut pair = Pair::new(Settings::default()).talking();
        pair.send(0, "genuine");
        let line = pair.intercept(1).remove(0);
        if restored {
            pair.restart(1);
            // The leap is stored with the first commit.
            let fingerprint = key(0).public_key().fingerprint();
            let level = TrustLevel::Verified;
            pair.turn(1, |conversation, now, rng| conversation.set_trust(fingerprint, level, now, rng));
        }
        let bytes = decode_data(&line).unwrap();
        let authenticated = bytes.len() - 4 - DataMessage::parse(&bytes).unwrap().old_mac_keys.len();
        for position in (0..bytes.len()).step_by(7) {
            let mut forged = bytes.clone();
            forged[position] ^= 0x10;
            // The list of revealed keys at the end is not authenticated.
            if position < authenticated {
                pair.deliver_forged(1, &armour(&forged));
            }
        }
        assert!(rejected(&pair, 1, Rejection::Forged) > 0);
        assert!(pair.ends[0].incoming.len() <= 1, "at most one error line");
        pair.deliver_line(1, &line, &Evidence::LIVE);
        assert_eq!(pair.ends[1].texts(), ["genuine"]);
    }
}

#[test]
fn handshake_messages_from_nowhere_change_no_session() {
    let mut pair = Pair::new(Settings::default()).talking();
    let mut other = Pair::with(Settings::default(), Settings::default());
    other.rng = rand_chacha::rand_core::SeedableRng::seed_from_u64(7);
    other.turn(0, |conversation, now, rng| conversation.start(now, rng));
    let mut lines = Vec::new();
    for side in [1, 0, 1, 0] {
        lines.extend(other.ends[side].incoming.iter().cloned());
        other.deliver(side, &Evidence::LIVE);
    }
    for line in &lines {
        for side in [0, 1] {
            pair.deliver_forged(side, line);
        }
    }
    pair.intercept(0);
    pair.intercept(1);
    pair.send(0, "unimpressed");
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["unimpressed"]);
}

#[test]
fn what_is_no_otr_at_all_changes_no_session() {
    let mut pair = Pair::new(Settings::default()).talking();
    for line in [
        &b"?OTR:"[..],
        b"?OTR:AAMD",
        b"?OTR:AAMDAAAA.",
        b"?OTR:////////////.",
        b"?OTR,1,2,x,",
        b"?OTR|1|2,1,1,x,",
        b"?OTR|00002000|00001000,65535,65535,x,",
        b"?OTR Error:",
        b"?OTR?",
        b"?OTRv?",
        b"",
        b"\xff\xfe\0",
    ] {
        if line.is_empty() || line[0] == 0xff {
            pair.deliver_line(0, line, &Evidence::LIVE);
        } else {
            pair.deliver_forged(0, line);
        }
    }
    pair.ends[0].texts();
    pair.intercept(1);
    pair.send(1, "fine");
    pair.settle();
    assert_eq!(pair.ends[0].texts(), ["fine"]);
}

#[test]
fn s31_endless_fragments_of_one_do_not_stop_another() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(1, "through the flood, in several pieces, as it is long enough for that");
    let line = pair.intercept(0).remove(0);
    let route = Route::V3 { sender: InstanceTag::new(0x2000).unwrap(), receiver: InstanceTag::new(0x1000) };
    let pieces = Line { bytes: line, route: Some(route) }.split(200).unwrap();
    let mut number = 1;
    for piece in &pieces {
        for _ in 0..200 {
            let flood = format!("?OTR|00003000|00001000,{number:05},65535,xxxxxxxxxxxxxxxxxxxxxxxx,");
            pair.deliver_line(0, flood.as_bytes(), &Evidence::LIVE);
            number += 1;
        }
        pair.deliver_line(0, piece, &Evidence::LIVE);
    }
    assert_eq!(pair.ends[0].texts(), ["through the flood, in several pieces, as it is long enough for that"]);
}

#[test]
fn s32_no_word_of_the_network_suppresses_a_new_text() {
    let mut pair = Pair::new(Settings::default()).talking();
    for (number, evidence) in [
        late(),
        Evidence { archived: true, ..Evidence::LIVE },
        Evidence { archived: true, ..late() },
        Evidence { carbon: Some(Carbon::Received), ..Evidence::LIVE },
    ]
    .into_iter()
    .enumerate()
    {
        pair.send(0, &format!("new {number}"));
        let line = pair.intercept(1).remove(0);
        pair.deliver_line(1, &line, &evidence);
        pair.intercept(0);
    }
    assert_eq!(pair.ends[1].texts(), ["new 0", "new 1", "new 2", "new 3"]);
}

#[test]
fn s35_an_unreadable_message_of_one_device_does_not_disturb_another() {
    let mut pair = Pair::new(Settings::default()).talking();
    let mut other = Stranger::new(key(1), 0x3000);
    pair.intrude(0, &mut other);
    pair.intercept(1);
    // It has a session with us that we have lost; here: one that we do not know of.
    let mut elsewhere = Pair::new(Settings::default());
    elsewhere.rng = rand_chacha::rand_core::SeedableRng::seed_from_u64(9);
    let mut twin = Stranger::new(key(1), 0x4000);
    elsewhere.intrude(0, &mut twin);
    twin.peer.send_in(twin.peer.current().unwrap(), b"unreadable", &[], DataFlags::empty(), pair.now).unwrap();
    pair.speak(0, &mut twin);
    assert_eq!(rejected(&pair, 0, Rejection::Unreadable), 1);
    assert!(!twin.events.iter().any(|event| matches!(event, otr_core::Event::ErrorReceived { .. })));
    pair.send(1, "undisturbed");
    pair.settle();
    assert_eq!(pair.ends[0].texts(), ["undisturbed"]);
}

#[test]
fn s37_a_keyid_at_its_end_leads_to_a_new_ake() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.settle();
    // Both sides agree that the second has used up its keyids but one.
    for side in [0, 1] {
        let (generation, bytes) = pair.ends[side].row.clone().unwrap();
        let mut record: o2tr_ekm::record::ConversationRecord = codec::decode(&bytes).unwrap();
        let PhaseSnapshot::Encrypted { ring, .. } = &mut record.peer.sessions[0].phase else { panic!("a session") };
        if side == 0 {
            ring.their_keyid = u32::MAX - (pair.ends[1].session_keyids().0 - ring.their_keyid);
        } else {
            ring.our_keyid = u32::MAX;
        }
        ring.epochs.clear();
        record.lines.clear();
        pair.ends[side].row = Some((generation, codec::encode(&record).unwrap().to_vec()));
    }
    let before = pair.ends[0].conversation.view().ssid;
    pair.restart(0);
    pair.restart(1);
    for number in 0..4 {
        pair.send(0, &format!("a{number}"));
        pair.settle();
        pair.send(1, &format!("b{number}"));
        pair.settle();
    }
    pair.wait(60);
    assert_ne!(pair.ends[0].conversation.view().ssid, before);
    assert_eq!(pair.ends[1].texts(), ["a0", "a1", "a2", "a3"]);
    assert_eq!(pair.ends[0].texts(), ["b0", "b1", "b2", "b3"]);
}

#[test]
fn our_own_lines_that_come_back_do_nothing() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(0, "mine");
    let line = pair.ends[1].incoming[0].clone();
    let before = pair.ends[0].record();
    pair.deliver_line(0, &line, &Evidence { carbon: Some(Carbon::Sent), ..Evidence::LIVE });
    pair.deliver_line(0, &line, &Evidence { error: true, ..Evidence::LIVE });
    pair.deliver_line(0, &line, &Evidence::LIVE);
    crate::common::invariants::unauthenticated_input_changes_nothing(&before, &pair.ends[0].record()).unwrap();
    assert!(!pair.ends[0].has(|event| matches!(event, Event::Text(_))));
}

#[test]
fn a_flood_of_unreadable_messages_gets_one_error() {
    for session in [false, true] {
        let mut pair = Pair::new(Settings::default());
        if session {
            pair = pair.talking();
        }
        let mut elsewhere = Pair::new(Settings::default());
        elsewhere.rng = rand_chacha::rand_core::SeedableRng::seed_from_u64(9);
        let mut elsewhere = elsewhere.talking();
        for number in 0..5 {
            elsewhere.send(1, &number.to_string());
        }
        for line in elsewhere.intercept(0) {
            pair.deliver_forged(0, &line);
            pair.deliver_forged(0, &line);
        }
        assert_eq!(pair.ends[1].incoming.len(), 1);
    }
}
