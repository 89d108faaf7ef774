//! Two peers, a network between them that does what the test says, a clock that stands until it is moved.
//!
//! Nothing here asserts what a test is about; the tests do.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use otr_core::dsa::PrivateKey;
use otr_core::smp::SmpEvent;
use otr_core::text::{Termination, armour, dearmour};
use otr_core::wire::DataMessage;
use otr_core::{
    Event, Identity, InstanceTag, Leap, Line, Message, Output, Peer, PeerSnapshot, PhaseSnapshot, Policy, Probe,
    ReceivePolicy, Rejected, Rejection, RetainedPair, SessionId, SessionView, Settings, State, Timestamp, Version,
    decode_data,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;

pub use Side::{Alice, Bob};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    Alice,
    Bob,
}

impl Side {
    pub const fn other(self) -> Self {
        match self {
            Alice => Bob,
            Bob => Alice,
        }
    }
}

/// A peer with what it has sent, said and left behind.
pub struct End {
    pub peer: Peer,
    pub identity: Arc<Identity>,
    /// Lines that left and have not arrived, the oldest first.
    pub wire: VecDeque<Line>,
    /// Every line that ever left.
    pub sent: Vec<Line>,
    pub events: Vec<Event>,
    pub retained: Vec<RetainedPair>,
}

/// Alice, Bob, the clock and the randomness.
pub struct Pair {
    ends: [End; 2],
    pub now: Timestamp,
    pub rng: ChaCha20Rng,
}

/// One of a few long-term keys, made once.
pub fn key(number: usize) -> PrivateKey {
    static KEYS: [OnceLock<PrivateKey>; 4] = [const { OnceLock::new() }; 4];
    KEYS[number].get_or_init(|| PrivateKey::generate(&mut ChaCha20Rng::seed_from_u64(1000 + number as u64))).clone()
}

/// A tag, for tests that name one.
pub fn tag(value: u32) -> InstanceTag {
    InstanceTag::new(value).expect("a legal tag")
}

/// What most tests run with: version 3, nothing happens by itself.
pub fn quiet() -> Settings {
    Settings { policy: Policy::ALLOW_V3, heartbeat: None, ake_retry: None, ..Settings::default() }
}

/// As [`quiet`], version 2.
pub fn quiet_v2() -> Settings {
    Settings { policy: Policy::ALLOW_V2, ..quiet() }
}

/// As [`quiet`], with the window that the engine uses.
pub fn window() -> Settings {
    Settings { receive: ReceivePolicy::Window, ..quiet() }
}

impl End {
    pub fn new(key_number: usize, instance: u32, settings: Settings) -> Self {
        let identity = Identity::new(key(key_number), tag(instance));
        let peer = Peer::new(identity.clone(), settings);
        Self { peer, identity, wire: VecDeque::new(), sent: Vec::new(), events: Vec::new(), retained: Vec::new() }
    }

    /// Carries out what the peer wants.
    pub fn drain(&mut self) {
        while let Some(output) = self.peer.poll_output() {
            match output {
                Output::Send(line) => {
                    self.sent.push(line.clone());
                    self.wire.push_back(line);
                }
                Output::Event(event) => self.events.push(event),
                Output::Retired(pair) => self.retained.push(*pair),
            }
        }
    }

    /// The texts that the user has seen in private, in order.
    pub fn texts(&self) -> Vec<String> {
        let shown = |event: &Event| match event {
            Event::Message(message) if !message.content.text.is_empty() => {
                Some(String::from_utf8_lossy(&message.content.text).into_owned())
            }
            _ => None,
        };
        self.events.iter().filter_map(shown).collect()
    }

    pub fn messages(&self) -> Vec<&Message> {
        self.events
            .iter()
            .filter_map(|event| if let Event::Message(message) = event { Some(message) } else { None })
            .collect()
    }

    pub fn rejections(&self) -> Vec<Rejected> {
        let rejected = |event: &Event| match event {
            Event::Rejected(rejected) => Some(*rejected),
            _ => None,
        };
        self.events.iter().filter_map(rejected).collect()
    }

