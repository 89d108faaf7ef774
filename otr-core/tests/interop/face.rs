//! The two endpoints and the network between them, which is the test.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use otr_core::dsa::PrivateKey;
use otr_core::{
    Event, Identity, InstanceTag, Line, Output, Peer, PeerSnapshot, Policy, RetainedPair, SessionId, SessionView,
    Settings, State, Timestamp, Version,
};
use serde_json::{Value, json};
use xtask::peers::require_driver;
use xtask::pipe::{Event as Foreign, PipeProcess};

/// More lines than any test exchanges: endpoints that answer each other for ever stop here.
const MAX_LINES: usize = 10_000;

/// One key for all tests of a run; each test draws its own instance tag.
static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate(&mut random()));

pub(super) const VERSIONS: [Version; 2] = [Version::V2, Version::V3];

/// The operating system's random source.
pub(super) fn random() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Our peer, libotr, and the lines under way between them.
pub(super) struct Face {
    pub(super) ours: Peer,
    pub(super) theirs: PipeProcess,
    /// Our clock. libotr has the true one.
    pub(super) now: Timestamp,
    /// How long a line of ours may be; 0: any length.
    pub(super) mtu: usize,
    pub(super) to_us: VecDeque<String>,
    pub(super) to_them: VecDeque<String>,
    /// What our side has said since [`Face::take`].
    events: Vec<Event>,
    /// What libotr has said since [`Face::take_foreign`].
    foreign: Vec<Foreign>,
    pub(super) retired: Vec<RetainedPair>,
}

impl Face {
    /// Our settings, and the driver's options beside its names. `None`: no libotr here, the test is skipped.
    pub(super) fn new(settings: Settings, options: &[&str]) -> Option<Self> {
        let driver = require_driver().unwrap()?;
        let mut command = Command::new(driver);
        command.args(["--name", "libotr", "--peer", "o2tr", "--memory"]).args(options);
        let identity = Identity::new(KEY.clone(), InstanceTag::random(&mut random()));
        Some(Self {
            ours: Peer::new(identity, settings),
            theirs: PipeProcess::spawn("libotr", &mut command).unwrap(),
            now: Timestamp::from_secs(1_800_000_000),
            mtu: 0,
            to_us: VecDeque::new(),
            to_them: VecDeque::new(),
            events: Vec::new(),
            foreign: Vec::new(),
            retired: Vec::new(),
        })
    }

    /// Default settings; libotr allows this version only.
    pub(super) fn speaking(version: Version) -> Option<Self> {
        Self::new(Settings::default(), &["--policy", name(version)])
    }

    /// As [`Face::speaking`], with a session that our query has led to.
    pub(super) fn in_private(version: Version) -> Option<Self> {
        let mut face = Self::speaking(version)?;
        face.enter_private();
        Some(face)
    }

    /// Our query leads to a session.
    pub(super) fn enter_private(&mut self) {
        self.act(|peer, _| peer.start());
        self.settle();
        assert_eq!((self.ours.state(), self.their_state().as_str()), (State::Encrypted, "encrypted"));
        self.forget();
    }

    /// Does something at our side.
    pub(super) fn act<T>(&mut self, action: impl FnOnce(&mut Peer, Timestamp) -> T) -> T {
        let result = action(&mut self.ours, self.now);
        self.drain();
        result
    }

    /// Gives libotr a command.
    pub(super) fn command(&mut self, command: &Value) {
        for event in self.theirs.command(command).unwrap() {
            match event.text("msg").filter(|_| event.is("inject")) {
                Some(line) => self.to_us.push_back(line.to_owned()),
                None => self.foreign.push(event),
            }
        }
    }

