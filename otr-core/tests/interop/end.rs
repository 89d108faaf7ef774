//! The end of a session, and what becomes of a text that is typed afterwards.

use otr_core::{Event, SendError, State};
use serde_json::json;

use super::face::{Face, VERSIONS, only, only_foreign, shown};

#[test]
fn after_our_end_libotr_sends_nothing_and_we_send_clear() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        face.act(|peer, now| peer.end(now));
        face.settle();
        only_foreign(&face.take_foreign(), "finished");
        assert_eq!((face.ours.state(), face.their_state().as_str()), (State::Plaintext, "finished"));

        face.send_foreign("not to be sent");
        assert!(face.to_us.is_empty());
        assert_eq!(only_foreign(&face.take_foreign(), "error").text("code"), Some("finished"));

        face.send("in clear, as the user knows");
        face.settle();
        let events = face.take_foreign();
        let [(text, false)] = shown(&events)[..] else { panic!("{events:?}") };
        assert_eq!(text, "in clear, as the user knows");
    }
}

#[test]
fn after_the_end_of_libotr_we_send_nothing_until_our_user_knows() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        face.command(&json!({"cmd": "end"}));
        face.settle();
        let finished = face.take();
        only(&finished, |event| if let Event::Finished { session } = event { Some(session) } else { None });
        assert_eq!((face.ours.state(), face.their_state().as_str()), (State::Finished, "plaintext"));
        let refused = face.act(|peer, now| peer.send(b"not to be sent", now));
        assert_eq!(refused, Err(SendError::Finished));
        assert!(face.to_them.is_empty());

        face.act(|peer, now| peer.end(now));
        assert!(face.to_them.is_empty(), "the peer knows already");
        assert_eq!(face.ours.state(), State::Plaintext);
        face.send("in clear");
        face.settle();
        assert_eq!(shown(&face.take_foreign()), [("in clear", false)]);
    }
}

#[test]
fn a_finished_session_begins_again_from_either_side() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.command(&json!({"cmd": "end"}));
        face.settle();
        face.enter_private();
        face.talk();
        face.act(|peer, now| peer.end(now));
        face.settle();
        face.command(&json!({"cmd": "query"}));
        face.settle();
        face.forget();
        face.talk();
    }
}
