//! Two peers under any sequence of operations, and what must hold after each of them.
//!
//! A sequence is bytes, so that a property test and a fuzzer can make it up. What a violated invariant does is
//! panic.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;
use std::time::Duration;

use otr_core::wire::{DataMessage, MessageType};
use otr_core::{Event, Leap, Peer, PeerSnapshot, Settings, State, Version, decode_data};

use crate::forge::{authenticator, mac_key, revealed, sending_key};
use crate::pair::{Alice, Bob, Pair, Side, changed, quiet, window};

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One session, any order, loss and repetition of lines, restarts: nothing that arrives may be lost.
    OneSession,
    /// Everything: changed lines, new AKEs, ends, rolled-back stores, timeouts, errors.
    Hostile,
}

/// The pair and its history.
pub struct World {
    pair: Pair,
    mode: Mode,
    /// The plaintext-independent part of each message by (AES key, counter).
    used: HashMap<([u8; 16], u64), Vec<u8>>,
    /// Messages by AES key.
    uses: HashMap<[u8; 16], u32>,
    /// Who has revealed which MAC key.
    revealed: HashSet<(Side, [u8; 20])>,
    /// What was written by whom.
    written: HashSet<(Side, String)>,
    /// Texts of which at least one copy was handed over, in mode [`Mode::OneSession`].
    arrived: HashSet<(Side, String)>,
    /// The text in each line.
    texts: HashMap<Vec<u8>, (Side, String)>,
    /// What each side has shown.
    shown: [HashMap<String, u32>; 2],
    /// How many events of each side were looked at.
    seen_events: [usize; 2],
    seen_sent: [usize; 2],
    old: [Vec<PeerSnapshot>; 2],
    rolled_back: bool,
    number: u32,
}

/// Bytes that are read as operations; zeros when there are no more.
struct Ops<'a>(&'a [u8]);

impl Ops<'_> {
    fn next(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    fn side(&mut self) -> Side {
        if self.next() & 1 == 0 { Alice } else { Bob }
    }
}

/// The limit on a key's uses that all worlds have.
const KEY_LIMIT: u32 = 5;

impl World {
    /// Two in private; where from, is computed once.
    pub fn new(mode: Mode, flavour: u8) -> Self {
        static STARTS: [OnceLock<[PeerSnapshot; 2]>; 2] = [const { OnceLock::new() }; 2];
        let version = if flavour & 1 == 0 { Version::V3 } else { Version::V2 };
        let mut settings = if flavour & 2 == 0 || mode == Mode::OneSession { window() } else { quiet() };
        settings.policy = match version {
            Version::V2 => otr_core::Policy::ALLOW_V2,
            Version::V3 => otr_core::Policy::ALLOW_V3,
        };
        settings.key_limit = Some(KEY_LIMIT);
        settings.resend = None;
        if mode == Mode::Hostile {
            settings.ake_retry = Some(Duration::from_secs(8));
            settings.heartbeat = Some(Duration::from_secs(60));
            settings.resend = (flavour & 4 != 0).then(|| b"again: ".to_vec());
            settings.policy.set(otr_core::Policy::ERROR_START_AKE, flavour & 8 != 0);
        }
        let start = STARTS[usize::from(flavour & 1)].get_or_init(|| {
            let settings = Settings { key_limit: None, ..settings.clone() };
            let pair = Pair::private(500, settings);
            [Alice, Bob].map(|side| pair.end(side).peer.snapshot())
        });
        let mut pair = Pair::new(u64::from(flavour), settings);
        for side in [Alice, Bob] {
            let end = pair.end_mut(side);
            let settings = end.peer.settings().clone();
            end.peer =
                Peer::restore(end.identity.clone(), settings, start[side as usize].clone(), None).expect("valid");
        }
        Self {
            pair,
            mode,
            used: HashMap::new(),
            uses: HashMap::new(),
            revealed: HashSet::new(),
            written: HashSet::new(),
            arrived: HashSet::new(),
            texts: HashMap::new(),
            shown: [HashMap::new(), HashMap::new()],
            seen_events: [0; 2],
            seen_sent: [0; 2],
            old: [Vec::new(), Vec::new()],
            rolled_back: false,
            number: 0,
        }
    }

    /// Carries out all of `ops` and checks after each; at last everything under way arrives.
    pub fn run(mut self, ops: &[u8]) {
        let mut ops = Ops(ops);
        while !ops.0.is_empty() {
            self.step(&mut ops);
        }
        if self.mode == Mode::OneSession {
            for _ in 0..10_000 {
                let Some(side) = [Alice, Bob].into_iter().find(|&side| !self.pair.end(side).wire.is_empty()) else {
                    break;
                };
                let line = self.pair.end_mut(side).wire.pop_front().expect("a line");
                self.arrive(side.other(), &line.bytes);
            }
            for (side, text) in &self.arrived {
                let shown = self.shown[side.other() as usize].get(text).copied().unwrap_or(0);
                assert_eq!(shown, 1, "{text} of {side:?} arrived and was shown {shown} times");
            }
        }
    }

