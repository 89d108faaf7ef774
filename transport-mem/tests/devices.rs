//! Which device gets a line: mailbox, several devices, archive, carbons, presence.

#[path = "support/scene.rs"]
mod scene;

use core::time::Duration;

use o2tr::transport::Timestamp;
use o2tr::transport::{Address, Carbon, Delivery, Evidence, PeerId, Refusal, Subscription, TransportEvent};
use scene::{START, Scene, bob, texts};
use transport_mem::{Config, Routing};

fn evidence(deliveries: &[Delivery]) -> Vec<Evidence> {
    deliveries.iter().map(|delivery| delivery.evidence).collect()
}

fn minute(number: u64) -> Timestamp {
    START.after(Duration::from_secs(60 * number))
}

#[test]
fn the_mailbox_keeps_the_order_and_the_dates() {
    let mut scene = Scene::new(Config::default(), 1);
    scene.server.kill(scene.bob);
    for line in ["one", "two", "three"] {
        scene.say(line);
        scene.server.advance_by(Duration::from_secs(60));
    }
    scene.come(scene.bob);
    let received = scene.taken(scene.bob);
    assert_eq!(texts(&received), ["one", "two", "three"]);
    for (at, evidence) in [START, minute(1), minute(2)].into_iter().zip(evidence(&received)) {
        assert_eq!(evidence, Evidence { delayed: Some(at), offline: true, ..Evidence::LIVE });
    }
    scene.server.kill(scene.bob);
    scene.come(scene.bob);
    assert!(scene.received(scene.bob).is_empty());
}

#[test]
fn a_crash_returns_what_is_unacknowledged_before_what_came_since() {
    let mut scene = Scene::new(Config::default(), 1);
    for line in ["one", "two", "three"] {
        scene.say(line);
    }
    let received = scene.received(scene.bob);
    scene.server.acknowledge(scene.bob, received[1].id);
    scene.server.kill(scene.bob);
    scene.say("four");
    scene.settle();
    let another = scene.device("another");
    scene.come(another);
    assert_eq!(texts(&scene.taken(another)), ["one", "three", "four"]);
}

#[test]
fn every_available_device_gets_a_line_once() {
    let mut scene = Scene::new(Config::default(), 1);
    let tablet = scene.device("tablet");
    scene.come(tablet);
    scene.say("both");
    assert_eq!(texts(&scene.taken(scene.bob)), ["both"]);
    // The tablet crashes before it acknowledges: its copy waits for it, the phone is not bothered.
    assert_eq!(texts(&scene.received(tablet)), ["both"]);
    scene.server.kill(tablet);
    scene.say("phone only");
    assert_eq!(texts(&scene.taken(scene.bob)), ["phone only"]);
    scene.come(tablet);
    assert_eq!(texts(&scene.taken(tablet)), ["both"]);
}

#[test]
fn the_latest_device_gets_it_and_the_others_a_carbon() {
    let mut scene = Scene::new(Config { routing: Routing::Latest, carbons: true, ..Config::default() }, 1);
    let tablet = scene.device("tablet");
    scene.come(tablet);
    scene.say("hello");
    assert_eq!(evidence(&scene.taken(tablet)), [Evidence::LIVE]);
    let copy = Evidence { carbon: Some(Carbon::Received), ..Evidence::LIVE };
    assert_eq!(evidence(&scene.taken(scene.bob)), [copy]);
    // What the tablet sends is shown to the phone, as its own account's.
    scene.send(tablet, &Address::bare(PeerId::new("alice")), b"answer");
    let own = scene.taken(scene.bob);
    assert_eq!(evidence(&own), [Evidence { carbon: Some(Carbon::Sent), ..Evidence::LIVE }]);
    assert_eq!(own[0].from, Address::full(PeerId::new("bob"), "tablet"));
    assert_eq!(texts(&scene.taken(scene.alice)), ["answer"]);
    // Nothing is copied that was for one device.
    scene.send(scene.alice, &Address::full(PeerId::new("bob"), "phone"), b"private");
    assert_eq!(texts(&scene.taken(scene.bob)), ["private"]);
    assert!(scene.taken(tablet).is_empty());
}

