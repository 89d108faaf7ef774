//! A peer that was stored in the middle of something and restored goes on as if nothing had happened, and never
//! encrypts under a counter that it, or a copy of it, may have used before.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use otr_core::dsa::PrivateKey;
use otr_core::smp::SmpEvent;
use otr_core::toolkit::data_keys;
use otr_core::wire::DataMessage;
use otr_core::{
    Event, Identity, InstanceTag, KeyPairSnapshot, Leap, Output, Peer, PhaseSnapshot, Policy, ReceivePolicy,
    SecretBytes, Settings, State, Timestamp, decode_data,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::Value;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

struct End {
    peer: Peer,
    identity: Arc<Identity>,
    events: Vec<Event>,
}

impl End {
    fn new(key: &Value, tag: u32, policy: Policy) -> Self {
        let [p, q, g, y, x] =
            ["p", "q", "g", "y", "x"].map(|name| hex::decode(key["dsa"][name].as_str().unwrap()).unwrap());
        let key = PrivateKey::from_components(&p, &q, &g, &y, &x).unwrap();
        let identity = Identity::new(key, InstanceTag::new(tag).unwrap());
        let peer = Peer::new(Arc::clone(&identity), Settings { policy, ..Settings::default() });
        Self { peer, identity, events: Vec::new() }
    }

    /// Through a store and back. The store is text here: everything has to survive that.
    fn reopen(&mut self, leap: Option<u64>) {
        let stored = serde_json::to_string(&self.peer.snapshot()).unwrap();
        let snapshot = serde_json::from_str(&stored).unwrap();
        let leap = leap.map(|step| Leap::new(step).unwrap());
        let settings = self.peer.settings().clone();
        self.peer = Peer::restore(Arc::clone(&self.identity), settings, snapshot, leap).unwrap();
        if leap.is_none() {
            assert_eq!(serde_json::to_string(&self.peer.snapshot()).unwrap(), stored);
        }
    }

    fn copy(&self, leap: u64) -> Self {
        let snapshot = self.peer.snapshot();
        let settings = self.peer.settings().clone();
        let peer = Peer::restore(Arc::clone(&self.identity), settings, snapshot, Leap::new(leap)).unwrap();
        Self { peer, identity: Arc::clone(&self.identity), events: Vec::new() }
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        while let Some(output) = self.peer.poll_output() {
            match output {
                Output::Send(line) => lines.extend(line.split(0).unwrap()),
                Output::Event(event) => self.events.push(event),
                Output::Retired(_) => {}
            }
        }
        lines
    }

    fn texts(&mut self) -> Vec<Vec<u8>> {
        let events = std::mem::take(&mut self.events);
        let texts = events.into_iter().filter_map(|event| match event {
            Event::Message(message) if !message.content.text.is_empty() => Some(message.content.text.clone()),
            _ => None,
        });
        texts.collect()
    }

    /// The key and the counter under which a line of ours was encrypted.
    fn keystream(&self, line: &[u8]) -> ([u8; 16], u64) {
        let binary = decode_data(line).unwrap();
        let counter = DataMessage::parse(&binary).unwrap().counter;
        let snapshot = self.peer.snapshot();
        let PhaseSnapshot::Encrypted { ring, .. } = &snapshot.sessions[0].phase else { unreachable!() };
        let keys = data_keys(&ring.our_previous.secret, &ring.their_newest).unwrap();
        (*keys.sending.cipher.expose(), counter)
    }
}

fn ends(policy: Policy) -> (End, End, ChaCha20Rng) {
    let keys: Value = serde_json::from_str(include_str!("dsa_signatures.json")).unwrap();
    let [alice, bob] = ["alice", "bob"].map(|name| &keys["keys"][name]);
    (End::new(alice, 0x1111, policy), End::new(bob, 0x2222, policy), ChaCha20Rng::seed_from_u64(11))
}

/// Carries lines to and fro until both are silent; before each line the receiver is stored and restored.
fn run(alice: &mut End, bob: &mut End, rng: &mut ChaCha20Rng, leap: Option<u64>) {
    let mut under_way: [VecDeque<Vec<u8>>; 2] = Default::default();
    loop {
        under_way[1].extend(alice.drain());
        under_way[0].extend(bob.drain());
        let mut idle = true;
        for (to, end) in [&mut *alice, &mut *bob].into_iter().enumerate() {
            if let Some(line) = under_way[to].pop_front() {
                end.reopen(leap);
                end.peer.handle_line(&line, NOW, rng);
                idle = false;
            }
        }
        if idle {
            return;
        }
    }
}

fn talk(alice: &mut End, bob: &mut End, rng: &mut ChaCha20Rng, leap: Option<u64>) {
    for round in 0..4_u8 {
        let text = [b't', b'0' + round];
        alice.peer.send(&text, NOW).unwrap();
        run(alice, bob, rng, leap);
        assert_eq!(bob.texts(), [text]);
        bob.peer.send(&text, NOW).unwrap();
        run(alice, bob, rng, leap);
        assert_eq!(alice.texts(), [text]);
    }
}

#[test]
fn every_line_of_a_conversation_meets_a_restored_peer() {
    for policy in [Policy::ALLOW_V2, Policy::ALLOW_V3] {
        for leap in [None, Some(1), Some(Leap::MAX)] {
            let (mut alice, mut bob, mut rng) = ends(policy);
            alice.peer.start();
            run(&mut alice, &mut bob, &mut rng, leap);
            assert_eq!((alice.peer.state(), bob.peer.state()), (State::Encrypted, State::Encrypted));
            talk(&mut alice, &mut bob, &mut rng, leap);
            alice.peer.end(NOW);
            run(&mut alice, &mut bob, &mut rng, leap);
            bob.reopen(leap);
            assert_eq!((alice.peer.state(), bob.peer.state()), (State::Plaintext, State::Finished));
        }
    }
}

#[test]
fn smp_goes_on() {
    let (mut alice, mut bob, mut rng) = ends(Policy::MANUAL);
    alice.peer.start();
    run(&mut alice, &mut bob, &mut rng, None);
    let [at_alice, at_bob] = [&alice, &bob].map(|end| end.peer.current().unwrap());
    alice.peer.start_smp(at_alice, b"kiwi", Some(b"fruit?"), NOW, &mut rng).unwrap();
    run(&mut alice, &mut bob, &mut rng, Some(5));
    bob.reopen(Some(6));
    assert!(bob.peer.sessions().all(|session| session.smp_running));
    bob.peer.respond_smp(at_bob, b"kiwi", NOW, &mut rng).unwrap();
    run(&mut alice, &mut bob, &mut rng, Some(7));
    for end in [&alice, &bob] {
        let successes = end.events.iter().filter(|event| matches!(event, Event::Smp { event: SmpEvent::Success, .. }));
        assert_eq!(successes.count(), 1);
    }
}

#[test]
fn fragments_wait() {
    let (mut alice, mut bob, mut rng) = ends(Policy::MANUAL);
    alice.peer.start();
    run(&mut alice, &mut bob, &mut rng, None);
    alice.peer.send(b"in pieces", NOW).unwrap();
    let Some(Output::Send(line)) = alice.peer.poll_output() else { unreachable!() };
    let pieces = line.split(100).unwrap();
    assert!(pieces.len() > 3);
    for piece in pieces {
        bob.reopen(Some(1));
        bob.peer.handle_line(&piece, NOW, &mut rng);
    }
    bob.drain();
    assert_eq!(bob.texts(), [b"in pieces"]);
}

/// A text that waits for a session, and one that the peer wants again, are not lost.
#[test]
fn texts_wait() {
    let (mut alice, mut bob, mut rng) = ends(Policy::ALWAYS);
    alice.peer.send(b"first", NOW).unwrap();
    run(&mut alice, &mut bob, &mut rng, Some(3));
    assert_eq!(bob.texts(), [b"first"]);
    alice.peer.send(b"lost", NOW).unwrap();
    alice.drain();
    alice.peer.handle_line(b"?OTR Error: what?", NOW, &mut rng);
    run(&mut alice, &mut bob, &mut rng, Some(3));
    assert_eq!(bob.texts(), [b"[resent] lost"]);
}

/// Two copies of one store receive the same lines and answer each: no key encrypts twice under one counter, also
/// not behind rotations, as long as the sending key is one that was in the store.
#[test]
fn copies_of_a_store_share_no_keystream() {
    let (mut alice, mut bob, mut rng) = ends(Policy::MANUAL);
    alice.peer.start();
    run(&mut alice, &mut bob, &mut rng, None);
    talk(&mut alice, &mut bob, &mut rng, None);
    let mut copies = [bob.copy(10), bob.copy(2000)];
    // Each copy draws from the same source: only the leaps differ.
    let mut sources = [ChaCha20Rng::seed_from_u64(3), ChaCha20Rng::seed_from_u64(4)];
    let mut used = HashSet::new();
    let mut leapt = 0;
    for round in 0..4_u8 {
        alice.peer.send(&[b'x', b'0' + round], NOW).unwrap();
        let line = alice.drain().pop().unwrap();
        let mut answers = Vec::new();
        for (copy, source) in copies.iter_mut().zip(&mut sources) {
            copy.peer.handle_line(&line, NOW, source);
            copy.peer.send(b"answer", NOW).unwrap();
            let answer = copy.drain().pop().unwrap();
            let keystream = copy.keystream(&answer);
            leapt += usize::from(keystream.1 > 1);
            assert!(used.insert(keystream), "round {round}");
            answers.push(answer);
        }
        // The network lets one of the two through.
        alice.peer.handle_line(&answers[0], NOW, &mut rng);
        alice.drain();
    }
    assert!(leapt >= 4, "only {leapt} answers began behind a leap");
}

/// Also an AKE that was under way in the store: the key that it brings in encrypts behind the leap, whatever the
/// peer's key is by then.
#[test]
fn copies_in_an_ake_share_no_keystream() {
    let (mut alice, mut bob, mut rng) = ends(Policy::MANUAL);
    let relay = |from: &mut End, to: &mut End, rng: &mut ChaCha20Rng| {
        for line in from.drain() {
            to.peer.handle_line(&line, NOW, rng);
        }
    };
    alice.peer.start();
    // Query, D-H Commit, D-H Key, Reveal Signature: bob waits for the Signature when he is copied.
    relay(&mut alice, &mut bob, &mut rng);
    relay(&mut bob, &mut alice, &mut rng);
    relay(&mut alice, &mut bob, &mut rng);
    relay(&mut bob, &mut alice, &mut rng);
    let mut copies = [bob.copy(1), bob.copy(100)];
    let signature = alice.drain().pop().unwrap();
    alice.peer.send(b"hello", NOW).unwrap();
    let hello = alice.drain().pop().unwrap();
    let mut used = HashSet::new();
    for copy in &mut copies {
        copy.peer.handle_line(&signature, NOW, &mut rng);
        for text in [b"before".as_slice(), b"after"] {
            copy.peer.send(text, NOW).unwrap();
            let line = copy.drain().pop().unwrap();
            assert!(used.insert(copy.keystream(&line)), "{}", text.escape_ascii());
            copy.peer.handle_line(&hello, NOW, &mut rng);
            copy.drain();
        }
    }
    assert_eq!(used.len(), 4);
    assert!(used.iter().all(|(_, counter)| *counter > 1));
}

/// A peer that brings back an old key while ours stays: the pair is one that we have sent under before.
#[test]
fn a_key_of_the_peer_that_comes_back_brings_no_counter_back() {
    let (mut alice, mut bob, mut rng) = ends(Policy::MANUAL);
    for end in [&mut alice, &mut bob] {
        end.peer.settings_mut().receive = ReceivePolicy::Window;
    }
    alice.peer.start();
    run(&mut alice, &mut bob, &mut rng, None);
    let keys: Vec<_> = (0..3).map(|_| SecretBytes::random(&mut rng)).collect();
    let mut used = HashSet::new();
    // Bob announces his keys in this order; alice never sees her own newest one in use.
    for next in [0, 1, 2, 0, 1] {
        let mut snapshot = bob.peer.snapshot();
        let PhaseSnapshot::Encrypted { ring, .. } = &mut snapshot.sessions[0].phase else { unreachable!() };
        ring.our_newest = KeyPairSnapshot { secret: keys[next].clone(), public: None };
        bob.peer = Peer::restore(Arc::clone(&bob.identity), bob.peer.settings().clone(), snapshot, None).unwrap();
        bob.peer.send(b"next key", NOW).unwrap();
        let line = bob.drain().pop().unwrap();
        alice.peer.handle_line(&line, NOW, &mut rng);
        alice.drain();
        assert_eq!(alice.texts(), [b"next key"], "{next}");
        for _ in 0..2 {
            alice.peer.send(b"answer", NOW).unwrap();
            let answer = alice.drain().pop().unwrap();
            assert!(used.insert(alice.keystream(&answer)));
        }
        // Bob goes on to the announced key, as if it had been used.
        let mut snapshot = bob.peer.snapshot();
        let PhaseSnapshot::Encrypted { ring, .. } = &mut snapshot.sessions[0].phase else { unreachable!() };
        ring.our_previous = ring.our_newest.clone();
        ring.our_keyid += 1;
        ring.pairs = Default::default();
        ring.counter = 0;
        bob.peer = Peer::restore(Arc::clone(&bob.identity), bob.peer.settings().clone(), snapshot, None).unwrap();
    }
    assert_eq!(used.len(), 10);
}
