//! Each fault does what it says, as often as it says, and nothing else.

#[path = "support/scene.rs"]
mod scene;

use core::time::Duration;

use o2tr::transport::{Refusal, TransportEvent};
use scene::{Scene, texts};
use transport_mem::{Config, Faults, PPM};

const MANY: usize = 4000;

fn sent() -> Vec<String> {
    (0..MANY).map(|number| format!("line {number}")).collect()
}

/// What bob receives of many lines, sent a millisecond apart.
fn through(config: Config) -> Vec<String> {
    let mut scene = Scene::new(config, 7);
    for line in sent() {
        scene.say(&line);
        scene.server.advance_by(Duration::from_millis(1));
    }
    texts(&scene.received(scene.bob))
}

fn up(faults: Faults) -> Config {
    Config { up: faults, ..Config::default() }
}

fn down(faults: Faults) -> Config {
    Config { down: faults, ..Config::default() }
}

fn about(expected: usize, seen: usize) {
    assert!(seen.abs_diff(expected) < MANY / 25, "{seen} instead of about {expected}");
}

#[test]
fn no_faults_change_nothing() {
    assert_eq!(through(Config::default()), sent());
}

#[test]
fn everything_dropped() {
    for config in [up(Faults { drop: PPM, ..Faults::NONE }), down(Faults { drop: PPM, ..Faults::NONE })] {
        assert!(through(config).is_empty());
    }
}

#[test]
fn a_quarter_dropped_keeps_the_order() {
    for config in [up(Faults { drop: PPM / 4, ..Faults::NONE }), down(Faults { drop: PPM / 4, ..Faults::NONE })] {
        let received = through(config);
        about(MANY * 3 / 4, received.len());
        let mut sent = sent().into_iter();
        assert!(received.iter().all(|line| sent.any(|other| other == *line)), "no subsequence");
    }
}

#[test]
fn what_is_dropped_on_the_way_down_comes_with_the_next_connection() {
    let mut scene = Scene::new(down(Faults { drop: PPM / 2, ..Faults::NONE }), 3);
    for line in sent() {
        scene.say(&line);
    }
    let mut received = texts(&scene.taken(scene.bob));
    about(MANY / 2, received.len());
    scene.server.set_config(Config::default());
    scene.server.cut(scene.bob, Some(Duration::from_secs(5)));
    received.extend(texts(&scene.taken(scene.bob)));
    received.sort();
    let mut all = sent();
    all.sort();
    assert_eq!(received, all);
}

#[test]
fn duplicates_add_nothing_new() {
    for config in
        [up(Faults { duplicate: PPM / 4, ..Faults::NONE }), down(Faults { duplicate: PPM / 4, ..Faults::NONE })]
    {
        let mut received = through(config);
        about(MANY * 5 / 4, received.len());
        received.dedup();
        assert_eq!(received, sent());
    }
}

#[test]
fn delay_holds_up_but_keeps_the_order() {
    let faults = Faults { delay: PPM / 10, delay_by: Duration::from_secs(1), ..Faults::NONE };
    assert_eq!(through(up(faults)), sent());
    assert_eq!(through(down(faults)), sent());
}

#[test]
fn jitter_keeps_the_order() {
    let faults = Faults { latency: Duration::from_millis(5), jitter: Duration::from_millis(50), ..Faults::NONE };
    assert_eq!(through(Config { up: faults, down: faults, ..Config::default() }), sent());
}

#[test]
fn reorder_only_changes_the_order() {
    let faults = Faults { reorder: PPM / 10, reorder_by: Duration::from_millis(20), ..Faults::NONE };
    for config in [up(faults), down(faults)] {
        let mut received = through(config);
        let mut sent = sent();
        assert_ne!(received, sent);
        received.sort();
        sent.sort();
        assert_eq!(received, sent);
    }
}

#[test]
fn modify_always_changes_and_keeps_the_place() {
    let faults = Faults { modify: PPM, ..Faults::NONE };
    for config in [up(faults), down(faults)] {
        let received = through(config);
        assert_eq!(received.len(), MANY);
        assert!(received.iter().zip(sent()).all(|(got, sent)| *got != sent));
    }
    let half = through(up(Faults { modify: PPM / 2, ..Faults::NONE }));
    about(MANY / 2, half.iter().zip(sent()).filter(|(got, sent)| *got != sent).count());
}

#[test]
fn unconfirmed_lines_arrive_all_the_same() {
    let mut scene = Scene::new(Config { unconfirmed: PPM, ..Config::default() }, 1);
    scene.say("did you get this");
    assert_eq!(texts(&scene.received(scene.bob)), ["did you get this"]);
    let refused = scene
        .events(scene.alice)
        .into_iter()
        .any(|event| matches!(event, TransportEvent::Refused { reason: Refusal::Unconfirmed, .. }));
    assert!(refused);
}

#[test]
fn an_empty_line_can_be_modified_too() {
    let mut scene = Scene::new(up(Faults { modify: PPM, ..Faults::NONE }), 5);
    for _ in 0..20 {
        scene.say("");
    }
    let received = scene.received(scene.bob);
    assert_eq!(received.len(), 20);
    assert!(received.iter().all(|delivery| !delivery.line.is_empty()));
}
