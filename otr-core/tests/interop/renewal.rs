//! A query in the middle of a session renews it; until then, and after, nothing is unencrypted.

use otr_core::{Event, State};
use serde_json::json;

use super::face::{Face, VERSIONS, is_clean, only, only_foreign, read, renewed_after_query, shown};

#[test]
fn a_query_of_libotr_does_not_drop_our_encryption() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        let before = face.view();
        face.command(&json!({"cmd": "query"}));
        let query = face.to_us.pop_front().unwrap();
        face.hand_to_us(&query);
        assert_eq!(face.ours.state(), State::Encrypted);
        // Our text leaves under the old keys, behind our D-H Commit.
        face.send("between");
        assert_eq!(face.to_them.len(), 2);
        face.settle();
        let (ours, theirs) = (face.take(), face.take_foreign());
        assert!(is_clean(&ours), "{ours:?}");
        assert_eq!(shown(&theirs), [("between", true)]);
        let renewed = only(&ours, |event| if let Event::Established(it) = event { Some(it) } else { None });
        assert!(renewed.renewed);
        assert_eq!(renewed.session, before.id);
        assert_ne!(renewed.ssid, before.ssid);
        let secure = only_foreign(&theirs, "still_encrypted");
        assert_eq!(secure.text("ssid"), Some(hex::encode(renewed.ssid).as_str()));
        assert_eq!(face.ours.sessions().count(), 1);
        face.talk();
    }
}

#[test]
fn our_query_renews_the_session() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        let before = face.view().ssid;
        for _ in 0..3 {
            face.act(|peer, _| peer.start());
            // A text of libotr's that was on its way when the query came.
            face.send_foreign("crossing");
            face.settle();
            let ours = face.take();
            assert_eq!(read(&ours), ["crossing"]);
            assert!(is_clean(&ours), "{ours:?}");
            only_foreign(&face.take_foreign(), renewed_after_query(version));
        }
        assert_ne!(face.view().ssid, before);
        face.talk();
    }
}

#[test]
fn a_commit_to_the_one_device_renews_its_session() {
    let Some(mut face) = Face::in_private(otr_core::Version::V3) else { return };
    face.talk();
    let device = face.id().instance.unwrap();
    face.act(|peer, now| peer.renew_exchange(device, now, &mut super::face::random()));
    face.settle();
    let ours = face.take();
    assert!(is_clean(&ours), "{ours:?}");
    assert!(only(&ours, |event| if let Event::Established(it) = event { Some(it) } else { None }).renewed);
    only_foreign(&face.take_foreign(), "still_encrypted");
    face.talk();
}

#[test]
fn a_commit_to_all_devices_renews_the_session() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        face.act(|peer, now| peer.open_exchange(version, now, &mut super::face::random()));
        face.settle();
        assert!(only(&face.take(), |event| if let Event::Established(it) = event { Some(it) } else { None }).renewed);
        only_foreign(&face.take_foreign(), "still_encrypted");
        face.talk();
    }
}
