//! A process dies and comes back: nothing is lost, nothing leaves in clear, nothing is shown twice.

use o2tr::conversation::{Event, Privacy};
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use otr_core::text::{Kind, Line as TextLine, classify};
use otr_core::wire::Route;
use otr_core::{InstanceTag, Line};

use crate::common::{Fuse, Pair, late};

fn is(line: &[u8], wanted: Kind) -> bool {
    matches!(classify(line), TextLine::Encoded(encoded) if encoded.kind() == wanted)
}

#[test]
fn s07_the_user_who_types_first_after_a_restart_is_encrypted() {
    for legacy in [false, true] {
        let mut pair = if legacy { Pair::with_legacy(Settings::default()) } else { Pair::new(Settings::default()) };
        pair = pair.talking();
        pair.restart(0);
        assert_eq!(pair.ends[0].conversation.view().privacy, Privacy::Encrypted);
        pair.send(0, "typed first");
        pair.settle();
        assert_eq!(pair.ends[1].texts(), ["typed first"]);
    }
}

#[test]
fn s22_a_signature_that_is_lost_stops_nobody() {
    for texts_lost in [false, true] {
        let mut pair = Pair::new(Settings::default());
        pair.turn(0, |conversation, now, rng| conversation.start(now, rng));
        // Query, commit, key, reveal; the Signature stays away.
        for side in [1, 0, 1, 0] {
            assert!(pair.deliver(side, &Evidence::LIVE));
        }
        let lost = pair.intercept(1);
        assert!(is(&lost[0], Kind::Signature));
        let id = pair.send(0, "into the new session");
        if texts_lost {
            pair.intercept(1);
        }
        pair.wait(60);
        assert_eq!(pair.ends[1].texts(), ["into the new session"]);
        pair.send(1, "got it");
        pair.settle();
        assert_eq!(pair.ends[0].texts(), ["got it"]);
        assert!(pair.ends[0].watch.fate(&id).is_some());
    }
}

#[test]
fn s22_a_libotr_that_misses_our_signature_gets_a_new_session() {
    let mut pair = Pair::with_legacy(Settings::default());
    // libotr commits in answer to our query.
    pair.turn(0, |conversation, now, rng| conversation.start(now, rng));
    for side in [1, 0, 1, 0] {
        assert!(pair.deliver(side, &Evidence::LIVE));
    }
    assert!(is(&pair.intercept(1)[0], Kind::Signature));
    pair.send(0, "too early");
    pair.settle();
    pair.wait(60);
    let texts = pair.ends[1].texts();
    assert!(texts.iter().any(|text| text.ends_with("too early")), "{texts:?}");
    pair.send(0, "and on");
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["and on"]);
}

#[test]
fn s23_data_before_the_signature_is_kept_and_read() {
    for restart in [false, true] {
        let mut pair = Pair::new(Settings::default());
        pair.turn(0, |conversation, now, rng| conversation.start(now, rng));
        for side in [1, 0, 1, 0] {
            pair.deliver(side, &Evidence::LIVE);
        }
        let signature = pair.intercept(1);
        pair.send(0, "overtakes");
        pair.deliver(1, &Evidence::LIVE);
        assert_eq!(pair.ends[1].record().early.len(), 1);
        if restart {
            pair.restart(1);
        }
        pair.deliver_all(1, &signature, &Evidence::LIVE);
        assert_eq!(pair.ends[1].texts(), ["overtakes"]);
        assert!(pair.ends[1].record().early.is_empty());
    }
}

#[test]
fn s24_a_repeated_reveal_gets_the_same_signature_and_what_followed_it() {
    let mut pair = Pair::new(Settings::default());
    pair.turn(0, |conversation, now, rng| conversation.start(now, rng));
    for side in [1, 0, 1] {
        pair.deliver(side, &Evidence::LIVE);
    }
    let reveal = pair.intercept(0);
    assert!(is(&reveal[0], Kind::RevealSignature));
    pair.deliver_all(0, &reveal, &Evidence::LIVE);
    pair.send(0, "first");
    let before = pair.intercept(1);
    pair.deliver_all(0, &reveal, &Evidence::LIVE);
    assert_eq!(pair.intercept(1), before);
    pair.restart(0);
    pair.deliver_all(0, &reveal, &Evidence::LIVE);
    assert_eq!(pair.intercept(1), before);
}

