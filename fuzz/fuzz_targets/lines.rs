//! Lines of the fuzzer's own making to a peer in any point of a conversation.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use otr_core::text::armour;
use otr_core::{Event, Leap, Peer, PeerSnapshot, State, Version};
use otr_fuzz::pair::{Alice, Bob, Pair, quiet, quiet_v2};

/// Bob at each step of the AKE as its answering side, as its asking side, and in private.
fn points(version: Version) -> &'static Vec<PeerSnapshot> {
    static POINTS: [OnceLock<Vec<PeerSnapshot>>; 2] = [const { OnceLock::new() }; 2];
    POINTS[usize::from(version == Version::V3)].get_or_init(|| {
        let settings = if version == Version::V3 { quiet() } else { quiet_v2() };
        let mut points = Vec::new();
        for starter in [Alice, Bob] {
            let mut pair = Pair::new(1, settings.clone());
            pair.act(starter, |peer, now, rng| peer.open_exchange(version, now, rng));
            let mut from = starter;
            for _ in 0..4 {
                points.push(pair.end(Bob).peer.snapshot());
                pair.deliver(from);
                from = from.other();
            }
            points.push(pair.end(Bob).peer.snapshot());
        }
        points
    })
}

fuzz_target!(|data: &[u8]| {
    let [point, how, rest @ ..] = data else { return };
    let version = if how & 1 == 0 { Version::V3 } else { Version::V2 };
    let points = points(version);
    let mut pair = Pair::new(2, if version == Version::V3 { quiet() } else { quiet_v2() });
    let snapshot = points[usize::from(*point) % points.len()].clone();
    let end = pair.end_mut(Bob);
    end.peer = Peer::restore(end.identity.clone(), end.peer.settings().clone(), snapshot, Leap::new(1)).expect("valid");
    let private = pair.end(Bob).peer.state() == State::Encrypted;
    let mut lines = Vec::new();
    if how & 2 == 0 {
        lines.extend(rest.split(|&byte| byte == b'\n').map(<[u8]>::to_vec));
    } else {
        // A binary message whose header is right.
        let header: &[u8] = match version {
            Version::V2 => &[0, 2],
            Version::V3 => &[0, 3],
        };
        let Some((kind, body)) = rest.split_first() else { return };
        let kind = [0x02, 0x03, 0x0a, 0x11, 0x12][usize::from(kind % 5)];
        let tags: &[u8] = match version {
            Version::V2 => &[],
            Version::V3 => &[0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff],
        };
        lines.push(armour(&[header, &[kind], tags, body].concat()));
    }
    for line in lines {
        let before = pair.end(Bob).state();
        let events = pair.events_of(Bob, &line);
        if !events.is_empty() && events.iter().all(|event| matches!(event, Event::Rejected(_))) {
            assert_eq!(pair.end(Bob).state(), before);
        }
        assert!(!events.iter().any(|event| matches!(event, Event::Message(_) | Event::Established(_))));
        if private {
            assert_eq!(pair.end(Bob).peer.state(), State::Encrypted, "only an authentic message ends a session");
        }
    }
});
