//! The extra symmetric key is the same on both sides, whoever announces it.

use otr_core::Event;
use serde_json::json;

use super::face::{Face, VERSIONS, only_foreign};

const USAGE: u32 = 0xfedc_ba98;

#[test]
fn announced_by_us() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        for data in [&b"file.bin\x00\xff"[..], b""] {
            let id = face.id();
            let key = face.act(|peer, now| peer.send_extra_key(id, USAGE, data, now)).unwrap();
            face.settle();
            let events = face.take_foreign();
            let announced = only_foreign(&events, "symkey");
            assert_eq!(announced.number("use"), Some(u64::from(USAGE)));
            assert_eq!(announced.text("data"), Some(hex::encode(data).as_str()));
            assert_eq!(announced.text("key"), Some(hex::encode(key.expose()).as_str()));
            face.talk();
        }
    }
}

#[test]
fn announced_by_libotr() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        for text in ["00ff7f", ""] {
            face.command(&json!({"cmd": "symkey", "use": USAGE, "data": text}));
            face.settle();
            let theirs = face.take_foreign();
            let sent = only_foreign(&theirs, "symkey").text("key").unwrap();
            let announced = face.take().into_iter().find_map(|event| match event {
                Event::ExtraKey { usage, data, key, .. } => Some((usage, hex::encode(data), hex::encode(key.expose()))),
                _ => None,
            });
            assert_eq!(announced, Some((USAGE, text.to_owned(), sent.to_owned())));
            face.talk();
        }
    }
}