    fn step(&mut self, ops: &mut Ops<'_>) {
        let kinds = if self.mode == Mode::OneSession { 8 } else { 18 };
        let kind = ops.next() % kinds;
        let side = ops.side();
        match kind {
            0 | 1 => self.say(side),
            2 | 3 => {
                if let Some(at) = self.pick(side, ops) {
                    let line = self.pair.end_mut(side).wire.remove(at).expect("a line");
                    self.arrive(side.other(), &line.bytes);
                }
            }
            4 => {
                if let Some(at) = self.pick(side, ops) {
                    let line = self.pair.end(side).wire[at].bytes.clone();
                    self.arrive(side.other(), &line);
                }
            }
            5 => {
                if let Some(at) = self.pick(side, ops) {
                    self.pair.end_mut(side).wire.remove(at);
                }
            }
            6 => {
                let leap = (ops.next() & 1 == 0).then(|| Leap::random(&mut self.pair.rng));
                self.pair.restart(side, leap);
            }
            7 => {
                // An old line once more, or to the one who sent it.
                let sent = self.pair.end(side).sent.len();
                if sent > 0 {
                    let at = usize::from(ops.next()) % sent;
                    let line = self.pair.end(side).sent[at].bytes.clone();
                    let to = if ops.next() & 3 == 0 { side } else { side.other() };
                    self.arrive(to, &line);
                }
            }
            8 => {
                if let Some(at) = self.pick(side, ops) {
                    let line = self.pair.end(side).wire[at].bytes.clone();
                    self.arrive(side.other(), &mutate(&line, ops));
                }
            }
            9 => {
                let time = Duration::from_secs(1 << (ops.next() % 8));
                self.act(side, |pair| pair.wait(time));
            }
            10 => self.act(side, |pair| pair.act(side, |peer, _, _| peer.start())),
            11 => {
                let instance = self.pair.end(side.other()).identity.instance();
                if self.pair.end(side).peer.settings().policy.allows(Version::V3) {
                    self.act(side, |pair| pair.act(side, |peer, now, rng| peer.renew_exchange(instance, now, rng)));
                } else {
                    self.act(side, |pair| pair.act(side, |peer, now, rng| peer.open_exchange(Version::V2, now, rng)));
                }
            }
            12 => {
                let retained = self.pair.end(side).retained.len();
                if retained > 0 {
                    let at = usize::from(ops.next()) % retained;
                    let given_up = self.pair.end_mut(side).retained.remove(at);
                    self.act(side, |pair| pair.act(side, |peer, _, _| peer.give_up(given_up)));
                }
            }
            13 => self.smp(side, ops.next()),
            14 => {
                if ops.next() & 3 == 0 {
                    self.act(side, |pair| pair.act(side, |peer, now, _| peer.end(now)));
                }
            }
            15 => {
                // As a copy of the store: what it revealed since is known, so only counters are looked at.
                let snapshot = self.pair.end(side).peer.snapshot();
                self.old[side as usize].push(snapshot);
            }
            16 => {
                let old = &self.old[side as usize];
                if ops.next() & 3 == 0
                    && let Some(snapshot) = old.get(usize::from(ops.next()) % old.len().max(1)).cloned()
                {
                    self.rolled_back = true;
                    let leap = Some(Leap::random(&mut self.pair.rng));
                    self.pair.restore(side, snapshot, leap);
                    self.pair.end_mut(side).retained.clear();
                }
            }
            _ => {
                let line: &[u8] = match ops.next() % 4 {
                    0 => b"?OTR Error: x",
                    1 => b"?OTRv23?",
                    2 => b"hello \t  \t\t\t\t \t \t \t    \t\t  \t\t",
                    _ => b"?OTR:AAMDZ.",
                };
                self.arrive(side, line);
            }
        }
    }

    fn pick(&self, side: Side, ops: &mut Ops<'_>) -> Option<usize> {
        let length = self.pair.end(side).wire.len();
        (length > 0).then(|| usize::from(ops.next()) % length)
    }

    fn say(&mut self, side: Side) {
        if self.pair.end(side).peer.state() != State::Encrypted {
            return;
        }
        let text = format!("secret {side:?} {}", self.number);
        self.number += 1;
        let sent = self.pair.end(side).sent.len();
        self.act(side, |pair| {
            let _ = pair.act(side, |peer, now, _| peer.send(text.as_bytes(), now));
        });
        if let [line] = &self.pair.end(side).sent[sent..] {
            self.written.insert((side, text.clone()));
            self.texts.insert(line.bytes.clone(), (side, text));
        }
    }

    fn smp(&mut self, side: Side, what: u8) {
        let Some(id) = self.pair.end(side).peer.current() else { return };
        self.act(side, |pair| {
            pair.act(side, |peer, now, rng| match what % 3 {
                0 => drop(peer.start_smp(id, b"x", None, now, rng)),
                1 => drop(peer.respond_smp(id, b"x", now, rng)),
                _ => drop(peer.abort_smp(id, now)),
            });
        });
    }

