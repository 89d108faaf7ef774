//! What an application that talks to programs needs: to know when everything was told, and to name whom it answers.

#[path = "client_support/shop.rs"]
mod shop;
#[path = "client_support/world.rs"]
mod world;

use std::sync::Arc;

use o2tr::client::{Answering, ClientEvent};
use o2tr::conversation::{Event, Hold, Privacy};
use o2tr::transport::PeerId;
use otr_core::Policy;
use transport_mem::Config;
use world::World;

#[tokio::test]
async fn a_mark_stands_behind_the_events_of_what_was_done() {
    let world = World::new(Config::default());
    let (mut alice, bob) = (world.account("alice", 0, 0x1000), world.account("bob", 1, 0x2000));
    alice.config.settings.policy |= Policy::REQUIRE_ENCRYPTION;
    let mut a = alice.start();
    for number in 0..20 {
        a.send(&bob, "waits").await;
        a.client.mark(number).await.unwrap();
        let mut paused = 0;
        loop {
            match a.event().await {
                ClientEvent::Mark { number: told } => {
                    assert_eq!(told, number);
                    break;
                }
                ClientEvent::Conversation { event: Event::Paused { reason: Hold::NoSession, .. }, .. } => paused += 1,
                _ => {}
            }
        }
        assert_eq!(paused, 1, "its event came before the mark");
    }
    a.stop().await.unwrap();
}

#[tokio::test]
async fn only_those_who_are_named_are_answered() {
    let world = World::new(Config::default());
    let (alice, mut bob) = (world.account("alice", 0, 0x1000), world.account("bob", 1, 0x2000));
    bob.config.answering = Answering::Only(Arc::new(|peer| *peer == PeerId::new("carol")));
    world.hub.with(|server| server.befriend(&alice.peer, &bob.peer));
    let (mut a, mut b) = (alice.start(), bob.start());
    a.caught_up().await;
    b.caught_up().await;
    a.client.start(&bob.peer).await.unwrap();
    let asked = b.wait_outside(|event| match event {
        ClientEvent::Stranger { peer } => Some(peer.clone()),
        _ => None,
    });
    assert_eq!(asked.await, alice.peer, "a contact that was not named");
    b.client.allow(&alice.peer, true).await.unwrap();
    a.client.start(&bob.peer).await.unwrap();
    b.wait(|_, event| matches!(event, Event::Encrypted(_)).then_some(())).await;
    assert_eq!(b.privacy(&alice).await, Privacy::Encrypted);
    a.stop().await.unwrap();
    b.stop().await.unwrap();
}
