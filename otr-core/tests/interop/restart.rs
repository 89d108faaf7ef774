//! Our side is stored, dropped and made again; libotr does not notice.

use otr_core::{Leap, State, Version};
use serde_json::json;

use super::face::{Face, VERSIONS, is_clean, random, read, shown};

#[test]
fn a_restored_session_goes_on_in_both_directions() {
    for version in VERSIONS {
        for leap in [Leap::new(1).unwrap(), Leap::new(Leap::MAX).unwrap(), Leap::random(&mut random())] {
            let Some(mut face) = Face::in_private(version) else { return };
            face.talk();
            // Messages under way in both directions when it happens, the key used before.
            face.say("before");
            face.send("on its way");
            face.send_foreign("offline 1");
            face.send_foreign("offline 2");
            face.restart(leap);
            face.settle();
            assert_eq!(read(&face.take()), ["offline 1", "offline 2"]);
            assert_eq!(shown(&face.take_foreign()), [("on its way", true)]);
            face.talk();
            assert!(is_clean(&face.take()));
        }
    }
}

#[test]
fn under_one_key_it_may_be_restored_many_times() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        for number in 0..10 {
            face.restart(Leap::random(&mut random()));
            face.say(&format!("after restart {number}"));
        }
        for number in 0..10 {
            face.restart(Leap::random(&mut random()));
            face.hear(&format!("offline {number}"));
        }
        face.talk();
        assert!(is_clean(&face.take()));
    }
}

#[test]
fn straight_after_the_handshake_both_may_speak_first() {
    for version in VERSIONS {
        for we_begin in [true, false] {
            let Some(mut face) = Face::in_private(version) else { return };
            face.restart(Leap::random(&mut random()));
            if we_begin {
                face.say("we begin");
            } else {
                face.hear("they begin");
            }
            face.talk();
        }
    }
}

#[test]
fn a_restart_behind_every_line_does_no_harm_to_a_handshake() {
    for version in VERSIONS {
        for by_us in [true, false] {
            let Some(mut face) = Face::speaking(version) else { return };
            if by_us {
                face.act(|peer, _| peer.start());
            } else {
                face.command(&json!({"cmd": "query"}));
            }
            while let Some(line) = next_line(&mut face) {
                face.restart(Leap::random(&mut random()));
                match line {
                    Line::ToUs(line) => face.hand_to_us(&line),
                    Line::ToThem(line) => face.hand_to_them(&line),
                }
                face.restart(Leap::random(&mut random()));
            }
            assert_eq!((face.ours.state(), face.their_state().as_str()), (State::Encrypted, "encrypted"));
            face.forget();
            face.talk();
        }
    }
}

enum Line {
    ToUs(String),
    ToThem(String),
}

fn next_line(face: &mut Face) -> Option<Line> {
    let to_us = face.to_us.pop_front().map(Line::ToUs);
    to_us.or_else(|| face.to_them.pop_front().map(Line::ToThem))
}

#[test]
fn smp_survives_a_restart_between_its_messages() {
    use otr_core::Event;
    use otr_core::smp::SmpEvent;
    let Some(mut face) = Face::in_private(Version::V3) else { return };
    face.command(&json!({"cmd": "smp_start", "secret": "kiwi"}));
    face.settle();
    face.restart(Leap::random(&mut random()));
    let id = face.id();
    face.act(|peer, now| peer.respond_smp(id, b"kiwi", now, &mut random())).unwrap();
    face.restart(Leap::random(&mut random()));
    face.settle();
    let success = |event: &Event| matches!(event, Event::Smp { event: SmpEvent::Success, trust: Some(true), .. });
    assert!(face.take().iter().any(success));
}
