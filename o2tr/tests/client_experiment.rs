//! The experiment of the paper: conversations are broken at random points, and the share of the messages that were sent
//! while the receiver was gone and can be read afterwards is counted, with O2TR and with OTR alone.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "client_support/friend.rs"]
mod friend;
#[path = "client_support/shop.rs"]
mod shop;
#[path = "client_support/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use friend::{Friend, pump_until};
use o2tr::client::{Answering, ClientEvent, Clock};
use o2tr::conversation::Event;
use otr_core::{Output, Peer, Settings};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use transport_mem::Config;
use world::{Running, World, text_of};

const CONVERSATIONS: u32 = 1000;
const SEED: u64 = 2026;

/// What was read: by friend and inbox id, so that the same item under the same id counts once.
type Read = BTreeMap<(String, u64), String>;

fn note(read: &mut Read, event: &ClientEvent) {
    if let ClientEvent::Conversation { peer, event } = event
        && let Some((id, text)) = text_of(event)
        && let Some(before) = read.insert((peer.as_str().to_owned(), id), text.clone())
    {
        assert_eq!(before, text, "an id names one text");
    }
}

/// Reads what is there and takes most of it for good.
async fn read_some(running: &mut Running, read: &mut Read, rng: &mut ChaCha20Rng) {
    while let Some(event) = running.events.try_next() {
        note(read, &event);
        if let ClientEvent::Conversation { peer, event } = &event
            && let Some(id) = event.id()
            && !rng.next_u32().is_multiple_of(4)
        {
            running.client.acknowledge(peer, id).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_offline_message_is_recovered_and_none_by_otr_alone() {
    let world = World::new(Config::default());
    let mut bob = world.account("bob", 1, 0x2000);
    bob.config.answering = Answering::Everybody;
    bob.config.assume_present = true;
    bob.config.active = 200;
    let mut rng = ChaCha20Rng::seed_from_u64(SEED);
    let now = world.clock.now();
    let mut running = bob.start();
    running.caught_up().await;
    let mut read = Read::new();
    let mut sent = BTreeSet::new();

    let mut friends: Vec<_> = (0..CONVERSATIONS).map(|number| Friend::new(&world.hub, number, &bob.peer)).collect();
    friends.iter_mut().for_each(|friend| friend.start(&world.hub));
    // The events are read by nobody for now; what matters stays in the store.
    let reader = tokio::spawn(async move {
        let mut read = Read::new();
        let mut established = 0;
        while established < CONVERSATIONS {
            let event = running.event().await;
            note(&mut read, &event);
            if let ClientEvent::Conversation { event: Event::Encrypted(_), .. } = event {
                established += 1;
            }
        }
        (running, read)
    });
    pump_until(&mut friends, &world.hub, now, &mut rng, |friends| friends.iter().all(|friend| friend.encrypted)).await;
    let (mut running, before) = reader.await.unwrap();
    read.extend(before);

    // Each talks for a random while.
    let steps: Vec<_> = friends.iter().map(|_| rng.next_u32() % 4).collect();
    for step in 0..4 {
        for (friend, _) in friends.iter_mut().zip(&steps).filter(|(_, steps)| step < **steps) {
            if rng.next_u32() % 3 == 0 {
                running.client.send(&friend.id, &format!("from bob {step}"), None).await.unwrap();
            } else {
                let text = format!("{} live {step}", friend.id);
                friend.say(&world.hub, &text, now);
                sent.insert(text);
            }
            friend.pump(&world.hub, now, &mut rng);
            read_some(&mut running, &mut read, &mut rng).await;
        }
    }
    // In the middle of it the receiver is gone.
    tokio::time::sleep(Duration::from_millis(u64::from(rng.next_u32() % 20))).await;
    running.kill().await;
    let mut offline = BTreeSet::new();
    let mut lines = Vec::new();
    for friend in &mut friends {
        let before = friend.sent.len();
        for number in 0..=rng.next_u32() % 4 {
            let text = format!("{} offline {number}", friend.id);
            friend.say(&world.hub, &text, now);
            offline.insert(text);
        }
        lines.push(friend.sent.split_off(before));
    }
    sent.extend(offline.iter().cloned());

    let mut running = bob.start();
    let share = |read: &Read| {
        let texts: BTreeSet<_> = read.values().cloned().collect();
        offline.intersection(&texts).count()
    };
    let began = std::time::Instant::now();
    while share(&read) < offline.len() && began.elapsed() < world::PATIENCE * 3 {
        read_some(&mut running, &mut read, &mut rng).await;
        friends.iter_mut().for_each(|friend| friend.pump(&world.hub, now, &mut rng));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let recovered = share(&read);

    // OTR alone: the same lines, the same identity, a new process.
    let mut plain = 0;
    for lines in &lines {
        let mut peer = Peer::new(Arc::clone(&bob.identity), Settings::default());
        for line in lines {
            peer.handle_line(line, now, &mut rng);
            while let Some(output) = peer.poll_output() {
                plain += usize::from(matches!(output, Output::Event(otr_core::Event::Message(_))));
            }
        }
    }
    let percent = |count: usize| 100.0 * count as f64 / offline.len() as f64;
    println!(
        "{CONVERSATIONS} conversations broken (seed {SEED}), {} offline messages: O2TR {:.1} %, OTR {:.1} %",
        offline.len(),
        percent(recovered),
        percent(plain)
    );
    assert_eq!((recovered, plain), (offline.len(), 0));

    // Nothing was lost before the break either, and nothing was shown twice.
    let mut counts = BTreeMap::new();
    for text in read.values() {
        *counts.entry(text.clone()).or_insert(0) += 1;
    }
    assert_eq!(counts.keys().cloned().collect::<BTreeSet<_>>(), sent);
    assert!(counts.values().all(|count| *count == 1), "twice: {:?}", counts.iter().find(|(_, count)| **count > 1));
    running.stop().await.unwrap();
}
