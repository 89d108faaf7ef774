//! One of two is gone without notice: what the other says meanwhile is read afterwards, once, by whatever way.

#[path = "client_support/shop.rs"]
mod shop;
#[path = "client_support/world.rs"]
mod world;

use std::time::Duration;

use o2tr::conversation::Event;
use transport_mem::Config;
use world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_talk_one_dies_and_reads_what_it_missed() {
    let world = World::new(Config::default());
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    a.send(&bob, "hello bob").await;
    assert_eq!(b.text().await, (ada.peer.clone(), "hello bob".to_owned()));
    b.send(&ada, "hello ada").await;
    assert_eq!(a.text().await, (bob.peer.clone(), "hello ada".to_owned()));

    b.kill().await;
    for text in ["one", "two", "three"] {
        a.send(&bob, text).await;
    }
    let mut b = bob.start();
    let recovered = b.wait(|_, event| matches!(event, Event::Recovered { .. }).then_some(())).await;
    assert_eq!(recovered, ());
    assert_eq!(b.texts(3).await, ["one", "two", "three"]);
    b.send(&ada, "I am back").await;
    assert_eq!(a.text().await.1, "I am back");
    assert_eq!(b.more_texts().await, Vec::<String>::new());

    // Nothing is left at the server: everything was acknowledged.
    b.kill().await;
    let mut b = bob.start();
    b.caught_up().await;
    assert_eq!(b.more_texts().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_application_did_not_take_comes_again_under_the_same_id() {
    let world = World::new(Config::default());
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    let (mut a, mut b) = (ada.start(), bob.start());
    b.auto_acknowledge = false;
    a.encrypt(&ada, &mut b, &bob).await;
    a.send(&bob, "important").await;
    let first = b.wait(|_, event| world::text_of(event)).await;
    assert_eq!(b.more_texts().await, Vec::<String>::new(), "once in a run");
    b.kill().await;
    let mut b = bob.start();
    let second = b.wait(|_, event| world::text_of(event)).await;
    assert_eq!(first, second);
    b.client.acknowledge(&ada.peer, second.0).await.unwrap();
    b.stop().await.unwrap();
    let mut b = bob.start();
    b.caught_up().await;
    assert_eq!(b.more_texts().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_commit_and_acknowledgement_shows_nothing_twice() {
    let world = World::new(Config::default());
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    // The commit takes long; the program dies while it is with the store, so the server is told nothing.
    bob.shop.delay.store(400, std::sync::atomic::Ordering::SeqCst);
    a.send(&bob, "once").await;
    let (_, before, _) = bob.shop.count();
    while bob.shop.count().1 == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    b.kill().await;
    bob.shop.delay.store(0, std::sync::atomic::Ordering::SeqCst);
    let mut b = bob.start();
    assert_eq!(b.text().await.1, "once");
    let redelivered = b.wait(|_, event| matches!(event, Event::Rejected(_)).then_some(()));
    redelivered.await;
    assert_eq!(b.more_texts().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_keeps_the_session() {
    let world = World::new(Config::default());
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    b.stop().await.unwrap();
    a.send(&bob, "still private").await;
    let b = bob.start();
    assert_eq!(b.privacy(&ada).await, o2tr::conversation::Privacy::Encrypted);
    let mut b = b;
    assert_eq!(b.text().await.1, "still private");
    a.stop().await.unwrap();
}
