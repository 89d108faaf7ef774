//! A tag of blanks behind a plaintext starts a session.

use otr_core::{Event, Policy, Settings, State};

use super::face::{Face, VERSIONS, name, only_foreign, read, shown, with_policy};

#[test]
fn our_tag_makes_libotr_start() {
    for version in VERSIONS {
        let options = format!("{},wsstart", name(version));
        let Some(mut face) = Face::new(Settings::default(), &["--policy", &options]) else { return };
        face.send("good day");
        assert_ne!(face.to_them[0], "good day");
        face.settle();
        let theirs = face.take_foreign();
        let [(text, false)] = shown(&theirs)[..] else { panic!("{theirs:?}") };
        assert_eq!(text, "good day");
        only_foreign(&theirs, "encrypted");
        assert_eq!(face.ours.state(), State::Encrypted);
        face.forget();
        face.talk();
    }
}

#[test]
fn a_tag_of_libotr_makes_us_start() {
    for version in VERSIONS {
        let options = format!("{},wstag", name(version));
        let Some(mut face) = Face::new(Settings::default(), &["--policy", &options]) else { return };
        face.send_foreign("good day");
        face.settle();
        let clear = face.take().into_iter().find_map(|event| match event {
            Event::Plaintext { text, unexpected } => Some((text, unexpected)),
            _ => None,
        });
        assert_eq!(clear, Some((b"good day".to_vec(), false)));
        assert_eq!(face.their_state(), "encrypted");
        face.forget();
        face.talk();
    }
}

#[test]
fn without_the_wish_to_start_a_tag_is_only_cut_out() {
    let Some(mut face) = Face::new(with_policy(Policy::MANUAL), &["--policy", "v2,v3,wstag,wsstart"]) else { return };
    face.send_foreign("good day");
    face.settle();
    assert!(matches!(&face.take()[..], [Event::Plaintext { text, .. }] if text == b"good day"));
    assert!(read(&face.take()).is_empty());
    face.send("and to you");
    face.settle();
    assert_eq!(shown(&face.take_foreign()), [("and to you", false)]);
    assert_eq!((face.ours.state(), face.their_state().as_str()), (State::Plaintext, "plaintext"));
}
