//! Two conversations face to face over a network that the test controls, with stores that survive a crash.

#![allow(dead_code, reason = "each scenario uses its part")]

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use o2tr::conversation::{Conversation, Event, Opening, Output, Text};
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use otr_core::dsa::PrivateKey;
use otr_core::{Identity, InstanceTag, Leap, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// A moment long after 1970.
pub const START: u64 = 1_700_000_000;

/// One end: an account, a conversation with the other end, and its row.
pub struct End {
    pub identity: Arc<Identity>,
    pub settings: Settings,
    pub conversation: Conversation,
    /// The row: generation and record.
    pub row: Option<(u64, Vec<u8>)>,
    /// Lines under way to this end.
    pub incoming: VecDeque<Vec<u8>>,
    pub events: Vec<Event>,
    /// Ids of inbox items that were shown, each once.
    pub shown: Vec<u64>,
    /// Restarts, for the seed of the leap.
    pub restarts: u64,
    /// It is not running.
    pub down: bool,
}

/// Both ends, the clock and the randomness.
pub struct Pair {
    pub ends: [End; 2],
    pub now: Timestamp,
    pub rng: ChaCha20Rng,
}

/// Keys are expensive: a few are made once.
pub fn key(index: usize) -> PrivateKey {
    static KEYS: OnceLock<Vec<PrivateKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        (0..4).map(|_| PrivateKey::generate(&mut rng)).collect()
    });
    keys[index % keys.len()].clone()
}

impl End {
    pub fn new(key_index: usize, tag: u32, settings: Settings) -> Self {
        let identity = Identity::new(key(key_index), InstanceTag::new(tag).unwrap());
        let conversation = Conversation::new(Arc::clone(&identity), settings.clone());
        Self {
            identity,
            settings,
            conversation,
            row: None,
            incoming: VecDeque::new(),
            events: Vec::new(),
            shown: Vec::new(),
            restarts: 0,
            down: false,
        }
    }

    /// The texts that were shown, in order; taking them clears the events.
    pub fn texts(&mut self) -> Vec<String> {
        let texts = self.events.iter().filter_map(|event| match event {
            Event::Text(Text { text, .. }) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        });
        let texts = texts.collect();
        self.events.clear();
        texts
    }

    pub fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(wanted)
    }
}

impl Pair {
    pub fn new(settings: Settings) -> Self {
        Self::with(settings.clone(), settings)
    }

    pub fn with(a: Settings, b: Settings) -> Self {
        Self {
            ends: [End::new(0, 0x1000, a), End::new(1, 0x2000, b)],
            now: Timestamp::from_secs(START),
            rng: ChaCha20Rng::seed_from_u64(42),
        }
    }

    /// Carries out the outputs of one end: commits to its row, lines to the other end, events to its list.
    pub fn drain(&mut self, side: usize) {
        loop {
            let [a, b] = &mut self.ends;
            let (end, other) = if side == 0 { (a, b) } else { (b, a) };
            let Some(output) = end.conversation.poll_output() else { return };
            match output {
                Output::Commit(commit) => {
                    let generation = end.row.as_ref().map_or(0, |(generation, _)| *generation);
                    assert_eq!(commit.expected, generation, "the generation rises by one");
                    end.row = Some((generation + 1, commit.record.to_vec()));
                    end.conversation.commit_done();
                }
                Output::Transmit(line) => {
                    other.incoming.push_back(line.line);
                    end.conversation.transmitted(line.id);
                }
                Output::Event(event) => {
                    let id = match &event {
                        Event::Text(text) => Some(text.id),
                        Event::Finished { id, .. }
                        | Event::NewFingerprint { id, .. }
                        | Event::SmpResult { id, .. }
                        | Event::ExtraKey { id, .. } => Some(*id),
                        _ => None,
                    };
                    if let Some(id) = id {
                        end.conversation.acknowledge(id);
                        if end.shown.contains(&id) {
                            continue;
                        }
                        end.shown.push(id);
                    }
                    end.events.push(event);
                }
            }
        }
    }

    /// Delivers the oldest line to `side`.
    pub fn deliver(&mut self, side: usize, evidence: &Evidence) -> bool {
        if self.ends[side].down {
            return false;
        }
        let Some(line) = self.ends[side].incoming.pop_front() else { return false };
        self.ends[side].conversation.handle_delivery(&line, evidence, self.now, &mut self.rng);
        self.drain(side);
        true
    }

    /// Lets both talk until nothing is under way.
    pub fn settle(&mut self) {
        for side in [0, 1] {
            if !self.ends[side].down {
                self.drain(side);
            }
        }
        for _ in 0..1000 {
            let moved = self.deliver(0, &Evidence::LIVE) | self.deliver(1, &Evidence::LIVE);
            if !moved {
                return;
            }
        }
        panic!("the conversation does not come to rest");
    }

    pub fn send(&mut self, side: usize, text: &str) -> String {
        let id = self.ends[side].conversation.send(text.as_bytes(), None, self.now, &mut self.rng).unwrap();
        self.drain(side);
        id
    }

    pub fn start(&mut self, side: usize) {
        self.ends[side].conversation.start(self.now, &mut self.rng);
        self.settle();
    }

    /// Time passes; what is due on the way is done.
    pub fn wait(&mut self, secs: u64) {
        let until = Timestamp::from_millis(self.now.as_millis() + secs * 1000);
        for _ in 0..10_000 {
            let due = self
                .ends
                .iter()
                .filter(|end| !end.down)
                .filter_map(|end| end.conversation.poll_timeout())
                .min()
                .filter(|due| *due <= until);
            let Some(due) = due else { break };
            self.now = self.now.max(due);
            for side in [0, 1] {
                if !self.ends[side].down {
                    self.ends[side].conversation.handle_timeout(self.now, &mut self.rng);
                    self.drain(side);
                }
            }
            self.settle();
        }
        self.now = until;
    }

    /// The process of one end dies.
    pub fn kill(&mut self, side: usize) {
        self.ends[side].down = true;
    }

    /// It comes back with what its store holds.
    pub fn restart(&mut self, side: usize) {
        self.reopen(side, false);
    }

    pub fn reopen(&mut self, side: usize, quarantine: bool) {
        let end = &mut self.ends[side];
        end.restarts += 1;
        end.down = false;
        end.conversation = match &end.row {
            None => Conversation::new(Arc::clone(&end.identity), end.settings.clone()),
            Some((generation, record)) => {
                let leap = Leap::new(1 + end.restarts * 1000).unwrap();
                let opening = Opening { record, generation: *generation, quarantine, leap };
                Conversation::open(Arc::clone(&end.identity), end.settings.clone(), &opening, self.now, &mut self.rng)
                    .unwrap()
            }
        };
        self.drain(side);
    }
}
