//! REQUIRE_ENCRYPTION: a text waits for its session.

use otr_core::{Event, Policy, Settings, State};

use super::face::{Face, VERSIONS, name, only_foreign, read, shown, with_policy};

#[test]
fn our_texts_wait_and_leave_in_order() {
    for version in VERSIONS {
        let Some(mut face) = Face::new(with_policy(Policy::ALWAYS), &["--policy", name(version)]) else { return };
        for text in ["first", "second", "third"] {
            face.send(text);
        }
        let held = face.take().iter().filter(|event| matches!(event, Event::EncryptionRequired)).count();
        assert_eq!(held, 3);
        assert!(face.to_them.iter().all(|line| line.starts_with("?OTR")), "{:?}", face.to_them);
        // Three queries were sent; the last session carries what the others did not.
        face.settle();
        let theirs = face.take_foreign();
        assert_eq!(shown(&theirs), [("first", true), ("second", true), ("third", true)]);
        assert_eq!((face.ours.state(), face.their_state().as_str()), (State::Encrypted, "encrypted"));
        face.forget();
        face.talk();
    }
}

#[test]
fn a_text_of_libotr_waits_for_us() {
    for version in VERSIONS {
        let options = format!("{},require", name(version));
        let Some(mut face) = Face::new(Settings::default(), &["--policy", &options]) else { return };
        face.send_foreign("not in clear");
        assert_eq!(only_foreign(&face.take_foreign(), "paused").text("reason"), Some("no_session"));
        face.settle();
        assert_eq!(read(&face.take()), ["not in clear"]);
        face.forget();
        face.talk();
    }
}

#[test]
fn required_on_both_sides_texts_cross() {
    for version in VERSIONS {
        let options = format!("{},require", name(version));
        let Some(mut face) = Face::new(with_policy(Policy::ALWAYS), &["--policy", &options]) else { return };
        face.send("from us");
        face.settle();
        assert_eq!(shown(&face.take_foreign()), [("from us", true)]);
        face.hear("from them");
        face.talk();
    }
}
