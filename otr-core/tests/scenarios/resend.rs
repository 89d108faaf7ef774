//! A text that could not be read is sent again, once, to whom it was written.

use std::time::Duration;

use otr_core::text::error_line;
use otr_core::{Event, Settings, State, Version};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::pair::{Alice, Bob, End, Pair, quiet, quiet_v2};

fn intruder(pair: &mut Pair, version: Version, settings: Settings) -> End {
    let mut mallory = End::new(2, u32::MAX, settings);
    let (now, mut rng) = (pair.now, ChaCha20Rng::seed_from_u64(999));
    mallory.peer.open_exchange(version, now, &mut rng);
    mallory.drain();
    while let Some(line) = mallory.wire.pop_front() {
        pair.hand(Alice, &line.bytes);
        while let Some(answer) = pair.end_mut(Alice).wire.pop_front() {
            mallory.peer.handle_line(&answer.bytes, now, &mut rng);
            mallory.drain();
        }
    }
    mallory
}

#[test]
fn after_an_error_nothing_is_sent_again_to_another_fingerprint() {
    for (version, settings) in [(Version::V2, quiet_v2()), (Version::V3, quiet())] {
        let mut pair = Pair::private(50, settings.clone());
        pair.write(Alice, "for Bob only");
        pair.hand(Alice, &error_line(b"cannot read"));
        let mallory = intruder(&mut pair, version, settings.clone());
        assert_eq!(mallory.peer.state(), State::Encrypted);
        assert_eq!(mallory.texts(), [""; 0]);
        assert!(!pair.end(Alice).events.iter().any(|event| matches!(event, Event::Resent { .. })));
        // The real Bob renews the session and gets it, marked, once.
        pair.act(Bob, |peer, now, rng| peer.open_exchange(version, now, rng));
        pair.run();
        assert_eq!(pair.end(Bob).texts(), ["[resent] for Bob only"]);
        pair.act(Bob, |peer, now, rng| peer.open_exchange(version, now, rng));
        pair.run();
        assert_eq!(pair.end(Bob).texts().len(), 1);
    }
}

#[test]
fn a_text_older_than_a_minute_is_not_sent_again() {
    let mut pair = Pair::private(51, quiet());
    pair.write(Alice, "old");
    pair.hand(Alice, &error_line(b"?"));
    pair.now = pair.now.after(Duration::from_secs(61));
    pair.act(Bob, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    pair.run();
    assert_eq!(pair.end(Bob).texts(), [""; 0]);
}

#[test]
fn without_an_error_nothing_is_sent_again() {
    let mut pair = Pair::private(52, quiet());
    pair.say(Alice, "read");
    pair.run();
    pair.act(Bob, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["read"]);
}

#[test]
fn a_session_that_the_peer_ended_takes_the_text_with_it() {
    let mut pair = Pair::private(53, quiet());
    pair.write(Alice, "secret");
    pair.act(Bob, |peer, now, _| peer.end(now));
    pair.run();
    pair.hand(Alice, &error_line(b"?"));
    pair.act(Alice, |peer, now, _| peer.end(now));
    pair.act(Bob, |peer, now, rng| peer.open_exchange(Version::V3, now, rng));
    pair.run();
    assert_eq!(pair.end(Bob).texts(), [""; 0]);
}
