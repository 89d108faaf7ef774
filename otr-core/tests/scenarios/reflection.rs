//! A network that sends our own lines back.

use otr_core::{Event, Rejection, State, Version};

use crate::pair::{Alice, Bob, Pair, quiet, quiet_v2, window};

#[test]
fn every_line_of_ours_that_comes_back_changes_nothing() {
    for (version, settings) in [(Version::V2, quiet_v2()), (Version::V3, quiet()), (Version::V3, window())] {
        let mut pair = Pair::new(110, settings);
        pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
        for _ in 0..20 {
            for side in [Alice, Bob] {
                let Some(line) = pair.end_mut(side).wire.pop_front() else { continue };
                if line.bytes.starts_with(b"?OTR Error") {
                    continue;
                }
                let before = pair.end(side).state();
                let events = pair.events_of(side, &line.bytes);
                assert!(matches!(events[..], [Event::Rejected(_)]), "{events:?}");
                assert_eq!(pair.end(side).state(), before, "{version} {side:?}");
                pair.hand(side.other(), &line.bytes);
            }
        }
        for side in [Alice, Bob] {
            assert_eq!(pair.end(side).peer.state(), State::Encrypted);
        }
        for side in [Alice, Bob] {
            let line = pair.write(side, "mine");
            let before = pair.end(side).state();
            let events = pair.events_of(side, &line);
            assert!(matches!(events[..], [Event::Rejected(_)]), "{events:?}");
            assert_eq!(pair.end(side).state(), before);
            pair.end_mut(side).wire.clear();
            pair.hand(side.other(), &line);
            assert_eq!(pair.end(side.other()).texts().last().map(String::as_str), Some("mine"));
        }
    }
}

#[test]
fn our_own_commit_is_named_as_ours() {
    for (version, settings) in [(Version::V2, quiet_v2()), (Version::V3, quiet())] {
        let mut pair = Pair::new(111, settings);
        pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
        let commit = pair.end(Alice).wire[0].bytes.clone();
        pair.refuse(Alice, &commit, Rejection::Reflected);
        pair.run();
        assert_eq!(pair.end(Alice).peer.state(), State::Encrypted);
    }
}

#[test]
fn a_mirror_that_answers_everything_leads_to_no_session() {
    for (version, settings) in [(Version::V2, quiet_v2()), (Version::V3, quiet())] {
        let mut pair = Pair::new(112, settings);
        pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
        for _ in 0..50 {
            let Some(line) = pair.end_mut(Alice).wire.pop_front() else { break };
            pair.hand(Alice, &line.bytes);
        }
        assert!(pair.end(Alice).wire.is_empty(), "it falls silent");
        assert_eq!(pair.end(Alice).peer.state(), State::Plaintext);
    }
}
