//! Receive policy Window: a server that reorders and delays loses nothing of what libotr sends.

use otr_core::wire::DataMessage;
use otr_core::{Event, Probe, ReceivePolicy, Rejection, Settings, decode_data};

use super::face::{Face, VERSIONS, is_clean, name, only, read};

fn in_private(version: otr_core::Version) -> Option<Face> {
    let settings = Settings { receive: ReceivePolicy::Window, ..Settings::default() };
    let mut face = Face::new(settings, &["--policy", name(version)])?;
    face.enter_private();
    face.talk();
    Some(face)
}

#[test]
fn a_burst_is_read_in_whatever_order_it_comes() {
    for version in VERSIONS {
        let Some(mut face) = in_private(version) else { return };
        let texts: Vec<String> = (0..12).map(|number| format!("text {number}")).collect();
        texts.iter().for_each(|text| face.send_foreign(text));
        let lines: Vec<String> = face.to_us.drain(..).collect();
        let order = [11, 3, 0, 7, 8, 1, 10, 2, 4, 9, 6, 5];
        for index in order {
            face.hand_to_us(&lines[index]);
        }
        face.settle();
        let events = face.take();
        assert!(is_clean(&events), "{events:?}");
        assert_eq!(read(&events), order.map(|index| texts[index].clone()));
        // Each once.
        face.ours.settings_mut().error_replies = None;
        for line in &lines {
            face.hand_to_us(line);
            let refused = face.take();
            let refused = only(&refused, |event| if let Event::Rejected(it) = event { Some(it) } else { None });
            assert_eq!(refused.reason, Rejection::Replay { same: true });
        }
        face.talk();
    }
}

#[test]
fn messages_overtaken_by_a_rotation_are_read_in_the_session() {
    for version in VERSIONS {
        let Some(mut face) = in_private(version) else { return };
        for text in ["a", "b", "c"] {
            face.send_foreign(text);
        }
        let late = face.to_us.pop_front().unwrap();
        face.settle();
        assert_eq!(read(&face.take()), ["b", "c"]);
        face.say("the keys move on");
        face.hand_to_us(&late);
        assert_eq!(read(&face.take()), ["a"]);
        face.talk();
    }
}

#[test]
fn messages_overtaken_by_many_rotations_are_read_by_a_retained_pair() {
    for version in VERSIONS {
        let Some(mut face) = in_private(version) else { return };
        face.send_foreign("delayed");
        let late = face.to_us.pop_front().unwrap();
        // Goes under the same keys, so that libotr's rotation goes on.
        face.hear("in time");
        face.talk();
        let binary = decode_data(late.as_bytes()).unwrap();
        let message = DataMessage::parse(&binary).unwrap();
        assert!(face.ours.probe(&message).all(|(_, probe)| probe == Probe::KeyidsOut));
        let index = face.retired.iter().position(|pair| pair.probe(&message) == Probe::Fresh).unwrap();
        let mut pair = face.retired.remove(index);
        assert_eq!(pair.read(&message).unwrap().content.text, b"delayed");
        assert_eq!(pair.read(&message).unwrap_err(), Rejection::Replay { same: true });
        // Its MAC key is published now; libotr takes no offence.
        face.act(|peer, _| peer.give_up(pair));
        face.talk();
        assert!(is_clean(&face.take()));
    }
}

#[test]
fn messages_of_a_session_that_was_renewed_are_read_by_a_retained_pair() {
    for version in VERSIONS {
        let Some(mut face) = in_private(version) else { return };
        face.send_foreign("from the old session");
        let late = face.to_us.pop_front().unwrap();
        face.act(|peer, _| peer.start());
        face.settle();
        face.forget();
        face.talk();
        let binary = decode_data(late.as_bytes()).unwrap();
        let message = DataMessage::parse(&binary).unwrap();
        let mut readers = face.retired.iter_mut().filter(|pair| pair.probe(&message) == Probe::Fresh);
        assert_eq!(readers.next().unwrap().read(&message).unwrap().content.text, b"from the old session");
        assert!(readers.next().is_none());
    }
}
