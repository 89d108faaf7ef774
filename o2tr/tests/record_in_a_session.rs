//! The record travels inside the data messages of two plain OTR peers, and costs what `docs/wire.md` says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use core::num::NonZeroU32;
use std::collections::VecDeque;

use o2tr::capability::{AckWindow, Capability, MessageId, PairId, Threshold};
use otr_core::dsa::PrivateKey;
use otr_core::wire::{DataFlags, Tlv};
use otr_core::{Event, Identity, InstanceTag, Message, Output, Peer, SessionId, Settings, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Two peers in a session; lines that wait for each; what was read, by whom (0 or 1).
struct Pair {
    peers: [Peer; 2],
    rng: ChaCha20Rng,
    lines: Vec<usize>,
    read: Vec<(usize, Message)>,
}

impl Pair {
    fn in_session() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(11);
        let mut peer = || {
            let identity = Identity::new(PrivateKey::generate(&mut rng), InstanceTag::random(&mut rng));
            Peer::new(identity, Settings::default())
        };
        let peers = [peer(), peer()];
        let mut pair = Self { peers, rng, lines: Vec::new(), read: Vec::new() };
        pair.peers[0].start();
        pair.run();
        pair.lines.clear();
        pair
    }

    fn session(&self, of: usize) -> SessionId {
        self.peers[of].current().unwrap()
    }

    /// Carries lines until both are silent.
    fn run(&mut self) {
        let mut waiting: [VecDeque<Vec<u8>>; 2] = Default::default();
        loop {
            for (index, peer) in self.peers.iter_mut().enumerate() {
                while let Some(output) = peer.poll_output() {
                    match output {
                        Output::Send(line) => {
                            self.lines.push(line.bytes.len());
                            waiting[1 - index].push_back(line.bytes);
                        }
                        Output::Event(Event::Message(message)) => self.read.push((index, message)),
                        Output::Event(_) | Output::Retired(_) => {}
                    }
                }
            }
            let Some(index) = waiting.iter().position(|lines| !lines.is_empty()) else { return };
            let line = waiting[index].pop_front().unwrap();
            self.peers[index].handle_line(&line, NOW, &mut self.rng);
        }
    }

    /// Sends from one to the other; the length of the line on the wire.
    fn send(&mut self, from: usize, text: &[u8], tlvs: &[Tlv]) -> usize {
        let id = self.session(from);
        self.peers[from].send_in(id, text, tlvs, DataFlags::empty(), NOW).unwrap();
        self.run();
        self.lines.pop().unwrap()
    }
}

fn capability(use_number: u32, read: AckWindow) -> Capability {
    Capability {
        refresh_wanted: false,
        auto: false,
        threshold: Some(Threshold::DEFAULT),
        record_lifetime: 1_209_600,
        use_number: NonZeroU32::new(use_number).unwrap(),
        message_id: MessageId::from_bytes([use_number.try_into().unwrap(); 16]),
        read,
        continuity: None,
    }
}

#[test]
fn a_record_arrives_and_acknowledges() {
    let mut pair = Pair::in_session();
    for use_number in [1, 2] {
        pair.send(0, b"away?", &[capability(use_number, AckWindow::default()).encode()]);
    }
    let ssid = pair.peers[1].view(pair.session(1)).unwrap().ssid;
    let mut read = AckWindow::default();
    for (_, message) in pair.read.drain(..) {
        assert_eq!(message.content.text, b"away?");
        let found = Capability::find(&message.content.tlvs).unwrap();
        let (sender, recipient, _) = message.place;
        assert!(read.mark(PairId::new(&ssid, sender, recipient), found.use_number.get()));
    }
    pair.send(1, b"back", &[capability(1, read).encode()]);
    let (_, answer) = pair.read.pop().unwrap();
    let acknowledged = Capability::find(&answer.content.tlvs).unwrap().read;
    let map = acknowledged.get(PairId::new(&ssid, 1, 1)).unwrap();
    assert_eq!(map.missing(3).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_record_costs_a_fixed_number_of_characters() {
    let mut pair = Pair::in_session();
    let record = [capability(1, AckWindow::default()).encode()];
    let mut cost = |text: &[u8]| {
        let plain = pair.send(0, text, &[]);
        (plain, pair.send(0, text, &record) - plain)
    };
    assert_eq!(cost(b""), (346, 132));
    assert_eq!(cost(b"a"), (346, 132));
    assert_eq!(cost(b"ab"), (346, 136));
    assert_eq!(cost(b"abc"), (350, 132));
}

#[test]
fn a_plain_peer_shows_the_text_and_nothing_else() {
    let mut pair = Pair::in_session();
    pair.send(0, b"hello", &[capability(1, AckWindow::default()).encode()]);
    pair.send(1, b"hello yourself", &[]);
    let texts: Vec<_> = pair.read.iter().map(|(by, message)| (*by, message.content.text.clone())).collect();
    assert_eq!(texts, [(1, b"hello".to_vec()), (0, b"hello yourself".to_vec())]);
}
