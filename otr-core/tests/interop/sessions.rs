//! A session begins, from either side, in both versions, and carries texts.

use otr_core::{Event, State, Version};
use serde_json::json;

use super::face::{Face, VERSIONS, is_clean, name, only, only_foreign, read, shown};

#[test]
fn our_query_leads_to_a_session_of_version_3() {
    begins(Version::V3, true);
}

#[test]
fn our_query_leads_to_a_session_of_version_2() {
    begins(Version::V2, true);
}

#[test]
fn a_query_of_libotr_leads_to_a_session_of_version_3() {
    begins(Version::V3, false);
}

#[test]
fn a_query_of_libotr_leads_to_a_session_of_version_2() {
    begins(Version::V2, false);
}

fn begins(version: Version, by_us: bool) {
    let Some(mut face) = Face::speaking(version) else { return };
    if by_us {
        face.act(|peer, _| peer.start());
    } else {
        face.command(&json!({"cmd": "query"}));
    }
    face.settle();
    let (ours, theirs) = (face.take(), face.take_foreign());
    assert!(is_clean(&ours), "{ours:?}");
    let established = only(&ours, |event| if let Event::Established(it) = event { Some(it) } else { None });
    assert_eq!(established.session.version, version);
    assert!(!established.renewed);
    // Who asks by a query receives the D-H Commit, so the other reveals.
    assert_eq!(established.revealed, !by_us);
    assert_eq!(hex::encode(established.session.fingerprint.as_bytes()), face.their_fingerprint());
    let secure = only_foreign(&theirs, "encrypted");
    assert_eq!(secure.text("ssid"), Some(hex::encode(established.ssid).as_str()));
    assert_eq!(secure.text("fingerprint"), Some(hex::encode(face.ours.identity().fingerprint().as_bytes()).as_str()));
    let view = face.their_view();
    assert_eq!(view.number("version"), Some(u64::from(version.number())));
    if version == Version::V3 {
        let ours = u64::from(face.ours.identity().instance().get());
        assert_eq!(view.number("their_instance"), Some(ours));
        let theirs = established.session.instance.map(|tag| u64::from(tag.get()));
        assert_eq!(theirs, face.theirs.ready().number("instance"));
    }
    face.talk();
}

#[test]
fn both_versions_allowed_make_a_session_of_version_3() {
    let Some(mut face) = Face::new(otr_core::Settings::default(), &["--policy", "v2,v3"]) else { return };
    face.enter_private();
    assert_eq!(face.view().id.version, Version::V3);
    face.talk();
}

#[test]
fn texts_in_every_script_go_to_and_fro() {
    let texts = ["hello", "Zażółć gęślą jaźń, 你好, 👋🏽", "<b>quotes</b> \" \\ / \t and\nlines", " blanks around ", "?"];
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        let before = face.view().keyids;
        for text in texts {
            face.say(text);
            face.hear(text);
        }
        let after = face.view().keyids;
        assert!(after.0 >= before.0 + 5 && after.1 >= before.1 + 5, "keys rotate: {before:?} {after:?}");
        assert!(is_clean(&face.take()), "{}", name(version));
    }
}

#[test]
fn bursts_arrive_in_order_under_one_key() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        face.talk();
        let texts: Vec<String> = (0..60).map(|number| format!("burst {number}")).collect();
        texts.iter().for_each(|text| face.send(text));
        assert_eq!(face.view().uses_of_key, 60);
        face.settle();
        let shown: Vec<_> = shown(&face.take_foreign()).iter().map(|(text, _)| (*text).to_owned()).collect();
        assert_eq!(shown, texts);
        texts.iter().for_each(|text| face.send_foreign(text));
        assert_eq!(face.their_view().number("uses_of_key"), Some(60));
        face.settle();
        assert_eq!(read(&face.take()), texts);
        face.talk();
    }
}

#[test]
fn texts_of_ten_kilobytes_arrive_whole() {
    for version in VERSIONS {
        let Some(mut face) = Face::in_private(version) else { return };
        let text = "żółw 🐢 ".repeat(770);
        assert!(text.len() > 10_000);
        face.say(&text);
        face.hear(&text);
        assert_eq!(face.ours.state(), State::Encrypted);
    }
}