    pub fn reasons(&self) -> Vec<Rejection> {
        self.rejections().into_iter().map(|rejected| rejected.reason).collect()
    }

    pub fn smp_events(&self) -> Vec<SmpEvent> {
        let smp = |event: &Event| match event {
            Event::Smp { event, .. } => Some(event.clone()),
            _ => None,
        };
        self.events.iter().filter_map(smp).collect()
    }

    /// How many AKEs were completed.
    pub fn established(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Established(_))).count()
    }

    /// Forgets lines and events of the past.
    pub fn forget_past(&mut self) {
        self.wire.clear();
        self.sent.clear();
        self.events.clear();
    }

    pub fn id(&self) -> SessionId {
        self.peer.current().expect("a session")
    }

    pub fn view(&self) -> SessionView {
        self.peer.view(self.id()).expect("a session")
    }

    /// The whole state as JSON without what a refused line may touch: fragments, and keys that were derived
    /// from others and kept.
    pub fn state(&self) -> Value {
        let mut state = serde_json::to_value(self.peer.snapshot()).expect("plain data");
        state["fragments"] = Value::Null;
        for session in state["sessions"].as_array_mut().expect("a list") {
            let Some(pairs) = session.pointer_mut("/phase/Encrypted/ring/pairs") else { continue };
            for pair in pairs.as_array_mut().expect("rows").iter_mut().flat_map(|row| row.as_array_mut().expect("row"))
            {
                pair["keys"] = Value::Null;
            }
        }
        state
    }
}

impl Pair {
    /// Alice with key 0 and tag 0x100, Bob with key 1 and tag 0xffffffff.
    pub fn new(seed: u64, settings: Settings) -> Self {
        let ends = [End::new(0, 0x100, settings.clone()), End::new(1, u32::MAX, settings)];
        Self { ends, now: Timestamp::from_secs(1_700_000_000), rng: ChaCha20Rng::seed_from_u64(seed) }
    }

    /// As [`Pair::new`], and in private. Alice has sent the D-H Commit.
    pub fn private(seed: u64, settings: Settings) -> Self {
        let mut pair = Self::new(seed, settings);
        pair.ake();
        pair
    }

    pub fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    pub fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// Bob asks, Alice commits; then nothing is under way and the past is forgotten.
    pub fn ake(&mut self) {
        self.act(Bob, |peer, _, _| peer.start());
        self.run();
        for side in [Alice, Bob] {
            assert_eq!(self.end(side).peer.state(), State::Encrypted);
            self.end_mut(side).forget_past();
        }
    }

    /// Lets a peer do something and carries out what it wants.
    pub fn act<T>(&mut self, side: Side, act: impl FnOnce(&mut Peer, Timestamp, &mut ChaCha20Rng) -> T) -> T {
        let end = &mut self.ends[side as usize];
        let result = act(&mut end.peer, self.now, &mut self.rng);
        end.drain();
        result
    }

    pub fn say(&mut self, side: Side, text: &str) {
        self.act(side, |peer, now, _| peer.send(text.as_bytes(), now)).expect("a text");
    }

    /// As [`Pair::say`]; the line is not put on the wire but handed over.
    pub fn write(&mut self, side: Side, text: &str) -> Vec<u8> {
        self.say(side, text);
        self.take(side)
    }

    /// Takes the newest line of a side off the wire.
    pub fn take(&mut self, side: Side) -> Vec<u8> {
        self.end_mut(side).wire.pop_back().expect("a line").bytes
    }

    /// Hands a line to `to`.
    pub fn hand(&mut self, to: Side, line: &[u8]) {
        self.act(to, |peer, now, rng| peer.handle_line(line, now, rng));
    }

    /// Hands a line to `to` and gives back the events it led to.
    pub fn events_of(&mut self, to: Side, line: &[u8]) -> Vec<Event> {
        let before = self.end(to).events.len();
        self.hand(to, line);
        self.end_mut(to).events.split_off(before)
    }

