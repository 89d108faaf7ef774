//! Empty messages, so that keys rotate where one side only writes.

use std::time::Duration;

use otr_core::{Event, Settings};

use super::face::{Face, VERSIONS, is_clean, name, only, only_foreign, read};

#[test]
fn after_a_silence_of_ours_a_text_of_libotr_is_answered_by_a_heartbeat() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        face.forget();
        for _ in 0..3 {
            face.hear("soon after");
            assert!(face.take_foreign().is_empty());
            let keyid = face.their_view().number("our_keyid").unwrap();
            face.pass(Duration::from_secs(61));
            face.send_foreign("long after");
            face.settle();
            let events = face.take();
            assert_eq!(read(&events), ["long after"]);
            only(&events, |event| if let Event::HeartbeatSent { session } = event { Some(session) } else { None });
            assert_eq!(only_foreign(&face.take_foreign(), "heartbeat").flag("sent"), Some(false));
            assert!(face.their_view().number("our_keyid").unwrap() > keyid, "the keys of libotr rotate");
        }
        face.talk();
    }
}

#[test]
fn a_heartbeat_of_libotr_is_read_and_shows_nothing() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        face.forget();
        face.pass_at_theirs(Duration::from_secs(62));
        face.send("anybody there?");
        face.settle();
        let theirs = face.take_foreign();
        assert_eq!(only_foreign(&theirs, "heartbeat").flag("sent"), Some(true));
        let events = face.take();
        assert!(is_clean(&events), "{events:?}");
        let message = only(&events, |event| if let Event::Message(it) = event { Some(it) } else { None });
        assert!(message.content.text.is_empty() && message.content.tlvs.is_empty() && message.advanced);
        face.talk();
    }
}

#[test]
fn without_an_interval_we_send_none() {
    let settings = Settings { heartbeat: None, ..Settings::default() };
    let Some(mut face) = Face::new(settings, &["--policy", name(otr_core::Version::V3)]) else { return };
    face.enter_private();
    face.talk();
    face.forget();
    face.pass(Duration::from_secs(3600));
    face.hear("long after");
    assert!(face.take_foreign().is_empty());
}
