//! More conversations than the memory may hold.

#[path = "client_support/friend.rs"]
mod friend;
#[path = "client_support/shop.rs"]
mod shop;
#[path = "client_support/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use friend::{Friend, pump_until};
use o2tr::client::{Answering, ClientEvent, Clock};
use o2tr::conversation::Event;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use transport_mem::Config;
use world::{Account, World};

const FRIENDS: u32 = 60;

fn busy(world: &World) -> Account {
    let mut bob = world.account("bob", 1, 0x2000);
    bob.config.answering = Answering::Everybody;
    bob.config.assume_present = true;
    bob.config.active = 8;
    bob
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_leave_the_memory_and_come_back() {
    let world = World::new(Config::default());
    let bob = busy(&world);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let now = world.clock.now();
    let mut b = bob.start();
    b.caught_up().await;
    let mut friends: Vec<_> = (0..FRIENDS).map(|number| Friend::new(&world.hub, number, &bob.peer)).collect();
    friends.iter_mut().for_each(|friend| friend.start(&world.hub));
    pump_until(&mut friends, &world.hub, now, &mut rng, |friends| friends.iter().all(|friend| friend.encrypted)).await;
    let mut expected = BTreeSet::new();
    let mut read = Vec::new();
    for round in 0..3 {
        for friend in &mut friends {
            let text = format!("{} {round}", friend.id);
            friend.say(&world.hub, &text, now);
            expected.insert(text);
        }
        read.extend(b.texts(FRIENDS as usize).await);
        for friend in &friends {
            b.client.send(&friend.id, &format!("answer {round}"), None).await.unwrap();
        }
        let wanted = round + 1;
        pump_until(&mut friends, &world.hub, now, &mut rng, |friends| {
            friends.iter().all(|friend| friend.read.len() >= wanted)
        })
        .await;
        assert!(friends.iter().all(|friend| friend.read.last() == Some(&format!("answer {round}"))));
    }
    read.extend(b.more_texts().await);
    assert_eq!(read.len(), expected.len(), "nothing twice");
    assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), expected);
    let (loads, commits, groups) = bob.shop.count();
    assert!(loads > 2 * FRIENDS as usize, "{loads} loads: conversations did leave the memory");
    println!("{FRIENDS} conversations, 8 in memory: {loads} loads, {commits} commits in {groups} groups");
    b.stop().await.unwrap();
}

/// One commit at a time for each conversation, but those of several together: while the store works, the runtime goes on.
#[tokio::test]
async fn a_slow_store_batches_and_blocks_nobody() {
    let world = World::new(Config::default());
    let bob = busy(&world);
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let now = world.clock.now();
    let mut b = bob.start();
    b.caught_up().await;
    let mut friends: Vec<_> = (0..8).map(|number| Friend::new(&world.hub, number, &bob.peer)).collect();
    friends.iter_mut().for_each(|friend| friend.start(&world.hub));
    pump_until(&mut friends, &world.hub, now, &mut rng, |friends| friends.iter().all(|friend| friend.encrypted)).await;
    b.more_texts().await;
    bob.shop.delay.store(150, std::sync::atomic::Ordering::SeqCst);
    let (_, commits, groups) = bob.shop.count();
    friends.iter_mut().for_each(|friend| friend.say(&world.hub, "hello", now));
    // One thread for all tasks: if the store blocked it, this task could not count.
    let ticks = tokio::spawn(async {
        let mut ticks = 0;
        let until = tokio::time::Instant::now() + Duration::from_millis(300);
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
            ticks += 1;
        }
        ticks
    });
    b.auto_acknowledge = false;
    assert_eq!(b.texts(8).await.len(), 8);
    let (_, commits_then, groups_then) = bob.shop.count();
    assert!(groups_then - groups < commits_then - commits, "commits of several conversations are written together");
    let ticks = ticks.await.unwrap();
    assert!(ticks > 10, "{ticks} ticks while the store was busy");
    bob.shop.delay.store(0, std::sync::atomic::Ordering::SeqCst);
    b.stop().await.unwrap();
}

/// Nothing is lost on an application that takes nothing, nor does it hold up the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_application_does_not_take_is_put_aside() {
    let world = World::new(Config::default());
    let bob = busy(&world);
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let now = world.clock.now();
    let mut b = bob.start();
    b.auto_acknowledge = false;
    b.caught_up().await;
    let mut friends = [Friend::new(&world.hub, 1, &bob.peer)];
    friends[0].start(&world.hub);
    pump_until(&mut friends, &world.hub, now, &mut rng, |friends| friends[0].encrypted).await;
    let texts: Vec<_> = (0..1005).map(|number| format!("text {number}")).collect();
    texts.iter().for_each(|text| friends[0].say(&world.hub, text, now));
    let mut ids = Vec::new();
    let mut read = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(10 * world::QUIET, b.events.next()).await {
        if let ClientEvent::Conversation { event, .. } = event {
            ids.extend(event.id());
            read.extend(world::text_of(&event).map(|(_, text)| text));
        }
    }
    assert_eq!(ids.len(), 1000, "the new key and 999 texts");
    let device = b.device;
    assert_eq!(world.hub.with(|server| server.owed_len(device)), 0, "the server has nothing left to keep");
    for id in ids {
        b.client.acknowledge(&friends[0].id, id).await.unwrap();
    }
    read.extend(b.texts(6).await);
    assert_eq!(read, texts);
    b.stop().await.unwrap();
}

/// Records of conversations that nobody touches expire all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_unloaded_expires() {
    let world = World::new(Config::default());
    let bob = busy(&world);
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let now = world.clock.now();
    let mut b = bob.start();
    b.caught_up().await;
    let mut friends: Vec<_> = (0..30).map(|number| Friend::new(&world.hub, number, &bob.peer)).collect();
    friends.iter_mut().for_each(|friend| friend.start(&world.hub));
    pump_until(&mut friends, &world.hub, now, &mut rng, |friends| friends.iter().all(|friend| friend.encrypted)).await;
    let mut expired = BTreeSet::new();
    // In another run, which has loaded none of them.
    b.stop().await.unwrap();
    let mut b = bob.start();
    b.caught_up().await;
    // Three looks at the store are enough; a busy machine may need more.
    for hours in [15 * 24].into_iter().chain([7; 30]) {
        if expired.len() == friends.len() {
            break;
        }
        world.skip(Duration::from_secs(hours * 3600), &[&b]).await;
        tokio::time::sleep(world::QUIET).await;
        while let Some(event) = b.events.try_next() {
            if let ClientEvent::Conversation { peer, event: Event::Expired { .. } } = event {
                expired.insert(peer);
            }
        }
    }
    assert_eq!(expired.len(), friends.len());
    b.stop().await.unwrap();
}
