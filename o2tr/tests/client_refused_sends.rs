//! The server or the network does not take a line: it is kept, and leaves later, in order.

#[path = "client_support/shop.rs"]
mod shop;
#[path = "client_support/world.rs"]
mod world;

use std::time::Duration;

use o2tr::client::ClientEvent;
use o2tr::conversation::Event;
use o2tr::settings::AbsentPolicy;
use o2tr::transport::Refusal;
use transport_mem::{Config, PPM};
use world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_without_a_connection_leaves_in_order_with_the_next() {
    let world = World::new(Config::default());
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    world.hub.with(|server| server.befriend(&ada.peer, &bob.peer));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    let device = a.device;
    world.hub.with(|server| server.cut(device, None));
    a.wait_outside(|event| matches!(event, ClientEvent::Offline { .. }).then_some(())).await;
    for text in ["one", "two", "three"] {
        a.send(&bob, text).await;
    }
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    // A restart in between changes nothing.
    a.kill().await;
    let a = ada.start();
    assert_eq!(b.texts(3).await, ["one", "two", "three"]);
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    let device = a.device;
    world.hub.with(|server| server.cut(device, None));
    a.send(&bob, "four").await;
    a.send(&bob, "five").await;
    world.hub.with(|server| server.connect(device));
    assert_eq!(b.texts(2).await, ["four", "five"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_stores_is_kept_until_the_peer_comes() {
    let world = World::new(Config::default());
    let (mut ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    ada.config.settings.absent = AbsentPolicy::Send;
    world.hub.with(|server| server.befriend(&ada.peer, &bob.peer));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    b.kill().await;
    world.hub.with(|server| server.set_config(Config { offline: false, ..Config::default() }));
    let id = a.send(&bob, "are you there?").await;
    let reason = a
        .wait_outside(|event| match event {
            ClientEvent::Refused { reason, .. } => Some(*reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, Refusal::Undeliverable);
    assert!(a.client.outbox(&bob.peer).await.unwrap().iter().any(|text| text.id == id));
    let mut b = bob.start();
    assert_eq!(b.text().await.1, "are you there?");
    a.wait(|_, event| matches!(event, Event::Sent { id: sent } if *sent == id).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_lines_are_cut_to_the_measure_of_the_network() {
    let world = World::new(Config { max_message_len: 400, ..Config::default() });
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    let long = "word ".repeat(2000);
    a.send(&bob, &long).await;
    assert_eq!(b.text().await.1, long);
    // The measure shrinks while the text is under way in the outbox.
    let device = a.device;
    world.hub.with(|server| server.cut(device, None));
    a.send(&bob, "short words after it").await;
    world.hub.with(|server| server.set_config(Config { max_message_len: 120, ..Config::default() }));
    world.hub.with(|server| server.connect(device));
    assert_eq!(b.text().await.1, "short words after it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_in_doubt_is_sent_again_and_shown_once() {
    let world = World::new(Config::default());
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    world.hub.with(|server| server.set_config(Config { unconfirmed: PPM, ..Config::default() }));
    a.send(&bob, "once").await;
    assert_eq!(b.text().await.1, "once");
    world.hub.with(|server| server.set_config(Config::default()));
    let device = a.device;
    world.hub.with(|server| {
        server.cut(device, Some(Duration::ZERO));
    });
    a.wait(|_, event| matches!(event, Event::Sent { .. }).then_some(())).await;
    assert_eq!(b.more_texts().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_go_to_the_device_that_was_heard_last_while_it_is_there() {
    let world = World::new(Config { history: true, ..Config::default() });
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    world.hub.with(|server| server.befriend(&ada.peer, &bob.peer));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    let last_to_bob = || {
        world.hub.with(|server| {
            let lines = server.history().iter().rev();
            lines.map(|line| line.to.clone()).find(|to| to.peer == bob.peer).unwrap()
        })
    };
    a.send(&bob, "to the device").await;
    assert_eq!(b.text().await.1, "to the device");
    assert_eq!(last_to_bob().resource.as_deref(), Some("device"));
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    b.kill().await;
    a.wait_outside(|event| matches!(event, ClientEvent::Presence { available: false, .. }).then_some(())).await;
    a.send(&bob, "to whoever comes").await;
    let mut b = bob.start();
    assert_eq!(b.text().await.1, "to whoever comes");
    assert_eq!(last_to_bob().resource, None);
}