#[test]
fn s25_a_commit_that_was_used_up_is_ignored_while_a_signature_is_awaited() {
    let mut pair = Pair::new(Settings::default());
    pair.turn(1, |conversation, now, rng| conversation.start(now, rng));
    pair.deliver(0, &Evidence::LIVE);
    let commit = pair.ends[1].incoming[0].clone();
    pair.settle();
    // Now the other one answers our commit, and has revealed.
    pair.turn(1, |conversation, now, rng| conversation.start(now, rng));
    pair.deliver(0, &Evidence::LIVE);
    pair.deliver(1, &Evidence::LIVE);
    let before = format!("{:?}", pair.ends[1].record().peer.contacts);
    assert!(before.contains("AwaitingSignature"));
    pair.deliver_line(1, &commit, &Evidence::LIVE);
    assert_eq!(format!("{:?}", pair.ends[1].record().peer.contacts), before);
    pair.settle();
    pair.send(1, "in the new session");
    pair.settle();
    assert_eq!(pair.ends[0].texts(), ["in the new session"]);
}

#[test]
fn s26_both_start_at_once_and_get_one_session() {
    for legacy in [false, true] {
        // Many draws of x give both orders of the hashes.
        let mut order = [0; 2];
        for seed in 0..6 {
            use rand_chacha::rand_core::SeedableRng;
            let mut pair = if legacy { Pair::with_legacy(Settings::default()) } else { Pair::new(Settings::default()) };
            pair.rng = rand_chacha::ChaCha20Rng::seed_from_u64(seed);
            let query = b"?OTRv3?\n".to_vec();
            pair.deliver_line(0, &query, &Evidence::LIVE);
            pair.deliver_line(1, &query, &Evidence::LIVE);
            assert!(is(&pair.ends[0].incoming[0], Kind::Commit) && is(&pair.ends[1].incoming[0], Kind::Commit));
            pair.settle();
            pair.wait(120);
            let view = pair.ends[0].conversation.view();
            assert_eq!(view.privacy, Privacy::Encrypted);
            if !legacy {
                assert_eq!(view.ssid, pair.ends[1].conversation.view().ssid);
            }
            order[usize::from(pair.ends[0].session().revealed)] += 1;
            pair.send(0, "one");
            pair.settle();
            pair.send(1, "session");
            pair.settle();
            assert_eq!(
                (pair.ends[1].texts(), pair.ends[0].texts()),
                (vec!["one".to_owned()], vec!["session".to_owned()])
            );
        }
        assert!(order.iter().all(|count| *count > 0), "{order:?}");
    }
}

/// A line cut for a network with short lines.
fn cut(line: &[u8], from: u32, to: u32) -> Vec<Vec<u8>> {
    let route = Route::V3 { sender: InstanceTag::new(from).unwrap(), receiver: InstanceTag::new(to) };
    Line { bytes: line.to_vec(), route: Some(route) }.split(150).unwrap()
}

#[test]
fn s30_a_crash_between_two_fragments_loses_no_message() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(0, "a message that is longer than one fragment can carry");
    let pieces = cut(&pair.intercept(1)[0], 0x1000, 0x2000);
    assert!(pieces.len() > 2);
    for piece in &pieces {
        pair.deliver_line(1, piece, &late());
        pair.restart(1);
    }
    assert_eq!(pair.ends[1].texts(), ["a message that is longer than one fragment can carry"]);
}

