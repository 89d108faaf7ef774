//! Plain OTR clients: what they cannot say has to be guessed, and never wrongly in their ears.

use o2tr::conversation::{Event, Hold, Privacy};
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use otr_core::text::{Kind, Line as TextLine, classify, error_line};

use crate::common::{Fuse, Pair, k};

fn is_query(line: &[u8]) -> bool {
    matches!(classify(line), TextLine::Query { .. })
}

fn is_commit(line: &[u8]) -> bool {
    matches!(classify(line), TextLine::Encoded(encoded) if encoded.kind() == Kind::Commit)
}

#[test]
fn s09_a_forged_error_leads_to_no_query() {
    let mut pair = Pair::with_legacy(Settings::default()).talking();
    pair.deliver_line(0, &error_line(b"You sent encrypted data, which was unexpected"), &Evidence::LIVE);
    assert!(pair.ends[0].has(|event| matches!(event, Event::PeerError { .. })));
    assert!(!pair.ends[1].incoming.iter().any(|line| is_query(line)));
    assert_eq!(pair.ends[1].incoming.iter().filter(|line| is_commit(line)).count(), 1);
    // Libotr stays encrypted all the time.
    pair.send(0, "still private");
    pair.settle();
    assert!(pair.ends[1].texts().iter().any(|text| text == "still private"));
    // A flood of them leads to nothing more.
    for _ in 0..20 {
        pair.deliver_line(0, &error_line(b"again"), &Evidence::LIVE);
    }
    assert!(pair.ends[1].incoming.is_empty());
}

#[test]
fn s27_a_crash_before_the_transmission_was_noted_leads_to_no_ake_and_no_second_text() {
    let mut pair = Pair::with_legacy(Settings::default()).talking();
    let ssid = pair.ends[0].conversation.view().ssid;
    // Commit before and after, the line before; it has left, nobody noted it.
    pair.fuse = Some(Fuse { side: 0, left: 3 });
    pair.send(0, "once");
    assert!(pair.fuse.is_none());
    assert_eq!(pair.ends[1].incoming.len(), 2);
    assert_eq!(pair.ends[1].incoming[0], pair.ends[1].incoming[1]);
    pair.settle();
    pair.wait(300);
    assert!(pair.ends[0].has(|event| matches!(event, Event::PeerError { .. })), "libotr complains");
    assert_eq!(pair.ends[0].conversation.view().ssid, ssid);
    assert_eq!(pair.ends[1].texts(), ["once"]);
}

#[test]
fn a_plain_client_that_lost_its_session_is_sent_the_text_once_more() {
    let mut pair = Pair::with_legacy(Settings::default()).talking();
    pair.reinstall(1);
    pair.send(0, "did you get this?");
    pair.settle();
    assert!(pair.ends[1].texts().is_empty());
    // libotr says nothing; other clients answer with an error.
    pair.deliver_line(0, &error_line(b"not in private"), &Evidence::LIVE);
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["[resent] did you get this?"]);
    pair.send(0, "and this?");
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["and this?"]);
    // Lost again: what was sent twice is not sent a third time. Its user asks for a new session.
    pair.reinstall(1);
    pair.send(0, "third");
    pair.settle();
    ask(&mut pair);
    assert_eq!(pair.ends[1].texts(), ["[resent] and this?", "[resent] third"]);
}

/// The user of the plain client asks for a private conversation.
fn ask(pair: &mut Pair) {
    let query = b"?OTRv23?".to_vec();
    pair.deliver_line(0, &query, &Evidence::LIVE);
    pair.settle();
}

#[test]
fn what_is_older_than_a_minute_is_not_sent_again() {
    let mut pair = Pair::with_legacy(Settings::default()).talking();
    let id = pair.send(0, "long ago");
    pair.intercept(1);
    pair.wait(90);
    pair.reinstall(1);
    pair.send(0, "now");
    pair.settle();
    ask(&mut pair);
    assert_eq!(pair.ends[1].texts(), ["[resent] now"]);
    assert_eq!(pair.ends[0].watch.fate(&id), Some(crate::common::invariants::Whereabouts::Unconfirmed));
}

#[test]
fn a_resend_goes_to_the_same_key_only() {
    let mut pair = Pair::with_legacy(Settings::default()).talking();
    pair.send(0, "for one only");
    pair.intercept(1);
    let mut other = crate::common::Stranger::new(crate::common::key(2), 0x2000);
    pair.deliver_line(0, &error_line(b"lost it"), &Evidence::LIVE);
    pair.intercept(1);
    pair.intrude(0, &mut other);
    pair.wait(30);
    pair.speak(0, &mut other);
    assert!(other.texts().is_empty());
}