    /// A line arrives, as an engine would handle it. What is refused must have changed nothing.
    fn arrive(&mut self, to: Side, line: &[u8]) {
        if self.mode == Mode::OneSession
            && let Some((from, text)) = self.texts.get(line)
            && *from != to
        {
            self.arrived.insert((*from, text.clone()));
        }
        let before = self.pair.end(to).state();
        let first = self.pair.end(to).events.len();
        self.act(to, |pair| pair.read(to, line));
        let events = &self.pair.end(to).events[first..];
        if !events.is_empty() && events.iter().all(|event| matches!(event, Event::Rejected(_))) {
            assert_eq!(self.pair.end(to).state(), before, "a refused line has changed the state: {events:?}");
        }
        let binary = decode_data(line).unwrap_or_default();
        if let Ok(message) = DataMessage::parse(&binary)
            && events.iter().any(|event| matches!(event, Event::Message(_)))
            && !self.rolled_back
        {
            let forgeable = self
                .revealed
                .iter()
                .any(|(who, key)| *who == to && authenticator(key, message.authenticated) == message.authenticator);
            assert!(!forgeable, "a message under a revealed key was read");
        }
        self.check_shown(to);
    }

    /// Does something, then looks at everything that left.
    fn act(&mut self, side: Side, act: impl FnOnce(&mut Pair)) {
        let before = [Alice, Bob].map(|side| {
            let peer = &self.pair.end(side).peer;
            let ids: Vec<_> = peer.sessions().map(|session| session.id).collect();
            ids.into_iter().for_each(|id| peer.prepare(id));
            peer.snapshot()
        });
        act(&mut self.pair);
        let _ = side;
        for side in [Alice, Bob] {
            let after = self.pair.end(side).peer.snapshot();
            let keys: HashSet<_> =
                before[side as usize].sessions.iter().chain(&after.sessions).filter_map(sending_key).collect();
            let sent: Vec<_> = self.pair.end(side).sent[self.seen_sent[side as usize]..].to_vec();
            self.seen_sent[side as usize] = self.pair.end(side).sent.len();
            for line in sent {
                self.check_line(side, &line.bytes, &keys);
            }
        }
    }

    fn check_line(&mut self, side: Side, line: &[u8], keys: &HashSet<[u8; 16]>) {
        assert!(!line.windows(6).any(|window| window == b"secret"), "a text left in clear");
        let Some(binary) = decode_data(line) else { return };
        let message = DataMessage::parse(&binary).expect("our own message");
        assert_eq!(binary[2], MessageType::Data.number());
        let key = keys
            .iter()
            .find(|key| authenticator(&mac_key(key), message.authenticated) == message.authenticator)
            .expect("the key of a sent message");
        let previous = self.used.insert((*key, message.counter), message.encrypted.to_vec());
        assert_eq!(previous, None, "a counter was used twice under one key");
        if !self.rolled_back {
            let uses = self.uses.entry(*key).or_default();
            *uses += 1;
            assert!(*uses <= KEY_LIMIT, "a key was used {uses} times");
        }
        for key in revealed(&binary) {
            let new = self.revealed.insert((side, key));
            assert!(new || self.rolled_back, "a MAC key was revealed twice");
        }
    }

    fn check_shown(&mut self, side: Side) {
        let events = &self.pair.end(side).events[self.seen_events[side as usize]..];
        for event in events {
            let Event::Message(message) = event else { continue };
            if message.content.text.is_empty() {
                continue;
            }
            let text = String::from_utf8(message.content.text.clone()).expect("our own text");
            let shown = self.shown[side as usize].entry(text.clone()).or_default();
            *shown += 1;
            assert!(*shown == 1 || self.rolled_back, "{text} was shown {shown} times");
            let original = text.rsplit_once("again: ").map_or(text.as_str(), |(_, original)| original);
            assert!(self.written.contains(&(side.other(), original.to_owned())), "nobody has written {text}");
        }
        self.seen_events[side as usize] = self.pair.end(side).events.len();
    }
}

/// A changed copy of a line: in its text, or in the message behind it.
fn mutate(line: &[u8], ops: &mut Ops<'_>) -> Vec<u8> {
    let (how, at, value) = (ops.next(), usize::from(ops.next()) << 8 | usize::from(ops.next()), ops.next());
    let flip = |bytes: &mut Vec<u8>| {
        let length = bytes.len();
        match how & 3 {
            _ if length == 0 => {}
            0 => bytes[at % length] ^= value | 1,
            1 => bytes.truncate(at % length),
            2 => bytes.insert(at % length, value),
            _ => drop(bytes.remove(at % length)),
        }
    };
    if how & 4 == 0 && decode_data(line).is_some() {
        changed(line, flip)
    } else {
        let mut line = line.to_vec();
        flip(&mut line);
        line
    }
}
