//! Data messages under real keys with anything changed: we and libotr accept the same ones and read the same in them.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use libotr_oracle::{Keys, Libotr, Session, c_line};
use otr_core::group::GroupElement;
use otr_core::wire::{DataFlags, Route};
use otr_core::{Event, KeyPairSnapshot, PeerSnapshot, PhaseSnapshot, Settings};
use otr_fuzz::forge::Forged;
use otr_fuzz::pair::{Alice, Bob, Pair, quiet, quiet_v2, tag};

/// What one input does to one message.
const FIELDS: usize = 12;

struct Start {
    settings: Settings,
    route: Route,
    version: u32,
    alice: PeerSnapshot,
    bob: PeerSnapshot,
}

/// A session in the middle of a conversation, in each version: both ends have two keys of the other.
fn starts() -> &'static [Start; 2] {
    static STARTS: OnceLock<[Start; 2]> = OnceLock::new();
    let v3 = Route::V3 { sender: tag(0x100), receiver: Some(tag(u32::MAX)) };
    STARTS.get_or_init(|| [(quiet_v2(), Route::V2, 2), (quiet(), v3, 3)].map(start))
}

fn start((settings, route, version): (Settings, Route, u32)) -> Start {
    let mut pair = Pair::private(1, settings.clone());
    for side in [Alice, Bob, Alice, Bob, Alice, Bob] {
        pair.say(side, "to and fro");
        pair.run();
    }
    let session = pair.end(Alice).id();
    pair.act(Alice, |peer, _, _| peer.prepare(session));
    let (alice, bob) = (pair.end(Alice).peer.snapshot(), pair.end(Bob).peer.snapshot());
    Start { settings, route, version, alice, bob }
}

/// Bob's keys for libotr.
fn keys(start: &Start) -> Keys {
    let PhaseSnapshot::Encrypted { ring, .. } = &start.bob.sessions[0].phase else { unreachable!("it is private") };
    let number = |element: &GroupElement| {
        let minimal = element.as_minimal();
        let mut padded = [0; 192];
        padded[192 - minimal.len()..].copy_from_slice(minimal);
        padded
    };
    let public = |pair: &KeyPairSnapshot| number(&pair.public.expect("it was computed"));
    Keys {
        version: start.version,
        our_instance: u32::MAX,
        their_instance: 0x100,
        our_keyid: ring.our_keyid,
        their_keyid: ring.their_keyid,
        our_secret: *ring.our_newest.secret.expose(),
        our_old_secret: *ring.our_previous.secret.expose(),
        our_public: public(&ring.our_newest),
        our_old_public: public(&ring.our_previous),
        their_public: number(&ring.their_newest),
        their_old_public: ring.their_previous.as_ref().map(number),
    }
}

/// A message of Alice's after the wishes of the input. `false`: something in it that we refuse and libotr takes.
fn message(start: &Start, wishes: &[u8; FIELDS], text: &[u8]) -> (Forged, bool) {
    let [_, flags, sender, recipient, counter_kind, counter, next, next_byte, next_value, keys, ..] = *wishes;
    let mut forged = Forged::next(&start.alice, start.route, text);
    let mut comparable = true;
    forged.flags = DataFlags::from_bits_truncate(flags);
    // The keyids that fit, or their neighbours, or nonsense.
    forged.keyids.0 = shifted(forged.keyids.0, sender);
    forged.keyids.1 = shifted(forged.keyids.1, recipient);
    forged.counter = match counter_kind % 4 {
        0 | 1 => forged.counter.wrapping_add(u64::from(counter)),
        2 => u64::from(counter),
        _ => u64::MAX - u64::from(counter),
    };
    if next % 4 == 3
        && let Some(byte) = forged.next_dh.get_mut(usize::from(next_byte))
    {
        *byte = next_value;
        // libotr looks neither at the range of the next key nor whether it was there before.
        comparable = forged.next_dh.first() != Some(&0) && forged.next_dh.len() > 100;
    }
    forged.old_mac_keys = vec![keys; usize::from(keys)];
    (forged, comparable)
}

fn shifted(keyid: u32, wish: u8) -> u32 {
    match wish {
        0..200 => keyid,
        200..210 => 0,
        210..230 => keyid.wrapping_add(1),
        230..250 => keyid.wrapping_sub(1),
        _ => u32::MAX - u32::from(wish),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((wishes, text)) = data.split_first_chunk::<FIELDS>() else { return };
    let start = &starts()[usize::from(wishes[0] & 1)];
    let (forged, comparable) = message(start, wishes, text);
    let mut line = forged.line();
    // Sometimes something breaks on the way.
    let [.., break_at, break_with] = *wishes;
    if break_with >= 0x80
        && let Some(byte) = line.get_mut(5 + usize::from(break_at))
    {
        *byte = break_with & 0x7f;
    }
    let Some(c) = c_line(&line) else { return };

    let mut pair = Pair::new(1, start.settings.clone());
    pair.restore(Bob, start.bob.clone(), None);
    let ours = pair.events_of(Bob, &line).into_iter().find_map(|event| match event {
        Event::Message(message) => Some((message.content.text.clone(), message.content.tlvs.len())),
        _ => None,
    });
    let theirs = Session::new(Libotr::new(), &keys(start)).accept(&c).map(|seen| (seen.text, seen.tlvs));
    match (&ours, &theirs) {
        (None, Some(_)) => assert!(
            !comparable || refused_by_us_alone(&forged),
            "libotr accepts: {forged_line}",
            forged_line = String::from_utf8_lossy(&line)
        ),
        _ => assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(&line)),
    }
});

/// Where we are stricter than libotr.
fn refused_by_us_alone(forged: &Forged) -> bool {
    forged.keyids.0 == u32::MAX || forged.counter == 0
}
