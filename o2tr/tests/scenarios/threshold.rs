//! One key encrypts at most k messages; nothing stalls because of it.

use o2tr::conversation::{Event, Hold, Privacy};
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use otr_core::smp::SmpEvent;

use crate::common::{End, Pair, k};

fn numbers(range: core::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn s16_a_heartbeat_that_is_lost_comes_again_in_the_same_bytes() {
    let mut pair = Pair::new(Settings::default()).talking();
    let (heartbeat, _) = {
        for number in 0..4 {
            pair.send(0, &number.to_string());
            pair.deliver(1, &Evidence::LIVE);
        }
        let lost = pair.intercept(0);
        assert_eq!(lost.len(), 1, "one answer, one before the threshold");
        (lost[0].clone(), ())
    };
    pair.send(0, "4");
    assert_eq!(pair.ends[0].conversation.view().uses_of_key, 5);
    pair.send(0, "5");
    assert_eq!(pair.ends[0].queued(), 1);
    pair.deliver(1, &Evidence::LIVE);
    assert_eq!(pair.ends[0].incoming, [heartbeat]);
    pair.settle();
    assert_eq!(pair.ends[0].queued(), 0);
    assert_eq!(pair.ends[1].texts(), numbers(0..6));
}

#[test]
fn s17_everything_is_lost_both_ways_and_the_conversation_resumes() {
    let mut pair = Pair::new(Settings::default()).talking();
    for number in 0..6 {
        pair.send(0, &format!("a{number}"));
        pair.send(1, &format!("b{number}"));
    }
    pair.intercept(0);
    pair.intercept(1);
    assert!(pair.ends.iter().all(|end| end.queued() > 0));
    pair.wait(120);
    assert_eq!((pair.ends[0].queued(), pair.ends[1].queued()), (0, 0));
    let (mut a, mut b) = (pair.ends[1].texts(), pair.ends[0].texts());
    a.sort();
    b.sort();
    assert_eq!(a, (0..6).map(|number| format!("a{number}")).collect::<Vec<_>>());
    assert_eq!(b, (0..6).map(|number| format!("b{number}")).collect::<Vec<_>>());
}

#[test]
fn s18_messages_without_text_count_and_are_answered_before_the_threshold() {
    let mut pair = Pair::new(Settings::default()).talking();
    for number in 0..2 {
        pair.send(0, &number.to_string());
        pair.deliver(1, &Evidence::LIVE);
    }
    for usage in 0..2 {
        assert!(pair.ends[0].incoming.is_empty());
        pair.turn(0, |conversation, now, rng| conversation.use_extra_key(usage, b"", now, rng)).unwrap().unwrap();
        pair.deliver(1, &Evidence::LIVE);
    }
    assert_eq!(pair.ends[0].incoming.len(), 1);
    pair.settle();
    assert_eq!(pair.ends[0].conversation.view().uses_of_key, 0);
}

#[test]
fn s19_three_against_five_never_pauses_for_long() {
    for (a, b) in [(3, 5), (5, 3), (2, 7)] {
        let mut pair = Pair::with(k(a), k(b)).talking();
        for number in 0..12 {
            pair.send(0, &format!("a{number}"));
            pair.settle();
            assert_eq!(pair.ends[0].queued(), 0, "{number}");
        }
        for number in 0..12 {
            pair.send(1, &format!("b{number}"));
            pair.settle();
            assert_eq!(pair.ends[1].queued(), 0, "{number}");
        }
        assert_eq!((pair.ends[1].texts().len(), pair.ends[0].texts().len()), (12, 12));
    }
}

#[test]
fn s20_the_sixth_of_six_quick_lines_to_libotr_follows_our_ake() {
    let mut pair = Pair::with_legacy(Settings::default()).talking();
    for number in 0..6 {
        pair.send(0, &number.to_string());
    }
    pair.settle();
    assert_eq!(pair.ends[1].texts(), numbers(0..5));
    assert!(pair.ends[0].has(|event| matches!(event, Event::Paused { queued: 1, reason: Hold::Threshold })));
    let before = pair.ends[0].conversation.view().ssid;
    pair.wait(15);
    // It has read the first five: they are not sent again.
    assert_eq!(pair.ends[1].texts(), numbers(5..6));
    assert_ne!(pair.ends[0].conversation.view().ssid, before);
    assert!(pair.ends[0].has(|event| matches!(event, Event::Resumed)));
}

#[test]
fn s21_a_peer_with_a_new_tag_is_found() {
    for legacy in [false, true] {
        let mut pair = if legacy { Pair::with_legacy(Settings::default()) } else { Pair::new(Settings::default()) };
        pair = pair.talking();
        // The same long-term key on a new installation.
        let committed = core::mem::take(&mut pair.ends[1].watch.committed);
        pair.ends[1] = End::new(1, 0x3000, Settings::default());
        pair.ends[1].watch.committed = committed;
        pair.ends[0].watch.strict = false;
        if legacy {
            pair.reinstall(1);
        }
        for number in 0..6 {
            pair.send(0, &number.to_string());
        }
        pair.intercept(1);
        pair.wait(120);
        let view = pair.ends[0].conversation.view();
        assert_eq!(view.session.unwrap().instance.unwrap().get(), 0x3000);
        let queued = pair.ends[0].queued();
        if queued > 0 {
            assert!(pair.ends[0].has(|event| matches!(event, Event::Paused { reason: Hold::Trust, .. })));
            pair.turn(0, |conversation, now, rng| conversation.release(now, rng));
            pair.settle();
            pair.wait(120);
        }
        assert_eq!(pair.ends[0].queued(), 0);
        assert!(pair.ends[1].texts().contains(&"5".to_owned()), "legacy {legacy}");
    }
}

#[test]
fn exactly_k_leave_and_the_rest_waits_in_order_over_a_restart() {
    for (threshold, legacy) in [(2, false), (5, false), (5, true)] {
        let mut pair = if legacy { Pair::with_legacy(k(threshold)) } else { Pair::with(k(threshold), k(threshold)) };
        pair = pair.talking();
        pair.ends[0].events.clear();
        // An answer of its own may have used the key once.
        let leave = threshold - pair.ends[0].conversation.view().uses_of_key;
        for number in 0..leave + 4 {
            pair.send(0, &number.to_string());
        }
        assert_eq!(pair.ends[1].incoming.len(), leave as usize);
        assert_eq!(pair.ends[0].count(|event| matches!(event, Event::Paused { reason: Hold::Threshold, .. })), 4);
        pair.restart(0);
        assert_eq!(pair.ends[1].incoming.len(), leave as usize, "the restart sends nothing");
        assert_eq!(pair.ends[0].queued(), 4);
        let outbox = pair.ends[0].conversation.outbox();
        assert_eq!(outbox.iter().filter(|text| text.reason == Some(Hold::Threshold)).count(), 4);
        for _ in 0..leave {
            pair.deliver(1, &Evidence::LIVE);
        }
        pair.intercept(0);
        pair.send(1, "an answer");
        pair.settle();
        pair.wait(100);
        assert_eq!(pair.ends[1].texts(), numbers(0..leave + 4), "k {threshold}, legacy {legacy}");
    }
}

#[test]
fn a_long_chat_is_never_throttled() {
    for legacy in [false, true] {
        let mut pair = if legacy { Pair::with_legacy(Settings::default()) } else { Pair::new(Settings::default()) };
        pair = pair.talking();
        for number in 0..60 {
            pair.send(0, &format!("a{number}"));
            pair.settle();
            pair.send(1, &format!("b{number}"));
            pair.settle();
        }
        // One who only listens: an O2TR peer answers by itself.
        if !legacy {
            for number in 60..100 {
                pair.send(0, &format!("a{number}"));
                pair.settle();
            }
        }
        assert!(!pair.ends[0].has(|event| matches!(event, Event::Paused { .. })));
        assert_eq!(pair.ends[1].texts().len(), if legacy { 60 } else { 100 });
        assert_eq!(pair.ends[0].texts().len(), 60);
    }
}

#[test]
fn smp_and_the_extra_key_wait_at_the_limit() {
    let mut pair = Pair::new(Settings::default()).talking();
    for number in 0..5 {
        pair.send(0, &number.to_string());
    }
    pair.turn(0, |conversation, now, rng| conversation.start_smp(b"secret", Some(b"why?"), now, rng)).unwrap().unwrap();
    pair.turn(0, |conversation, now, rng| conversation.use_extra_key(9, b"x", now, rng)).unwrap().unwrap();
    pair.send(0, "behind them");
    assert_eq!(pair.ends[1].incoming.len(), 5);
    assert_eq!(pair.ends[0].count(|event| matches!(event, Event::Paused { reason: Hold::Threshold, .. })), 3);
    pair.settle();
    assert_eq!(pair.ends[1].count(|event| matches!(event, Event::ExtraKey { usage: 9, .. })), 1);
    let asked = |event: &Event| matches!(event, Event::Smp { event: SmpEvent::AskAnswer { .. }, .. });
    assert_eq!(pair.ends[1].count(asked), 1);
    assert_eq!(pair.ends[1].texts().last().unwrap(), "behind them");
    pair.turn(1, |conversation, now, rng| conversation.respond_smp(b"secret", now, rng)).unwrap().unwrap();
    pair.settle();
    assert!(pair.ends[0].has(|event| matches!(event, Event::SmpResult { equal: true, .. })));
}

#[test]
fn an_end_at_the_limit_sends_nothing_and_the_peer_learns_of_it() {
    let mut pair = Pair::new(Settings::default()).talking();
    for number in 0..6 {
        pair.send(0, &number.to_string());
    }
    let sent = pair.ends[1].incoming.len();
    pair.end(0);
    assert_eq!(pair.ends[1].incoming.len(), sent);
    assert_eq!(pair.ends[0].conversation.view().privacy, Privacy::Plaintext);
    assert_eq!(pair.ends[0].queued(), 1);
    pair.settle();
    pair.send(1, "are you there?");
    pair.settle();
    assert!(pair.ends[1].has(|event| matches!(event, Event::PeerError { .. })));
}

#[test]
fn without_a_limit_everything_leaves() {
    let settings = Settings { threshold: None, ..Settings::default() };
    let mut pair = Pair::new(settings).talking();
    for number in 0..30 {
        pair.send(0, &number.to_string());
    }
    assert_eq!(pair.ends[1].incoming.len(), 30);
    pair.settle();
    assert_eq!(pair.ends[1].texts(), numbers(0..30));
}