#[test]
fn a_plain_reader_gets_what_was_written_while_it_was_offline_but_kept_its_keys() {
    let mut pair = Pair::with_legacy(Settings::default()).talking();
    for text in ["one", "two", "three"] {
        pair.send(0, text);
    }
    pair.restart(0);
    pair.send(0, "four");
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["one", "two", "three", "four"]);
    pair.send(1, "all read");
    pair.settle();
    assert_eq!(pair.ends[0].texts(), ["all read"]);
}

#[test]
fn a_plain_writer_reaches_an_o2tr_reader_that_was_killed() {
    let mut pair = Pair::with_legacy(Settings::default()).talking();
    pair.kill(0);
    for text in ["one", "two", "three", "four", "five", "six", "seven"] {
        pair.send(1, text);
    }
    pair.restart(0);
    let lines = pair.intercept(0);
    pair.deliver_all(0, &lines, &crate::common::late());
    assert_eq!(pair.ends[0].count(|event| matches!(event, Event::Recovered { .. })), 1);
    assert_eq!(pair.ends[0].texts(), ["one", "two", "three", "four", "five", "six", "seven"]);
    pair.wait(5);
    pair.send(1, "eight");
    pair.settle();
    pair.send(1, "nine");
    pair.settle();
    assert_eq!(pair.ends[0].texts(), ["eight", "nine"]);
    assert_eq!(pair.ends[0].conversation.view().privacy, Privacy::Encrypted);
}

#[test]
fn a_plain_client_sees_our_record_once_in_a_session() {
    let mut pair = Pair::with_legacy(Settings::default());
    pair.start(0);
    for number in 0..4 {
        pair.send(0, &number.to_string());
        pair.settle();
        pair.send(1, &format!("r{number}"));
        pair.settle();
    }
    let with_record = pair.ends[1]
        .legacy_events
        .iter()
        .filter(|event| matches!(event, otr_core::Event::Message(message) if !message.content.tlvs.is_empty()))
        .count();
    assert_eq!(with_record, 1);
    assert!(!pair.ends[0].conversation.view().peer_keeps_keys);
}

#[test]
fn a_plain_client_that_only_writes_is_answered_now_and_then() {
    let mut pair = Pair::with_legacy(k(5)).talking();
    for number in 0..20 {
        pair.send(1, &number.to_string());
        pair.settle();
    }
    assert_eq!(pair.ends[0].texts().len(), 20);
    assert!(pair.ends[0].session_keyids().1 > 3, "keys have gone on");
}

#[test]
fn v2_works_as_well() {
    use otr_core::Policy;
    let settings = Settings { policy: Policy::OPPORTUNISTIC.difference(Policy::ALLOW_V3), ..Settings::default() };
    let mut pair = Pair::with(settings.clone(), Settings::default()).talking();
    assert_eq!(pair.ends[0].conversation.view().session.unwrap().instance, None);
    pair.kill(1);
    for number in 0..6 {
        pair.send(0, &number.to_string());
    }
    assert!(pair.ends[0].has(|event| matches!(event, Event::Paused { reason: Hold::Threshold, .. })));
    pair.restart(1);
    pair.restart(0);
    pair.settle();
    pair.wait(120);
    assert_eq!(pair.ends[1].texts(), ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn we_die_between_any_two_outputs_and_a_plain_client_reads_everything_once() {
    let story = |pair: &mut Pair| {
        pair.start(0);
        pair.send(0, "a1");
        pair.settle();
        pair.send(1, "b1");
        pair.settle();
        pair.send(0, "a2");
        pair.send(0, "a3");
        pair.settle();
        pair.send(1, "b2");
        pair.settle();
        pair.send(0, "a4");
        pair.settle();
        pair.wait(60);
    };
    let mut pair = Pair::with_legacy(Settings::default());
    story(&mut pair);
    let points = pair.points[0];
    assert!(points > 40, "{points}");
    for left in 0..points {
        let mut pair = Pair::with_legacy(Settings::default());
        pair.fuse = Some(Fuse { side: 0, left });
        story(&mut pair);
        pair.fuse = None;
        pair.settle();
        pair.wait(200);
        assert_eq!(pair.ends[1].texts(), ["a1", "a2", "a3", "a4"], "dies at point {left}");
        assert_eq!(pair.ends[0].texts(), ["b1", "b2"], "dies at point {left}");
    }
}
