//! Other keys under a known name: they disturb nothing and are told nothing.

use o2tr::conversation::{Event, Hold};
use o2tr::settings::Settings;
use o2tr_ekm::record::TrustLevel;
use otr_core::dsa::PrivateKey;
use otr_core::wire::DataFlags;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::common::{Pair, Stranger, invariants, key};

#[test]
fn s10_an_ake_by_another_key_under_a_known_tag_disturbs_no_session() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.send(1, "under way");
    let mut stranger = Stranger::new(key(2), 0x2000);
    let before = pair.ends[0].record();
    pair.intrude(0, &mut stranger);
    let fingerprint = key(2).public_key().fingerprint();
    invariants::another_key_changes_no_record(&before, &pair.ends[0].record(), fingerprint).unwrap();
    assert_eq!(pair.ends[0].record().peer.sessions.len(), 2);
    assert!(
        pair.ends[0]
            .has(|event| matches!(event, Event::NewFingerprint { fingerprint: new, .. } if *new == fingerprint))
    );
    pair.settle();
    assert_eq!(pair.ends[0].texts(), ["under way"]);
    pair.restart(0);
    pair.send(0, "for whom it was");
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["for whom it was"]);
    assert!(stranger.texts().is_empty());
}

#[test]
fn s11_ten_strangers_do_not_push_the_record_out() {
    let mut pair = Pair::new(Settings::default()).talking();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    for number in 0..10 {
        let mut stranger = Stranger::new(PrivateKey::generate(&mut rng), 0x2000);
        pair.intrude(0, &mut stranger);
        if number == 4 {
            pair.restart(0);
        }
        let id = stranger.peer.current().unwrap();
        let told = stranger.peer.send_in(id, format!("s{number}").as_bytes(), &[], DataFlags::empty(), pair.now);
        told.unwrap();
        pair.speak(0, &mut stranger);
        assert!(stranger.texts().is_empty());
    }
    pair.ends[0].texts();
    pair.send(1, "still readable");
    pair.settle();
    assert_eq!(pair.ends[0].texts(), ["still readable"]);
    pair.send(0, "still yours");
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["still yours"]);
}

#[test]
fn s12_a_thief_of_the_long_term_key_is_not_sent_what_was_under_way() {
    let mut pair = Pair::new(Settings::default()).talking();
    let id = pair.send(0, "lost on the way");
    pair.intercept(1);
    let mut thief = Stranger::new(key(1), 0x2000);
    pair.intrude(0, &mut thief);
    thief.peer.send_in(thief.peer.current().unwrap(), b"it is me", &[], DataFlags::empty(), pair.now).unwrap();
    pair.speak(0, &mut thief);
    assert_eq!(pair.ends[0].texts(), ["it is me"]);
    assert!(thief.texts().is_empty());
    let held: Vec<_> = pair.ends[0].conversation.outbox();
    assert_eq!((held[0].id.as_str(), held[0].reason), (id.as_str(), Some(Hold::Trust)));
    pair.restart(0);
    assert_eq!(pair.ends[0].queued(), 1);
    // The user decides; then it goes, marked because it may be known already.
    pair.turn(0, |conversation, now, rng| conversation.release(now, rng));
    assert_eq!(pair.ends[0].queued(), 0);
}

#[test]
fn the_peer_that_was_there_before_is_sent_what_was_under_way() {
    let mut pair = Pair::new(Settings::default()).talking();
    let id = pair.send(0, "lost on the way");
    pair.intercept(1);
    pair.start(1);
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["lost on the way"]);
    pair.send(1, "thanks");
    pair.settle();
    assert_eq!(pair.ends[0].watch.fate(&id), Some(invariants::Whereabouts::Acknowledged));
}

#[test]
fn a_text_waits_for_its_key_and_leaves_when_that_comes_back() {
    let mut pair = Pair::new(Settings::default()).talking();
    // Its time is over: nothing is left but that it was private.
    pair.caught_up(0);
    pair.kill(1);
    pair.wait(15 * 24 * 3600);
    pair.intercept(1);
    let mut stranger = Stranger::new(key(2), 0x2000);
    pair.intrude(0, &mut stranger);
    pair.send(0, "not for strangers");
    assert!(pair.ends[0].has(|event| matches!(event, Event::Paused { reason: Hold::Trust, .. })));
    pair.intercept(1);
    pair.restart(1);
    pair.send(1, "back again");
    pair.start(1);
    pair.settle();
    pair.wait(60);
    assert!(pair.ends[1].texts().contains(&"not for strangers".to_owned()));
    assert!(stranger.texts().is_empty());
}

#[test]
fn what_is_held_for_trust_goes_to_whom_the_user_releases_it() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.caught_up(0);
    pair.kill(1);
    pair.wait(15 * 24 * 3600);
    pair.intercept(1);
    let mut other = Stranger::new(key(2), 0x2000);
    pair.intrude(0, &mut other);
    pair.send(0, "for the new key");
    pair.intercept(1);
    let fingerprint = key(2).public_key().fingerprint();
    pair.turn(0, |conversation, now, rng| conversation.set_trust(fingerprint, TrustLevel::Verified, now, rng));
    assert_eq!(pair.ends[0].queued(), 1);
    pair.turn(0, |conversation, now, rng| conversation.release(now, rng));
    assert_eq!(pair.ends[0].queued(), 0);
    let lines = pair.intercept(1);
    for line in lines {
        other.peer.handle_line(&line, pair.now, &mut pair.rng);
    }
    pair.speak(0, &mut other);
    assert_eq!(other.texts(), ["for the new key"]);
}

#[test]
fn an_acknowledgement_speaks_only_of_the_sessions_of_its_key() {
    use core::num::NonZeroU32;
    use o2tr::capability::{AckMap, AckWindow, Capability, PairAck, PairId};
    let mut pair = Pair::new(Settings::default()).talking();
    let id = pair.send(0, "not read by the stranger");
    pair.intercept(1);
    let ssid = pair.ends[0].session().origin.ssid;
    let kept = pair.ends[0].record().lines.iter().rev().find_map(|line| line.kept).unwrap();
    let mut stranger = Stranger::new(key(2), 0x2000);
    pair.intrude(0, &mut stranger);
    let read = AckMap::from_parts(1, u64::MAX).unwrap();
    let claim = PairAck { pair: PairId::new(&ssid, kept.keyids.0, kept.keyids.1), read };
    let said = Capability {
        refresh_wanted: false,
        auto: false,
        threshold: None,
        record_lifetime: 0,
        use_number: NonZeroU32::MIN,
        message_id: None,
        read: AckWindow::from_parts([Some(claim), None]),
        continuity: None,
    };
    let session = stranger.peer.current().unwrap();
    stranger.peer.send_in(session, b"ha", &[said.encode()], DataFlags::empty(), pair.now).unwrap();
    pair.speak(0, &mut stranger);
    assert_eq!(pair.ends[0].texts(), ["ha"]);
    assert_eq!(pair.ends[0].watch.fate(&id), None);
    assert_eq!(pair.ends[0].conversation.outbox().len(), 1);
}
