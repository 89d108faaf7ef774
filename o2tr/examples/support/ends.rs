//! Two ends in one thread: conversations with a store in memory, or plain OTR.

use std::sync::Arc;

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use o2tr::conversation::{Commit, Conversation, Event, Opening, Output};
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use o2tr_ekm::backend::Memory;
use o2tr_ekm::media::Simulated;
use o2tr_ekm::{Change, EkmStore, Flush, Options, RowName, Unlock, Vault, open_in_memory};
use otr_core::dsa::PrivateKey;
use otr_core::{
    Event as CoreEvent, Identity, InstanceTag, Leap, Output as CoreOutput, Peer, PeerSnapshot, SecretBytes, State,
    Timestamp,
};

use super::measure::timed;

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// The operating system's random source, as in a program.
pub(crate) fn random() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// One end.
pub(crate) trait End {
    /// Asks for a private conversation, or renews it.
    fn start(&mut self, now: Timestamp);
    fn send(&mut self, text: &[u8], now: Timestamp);
    fn handle(&mut self, line: &[u8], now: Timestamp);
    /// Does what is due.
    fn tick(&mut self, now: Timestamp);
    fn due(&self) -> Option<Timestamp>;
    /// Carries out what has come about: the lines that leave, and how many texts were read.
    fn drain(&mut self) -> (Vec<Vec<u8>>, usize);
    fn is_private(&self) -> bool;
}

/// A conversation of ours and its row.
pub(crate) struct Ours {
    identity: Arc<Identity>,
    settings: Settings,
    conversation: Conversation,
    vault: Vault<Memory>,
    name: RowName,
    commits: usize,
    /// Lines that have left and texts that were taken: as in the client, that is stored with what comes next.
    transmitted: Vec<u64>,
    taken: Vec<u64>,
}

impl Ours {
    pub(crate) fn new(number: u32, settings: Settings) -> Self {
        let identity = identity(number);
        let conversation = Conversation::new(Arc::clone(&identity), settings.clone());
        let options = Options { flush: Flush::Manually, ..Options::default() };
        let unlock = Unlock::Key(SecretBytes::new([7; 32]));
        let vault = open_in_memory(&Simulated::new(), &unlock, &options).unwrap().vault;
        Self {
            identity,
            settings,
            conversation,
            vault,
            name: RowName::conversation(b"me", b"you"),
            commits: 0,
            transmitted: Vec::new(),
            taken: Vec::new(),
        }
    }

    fn commit(&mut self, commit: Commit) {
        let Commit { expected, record, retires_secret, lifts_quarantine: _ } = commit;
        let change = Change::put(self.name.clone(), expected, record);
        let change = if retires_secret { change.retiring_secret() } else { change };
        self.vault.commit(change.into()).unwrap();
        self.commits += 1;
        self.conversation.commit_done();
    }

    fn note(&mut self) {
        self.transmitted.drain(..).for_each(|id| self.conversation.transmitted(id));
        self.taken.drain(..).for_each(|id| self.conversation.acknowledge(id));
    }

    /// As after a crash: all that is left is the row.
    fn restart(&mut self, now: Timestamp) {
        self.transmitted.clear();
        self.taken.clear();
        let row = self.vault.load(&self.name).unwrap().unwrap();
        let opening = Opening {
            record: &row.record,
            generation: row.generation,
            quarantine: false,
            leap: Leap::random(&mut random()),
        };
        let (identity, settings) = (Arc::clone(&self.identity), self.settings.clone());
        self.conversation = Conversation::open(identity, settings, &opening, now, &mut random()).unwrap();
    }
}

impl End for Ours {
    fn start(&mut self, now: Timestamp) {
        self.conversation.start(now, &mut random());
    }

    fn send(&mut self, text: &[u8], now: Timestamp) {
        self.note();
        self.conversation.send(text, None, now, &mut random()).unwrap();
    }

    fn handle(&mut self, line: &[u8], now: Timestamp) {
        self.note();
        self.conversation.handle_delivery(line, &Evidence::LIVE, now, &mut random());
    }

    fn tick(&mut self, now: Timestamp) {
        self.note();
        self.conversation.handle_timeout(now, &mut random());
    }

    fn due(&self) -> Option<Timestamp> {
        self.conversation.poll_timeout()
    }

    fn drain(&mut self) -> (Vec<Vec<u8>>, usize) {
        let (mut lines, mut texts) = (Vec::new(), 0);
        while let Some(output) = self.conversation.poll_output() {
            match output {
                Output::Commit(commit) => self.commit(commit),
                Output::Transmit(line) => {
                    self.transmitted.push(line.id);
                    lines.push(line.line);
                }
                Output::Event(event) => {
                    texts += usize::from(matches!(event, Event::Text(_)));
                    self.taken.extend(event.id());
                }
            }
        }
        (lines, texts)
    }

    fn is_private(&self) -> bool {
        self.conversation.view().privacy == o2tr::conversation::Privacy::Encrypted
    }
}

/// Plain OTR.
pub(crate) struct Plain {
    identity: Arc<Identity>,
    peer: Peer,
}

impl Plain {
    pub(crate) fn new(number: u32) -> Self {
        let identity = identity(number);
        let peer = Peer::new(Arc::clone(&identity), otr_core::Settings::default());
        Self { identity, peer }
    }
}

impl End for Plain {
    fn start(&mut self, _now: Timestamp) {
        self.peer.start();
    }

