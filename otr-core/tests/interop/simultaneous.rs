//! Both users start at the same moment, so that two D-H Commits cross. libotr alone may stand still here;
//! our side takes the handshake up again.

use std::time::Duration;

use otr_core::text::{Line, classify};
use otr_core::wire::{Codec, DhCommit, Header, Reader};
use otr_core::{Event, State, Version};
use serde_json::json;

use super::face::Face;

/// Both orders of two random hashes are seen long before this.
const MAX_TRIES: usize = 64;

#[test]
fn commits_that_cross_make_a_session_of_version_3() {
    in_both_orders(Version::V3, cross_queries);
}

#[test]
fn commits_that_cross_make_a_session_of_version_2() {
    in_both_orders(Version::V2, cross_queries);
}

#[test]
fn commits_that_cross_renew_a_session_of_version_3() {
    in_both_orders(Version::V3, cross_in_private);
}

#[test]
fn commits_that_cross_renew_a_session_of_version_2() {
    in_both_orders(Version::V2, cross_in_private);
}

fn cross_in_private(face: &mut Face) {
    face.enter_private();
    face.talk();
    cross_queries(face);
}

fn cross_queries(face: &mut Face) {
    face.act(|peer, _| peer.start());
    face.command(&json!({"cmd": "query"}));
    let (to_them, to_us) = (face.to_them.pop_front().unwrap(), face.to_us.pop_front().unwrap());
    face.hand_to_them(&to_them);
    face.hand_to_us(&to_us);
}

fn in_both_orders(version: Version, cross: fn(&mut Face)) {
    let mut seen = [false; 2];
    for _ in 0..MAX_TRIES {
        let Some(mut face) = Face::speaking(version) else { return };
        cross(&mut face);
        let ours_is_higher = commit_hash(&face.to_them[0]) > commit_hash(&face.to_us[0]);
        face.settle();
        settle_in_time(&mut face);
        face.forget();
        face.talk();
        seen[usize::from(ours_is_higher)] = true;
        if seen == [true; 2] {
            return;
        }
    }
    panic!("after {MAX_TRIES} tries: {seen:?}");
}

/// Lets time pass at our side until an AKE is complete at both.
fn settle_in_time(face: &mut Face) {
    for _ in 0..10 {
        let established = face.take().iter().any(|event| matches!(event, Event::Established(_)));
        let secure = face.take_foreign().iter().any(|event| event.is("encrypted") || event.is("still_encrypted"));
        if established && secure && face.ours.state() == State::Encrypted && face.their_state() == "encrypted" {
            return;
        }
        assert!(established == secure, "one side alone has a session");
        face.pass(Duration::from_secs(20));
        face.settle();
    }
    panic!("no session: we are {:?}, libotr {}", face.ours.state(), face.their_state());
}

fn commit_hash(line: &str) -> [u8; 32] {
    let Line::Encoded(encoded) = classify(line.as_bytes()) else { panic!("no message: {line}") };
    let message = encoded.dearmour().unwrap();
    let mut reader = Reader::new(&message);
    Header::decode(&mut reader).unwrap();
    DhCommit::from_bytes(reader.rest()).unwrap().hashed_gx
}
