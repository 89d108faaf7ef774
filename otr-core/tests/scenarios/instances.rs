//! Devices: tags at their limits, other people's, and ever new ones.

use std::time::Duration;

use otr_core::limits::{MAX_ASSEMBLIES, MAX_FRAGMENT_BYTES, MAX_INSTANCES, MAX_SESSIONS};
use otr_core::text::armour;
use otr_core::{Event, InstanceTag, PeerSnapshot, Rejection, State, Version};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::pair::{Alice, Bob, End, Pair, binary, changed, quiet};
use crate::truncation::kinds;

fn set(line: &[u8], at: usize, value: u32) -> Vec<u8> {
    changed(line, |message| message[at..at + 4].copy_from_slice(&value.to_be_bytes()))
}

#[test]
fn tags_0_0xff_0x100_and_the_largest() {
    assert_eq!([0, 1, 0xff].map(InstanceTag::new), [None; 3]);
    assert!([0x100, u32::MAX].map(InstanceTag::new).iter().all(Option::is_some));
    // Alice is 0x100 and Bob the largest: they can talk.
    let mut pair = Pair::private(100, quiet());
    pair.say(Alice, "hello");
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["hello"]);
}

#[test]
fn a_message_for_nobody_or_for_somebody_else_is_refused_and_not_answered() {
    for (name, mut pair, to, line) in kinds(Version::V3) {
        for receiver in [0, 1, 0xff, 0x101, 0xffff_fffe] {
            if receiver == 0 && name == "D-H Commit" {
                continue;
            }
            let before = pair.end(to).sent.len();
            pair.refuse(to, &set(&line, 7, receiver), Rejection::OtherInstance);
            assert_eq!(pair.end(to).sent.len(), before);
        }
    }
}

#[test]
fn a_message_from_a_reserved_tag_is_malformed() {
    for (_, mut pair, to, line) in kinds(Version::V3) {
        for sender in [0, 1, 0xff] {
            pair.refuse(to, &set(&line, 3, sender), Rejection::Malformed);
        }
    }
}

#[test]
fn what_an_unknown_device_sends_out_of_the_blue_changes_nothing() {
    for (name, mut pair, to, line) in kinds(Version::V3) {
        if name == "D-H Commit" || name == "D-H Key" {
            continue;
        }
        let before = pair.end(to).sent.len();
        pair.refuse(to, &set(&line, 3, 0x7777), Rejection::UnknownInstance);
        assert_eq!(pair.end(to).sent.len(), before, "{name}");
    }
}

fn size(snapshot: &PeerSnapshot) -> usize {
    serde_json::to_vec(snapshot).unwrap().len()
}

#[test]
fn unlimited_new_instances_do_not_exhaust_memory() {
    let mut pair = Pair::private(101, quiet());
    let id = pair.end(Bob).id();
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    let commit = pair.take(Alice);
    let mut largest = 0;
    for number in 0..200_u32 {
        pair.hand(Bob, &set(&commit, 3, 0x1_0000 + number));
        pair.end_mut(Bob).forget_past();
        largest = largest.max(size(&pair.end(Bob).peer.snapshot()));
        assert!(pair.end(Bob).peer.snapshot().contacts.len() <= MAX_INSTANCES);
    }
    assert!(largest < 200_000, "{largest} bytes");
    // The one with a session was not pushed out.
    assert!(pair.end(Bob).peer.view(id).unwrap().encrypted);
    pair.say(Alice, "still here");
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["still here"]);
}

#[test]
fn endless_fragments_leave_the_conversation_alone() {
    let mut pair = Pair::private(102, quiet());
    let piece = "x".repeat(3000);
    for number in 0..1200_u32 {
        let line = format!("?OTR|{:08x}|00000000,{},65535,{piece},", 0x2_0000 + number % 9, 1 + number / 9);
        pair.hand(Bob, line.as_bytes());
        let fragments = pair.end(Bob).peer.snapshot().fragments;
        assert!(fragments.pending.len() <= MAX_ASSEMBLIES);
        assert!(fragments.pending.iter().map(|pending| pending.bytes.len()).sum::<usize>() <= MAX_FRAGMENT_BYTES);
    }
    pair.end_mut(Bob).forget_past();
    let line = pair.write(Alice, &"long ".repeat(2000));
    let route = pair.end(Alice).sent.last().unwrap().route;
    let line = otr_core::Line { bytes: line, route };
    for fragment in line.split(400).unwrap() {
        pair.hand(Bob, &fragment);
    }
    assert_eq!(pair.end(Bob).texts().len(), 1);
}

#[test]
fn fragments_of_a_message_over_64_kib_in_any_session() {
    for settings in [quiet(), crate::pair::quiet_v2()] {
        let mut pair = Pair::private(103, settings);
        let text = "0123456789".repeat(10_000);
        pair.say(Alice, &text);
        let line = pair.end_mut(Alice).wire.pop_back().unwrap();
        for fragment in line.split(1000).unwrap() {
            assert!(fragment.len() < 1000);
            pair.hand(Bob, &fragment);
        }
        assert_eq!(pair.end(Bob).texts(), [text]);
    }
}

#[test]
fn an_unknown_version_or_kind_is_refused() {
    let mut pair = Pair::private(104, quiet());
    let line = pair.write(Alice, "x");
    // The text in front of the base64 tells another story than the message: the message counts.
    for (change, reason) in [((1, 4), Rejection::Unrecognised), ((2, 0x04), Rejection::Unrecognised)] {
        let other = changed(&line, |message| message[change.0] = change.1);
        pair.refuse(Bob, &other, reason);
    }
    let mut lying = line.clone();
    // "AAMD" stands for version 3, data; the message behind it begins with the same bytes.
    assert_eq!(&lying[5..9], b"AAMD");
    lying[8] = b'C';
    pair.refuse(Bob, &lying, Rejection::AkeFailed);
    assert!(!binary(&line).is_empty());
    let events = pair.events_of(Bob, &armour(&[0, 3]));
    assert!(matches!(events[..], [Event::Rejected(_)]));
}

#[test]
fn devices_of_the_past_do_not_shut_out_a_new_one() {
    // A client that makes itself a new tag at every start, more often than contacts and sessions are kept.
    let mut pair = Pair::private(105, quiet());
    pair.say(Alice, "first");
    pair.run();
    let id = pair.end(Bob).id();
    for number in 0..40_u32 {
        pair.now = pair.now.after(Duration::from_secs(1));
        let (now, mut rng) = (pair.now, ChaCha20Rng::seed_from_u64(u64::from(number)));
        let mut device = End::new(2, 0x9_0000 + number, quiet());
        device.peer.open_exchange(Version::V3, now, &mut rng);
        device.drain();
        while let Some(line) = device.wire.pop_front() {
            pair.hand(Bob, &line.bytes);
            while let Some(answer) = pair.end_mut(Bob).wire.pop_front() {
                device.peer.handle_line(&answer.bytes, now, &mut rng);
                device.drain();
            }
        }
        assert_eq!(device.peer.state(), State::Encrypted, "device {number}");
        let snapshot = pair.end(Bob).peer.snapshot();
        assert!(snapshot.contacts.len() <= MAX_INSTANCES && snapshot.sessions.len() <= MAX_SESSIONS);
    }
    // The one session in which anything was said is not among those that made room.
    assert!(pair.end(Bob).peer.view(id).unwrap().encrypted);
    pair.say(Alice, "second");
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["first", "second"]);
}
