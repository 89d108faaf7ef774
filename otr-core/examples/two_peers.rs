//! Two people in one process: a query, the AKE, a few messages, SMP, the end.
//!
//! Run with `cargo run -p otr-core --example two_peers`.

use std::collections::VecDeque;

use otr_core::dsa::PrivateKey;
use otr_core::{Event, Identity, InstanceTag, Output, Peer, Settings, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// One end of the conversation, with the lines that wait for it.
struct End {
    name: &'static str,
    peer: Peer,
    inbox: VecDeque<Vec<u8>>,
}

impl End {
    fn new(name: &'static str, rng: &mut ChaCha20Rng) -> Self {
        let identity = Identity::new(PrivateKey::generate(rng), InstanceTag::random(rng));
        println!("{name} has fingerprint {}", identity.fingerprint());
        Self { name, peer: Peer::new(identity, Settings::default()), inbox: VecDeque::new() }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A program takes the operating system's source; a fixed seed makes the example print the same each time.
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let now = Timestamp::from_secs(1_700_000_000);
    let (mut alice, mut bob) = (End::new("alice", &mut rng), End::new("bob", &mut rng));

    alice.peer.start();
    run(&mut alice, &mut bob, now, &mut rng);

    alice.peer.send(b"Can you keep a secret?", now)?;
    run(&mut alice, &mut bob, now, &mut rng);
    bob.peer.send(b"Until the next key rotation.", now)?;
    run(&mut alice, &mut bob, now, &mut rng);

    let at_alice = alice.peer.current().ok_or("no session")?;
    alice.peer.start_smp(at_alice, b"kiwi", Some(b"Which fruit?"), now, &mut rng)?;
    run(&mut alice, &mut bob, now, &mut rng);
    let at_bob = bob.peer.current().ok_or("no session")?;
    bob.peer.respond_smp(at_bob, b"kiwi", now, &mut rng)?;
    run(&mut alice, &mut bob, now, &mut rng);

    alice.peer.end(now);
    run(&mut alice, &mut bob, now, &mut rng);
    Ok(())
}

/// Carries lines to and fro until both are silent.
fn run(alice: &mut End, bob: &mut End, now: Timestamp, rng: &mut ChaCha20Rng) {
    loop {
        drain(alice, bob);
        drain(bob, alice);
        let mut idle = true;
        for end in [&mut *alice, &mut *bob] {
            if let Some(line) = end.inbox.pop_front() {
                end.peer.handle_line(&line, now, rng);
                idle = false;
            }
        }
        if idle {
            return;
        }
    }
}

/// Carries out the outputs of one end: lines go to the other, events to the screen.
fn drain(from: &mut End, to: &mut End) {
    while let Some(output) = from.peer.poll_output() {
        match output {
            Output::Send(line) => to.inbox.push_back(line.bytes),
            Output::Event(Event::Message(message)) if message.content.text.is_empty() => {}
            Output::Event(Event::Message(message)) => {
                println!("{} reads: {}", from.name, String::from_utf8_lossy(&message.content.text));
            }
            Output::Event(event) => println!("{}: {event:?}", from.name),
            Output::Retired(_) => {}
        }
    }
}
