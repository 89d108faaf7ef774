//! The AKE against loss, repetition, collision and strangers.

use std::time::Duration;

use otr_core::{Event, Policy, Rejection, Settings, State, Version};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::pair::{Alice, Bob, End, Pair, binary, changed, key, quiet, quiet_v2, tag};

fn of_version(version: Version) -> Settings {
    match version {
        Version::V2 => quiet_v2(),
        Version::V3 => quiet(),
    }
}

fn with_retry(version: Version) -> Settings {
    Settings { ake_retry: Some(Duration::from_secs(8)), ..of_version(version) }
}

/// They understand each other, both ways.
#[track_caller]
fn assert_usable(pair: &mut Pair) {
    for side in [Alice, Bob] {
        assert_eq!(pair.end(side).peer.state(), State::Encrypted, "{side:?}");
    }
    assert_eq!(pair.end(Alice).view().ssid, pair.end(Bob).view().ssid);
    for round in 0..3 {
        for side in [Alice, Bob] {
            let text = format!("{side:?} {round}");
            pair.say(side, &text);
            pair.run();
            assert_eq!(pair.end(side.other()).texts().last(), Some(&text));
        }
    }
}

/// Both have sent a commit before either arrived; Alice's has the higher hash, or not.
fn crossed(version: Version, settings: Settings, alice_higher: bool) -> Pair {
    for seed in 0..200 {
        let mut pair = Pair::new(seed, settings.clone());
        for side in [Alice, Bob] {
            pair.act(side, |peer, now, rng| peer.open_exchange(version, now, rng));
        }
        let hash = |side| {
            let message = binary(&pair.end(side).wire[0].bytes);
            message[message.len() - 32..].to_vec()
        };
        if (hash(Alice) > hash(Bob)) == alice_higher {
            return pair;
        }
    }
    panic!("no seed gives this order");
}

#[test]
fn both_start_at_once() {
    for version in [Version::V2, Version::V3] {
        for alice_higher in [true, false] {
            let mut pair = crossed(version, of_version(version), alice_higher);
            pair.run();
            for side in [Alice, Bob] {
                assert_eq!(pair.end(side).established(), 1, "{version} {alice_higher}");
                assert_eq!(pair.end(side).peer.sessions().count(), 1);
            }
            assert_usable(&mut pair);
        }
    }
}

#[test]
fn both_start_at_once_and_any_one_line_is_lost() {
    for version in [Version::V2, Version::V3] {
        for alice_higher in [true, false] {
            for lost in 0..8 {
                let mut pair = crossed(version, with_retry(version), alice_higher);
                let mut number = 0;
                loop {
                    let mut idle = true;
                    for side in [Alice, Bob] {
                        let Some(line) = pair.end_mut(side).wire.pop_front() else { continue };
                        idle = false;
                        number += 1;
                        if number != lost + 1 {
                            pair.hand(side.other(), &line.bytes);
                        }
                    }
                    if idle {
                        break;
                    }
                }
                pair.run_timers();
                assert_usable(&mut pair);
            }
        }
    }
}

#[test]
fn a_line_of_the_handshake_that_is_lost_is_made_up_for_by_time() {
    for version in [Version::V2, Version::V3] {
        // D-H Key, Reveal Signature, Signature. A lost commit looks like a peer without OTR.
        for lost in 1..4 {
            let mut pair = Pair::new(30, with_retry(version));
            pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
            let mut from = Alice;
            for _ in 0..lost {
                pair.deliver(from);
                from = from.other();
            }
            pair.take(from);
            pair.run_timers();
            assert_usable(&mut pair);
            assert!(pair.end(Alice).peer.poll_timeout().is_none() && pair.end(Bob).peer.poll_timeout().is_none());
        }
    }
}

#[test]
fn a_handshake_over_a_slow_network_comes_to_its_end() {
    const LATENCY: Duration = Duration::from_secs(25);
    for version in [Version::V2, Version::V3] {
        let mut pair = Pair::new(39, with_retry(version));
        pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
        let mut under_way = std::collections::VecDeque::new();
        for _ in 0..60 {
            for side in [Alice, Bob] {
                let due = pair.now.after(LATENCY);
                let lines = std::mem::take(&mut pair.end_mut(side).wire);
                under_way.extend(lines.into_iter().map(|line| (due, side.other(), line.bytes)));
            }
            let arrives = under_way.front().map(|(due, ..)| *due);
            let timer = [Alice, Bob].into_iter().filter_map(|side| pair.end(side).peer.poll_timeout()).min();
            let Some(next) = arrives.into_iter().chain(timer).min() else { break };
            pair.wait(next.since(pair.now));
            while under_way.front().is_some_and(|(due, ..)| *due <= pair.now) {
                let Some((_, to, line)) = under_way.pop_front() else { break };
                pair.hand(to, &line);
            }
        }
        assert!(under_way.is_empty(), "the two never fall silent");
        let commits = pair.end(Alice).sent.len() + pair.end(Bob).sent.len();
        assert!(commits <= 16, "{commits} messages for one session");
        assert_usable(&mut pair);
    }
}

