//! Long absences, and clocks that jump.

use o2tr::conversation::{Event, Hold, Privacy};
use o2tr::settings::Settings;
use o2tr_ekm::record::Provenance;
use otr_core::Timestamp;
use otr_core::text::{Kind, Line as TextLine, classify};

use crate::common::{Pair, late};

const DAY: u64 = 24 * 3600;

fn is_commit(line: &[u8]) -> bool {
    matches!(classify(line), TextLine::Encoded(encoded) if encoded.kind() == Kind::Commit)
}

#[test]
fn s08_what_is_typed_after_a_record_has_expired_is_held_and_an_ake_starts() {
    for legacy in [false, true] {
        let mut pair = if legacy { Pair::with_legacy(Settings::default()) } else { Pair::new(Settings::default()) };
        pair = pair.talking();
        pair.caught_up(0);
        pair.wait(15 * DAY);
        assert!(pair.ends[0].has(|event| matches!(event, Event::Expired { .. })));
        assert!(pair.ends[0].record().peer.sessions.is_empty());
        assert_eq!(pair.ends[0].conversation.view().privacy, Privacy::WasPrivate);
        pair.restart(0);
        pair.send(0, "after all that time");
        assert!(pair.ends[0].has(|event| matches!(event, Event::Paused { reason: Hold::NoSession, queued: 1 })));
        assert_eq!(pair.ends[1].incoming.len(), 1);
        assert!(is_commit(&pair.ends[1].incoming[0]));
        pair.settle();
        pair.wait(60);
        assert_eq!(pair.ends[1].texts(), ["after all that time"], "legacy {legacy}");
    }
}

#[test]
fn s33_fifteen_days_away_the_backlog_is_read_before_anything_expires() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.kill(1);
    pair.send(0, "on the first day");
    pair.send(0, "on the second");
    let backlog = pair.intercept(1);
    pair.now = Timestamp::from_secs(pair.now.as_secs() + 15 * DAY);
    pair.restart(1);
    pair.wait(2 * 3600);
    assert!(!pair.ends[1].has(|event| matches!(event, Event::Expired { .. })), "the backlog is not read yet");
    pair.deliver_all(1, &backlog, &late());
    assert_eq!(pair.ends[1].texts(), ["on the first day", "on the second"]);
    pair.caught_up(1);
    pair.intercept(0);
    pair.kill(0);
    pair.wait(15 * DAY);
    assert!(pair.ends[1].has(|event| matches!(event, Event::Expired { .. })));
    assert!(pair.ends[1].record().peer.sessions.is_empty());
}

#[test]
fn s33_without_a_backlog_the_record_expires_after_the_second_look() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.kill(1);
    pair.now = Timestamp::from_secs(pair.now.as_secs() + 15 * DAY);
    pair.restart(1);
    pair.caught_up(1);
    pair.wait(1800);
    assert!(!pair.ends[1].has(|event| matches!(event, Event::Expired { .. })));
    pair.wait(3600);
    assert!(pair.ends[1].has(|event| matches!(event, Event::Expired { .. })));
}

#[test]
fn s34_a_clock_ten_years_ahead_wipes_nothing_at_once() {
    // Without receipts nobody asks for what is late.
    let mut pair = Pair::new(Settings { receipts: false, ..Settings::default() }).talking();
    pair.send(0, "overtaken");
    let line = pair.intercept(1);
    for round in 0..3 {
        pair.send(1, &format!("ping {round}"));
        pair.settle();
        pair.send(0, &format!("pong {round}"));
        pair.settle();
    }
    pair.ends[1].texts();
    pair.caught_up(1);
    let before = pair.now;
    let retained = pair.ends[1].record().retained.len();
    assert!(retained > 0);
    pair.now = Timestamp::from_secs(before.as_secs() + 3650 * DAY);
    pair.poll();
    assert_eq!(pair.ends[1].record().peer.sessions.len(), 1);
    assert_eq!(pair.ends[1].record().retained.len(), retained);
    // Somebody sets it right.
    pair.now = Timestamp::from_secs(before.as_secs() + 60);
    pair.poll();
    pair.deliver_all(1, &line, &late());
    assert_eq!(pair.ends[1].texts(), ["overtaken"]);
    pair.wait(2 * 3600);
    assert!(!pair.ends[1].has(|event| matches!(event, Event::Expired { .. })));
    pair.send(0, "all is well");
    pair.settle();
    assert_eq!(pair.ends[1].texts(), ["all is well"]);
}

#[test]
fn a_batch_that_was_stored_causes_nothing_but_one_refresh_after_it() {
    let mut pair = Pair::new(Settings::default()).talking();
    pair.kill(1);
    for number in 0..3 {
        pair.send(0, &number.to_string());
    }
    pair.restart(1);
    let lines = pair.intercept(1);
    pair.deliver_all(1, &lines, &late());
    pair.deliver_line(1, b"?OTRv3?", &late());
    pair.deliver_line(1, b"?OTR Error: old", &late());
    assert!(pair.ends[0].incoming.is_empty());
    assert_eq!(pair.ends[1].count(|event| matches!(event, Event::Recovered { .. })), 1);
    assert!(pair.ends[1].has(|event| matches!(event, Event::LateOffer { .. })));
    let offline = |event: &Event| matches!(event, Event::Text(text) if text.provenance == Provenance::Offline);
    assert_eq!(pair.ends[1].count(offline), 3);
    pair.presence(1, true);
    assert_eq!(pair.ends[0].incoming.len(), 1);
    // The peer stays away: the renewal by an AKE waits for it, and comes no earlier than after half a minute.
    pair.presence(1, false);
    pair.wait(120);
    pair.presence(1, true);
    let before = pair.ends[1].conversation.view().ssid;
    pair.wait(60);
    assert_ne!(pair.ends[1].conversation.view().ssid, before);
    assert!(pair.ends[1].has(|event| matches!(event, Event::Refreshed { .. })));
    let after = pair.ends[1].conversation.view().ssid;
    pair.wait(3600);
    assert_eq!(pair.ends[1].conversation.view().ssid, after, "once for each recovery");
}
