//! The server as an adversary: it filters, forges, holds back and replays.

#[path = "support/scene.rs"]
mod scene;

use core::time::Duration;
use std::sync::Arc;

use o2tr::transport::{Address, Evidence, PeerId, TransportEvent};
use scene::{START, Scene, texts};
use transport_mem::{Config, Line, Malice, PPM, Ruling};

const DAY: Duration = Duration::from_secs(86_400);

fn recording() -> Config {
    Config { history: true, ..Config::default() }
}

#[test]
fn filters_by_what_it_sees() {
    let mut scene = Scene::new(recording(), 1);
    scene.server.set_filter(Some(Arc::new(|line: &Line<'_>| match line.bytes {
        b"drop" => Ruling::Drop,
        b"replace" => Ruling::Replace(b"replaced".to_vec()),
        b"forge" => Ruling::Forge { resource: Some("elsewhere".to_owned()) },
        _ => Ruling::Pass,
    })));
    for line in ["drop", "replace", "forge", "pass"] {
        scene.say(line);
    }
    let received = scene.received(scene.bob);
    assert_eq!(texts(&received), ["replaced", "forge", "pass"]);
    assert_eq!(received[1].from, Address::full(PeerId::new("alice"), "elsewhere"));
    // The sender learns nothing, and the history holds what was sent.
    let accepted = scene.events(scene.alice);
    assert_eq!(accepted.iter().filter(|event| matches!(event, TransportEvent::Accepted { .. })).count(), 4);
    assert_eq!(scene.server.history().len(), 4);
    scene.server.set_filter(None);
    scene.say("drop");
    assert_eq!(texts(&scene.received(scene.bob)), ["drop"]);
}

#[test]
fn holds_back_for_days_with_a_stamp_and_without() {
    for stamped in [true, false] {
        let mut scene = Scene::new(recording(), 1);
        scene.server.set_filter(Some(Arc::new(move |line: &Line<'_>| match line.bytes {
            b"held" => Ruling::Hold { by: 15 * DAY, stamped },
            _ => Ruling::Pass,
        })));
        scene.say("held");
        scene.say("quick");
        scene.server.advance_by(14 * DAY);
        let received = scene::deliveries(scene.events(scene.bob));
        assert_eq!(texts(&received), ["quick"]);
        let received = scene.received(scene.bob);
        assert_eq!(texts(&received), ["held"]);
        assert_eq!(received[0].evidence.delayed, stamped.then_some(START));
    }
}

#[test]
fn replays_an_acknowledged_line_across_a_restart() {
    let mut scene = Scene::new(recording(), 1);
    scene.say("once");
    assert_eq!(texts(&scene.taken(scene.bob)), ["once"]);
    scene.server.kill(scene.bob);
    let stamp = Evidence { delayed: Some(START), ..Evidence::LIVE };
    assert!(scene.server.replay(0, scene.bob, stamp, 3 * DAY));
    assert!(!scene.server.replay(1, scene.bob, stamp, DAY));
    scene.settle();
    scene.come(scene.bob);
    let again = scene.taken(scene.bob);
    assert_eq!(texts(&again), ["once"]);
    assert_eq!(again[0].evidence, stamp);
    assert_eq!(again[0].from, Address::full(PeerId::new("alice"), "desk"));
}

#[test]
fn invents_lines() {
    let mut scene = Scene::new(Config::default(), 1);
    let from = Address::full(PeerId::new("mallory"), "cellar");
    let evidence = Evidence { archived: true, error: true, ..Evidence::LIVE };
    scene.server.inject(scene.bob, from.clone(), b"trust me", evidence, Duration::ZERO);
    let received = scene.received(scene.bob);
    assert_eq!((texts(&received), &received[0].from), (vec!["trust me".to_owned()], &from));
    assert_eq!(received[0].evidence, evidence);
}

#[test]
fn replays_by_chance_only_what_the_account_got_before() {
    let config = Config { malice: Malice { replay: PPM / 2, ..Malice::NONE }, ..recording() };
    let mut scene = Scene::new(config, 9);
    let sent: Vec<String> = (0..1000).map(|number| format!("line {number}")).collect();
    for line in &sent {
        scene.say(line);
        scene.settle();
    }
    let received = texts(&scene.received(scene.bob));
    assert!((1400..1600).contains(&received.len()), "{}", received.len());
    let mut seen = std::collections::BTreeSet::new();
    let firsts: Vec<_> = received.iter().filter(|line| seen.insert(*line)).cloned().collect();
    assert_eq!(firsts, sent);
}

#[test]
fn forges_and_holds_by_chance() {
    let malice = Malice { forge_resource: PPM / 4, hold_days: PPM / 4, ..Malice::NONE };
    let mut scene = Scene::new(Config { malice, ..recording() }, 9);
    for number in 0..1000 {
        scene.say(&format!("line {number}"));
    }
    scene.server.advance_by(Duration::from_secs(1));
    let prompt = scene::deliveries(scene.events(scene.bob));
    let desk = Address::full(PeerId::new("alice"), "desk");
    let forged = prompt.iter().filter(|delivery| delivery.from != desk).count();
    assert!((200..300).contains(&forged), "{forged}");
    let held = scene.received(scene.bob);
    assert_eq!(prompt.len() + held.len(), 1000);
    assert!((150..240).contains(&held.len()), "{}", held.len());
    assert!(scene.server.now().since(START) <= 30 * DAY);
}
