//! A message that cannot be read: an error message, a new AKE, and the text comes once more.

use otr_core::{Event, Rejection, Settings, Version};

use super::face::{Face, VERSIONS, name, only, only_foreign, read, renewed_after_query, shown};

/// The line with one character of its next D-H key replaced.
fn damaged(line: &str) -> String {
    let mut bytes = line.as_bytes().to_vec();
    bytes[60] = if bytes[60] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_libotr_could_not_read_we_send_again_in_a_new_session() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        face.send("important");
        let line = face.to_them.pop_front().unwrap();
        face.hand_to_them(&damaged(&line));
        only_foreign(&face.take_foreign(), "rejected");
        face.settle();
        let (ours, theirs) = (face.take(), face.take_foreign());
        let error = only(&ours, |event| if let Event::ErrorReceived { text } = event { Some(text) } else { None });
        assert!(!error.is_empty());
        assert!(only(&ours, |event| if let Event::Established(it) = event { Some(it) } else { None }).renewed);
        only(&ours, |event| if let Event::Resent { session } = event { Some(session) } else { None });
        only_foreign(&theirs, renewed_after_query(version));
        assert_eq!(shown(&theirs), [("[resent] important", true)]);
        face.talk();
    }
}

#[test]
fn what_we_could_not_read_libotr_sends_again_in_a_new_session() {
    for version in VERSIONS {
        let options = format!("{},errstart", name(version));
        let Some(mut face) = Face::new(Settings::default(), &["--policy", &options]) else { return };
        face.enter_private();
        face.talk();
        face.send_foreign("important");
        let line = face.to_us.pop_front().unwrap();
        face.hand_to_us(&damaged(&line));
        let refused = face.take();
        let refused = only(&refused, |event| if let Event::Rejected(it) = event { Some(it) } else { None });
        assert_eq!((refused.reason, refused.ignorable), (Rejection::Unreadable { forged: true }, false));
        face.settle();
        let (ours, theirs) = (face.take(), face.take_foreign());
        assert_eq!(only_foreign(&theirs, "error").text("code"), Some("peer"));
        assert!(only(&ours, |event| if let Event::Established(it) = event { Some(it) } else { None }).renewed);
        // In version 3 libotr takes the error message for one outside the session, and sends nothing again.
        let resent: &[&str] = if version == Version::V2 { &["[resent] important"] } else { &[] };
        assert_eq!(read(&ours), resent);
        assert_eq!(theirs.iter().filter(|event| event.is("resent")).count(), resent.len());
        face.talk();
    }
}

#[test]
fn a_message_that_comes_twice_is_refused_on_both_sides() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        face.send_foreign("once");
        let line = face.to_us.pop_front().unwrap();
        face.hand_to_us(&line);
        assert_eq!(read(&face.take()), ["once"]);
        face.ours.settings_mut().error_replies = None;
        face.hand_to_us(&line);
        let refused = face.take();
        let refused = only(&refused, |event| if let Event::Rejected(it) = event { Some(it) } else { None });
        assert_eq!(refused.reason, Rejection::Replay { same: true });

        face.send("once");
        let line = face.to_them.pop_front().unwrap();
        face.hand_to_them(&line);
        assert_eq!(shown(&face.take_foreign()), [("once", true)]);
        face.hand_to_them(&line);
        assert_eq!(only_foreign(&face.take_foreign(), "rejected").text("reason"), Some("unreadable"));
        face.settle();
        face.forget();
        face.talk();
    }
}