#[test]
fn with_an_archive_every_device_catches_up() {
    let mut scene = Scene::new(Config { archive: true, ..Config::default() }, 1);
    let tablet = scene.device("tablet");
    scene.say("seen live");
    assert_eq!(evidence(&scene.taken(scene.bob)), [Evidence::LIVE]);
    scene.server.kill(scene.bob);
    scene.say("seen by nobody");
    scene.settle();
    scene.send(scene.alice, &Address::full(PeerId::new("bob"), "phone"), b"for the phone");
    scene.settle();
    let archived = Evidence { delayed: Some(START), archived: true, ..Evidence::LIVE };
    scene.come(tablet);
    let caught_up = scene.taken(tablet);
    assert_eq!(texts(&caught_up), ["seen live", "seen by nobody", "for the phone"]);
    assert_eq!(evidence(&caught_up), [archived; 3]);
    scene.come(scene.bob);
    assert_eq!(texts(&scene.taken(scene.bob)), ["seen by nobody", "for the phone"]);
}

#[test]
fn a_full_mailbox_refuses() {
    let mut scene = Scene::new(Config { mailbox: 2, ..Config::default() }, 1);
    scene.server.kill(scene.bob);
    for line in ["one", "two", "three"] {
        scene.say(line);
    }
    let events = scene.others(scene.alice);
    let refused =
        events.iter().filter(|event| matches!(event, TransportEvent::Refused { reason: Refusal::Undeliverable, .. }));
    assert_eq!(refused.count(), 1);
    scene.come(scene.bob);
    assert_eq!(texts(&scene.taken(scene.bob)), ["one", "two"]);
}

#[test]
fn a_resumed_connection_goes_on_where_it_was() {
    let mut scene = Scene::new(Config { resumption: Duration::from_secs(30), ..Config::default() }, 1);
    scene.say("one");
    let first = scene.received(scene.bob);
    scene.server.cut(scene.bob, Some(Duration::from_secs(10)));
    scene.say("two");
    scene.server.advance_by(Duration::from_secs(10));
    let events: Vec<_> = scene.events(scene.bob);
    assert!(events.contains(&TransportEvent::Online { resumed: true }));
    assert!(!events.contains(&TransportEvent::CaughtUp));
    assert_eq!(texts(&scene::deliveries(events)), ["two"]);
    // The id from before the break is still good.
    scene.server.acknowledge(scene.bob, first[0].id);
    assert_eq!(scene.server.owed_len(scene.bob), 1);
}

#[test]
fn a_connection_away_too_long_is_a_new_one() {
    let mut scene = Scene::new(Config { resumption: Duration::from_secs(30), ..Config::default() }, 1);
    scene.say("one");
    assert_eq!(texts(&scene.received(scene.bob)), ["one"]);
    scene.server.cut(scene.bob, Some(Duration::from_secs(40)));
    scene.server.advance_by(Duration::from_secs(40));
    let events: Vec<_> = scene.events(scene.bob);
    assert!(events.contains(&TransportEvent::Online { resumed: false }));
    assert_eq!(events.last(), Some(&TransportEvent::CaughtUp));
    let again = scene::deliveries(events);
    assert_eq!(texts(&again), ["one"]);
    assert!(again[0].evidence.offline);
}

#[test]
fn strangers_see_nothing_until_they_are_contacts() {
    let mut scene = Scene::new(Config::default(), 1);
    let (alice, bob_peer) = (PeerId::new("alice"), PeerId::new("bob"));
    scene.others(scene.alice);
    scene.others(scene.bob);
    scene.server.set_contact(scene.alice, &bob_peer, true);
    let asked = TransportEvent::Subscription { peer: alice.clone(), subscription: Subscription::Requested };
    let seen = TransportEvent::Presence { from: Address::full(alice.clone(), "desk"), available: true };
    assert_eq!(scene.others(scene.bob), [asked, seen]);
    scene.server.set_contact(scene.bob, &alice, true);
    let granted = TransportEvent::Subscription { peer: bob_peer.clone(), subscription: Subscription::Granted };
    let place = Address::full(bob_peer, "phone");
    let here = TransportEvent::Presence { from: place.clone(), available: true };
    assert_eq!(scene.others(scene.alice), [granted, here]);
    scene.server.set_contact(scene.bob, &alice, false);
    assert_eq!(scene.others(scene.alice), [TransportEvent::Presence { from: place, available: false }]);
}

#[test]
fn an_address_without_device_is_the_account() {
    let mut scene = Scene::new(Config::default(), 1);
    scene.send(scene.alice, &Address::full(PeerId::new("bob"), "gone"), b"anybody");
    scene.send(scene.alice, &bob(), b"all");
    assert_eq!(texts(&scene.taken(scene.bob)), ["anybody", "all"]);
}