    fn send(&mut self, text: &[u8], now: Timestamp) {
        self.peer.send(text, now).unwrap();
    }

    fn handle(&mut self, line: &[u8], now: Timestamp) {
        self.peer.handle_line(line, now, &mut random());
    }

    fn tick(&mut self, now: Timestamp) {
        self.peer.handle_timeout(now, &mut random());
    }

    fn due(&self) -> Option<Timestamp> {
        self.peer.poll_timeout()
    }

    fn drain(&mut self) -> (Vec<Vec<u8>>, usize) {
        let (mut lines, mut texts) = (Vec::new(), 0);
        while let Some(output) = self.peer.poll_output() {
            match output {
                CoreOutput::Send(line) => lines.push(line.bytes),
                CoreOutput::Event(CoreEvent::Message(message)) => {
                    texts += usize::from(!message.content.text.is_empty());
                }
                CoreOutput::Event(_) | CoreOutput::Retired(_) => {}
            }
        }
        (lines, texts)
    }

    fn is_private(&self) -> bool {
        self.peer.state() == State::Encrypted
    }
}

fn identity(number: u32) -> Arc<Identity> {
    Identity::new(PrivateKey::generate(&mut random()), InstanceTag::new(0x1000 + number).unwrap())
}

/// Two ends of the same kind.
pub(crate) struct Pair<E> {
    ends: [E; 2],
    now: Timestamp,
}

impl<E: End> Pair<E> {
    pub(crate) const fn new(alice: E, bob: E) -> Self {
        Self { ends: [alice, bob], now: NOW }
    }

    /// A private conversation, with greetings.
    pub(crate) fn begin(&mut self) {
        self.ends[0].start(self.now);
        self.settle();
        assert!(self.ends.iter().all(End::is_private));
    }

    /// One end says something: the lines that leave.
    pub(crate) fn say(&mut self, from: usize, text: &[u8]) -> Vec<Vec<u8>> {
        self.ends[from].send(text, self.now);
        self.ends[from].drain().0
    }

    /// One end reads lines: how many texts were among them. What it answers is read, too, and not counted.
    pub(crate) fn read(&mut self, to: usize, lines: &[Vec<u8>]) -> usize {
        let (mut answers, mut texts) = (Vec::new(), 0);
        for line in lines {
            self.ends[to].handle(line, self.now);
            let (more, read) = self.ends[to].drain();
            answers.extend(more);
            texts += read;
        }
        self.exchange(to, answers);
        texts
    }

    /// One message: what it costs to send and to read.
    pub(crate) fn message(&mut self, from: usize, text: &[u8]) -> (f64, f64) {
        self.now = self.now.after(core::time::Duration::from_secs(1));
        let (lines, outgoing) = timed(|| self.say(from, text));
        let (read, incoming) = timed(|| self.read(1 - from, &lines));
        assert_eq!(read, 1);
        (outgoing, incoming)
    }

    /// So many messages to and fro in turn.
    pub(crate) fn talk(&mut self, count: usize, text: &[u8]) {
        for number in 0..count {
            self.message(number % 2, text);
        }
    }

    fn settle(&mut self) {
        for side in [0, 1] {
            let (lines, _) = self.ends[side].drain();
            self.exchange(side, lines);
        }
    }

    /// Carries lines of one end and all answers to and fro.
    fn exchange(&mut self, from: usize, mut lines: Vec<Vec<u8>>) {
        let mut to = 1 - from;
        while !lines.is_empty() {
            let mut answers = Vec::new();
            for line in lines {
                self.ends[to].handle(&line, self.now);
                answers.extend(self.ends[to].drain().0);
            }
            lines = answers;
            to = 1 - to;
        }
    }
}

impl Pair<Ours> {
    /// Commits of both since the last call.
    pub(crate) fn commits(&mut self) -> usize {
        self.ends.iter_mut().map(|end| core::mem::take(&mut end.commits)).sum()
    }

    pub(crate) fn restart(&mut self, side: usize) {
        self.ends[side].restart(self.now);
    }

    /// After a recovery the fresh key goes out and is answered: what that costs both.
    pub(crate) fn refresh(&mut self, side: usize) -> f64 {
        self.now = self.ends[side].due().unwrap();
        let (lines, cost) = timed(|| {
            self.ends[side].tick(self.now);
            let (lines, _) = self.ends[side].drain();
            self.exchange(side, lines.clone());
            lines
        });
        assert!(!lines.is_empty(), "the refresh has left");
        cost
    }
}

impl Pair<Plain> {
    /// A whole handshake between two that have forgotten each other: what it costs both.
    pub(crate) fn handshake(&mut self) -> f64 {
        let before = self.ends.each_mut().map(|end| {
            let fresh = Peer::new(Arc::clone(&end.identity), otr_core::Settings::default());
            core::mem::replace(&mut end.peer, fresh)
        });
        let ((), cost) = timed(|| {
            self.ends[0].start(self.now);
            self.settle();
        });
        assert!(self.ends.iter().all(End::is_private));
        for (end, peer) in self.ends.iter_mut().zip(before) {
            end.peer = peer;
        }
        cost
    }

    pub(crate) fn snapshot(&self, side: usize) -> (Arc<Identity>, PeerSnapshot) {
        (Arc::clone(&self.ends[side].identity), self.ends[side].peer.snapshot())
    }
}
