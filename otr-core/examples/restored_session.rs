//! A program is killed in the middle of a private conversation. Started again, it reads what arrived meanwhile and
//! answers, without a new handshake: [`Peer::snapshot`] and [`Peer::restore`].
//!
//! Run with `cargo run -p otr-core --features serde --example restored_session`.

use std::sync::Arc;

use otr_core::dsa::PrivateKey;
use otr_core::{Event, Identity, InstanceTag, Leap, Output, Peer, Settings, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A program takes the operating system's source; a fixed seed makes the example print the same each time.
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let now = Timestamp::from_secs(1_700_000_000);
    let [at_alice, at_bob] =
        [(); 2].map(|()| Identity::new(PrivateKey::generate(&mut rng), InstanceTag::random(&mut rng)));
    let mut alice = Peer::new(at_alice, Settings::default());
    let mut bob = Peer::new(Arc::clone(&at_bob), Settings::default());

    alice.start();
    let (mut to_bob, mut to_alice) = (drain("alice", &mut alice), Vec::new());
    while !to_bob.is_empty() || !to_alice.is_empty() {
        to_alice.extend(deliver("bob", &mut bob, core::mem::take(&mut to_bob), now, &mut rng));
        to_bob.extend(deliver("alice", &mut alice, core::mem::take(&mut to_alice), now, &mut rng));
    }

    // What has to be durable before anything leaves. It holds secrets: a real program seals it.
    let stored = serde_json::to_vec(&bob.snapshot())?;
    drop(bob);
    println!("bob is gone; {} bytes are left of him", stored.len());

    alice.send(b"Are you still there?", now)?;
    alice.send(b"Never mind, read this later.", now)?;
    let waiting = drain("alice", &mut alice);

    // The leap keeps the counters of a restored session away from those that it, or a copy, may have used.
    let leap = Leap::random(&mut rng);
    let mut bob = Peer::restore(at_bob, Settings::default(), serde_json::from_slice(&stored)?, Some(leap))?;
    println!("bob is back");
    deliver("bob", &mut bob, waiting, now, &mut rng);
    bob.send(b"Read. I was never really away.", now)?;
    let answer = drain("bob", &mut bob);
    deliver("alice", &mut alice, answer, now, &mut rng);
    Ok(())
}

/// Hands lines over and returns those that come back.
fn deliver(name: &str, peer: &mut Peer, lines: Vec<Vec<u8>>, now: Timestamp, rng: &mut ChaCha20Rng) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    for line in lines {
        peer.handle_line(&line, now, rng);
        answers.extend(drain(name, peer));
    }
    answers
}

/// Carries out the outputs: events go to the screen, lines are returned.
fn drain(name: &str, peer: &mut Peer) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    while let Some(output) = peer.poll_output() {
        match output {
            Output::Send(line) => lines.push(line.bytes),
            Output::Event(Event::Message(message)) => {
                println!("{name} reads: {}", String::from_utf8_lossy(&message.content.text));
            }
            Output::Event(Event::Established(_)) => println!("{name} is in private"),
            Output::Event(_) | Output::Retired(_) => {}
        }
    }
    lines
}
