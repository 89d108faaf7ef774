//! A server that replays what it has seen, and strangers who knock.

#[path = "client_support/shop.rs"]
mod shop;
#[path = "client_support/world.rs"]
mod world;

use std::time::Duration;

use o2tr::client::{Answering, ClientEvent};
use o2tr::conversation::{Event, Privacy};
use o2tr::transport::Evidence;
use otr_core::Timestamp;
use transport_mem::Config;
use world::{Account, Running, World};

/// Sends everything that was ever said to a device once more, live, then as if it had been stored.
fn replay_all(world: &World, to: &Running) {
    world.hub.with(|server| {
        for evidence in
            [Evidence::LIVE, Evidence { delayed: Some(Timestamp::from_secs(1)), offline: true, ..Evidence::LIVE }]
        {
            for index in 0..server.history().len() {
                server.replay(index, to.device, evidence, Duration::ZERO);
            }
        }
    });
}

async fn talk(a: &mut Running, ada: &Account, b: &mut Running, bob: &Account) {
    for round in 0..3 {
        a.send(bob, &format!("a{round}")).await;
        assert_eq!(b.text().await.1, format!("a{round}"));
        b.send(ada, &format!("b{round}")).await;
        assert_eq!(a.text().await.1, format!("b{round}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_replayed_is_shown_twice() {
    let world = World::new(Config { history: true, ..Config::default() });
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    talk(&mut a, &ada, &mut b, &bob).await;
    replay_all(&world, &b);
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    b.kill().await;
    a.send(&bob, "offline").await;
    let mut b = bob.start();
    assert_eq!(b.text().await.1, "offline");
    replay_all(&world, &b);
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    a.send(&bob, "and on").await;
    assert_eq!(b.text().await.1, "and on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_not_answered_until_the_user_says_so() {
    let world = World::new(Config::default());
    let (eve, bob) = (world.account("eve", 0, 0x1000), world.account("bob", 1, 0x2000));
    let (mut e, mut b) = (eve.start(), bob.start());
    b.caught_up().await;
    e.client.start(&bob.peer).await.unwrap();
    let stranger = b
        .wait_outside(|event| match event {
            ClientEvent::Stranger { peer } => Some(peer.clone()),
            _ => None,
        })
        .await;
    assert_eq!(stranger, eve.peer);
    assert_eq!(b.privacy(&eve).await, Privacy::Plaintext);
    // What a stranger writes is shown all the same.
    e.client.send_clear(&bob.peer, "let me in").await.unwrap();
    assert_eq!(b.text().await.1, "let me in");
    b.client.start(&eve.peer).await.unwrap();
    e.wait(|_, event| matches!(event, Event::Encrypted(_)).then_some(())).await;
    b.wait(|_, event| matches!(event, Event::Encrypted(_)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_and_whom_the_policy_names_are_answered() {
    let world = World::new(Config::default());
    let (eve, ada) = (world.account("eve", 0, 0x1000), world.account("ada", 0, 0x3000));
    let mut bob = world.account("bob", 1, 0x2000);
    bob.config.answering = Answering::Also(std::sync::Arc::new(|peer| peer.as_str() == "eve"));
    world.hub.with(|server| server.befriend(&ada.peer, &bob.peer));
    let (e, a, mut b) = (eve.start(), ada.start(), bob.start());
    b.caught_up().await;
    e.client.start(&bob.peer).await.unwrap();
    b.wait(|peer, event| (matches!(event, Event::Encrypted(_)) && *peer == eve.peer).then_some(())).await;
    a.client.start(&bob.peer).await.unwrap();
    b.wait(|peer, event| (matches!(event, Event::Encrypted(_)) && *peer == ada.peer).then_some(())).await;
}