#[test]
fn s40_what_the_application_has_not_taken_comes_again() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.ends[1].acknowledges = false;
    pair.turn(0, |conversation, now, rng| conversation.use_extra_key(7, b"data", now, rng)).unwrap().unwrap();
    pair.settle();
    pair.turn(0, |conversation, now, rng| conversation.start_smp(b"secret", None, now, rng)).unwrap().unwrap();
    pair.settle();
    pair.turn(1, |conversation, now, rng| conversation.respond_smp(b"secret", now, rng)).unwrap().unwrap();
    pair.settle();
    let told = |pair: &Pair| {
        (
            pair.ends[1].count(|event| matches!(event, Event::ExtraKey { usage: 7, .. })),
            pair.ends[1].count(|event| matches!(event, Event::SmpResult { equal: true, .. })),
        )
    };
    assert_eq!(told(&pair), (1, 1));
    pair.ends[1].events.clear();
    pair.ends[1].shown.clear();
    pair.restart(1);
    assert_eq!(told(&pair), (1, 1));
    pair.ends[1].events.clear();
    pair.ends[1].shown.clear();
    pair.ends[1].acknowledges = true;
    pair.restart(1);
    assert_eq!(told(&pair), (1, 1));
    pair.ends[1].events.clear();
    pair.restart(1);
    assert_eq!(told(&pair), (0, 0));
}

#[test]
fn a_refresh_that_is_owed_survives_a_restart() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.kill(1);
    pair.send(0, "while you were away");
    pair.restart(1);
    let lines = pair.intercept(1);
    pair.deliver_all(1, &lines, &late());
    assert!(pair.ends[1].record().sessions[0].refresh_owed);
    pair.restart(1);
    assert!(pair.intercept(0).is_empty());
    pair.wait(2);
    assert!(pair.ends[1].watch.depth.values().any(|depth| *depth == 1), "it was paid");
    pair.wait(20);
    assert!(!pair.ends[1].record().sessions[0].refresh_owed);
    assert_eq!(pair.ends[1].texts(), ["while you were away"]);
}

#[test]
fn two_conversations_that_were_both_killed_go_on() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(0, "one way");
    pair.send(1, "the other way");
    pair.kill(0);
    pair.kill(1);
    pair.restart(0);
    pair.restart(1);
    pair.send(0, "still here?");
    pair.settle();
    pair.send(1, "yes");
    pair.settle();
    pair.wait(120);
    assert_eq!(pair.ends[1].texts(), ["one way", "still here?"]);
    assert_eq!(pair.ends[0].texts(), ["the other way", "yes"]);
    assert!(!pair.ends[0].conversation.view().restored && !pair.ends[1].conversation.view().restored);
}

/// The basic conversation, with a restart of the reader while it is away.
fn basic(pair: &mut Pair) {
    pair.start(0);
    pair.send(0, "a1");
    pair.settle();
    pair.send(1, "b1");
    pair.settle();
    pair.kill(1);
    pair.send(0, "a2");
    pair.send(0, "a3");
    pair.restart(1);
    pair.settle();
    pair.wait(3);
    pair.send(1, "b2");
    pair.send(0, "a4");
    pair.settle();
    pair.wait(60);
}

fn at_rest(pair: &mut Pair, what: &str) {
    pair.fuse = None;
    pair.settle();
    pair.wait(200);
    let mut got = [pair.ends[0].texts(), pair.ends[1].texts()];
    got.iter_mut().for_each(|texts| texts.sort());
    assert_eq!(got[1], ["a1", "a2", "a3", "a4"], "{what}");
    assert_eq!(got[0], ["b1", "b2"], "{what}");
    assert_eq!((pair.ends[0].queued(), pair.ends[1].queued()), (0, 0), "{what}");
}

fn dies_everywhere(side: usize) {
    let mut pair = Pair::new(Settings::default());
    basic(&mut pair);
    let points = pair.points[side];
    at_rest(&mut pair, "without a crash");
    assert!(points > 60, "{points}");
    for left in 0..points {
        let mut pair = Pair::new(Settings::default());
        pair.fuse = Some(Fuse { side, left });
        basic(&mut pair);
        at_rest(&mut pair, &format!("side {side} dies at point {left}"));
    }
}

#[test]
fn the_first_dies_between_any_two_outputs() {
    dies_everywhere(0);
}

#[test]
fn the_second_dies_between_any_two_outputs() {
    dies_everywhere(1);
}
