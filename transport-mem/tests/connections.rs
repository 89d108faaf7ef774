//! Connections that break, and several devices that hand over to each other.

#[path = "support/scene.rs"]
mod scene;

use core::time::Duration;

use o2tr::transport::{Address, Delivery, PeerId, TransportEvent};
use scene::{Scene, texts};
use transport_mem::{Config, Faults};

const RESUMPTION: Duration = Duration::from_secs(30);
const LATENCY: Duration = Duration::from_millis(100);

fn slow() -> Config {
    let way = Faults { latency: LATENCY, ..Faults::NONE };
    Config { up: way, down: way, resumption: RESUMPTION, ..Config::default() }
}

/// Both are contacts, and nothing is under way.
fn acquainted(config: Config) -> Scene {
    let mut scene = Scene::new(config, 1);
    scene.server.befriend(&PeerId::new("alice"), &PeerId::new("bob"));
    scene.others(scene.alice);
    scene.others(scene.bob);
    scene
}

#[test]
fn a_line_under_way_survives_the_resumption() {
    let mut scene = acquainted(slow());
    scene.say("under way");
    scene.server.advance_by(LATENCY + LATENCY / 2);
    scene.server.cut(scene.bob, Some(Duration::from_secs(1)));
    assert_eq!(texts(&scene.taken(scene.bob)), ["under way"]);
    assert_eq!(scene.server.owed_len(scene.bob), 0);
}

#[test]
fn presence_missed_while_away_is_told_after_the_resumption() {
    let mut scene = acquainted(slow());
    let desk = Address::full(PeerId::new("alice"), "desk");
    // One change is under way at the break, the other comes later.
    scene.server.set_presence(scene.alice, false);
    scene.server.advance_by(LATENCY / 2);
    scene.server.cut(scene.bob, Some(Duration::from_secs(1)));
    scene.server.advance_by(LATENCY * 2);
    scene.server.set_presence(scene.alice, true);
    let told = scene.others(scene.bob);
    let gone = TransportEvent::Presence { from: desk.clone(), available: false };
    let back = TransportEvent::Presence { from: desk, available: true };
    let online = TransportEvent::Online { resumed: true };
    assert_eq!(told.get(1..), Some([online, gone, back].as_slice()));
}

#[test]
fn a_backlog_broken_off_is_complete_before_it_is_called_so() {
    let mut scene = acquainted(slow());
    scene.server.kill(scene.bob);
    scene.server.advance_by(RESUMPTION);
    for line in ["one", "two"] {
        scene.say(line);
    }
    scene.settle();
    scene.come(scene.bob);
    scene.server.advance_by(LATENCY / 2);
    scene.server.cut(scene.bob, Some(LATENCY / 4));
    scene.settle();
    let events = scene.events(scene.bob);
    assert_eq!(events.last(), Some(&TransportEvent::CaughtUp));
    assert_eq!(texts(&scene::deliveries(events)), ["one", "two"]);
}

#[test]
fn what_was_told_to_a_dead_program_does_not_reach_the_next() {
    let mut scene = Scene::new(slow(), 1);
    scene.server.advance_by(LATENCY / 2);
    scene.come(scene.bob);
    let caught_up = scene.others(scene.bob).into_iter().filter(|event| *event == TransportEvent::CaughtUp);
    assert_eq!(caught_up.count(), 1);
}

#[test]
fn a_new_program_does_not_hear_what_the_former_one_left() {
    let mut scene = Scene::new(Config::default(), 1);
    scene.say("not taken");
    scene.send(scene.bob, &Address::bare(PeerId::new("alice")), b"not answered");
    scene.settle();
    scene.server.start(scene.bob);
    assert_eq!(scene.events(scene.bob), [TransportEvent::Online { resumed: false }]);
    assert_eq!(scene.server.unanswered(scene.bob), 0);
    scene.server.set_presence(scene.bob, true);
    assert_eq!(texts(&scene.received(scene.bob)), ["not taken"]);
}

#[test]
fn a_new_program_hears_nothing_until_it_asks() {
    let mut scene = Scene::new(Config::default(), 1);
    scene.settle();
    scene.server.start(scene.bob);
    scene.say("wait");
    assert!(scene.received(scene.bob).is_empty());
    scene.server.cut(scene.bob, Some(Duration::from_secs(1)));
    assert!(scene.received(scene.bob).is_empty());
    scene.server.set_presence(scene.bob, true);
    assert_eq!(texts(&scene.received(scene.bob)), ["wait"]);
}

#[test]
fn an_old_plan_to_reconnect_is_forgotten() {
    let mut scene = Scene::new(Config::default(), 1);
    scene.server.cut(scene.bob, Some(Duration::from_secs(10)));
    scene.server.connect(scene.bob);
    scene.server.cut(scene.bob, None);
    scene.server.advance_by(Duration::from_secs(60));
    assert!(!scene.server.is_online(scene.bob));
    scene.server.connect(scene.bob);
    assert!(scene.server.is_online(scene.bob));
}

#[test]
fn a_faster_connection_does_not_overtake_itself() {
    let mut scene = acquainted(slow());
    scene.server.set_presence(scene.alice, false);
    scene.server.set_config(Config::default());
    scene.server.set_presence(scene.alice, true);
    let told: Vec<_> = scene.others(scene.bob);
    let seen: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            TransportEvent::Presence { available, .. } => Some(*available),
            _ => None,
        })
        .collect();
    assert_eq!(seen, [false, true]);
}

#[test]
fn a_returning_device_gets_its_copies_and_the_mailbox_in_one_order() {
    let mut scene = Scene::new(Config::default(), 1);
    let tablet = scene.device("tablet");
    scene.say("one");
    scene.settle();
    scene.come(tablet);
    scene.say("two");
    scene.settle();
    // The phone's "one" goes over to the tablet, and from there to the mailbox; "two" waits for both.
    scene.server.kill(scene.bob);
    assert_eq!(texts(&scene.received(tablet)), ["two", "one"]);
    scene.server.kill(tablet);
    scene.come(scene.bob);
    assert_eq!(texts(&scene.taken(scene.bob)), ["one", "two"]);
}

#[test]
fn what_goes_over_to_another_device_keeps_its_order() {
    let mut scene = Scene::new(Config::default(), 1);
    let (tablet, watch) = (scene.device("tablet"), scene.device("watch"));
    scene.say("one");
    scene.settle();
    scene.come(tablet);
    scene.server.set_presence(scene.bob, false);
    scene.say("two");
    scene.settle();
    // The tablet comes to hold "two", "one" and "three", all alone; the watch takes over.
    scene.server.kill(scene.bob);
    scene.say("three");
    scene.settle();
    scene.come(watch);
    scene.server.kill(tablet);
    let received: Vec<Delivery> = scene.taken(watch);
    assert_eq!(texts(&received), ["one", "two", "three"]);
    assert_eq!(scene.server.owed_len(tablet), 0);
}