#[test]
fn a_handshake_nobody_finishes_is_given_up() {
    let mut pair = Pair::new(31, with_retry(Version::V3));
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    pair.deliver(Alice);
    for _ in 0..100 {
        let Some(due) = pair.end(Bob).peer.poll_timeout() else { break };
        pair.wait(due.since(pair.now));
    }
    assert_eq!(pair.end(Bob).peer.poll_timeout(), None);
    assert!(pair.end(Bob).sent.len() <= 7, "{}", pair.end(Bob).sent.len());
}

#[test]
fn a_repeated_key_never_drops_encryption() {
    for version in [Version::V2, Version::V3] {
        let mut pair = Pair::new(32, of_version(version));
        pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
        pair.run();
        let key = pair.end(Bob).sent[0].bytes.clone();
        let before = pair.end(Alice).state();
        for _ in 0..5 {
            pair.hand(Alice, &key);
            assert_eq!(pair.end(Alice).peer.state(), State::Encrypted);
        }
        assert_eq!(pair.end(Alice).state(), before);
        assert_usable(&mut pair);
        // In the middle of a renewal too, and with the key of the renewal.
        pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
        pair.deliver(Alice);
        let new_key = pair.end(Bob).wire[0].bytes.clone();
        for line in [&new_key, &new_key, &key, &new_key] {
            pair.hand(Alice, line);
            assert_eq!(pair.end(Alice).peer.state(), State::Encrypted);
            let text = pair.write(Alice, "in between");
            assert!(text.starts_with(b"?OTR:"), "nothing leaves in clear");
        }
        pair.run();
        assert_usable(&mut pair);
    }
}

#[test]
fn a_commit_that_led_to_a_session_is_not_answered_again() {
    for version in [Version::V2, Version::V3] {
        let mut pair = Pair::new(33, of_version(version));
        pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
        pair.run();
        let commit = pair.end(Alice).sent[0].bytes.clone();
        pair.refuse(Bob, &commit, Rejection::AkeReplay);
        // Not in the middle of the next one either: it would spoil it.
        pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
        pair.deliver(Alice);
        pair.refuse(Bob, &commit, Rejection::AkeReplay);
        pair.run();
        assert_eq!(pair.end(Alice).established(), 2);
        assert_usable(&mut pair);
    }
}

#[test]
fn a_commit_that_lost_a_collision_does_not_come_back() {
    for version in [Version::V2, Version::V3] {
        let mut pair = crossed(version, of_version(version), true);
        let dropped = pair.end(Bob).wire[0].bytes.clone();
        // Alice's commit stands; she answers nothing but her own again, however often the other comes.
        pair.deliver(Bob);
        pair.hand(Alice, &dropped);
        pair.deliver(Alice);
        pair.deliver(Bob);
        // Now she awaits the Signature.
        pair.refuse(Alice, &dropped, Rejection::AkeReplay);
        pair.run();
        assert_usable(&mut pair);
    }
}

#[test]
fn the_same_reveal_signature_gets_the_same_signature() {
    let mut pair = Pair::new(34, quiet());
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    pair.run();
    let reveal = pair.end(Alice).sent[1].bytes.clone();
    let signature = pair.end(Bob).sent[1].clone();
    let before = pair.end(Bob).state();
    pair.hand(Bob, &reveal);
    assert_eq!(pair.end_mut(Bob).wire.pop_back(), Some(signature));
    assert_eq!(pair.end(Bob).state(), before);
    let other = changed(&reveal, |message| *message.last_mut().unwrap() ^= 1);
    pair.refuse(Bob, &other, Rejection::AkeStray);
    assert_usable(&mut pair);
}

/// Somebody with another long-term key who speaks under Alice's tag, and completes an AKE with Bob.
fn intrude(pair: &mut Pair, version: Version) -> End {
    let mut mallory = End::new(2, 0x100, of_version(version));
    let (now, mut rng) = (pair.now, ChaCha20Rng::seed_from_u64(999));
    mallory.peer.open_exchange(version, now, &mut rng);
    mallory.drain();
    while let Some(line) = mallory.wire.pop_front() {
        pair.hand(Bob, &line.bytes);
        while let Some(answer) = pair.end_mut(Bob).wire.pop_front() {
            mallory.peer.handle_line(&answer.bytes, now, &mut rng);
            mallory.drain();
        }
    }
    assert_eq!(mallory.peer.state(), State::Encrypted);
    mallory
}

