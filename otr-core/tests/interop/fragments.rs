//! Networks that carry short lines only.

use otr_core::Version;
use serde_json::json;

use super::face::{Face, VERSIONS};

#[test]
fn handshake_and_texts_pass_through_200_bytes() {
    VERSIONS.into_iter().for_each(|version| passes(version, 200));
}

#[test]
fn handshake_and_texts_pass_through_1400_bytes() {
    VERSIONS.into_iter().for_each(|version| passes(version, 1400));
}

fn passes(version: Version, mtu: usize) {
    let Some(mut face) = Face::speaking(version) else { return };
    face.mtu = mtu;
    face.command(&json!({"cmd": "mtu", "value": mtu}));
    face.enter_private();
    for text in ["short".to_owned(), "ä".repeat(300), "long ".repeat(2000)] {
        face.send(&text);
        let pieces = face.to_them.len();
        assert!(pieces > text.len() / mtu, "{pieces} pieces");
        assert!(face.to_them.iter().all(|line| line.len() <= mtu));
        let lines: Vec<_> = face.to_them.drain(..).collect();
        lines.iter().for_each(|line| face.hand_to_them(line));
        assert_eq!(super::face::shown(&face.take_foreign()), [(text.as_str(), true)]);
        face.send_foreign(&text);
        assert!(face.to_us.len() > text.len() / mtu && face.to_us.iter().all(|line| line.len() <= mtu));
        face.settle();
        assert_eq!(super::face::read(&face.take()), [text]);
    }
}

#[test]
fn a_lost_fragment_costs_its_message_only() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.mtu = 200;
        face.command(&json!({"cmd": "mtu", "value": 200}));
        for lost in [0, 1] {
            face.send(&"lost ".repeat(100));
            face.to_them.remove(lost);
            face.send_foreign(&"lost ".repeat(100));
            face.to_us.remove(lost);
            face.settle();
            assert!(super::face::shown(&face.take_foreign()).is_empty());
            assert!(super::face::read(&face.take()).is_empty());
        }
        face.talk();
    }
}