    /// The line is refused for `reason`: one event, and the state is as before.
    #[track_caller]
    pub fn refuse(&mut self, to: Side, line: &[u8], reason: Rejection) {
        let before = self.end(to).state();
        let events = self.events_of(to, line);
        let reasons: Vec<_> = events
            .iter()
            .map(|event| match event {
                Event::Rejected(rejected) => rejected.reason,
                other => panic!("not refused: {other:?}"),
            })
            .collect();
        assert_eq!(reasons, [reason]);
        assert_eq!(self.end(to).state(), before, "a refused line has changed the state");
    }

    /// Delivers the oldest line that `from` has on the wire, if there is one.
    pub fn deliver(&mut self, from: Side) -> bool {
        match self.end_mut(from).wire.pop_front() {
            Some(line) => {
                self.hand(from.other(), &line.bytes);
                true
            }
            None => false,
        }
    }

    /// Delivers in turn until nothing is under way.
    pub fn run(&mut self) {
        for _ in 0..200 {
            let alice = self.deliver(Alice);
            let bob = self.deliver(Bob);
            if !alice && !bob {
                return;
            }
        }
        panic!("the two never fall silent");
    }

    /// Moves the clock and lets both do what is due.
    pub fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
        for side in [Alice, Bob] {
            self.act(side, |peer, now, rng| peer.handle_timeout(now, rng));
        }
    }

    /// Waits for the next deadline of either side, and delivers what comes of it, until there is none.
    pub fn run_timers(&mut self) {
        for _ in 0..40 {
            self.run();
            let due = [Alice, Bob].into_iter().filter_map(|side| self.end(side).peer.poll_timeout()).min();
            let Some(due) = due else { return };
            self.wait(due.since(self.now));
        }
        panic!("there is always another deadline");
    }

    /// Stores a side and reads it back, with or without a leap.
    pub fn restart(&mut self, side: Side, leap: Option<Leap>) {
        let snapshot = self.end(side).peer.snapshot();
        self.restore(side, snapshot, leap);
    }

    pub fn restore(&mut self, side: Side, snapshot: PeerSnapshot, leap: Option<Leap>) {
        let end = self.end_mut(side);
        let settings = end.peer.settings().clone();
        let text = serde_json::to_string(&snapshot).expect("plain data");
        let snapshot = serde_json::from_str(&text).expect("what was written");
        end.peer = Peer::restore(end.identity.clone(), settings, snapshot, leap).expect("a possible state");
    }

    /// Changes the stored state of a side, as only a test can.
    pub fn edit(&mut self, side: Side, edit: impl FnOnce(&mut PeerSnapshot)) {
        let mut snapshot = self.end(side).peer.snapshot();
        edit(&mut snapshot);
        self.restore(side, snapshot, None);
    }

    /// Reads a line as an engine does: the live sessions first, then what they left behind.
    pub fn read(&mut self, to: Side, line: &[u8]) {
        let binary = decode_data(line).unwrap_or_default();
        let end = &mut self.ends[to as usize];
        if let Ok(message) = DataMessage::parse(&binary)
            && !end.peer.probe(&message).any(|(_, probe)| probe == Probe::Fresh)
        {
            for pair in &mut end.retained {
                if let Ok(message) = pair.read(&message) {
                    return end.events.push(Event::Message(message));
                }
            }
        }
        self.hand(to, line);
    }
}

/// The binary message in a line.
pub fn binary(line: &[u8]) -> Vec<u8> {
    dearmour(line, Termination::DotOptional).expect("an armoured line")
}

/// The line with its binary message changed.
pub fn changed(line: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut message = binary(line);
    change(&mut message);
    armour(&message)
}

/// Bytes in front of the body: version, type, tags.
pub const fn header_len(version: Version) -> usize {
    match version {
        Version::V2 => 3,
        Version::V3 => 11,
    }
}

/// The ring of the only session, in a snapshot.
pub fn ring(snapshot: &mut PeerSnapshot) -> &mut otr_core::RingSnapshot {
    match &mut snapshot.sessions[0].phase {
        PhaseSnapshot::Encrypted { ring, .. } => ring,
        PhaseSnapshot::Finished => panic!("the session is finished"),
    }
}