#[test]
fn another_key_under_a_known_tag_gets_a_session_of_its_own() {
    for version in [Version::V2, Version::V3] {
        let mut pair = Pair::private(35, of_version(version));
        let id = pair.end(Bob).id();
        let before = pair.end(Bob).state()["sessions"][0].clone();
        pair.now = pair.now.after(Duration::from_secs(5));
        let mallory = intrude(&mut pair, version);
        assert_ne!(mallory.identity.fingerprint(), pair.end(Alice).identity.fingerprint());
        let bob = pair.end(Bob);
        assert_eq!(bob.peer.sessions().count(), 2);
        assert_eq!(bob.state()["sessions"][0], before, "the old session is as it was");
        assert!(bob.peer.view(id).unwrap().encrypted);
        let told = bob.events.iter().any(|event| {
            matches!(event, Event::Established(new) if new.session.fingerprint == key(2).public_key().fingerprint() && !new.renewed)
        });
        assert!(told, "the user learns whose session it is");
        // Alice goes on in hers, and texts for her go to her.
        pair.say(Alice, "still me");
        pair.run();
        assert_eq!(pair.end(Bob).texts(), ["still me"]);
        let now = pair.now;
        pair.act(Bob, |peer, _, _| peer.send_in(id, b"for you", &[], otr_core::wire::DataFlags::empty(), now)).unwrap();
        pair.run();
        assert_eq!(pair.end(Alice).texts(), ["for you"]);
    }
}

#[test]
fn a_query_answered_by_two_devices_makes_two_sessions() {
    let mut pair = Pair::new(36, quiet());
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    let commit = pair.end(Alice).wire[0].bytes.clone();
    let mut second = End::new(1, 0x5000, quiet());
    let (now, mut rng) = (pair.now, ChaCha20Rng::seed_from_u64(998));
    second.peer.handle_line(&commit, now, &mut rng);
    second.drain();
    pair.run();
    while let Some(line) = second.wire.pop_front() {
        pair.hand(Alice, &line.bytes);
        while let Some(answer) = pair.end_mut(Alice).wire.pop_front() {
            second.peer.handle_line(&answer.bytes, now, &mut rng);
            second.drain();
        }
    }
    let mut instances: Vec<_> = pair.end(Alice).peer.sessions().map(|session| session.id.instance).collect();
    instances.sort();
    assert_eq!(instances, [Some(tag(0x5000)), Some(tag(u32::MAX))]);
}

#[test]
fn an_unanswered_commit_ends() {
    let mut pair = Pair::new(37, quiet());
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    pair.deliver(Alice);
    let late = pair.take(Bob);
    let due = pair.end(Alice).peer.poll_timeout().unwrap();
    pair.wait(due.since(pair.now));
    assert_eq!(pair.end(Alice).peer.poll_timeout(), None);
    pair.refuse(Alice, &late, Rejection::AkeStray);
}

#[test]
fn settings_without_bounds_do_not_overflow() {
    let settings = Settings {
        ake_retry: Some(Duration::MAX),
        commit_lifetime: Duration::MAX,
        heartbeat: Some(Duration::MAX),
        ..quiet()
    };
    let mut pair = Pair::new(38, settings);
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    assert!(pair.end(Alice).peer.poll_timeout().is_some());
    pair.run();
    assert_usable(&mut pair);
}

#[test]
fn a_handshake_continues_after_a_restart_at_any_point() {
    for version in [Version::V2, Version::V3] {
        for steps in 0..4 {
            let mut pair = Pair::new(39, of_version(version));
            pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
            let mut from = Alice;
            for _ in 0..steps {
                pair.deliver(from);
                from = from.other();
            }
            for side in [Alice, Bob] {
                pair.restart(side, otr_core::Leap::new(77));
            }
            pair.run();
            assert_usable(&mut pair);
        }
    }
}

#[test]
fn a_handshake_that_was_rolled_back_repeats_no_counter() {
    // Bob's store goes back to before the Reveal Signature, which is then played to him again.
    let mut pair = Pair::new(40, quiet());
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    pair.deliver(Alice);
    pair.deliver(Bob);
    let old = pair.end(Bob).peer.snapshot();
    let reveal = pair.end(Alice).wire[0].bytes.clone();
    pair.run();
    let first = binary(&pair.write(Bob, "one"));
    pair.restore(Bob, old, otr_core::Leap::new(1000));
    pair.hand(Bob, &reveal);
    pair.end_mut(Bob).wire.clear();
    let second = binary(&pair.write(Bob, "two"));
    let counter = |message: &[u8]| otr_core::wire::DataMessage::parse(message).unwrap().counter;
    assert_eq!((counter(&first), counter(&second)), (1, 1001));
}

#[test]
fn a_forbidden_version_is_not_answered() {
    let mut pair = Pair::new(41, quiet());
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V2, now, rng));
    let commit = pair.take(Alice);
    pair.refuse(Bob, &commit, Rejection::Version(Some(Version::V2)));
    pair.end_mut(Bob).peer.settings_mut().policy = Policy::ALLOW_V2;
    pair.hand(Bob, &commit);
    assert_eq!(pair.end(Bob).wire.len(), 1);
}
