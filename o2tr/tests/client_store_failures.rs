//! The store fails for a moment, for one conversation, or for good.

#[path = "client_support/shop.rs"]
mod shop;
#[path = "client_support/world.rs"]
mod world;

use std::sync::atomic::Ordering;

use o2tr::client::{ClientError, ClientEvent, RunError};
use o2tr::conversation::{Event, Privacy};
use o2tr_ekm::StoreError;
use transport_mem::Config;
use world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_commit_loses_nothing_and_shows_nothing_twice() {
    let world = World::new(Config::default());
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    bob.shop.failures.store(1, Ordering::SeqCst);
    a.send(&bob, "one").await;
    b.wait_outside(|event| matches!(event, ClientEvent::StoreFailed { .. }).then_some(())).await;
    assert_eq!(b.text().await.1, "one");
    assert_eq!(b.more_texts().await, Vec::<String>::new());

    bob.shop.failures.store(1, Ordering::SeqCst);
    let refused = b.client.send(&ada.peer, "two", None).await;
    assert!(matches!(refused, Err(ClientError::Store(StoreError::Backend(_)))), "{refused:?}");
    b.send(&ada, "two again").await;
    assert_eq!(a.text().await.1, "two again");
    assert_eq!(a.more_texts().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_row_locks_one_conversation_only_and_its_lines_are_put_aside() {
    let world = World::new(Config::default());
    let bob = world.account("bob", 1, 0x2000);
    let (ada, eve) = (world.account("ada", 0, 0x1000), world.account("eve", 0, 0x3000));
    let (mut a, mut e, mut b) = (ada.start(), eve.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    b.more_texts().await;
    b.stop().await.unwrap();
    // The only row so far is ada's.
    bob.shop.media.lock().unwrap().edit_rows(|_, _, bytes| {
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
    });
    a.send(&bob, "into the dark").await;
    let mut b = bob.start();
    b.wait_outside(|event| matches!(event, ClientEvent::Locked { .. }).then_some(())).await;
    let refused = b.client.send(&ada.peer, "no", None).await;
    assert!(matches!(refused, Err(ClientError::Locked(_))), "{refused:?}");
    // Nobody else is concerned.
    e.encrypt(&eve, &mut b, &bob).await;
    e.send(&bob, "hello").await;
    assert_eq!(b.text().await.1, "hello");
    // The server has nothing left to deliver, and another run finds what was put aside.
    let device = b.device;
    assert_eq!(world.hub.with(|server| server.owed_len(device)), 0);
    b.stop().await.unwrap();
    let mut b = bob.start();
    b.wait_outside(|event| matches!(event, ClientEvent::Locked { .. }).then_some(())).await;
    b.client.allow(&ada.peer, true).await.unwrap();
    b.client.forget(&ada.peer).await.unwrap();
    b.wait(|peer, event| (*peer == ada.peer && matches!(event, Event::Rejected(_))).then_some(())).await;
    b.client.start(&ada.peer).await.unwrap();
    b.wait(|peer, event| (*peer == ada.peer && matches!(event, Event::Encrypted(_))).then_some(())).await;
    assert_eq!(b.privacy(&ada).await, Privacy::Encrypted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_store_a_client_stops_and_the_next_run_goes_on() {
    let world = World::new(Config::default());
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    let (mut a, mut b) = (ada.start(), bob.start());
    a.encrypt(&ada, &mut b, &bob).await;
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    bob.shop.gone.store(true, Ordering::SeqCst);
    a.send(&bob, "one").await;
    let result = b.task.await.unwrap().map(drop);
    assert_eq!(result, Err(RunError::Store(StoreError::Poisoned)));
    assert!(matches!(b.client.send(&ada.peer, "x", None).await, Err(ClientError::Stopped)));
    bob.shop.gone.store(false, Ordering::SeqCst);
    let mut b = bob.start();
    assert_eq!(b.text().await.1, "one");
    assert_eq!(b.more_texts().await, Vec::<String>::new());
}
