//! The tags of an AKE are not authenticated: whoever carries its messages can make one device look like two.

use std::time::Duration;

use otr_core::{State, Version};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::pair::{Alice, Bob, End, Pair, changed, quiet};

/// A line of an AKE as if it came from another device: no key protects the tags in it.
fn from_device(line: &[u8], sender: u32) -> Vec<u8> {
    changed(line, |message| message[3..7].copy_from_slice(&sender.to_be_bytes()))
}

/// Alice offers a session to every device; the network shows her Bob's answers as those of two. What it does before the
/// first of them, and between the two, is up to the test.
fn two_devices_of_one_answer(seed: u64, before: impl Fn(&mut Pair), between: impl Fn(&mut Pair)) -> Pair {
    const PHANTOM: u32 = 0x6666;
    let mut pair = Pair::new(seed, quiet());
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    assert!(pair.deliver(Alice));
    let key = pair.take(Bob);
    before(&mut pair);
    pair.end_mut(Alice).wire.clear();
    pair.hand(Alice, &key);
    let reveal = pair.take(Alice);
    pair.hand(Bob, &reveal);
    let signature = pair.take(Bob);
    pair.hand(Alice, &signature);
    between(&mut pair);
    for line in [&key, &signature] {
        pair.hand(Alice, &from_device(line, PHANTOM));
    }
    pair
}

#[test]
fn one_answer_never_makes_two_sessions() {
    // Two sessions of one shared secret would encrypt different texts with the same key and the same counters.
    let nothing = |_: &mut Pair| {};
    // A commit that ours outranks leaves a copy of ours with the device that it seems to come from.
    let crossing = |pair: &mut Pair| {
        let mut other = End::new(2, 0x777, quiet());
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        other.peer.open_exchange(Version::V3, pair.now, &mut rng);
        other.drain();
        let lowest = changed(&other.wire[0].bytes, |message| {
            let hash = message.len() - 32;
            message[hash..].fill(0);
        });
        pair.hand(Alice, &from_device(&lowest, 0x6666));
    };
    let wait = |pair: &mut Pair| pair.wait(Duration::from_secs(3600));
    let restart = |pair: &mut Pair| pair.restart(Alice, None);
    let end = |pair: &mut Pair| {
        let id = pair.end(Alice).id();
        pair.act(Alice, |peer, _, _| peer.forget_session(id));
    };
    for (name, pair) in [
        ("as it is", two_devices_of_one_answer(300, nothing, nothing)),
        ("behind a commit", two_devices_of_one_answer(301, crossing, nothing)),
        ("behind a commit, later", two_devices_of_one_answer(302, crossing, wait)),
        ("behind a commit, restarted", two_devices_of_one_answer(303, crossing, restart)),
        ("when the first is gone", two_devices_of_one_answer(304, nothing, end)),
    ] {
        assert_eq!(pair.end(Alice).established(), 1, "{name}");
    }
}

#[test]
fn several_devices_may_answer_one_commit() {
    let mut pair = Pair::new(310, quiet());
    pair.act(Alice, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    let commit = pair.end(Alice).wire[0].bytes.clone();
    pair.run();
    let mut rng = ChaCha20Rng::seed_from_u64(311);
    let mut tablet = End::new(1, 0x9999, quiet());
    tablet.peer.handle_line(&commit, pair.now, &mut rng);
    tablet.drain();
    while let Some(line) = tablet.wire.pop_front() {
        pair.hand(Alice, &line.bytes);
        while let Some(answer) = pair.end_mut(Alice).wire.pop_front() {
            tablet.peer.handle_line(&answer.bytes, pair.now, &mut rng);
            tablet.drain();
        }
    }
    assert_eq!(pair.end(Alice).established(), 2);
    assert_eq!(tablet.peer.state(), State::Encrypted);
}
