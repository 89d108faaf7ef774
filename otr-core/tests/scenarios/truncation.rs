//! Messages that were cut anywhere.

use otr_core::{Event, Rejection, Version};

use crate::pair::{Alice, Bob};
use crate::pair::{Pair, Side, binary, changed, quiet, quiet_v2};

/// Each kind of message, with a pair whose receiver waits for it.
pub(crate) fn kinds(version: Version) -> Vec<(&'static str, Pair, Side, Vec<u8>)> {
    let settings = match version {
        Version::V2 => quiet_v2(),
        Version::V3 => quiet(),
    };
    let mut kinds = Vec::new();
    for (steps, name) in ["D-H Commit", "D-H Key", "Reveal Signature", "Signature"].into_iter().enumerate() {
        let mut pair = Pair::new(1, settings.clone());
        pair.act(Alice, |peer, now, rng| peer.open_exchange(version, now, rng));
        let mut from = Alice;
        for _ in 0..steps {
            pair.deliver(from);
            from = from.other();
        }
        let line = pair.take(from);
        kinds.push((name, pair, from.other(), line));
    }
    let mut pair = Pair::private(1, settings);
    let line = pair.write(Alice, "hello");
    kinds.push(("Data", pair, Bob, line));
    kinds
}

#[test]
fn every_prefix_of_every_binary_message_is_refused_and_changes_nothing() {
    for version in [Version::V2, Version::V3] {
        for (name, mut pair, to, line) in kinds(version) {
            let before = pair.end(to).state();
            for length in 0..binary(&line).len() {
                let cut = changed(&line, |message| message.truncate(length));
                let events = pair.events_of(to, &cut);
                assert!(matches!(events[..], [Event::Rejected(_)]), "{name} cut to {length}: {events:?}");
            }
            assert_eq!(pair.end(to).state(), before, "{name}");
            assert!(!pair.events_of(to, &line).is_empty() || pair.end(to).state() != before, "{name} as it was");
        }
    }
}

#[test]
fn every_prefix_of_every_line_changes_nothing() {
    for version in [Version::V2, Version::V3] {
        for (name, mut pair, to, line) in kinds(version) {
            let before = pair.end(to).state();
            // Shorter ones are text. Padding and dot of a data message may be missing: nothing is lost with them.
            let padding = line.iter().filter(|&&byte| byte == b'=').count();
            for length in "?OTR".len()..line.len() - 1 - padding {
                let events = pair.events_of(to, &line[..length]);
                assert!(matches!(events[..], [Event::Rejected(_)]), "{name} cut to {length}: {events:?}");
            }
            assert_eq!(pair.end(to).state(), before, "{name}");
        }
    }
}

#[test]
fn nothing_may_stand_behind_a_message() {
    for version in [Version::V2, Version::V3] {
        for (_, mut pair, to, line) in kinds(version) {
            let reason = if binary(&line)[2] == 3 { Rejection::Malformed } else { Rejection::AkeFailed };
            pair.refuse(to, &changed(&line, |message| message.push(0)), reason);
        }
    }
}

#[test]
fn a_handshake_message_needs_its_dot() {
    for (_, mut pair, to, line) in kinds(Version::V3).into_iter().take(4) {
        pair.refuse(to, &line[..line.len() - 1], Rejection::AkeFailed);
    }
}
