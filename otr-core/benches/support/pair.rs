//! Two peers in one thread, and the operations that are measured: both sides together.

use std::collections::VecDeque;
use std::sync::Arc;

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use otr_core::dsa::PrivateKey;
use otr_core::smp::SmpEvent;
use otr_core::{Event, Identity, InstanceTag, Leap, Output, Peer, Settings, State, Timestamp};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// The operating system's random source, as in a program.
pub fn random() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// One end: a peer, the lines that wait for it, and what it has shown.
struct End {
    identity: Arc<Identity>,
    peer: Peer,
    inbox: VecDeque<Vec<u8>>,
    texts: usize,
    success: bool,
}

/// Alice and Bob.
pub struct Pair {
    alice: End,
    bob: End,
}

impl Pair {
    /// Two new identities without a session.
    pub fn new() -> Self {
        Self { alice: End::new(), bob: End::new() }
    }

    /// Two new identities in a session.
    pub fn in_private() -> Self {
        let mut pair = Self::new();
        pair.handshake();
        pair
    }

    /// Both forget each other.
    pub fn forget(&mut self) {
        self.alice.forget();
        self.bob.forget();
    }

    /// Query, D-H Commit, D-H Key, Reveal Signature, Signature.
    pub fn handshake(&mut self) {
        self.alice.peer.start();
        self.settle();
        assert!(self.alice.peer.state() == State::Encrypted && self.bob.peer.state() == State::Encrypted);
    }

    /// So many texts to and fro in turn; the keys rotate at each.
    pub fn ping_pong(&mut self, count: usize, text: &[u8]) {
        let before = self.alice.texts + self.bob.texts;
        for number in 0..count {
            let from = if number % 2 == 0 { &mut self.alice } else { &mut self.bob };
            from.send(text);
            self.settle();
        }
        assert_eq!(self.alice.texts + self.bob.texts - before, count);
    }

    /// Alice sends so many texts, which wait for Bob.
    pub fn burst_send(&mut self, count: usize, text: &[u8]) {
        (0..count).for_each(|_| self.alice.send(text));
        self.alice.drain(&mut self.bob.inbox);
    }

    /// Bob reads what waits for him; how many texts it was.
    pub fn burst_receive(&mut self) -> usize {
        let before = self.bob.texts;
        while let Some(line) = self.bob.inbox.pop_front() {
            self.bob.handle(&line);
        }
        self.bob.drain(&mut self.alice.inbox);
        self.bob.texts - before
    }

    /// A complete run of SMP with equal secrets.
    pub fn smp(&mut self) {
        (self.alice.success, self.bob.success) = (false, false);
        let id = self.alice.peer.current().unwrap();
        self.alice.peer.start_smp(id, b"a secret", None, NOW, &mut random()).unwrap();
        self.settle();
        let id = self.bob.peer.current().unwrap();
        self.bob.peer.respond_smp(id, b"a secret", NOW, &mut random()).unwrap();
        self.settle();
        assert!(self.alice.success && self.bob.success);
    }

    /// Bob is stored and made again.
    pub fn restart_bob(&mut self) {
        let leap = Leap::new(1000).unwrap();
        let snapshot = self.bob.peer.snapshot();
        self.bob.peer =
            Peer::restore(Arc::clone(&self.bob.identity), Settings::default(), snapshot, Some(leap)).unwrap();
    }

    fn settle(&mut self) {
        loop {
            self.alice.drain(&mut self.bob.inbox);
            self.bob.drain(&mut self.alice.inbox);
            match (self.bob.inbox.pop_front(), self.alice.inbox.pop_front()) {
                (None, None) => return,
                (to_bob, to_alice) => {
                    to_bob.iter().for_each(|line| self.bob.handle(line));
                    to_alice.iter().for_each(|line| self.alice.handle(line));
                }
            }
        }
    }
}

impl End {
    fn new() -> Self {
        let identity = Identity::new(PrivateKey::generate(&mut random()), InstanceTag::random(&mut random()));
        let peer = Peer::new(Arc::clone(&identity), Settings::default());
        Self { identity, peer, inbox: VecDeque::new(), texts: 0, success: false }
    }

    fn forget(&mut self) {
        self.peer = Peer::new(Arc::clone(&self.identity), Settings::default());
        self.inbox.clear();
    }

    fn send(&mut self, text: &[u8]) {
        self.peer.send(text, NOW).unwrap();
    }

    fn handle(&mut self, line: &[u8]) {
        self.peer.handle_line(line, NOW, &mut random());
    }

    fn drain(&mut self, wire: &mut VecDeque<Vec<u8>>) {
        while let Some(output) = self.peer.poll_output() {
            match output {
                Output::Send(line) => wire.push_back(line.bytes),
                Output::Event(Event::Message(message)) => self.texts += usize::from(!message.content.text.is_empty()),
                Output::Event(Event::Smp { event: SmpEvent::Success, .. }) => self.success = true,
                Output::Event(_) | Output::Retired(_) => {}
            }
        }
    }
}