    /// Our clock moves, and what is due is done.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.act(|peer, now| peer.handle_timeout(now, &mut random()));
    }

    pub(super) fn hand_to_us(&mut self, line: &str) {
        self.act(|peer, now| peer.handle_line(line.as_bytes(), now, &mut random()));
    }

    pub(super) fn hand_to_them(&mut self, line: &str) {
        self.command(&json!({"cmd": "recv", "msg": line}));
    }

    /// Carries lines to and fro, in order, until both sides are silent.
    pub(super) fn settle(&mut self) {
        for _ in 0..MAX_LINES {
            let (to_them, to_us) = (self.to_them.pop_front(), self.to_us.pop_front());
            if to_them.is_none() && to_us.is_none() {
                return;
            }
            to_them.inspect(|line| self.hand_to_them(line));
            to_us.inspect(|line| self.hand_to_us(line));
        }
        panic!("not silent after {MAX_LINES} lines");
    }

    /// Our events since the last call.
    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// libotr's events since the last call.
    pub(super) fn take_foreign(&mut self) -> Vec<Foreign> {
        std::mem::take(&mut self.foreign)
    }

    /// Forgets the events of both sides.
    pub(super) fn forget(&mut self) {
        self.events.clear();
        self.foreign.clear();
    }

    pub(super) fn id(&self) -> SessionId {
        self.ours.current().unwrap()
    }

    pub(super) fn view(&self) -> SessionView {
        self.ours.view(self.id()).unwrap()
    }

    /// libotr's `state` event.
    pub(super) fn their_view(&mut self) -> Foreign {
        self.theirs.command(&json!({"cmd": "state"})).unwrap().remove(0)
    }

    pub(super) fn their_state(&mut self) -> String {
        self.their_view().text("state").unwrap().to_owned()
    }

    /// libotr's answer to `ready`: its fingerprint.
    pub(super) fn their_fingerprint(&self) -> String {
        self.theirs.ready().text("fingerprint").unwrap().to_owned()
    }

    /// The clock of libotr runs ahead by `time` from now on, and what is due is done.
    pub(super) fn pass_at_theirs(&mut self, time: Duration) {
        #[expect(clippy::disallowed_methods, reason = "libotr reads the true clock")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        self.command(&json!({"cmd": "poll", "now": now.as_secs()}));
    }

    /// A text of ours sets out.
    pub(super) fn send(&mut self, text: &str) {
        self.act(|peer, now| peer.send(text.as_bytes(), now)).unwrap();
    }

    /// A text of libotr's user sets out.
    pub(super) fn send_foreign(&mut self, text: &str) {
        self.command(&json!({"cmd": "send", "text": text}));
    }

    /// Our text arrives, alone and encrypted.
    pub(super) fn say(&mut self, text: &str) {
        self.send(text);
        self.settle();
        assert_eq!(shown(&self.take_foreign()), [(text, true)]);
    }

    /// libotr's text arrives, alone and encrypted.
    pub(super) fn hear(&mut self, text: &str) {
        self.send_foreign(text);
        self.settle();
        assert_eq!(read(&self.take()), [text]);
    }

    /// Texts pass both ways.
    pub(super) fn talk(&mut self) {
        for round in 0..3 {
            self.say(&format!("question {round}"));
            self.hear(&format!("answer {round}"));
        }
    }

    /// Our side is stored, dropped, and made again.
    pub(super) fn restart(&mut self, leap: otr_core::Leap) {
        let snapshot: PeerSnapshot = self.ours.snapshot();
        let (identity, settings) = (self.ours.identity().clone(), self.ours.settings().clone());
        let identity = Identity::new(identity.key().clone(), identity.instance());
        self.ours = Peer::restore(identity, settings, snapshot, Some(leap)).unwrap();
    }

    fn drain(&mut self) {
        while let Some(output) = self.ours.poll_output() {
            match output {
                Output::Send(line) => self.to_them.extend(self.cut(&line)),
                Output::Event(event) => self.events.push(event),
                Output::Retired(pair) => self.retired.push(*pair),
            }
        }
    }

    fn cut(&self, line: &Line) -> Vec<String> {
        let pieces = line.split(self.mtu).unwrap();
        pieces.into_iter().map(|piece| String::from_utf8(piece).unwrap()).collect()
    }
}

/// A version as the driver's policy names it.
pub(super) const fn name(version: Version) -> &'static str {
    match version {
        Version::V2 => "v2",
        Version::V3 => "v3",
    }
}

/// Settings with another policy.
pub(super) fn with_policy(policy: Policy) -> Settings {
    Settings { policy, ..Settings::default() }
}

/// The visible texts that we decrypted.
pub(super) fn read(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Message(message) => Some(&message.content.text),
            _ => None,
        })
        .filter(|text| !text.is_empty())
        .map(|text| String::from_utf8(text.clone()).unwrap())
        .collect()
}

/// The texts that libotr shows, and whether they were encrypted.
pub(super) fn shown(events: &[Foreign]) -> Vec<(&str, bool)> {
    events
        .iter()
        .filter(|event| event.is("plaintext"))
        .map(|event| (event.text("text").unwrap(), event.flag("encrypted").unwrap()))
        .collect()
}

/// The only event that `pick` takes.
pub(super) fn only<T>(events: &[Event], pick: impl Fn(&Event) -> Option<&T>) -> &T {
    let mut picked = events.iter().filter_map(pick);
    match (picked.next(), picked.next()) {
        (Some(one), None) => one,
        _ => panic!("not exactly one in {events:?}"),
    }
}

/// The only event of libotr's with this name.
pub(super) fn only_foreign<'a>(events: &'a [Foreign], kind: &str) -> &'a Foreign {
    let mut named = events.iter().filter(|event| event.is(kind));
    match (named.next(), named.next()) {
        (Some(one), None) => one,
        _ => panic!("not exactly one `{kind}` in {events:?}"),
    }
}

/// What libotr reports when a query of ours has renewed a session. In version 3 it forgets, while it awaits our
/// part of the handshake, that the session was encrypted.
pub(super) const fn renewed_after_query(version: Version) -> &'static str {
    match version {
        Version::V2 => "still_encrypted",
        Version::V3 => "encrypted",
    }
}

/// Whether nothing was refused.
pub(super) fn is_clean(events: &[Event]) -> bool {
    !events.iter().any(|event| matches!(event, Event::Rejected(_) | Event::ErrorReceived { .. }))
}
