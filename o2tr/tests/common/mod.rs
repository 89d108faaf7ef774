//! Two ends face to face over a network that the test controls, with stores that survive a crash. What leaves them is
//! checked against the invariants at every step.

mod end;
mod stranger;
mod trace;

use std::sync::Arc;

use o2tr::conversation::{Conversation, Opening, Output};
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use otr_core::{Leap, Output as CoreOutput, Peer, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

pub(crate) use end::End;
pub(crate) use simulate::invariants;
pub(crate) use simulate::keys::key;
pub(crate) use simulate::watch::Watch;
pub(crate) use stranger::Stranger;
use trace::{describe, name_of, trace};

/// A moment long after 1970.
pub(crate) const START: u64 = 1_700_000_000;

/// Where the process of one end dies: at `left` points from now, of which each output has two, before and after its
/// effect on the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fuse {
    pub(crate) side: usize,
    pub(crate) left: usize,
}

/// Both ends, the clock and the randomness.
pub(crate) struct Pair {
    pub(crate) ends: [End; 2],
    pub(crate) now: Timestamp,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) fuse: Option<Fuse>,
    /// Points at which each side could have died.
    pub(crate) points: [usize; 2],
}

impl Pair {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::with(settings.clone(), settings)
    }

    pub(crate) fn with(a: Settings, b: Settings) -> Self {
        Self {
            ends: [End::new(0, 0x1000, a), End::new(1, 0x2000, b)],
            now: Timestamp::from_secs(START),
            rng: ChaCha20Rng::seed_from_u64(42),
            fuse: None,
            points: [0; 2],
        }
    }

    /// The second end is a plain OTR client.
    pub(crate) fn with_legacy(settings: Settings) -> Self {
        let mut pair = Self::new(settings);
        pair.reinstall(1);
        pair.ends[0].watch.strict = false;
        pair
    }

    /// A plain OTR client that starts, and has nothing but its long-term key.
    pub(crate) fn reinstall(&mut self, side: usize) {
        let end = &mut self.ends[side];
        end.legacy = Some(Peer::new(Arc::clone(&end.identity), otr_core::Settings::default()));
        end.down = false;
    }

    /// In a session, and each has read something of the other.
    pub(crate) fn talking(mut self) -> Self {
        self.start(0);
        self.send(0, "hello");
        self.settle();
        self.send(1, "hi");
        self.settle();
        for end in &mut self.ends {
            end.texts();
        }
        self
    }

    /// One turn of one end, drained and checked. `None` if its process died in it.
    pub(crate) fn turn<T>(
        &mut self,
        side: usize,
        act: impl FnOnce(&mut Conversation, Timestamp, &mut ChaCha20Rng) -> T,
    ) -> Option<T> {
        self.now = Timestamp::from_millis(self.now.as_millis() + 1);
        let end = &mut self.ends[side];
        let before = end.watch.row.clone();
        let events = end.events.len();
        end.commits = 0;
        let result = act(&mut end.conversation, self.now, &mut self.rng);
        if !self.drain(side) {
            return None;
        }
        let end = &mut self.ends[side];
        let early = before.as_ref().map_or(0, |row| row.early.len());
        end.watch.end_of_turn(before.as_deref(), end.events.get(events..).unwrap_or_default(), 1 + early).unwrap();
        end.watch.cause = 0;
        Some(result)
    }

    /// Carries out the outputs of one end: commits to its row, lines to the other end, events to its list. `false` if
    /// its process died on the way; it has come back by then.
    pub(crate) fn drain(&mut self, side: usize) -> bool {
        if self.ends[side].legacy.is_some() {
            self.drain_legacy(side);
            return true;
        }
        while let Some(output) = self.ends[side].conversation.poll_output() {
            if self.dies(side) {
                return false;
            }
            trace(|| format!("  {side}: {}", describe(&output)));
            let [a, b] = &mut self.ends;
            let (end, other) = if side == 0 { (a, b) } else { (b, a) };
            match &output {
                Output::Commit(commit) => {
                    let generation = end.row.as_ref().map_or(0, |(generation, _)| *generation);
                    end.watch.commit(generation, commit).unwrap();
                    end.row = Some((generation + 1, commit.record.to_vec()));
                    end.commits += 1;
                }
                Output::Transmit(line) => {
                    end.watch.transmit(&line.line).unwrap();
                    other.incoming.push_back(line.line.clone());
                }
                Output::Event(event) => {
                    let committed = |text: &str| other.watch.committed.contains(text);
                    let committed: Option<&dyn Fn(&str) -> bool> =
                        if other.legacy.is_none() { Some(&committed) } else { None };
                    end.watch.event(event, committed).unwrap();
                    if event.id().is_none_or(|id| !end.shown.contains(&id)) {
                        end.events.push(event.clone());
                    }
                    end.shown.extend(event.id());
                }
            }
            if self.dies(side) {
                return false;
            }
            let end = &mut self.ends[side];
            match output {
                Output::Commit(_) => end.conversation.commit_done(),
                Output::Transmit(line) => end.conversation.transmitted(line.id),
                Output::Event(event) if end.acknowledges => {
                    event.id().into_iter().for_each(|id| end.conversation.acknowledge(id));
                }
                Output::Event(_) => {}
            }
        }
        true
    }

    fn drain_legacy(&mut self, side: usize) {
        let [a, b] = &mut self.ends;
        let (end, other) = if side == 0 { (a, b) } else { (b, a) };
        let Some(peer) = &mut end.legacy else { return };
        while let Some(output) = peer.poll_output() {
            match output {
                CoreOutput::Send(line) => {
                    trace(|| format!("  plain {side}: {}", name_of(&line.bytes)));
                    other.incoming.push_back(line.bytes);
                }
                CoreOutput::Event(event) => {
                    trace(|| format!("  plain {side}: {event:?}"));
                    end.legacy_events.push(event);
                }
                CoreOutput::Retired(_) => {}
            }
        }
    }

    fn dies(&mut self, side: usize) -> bool {
        self.points[side] += 1;
        let Some(fuse) = self.fuse.as_mut().filter(|fuse| fuse.side == side) else { return false };
        if let Some(left) = fuse.left.checked_sub(1) {
            fuse.left = left;
            return false;
        }
        self.fuse = None;
        trace(|| format!("{side} dies"));
        self.ends[side].stored = self.ends[side].commits > 0;
        // Events that only told what became of a text are lost with the process.
        self.ends[side].watch.died();
        self.restart(side);
        true
    }

    /// Takes what is under way to one end off the network.
    pub(crate) fn intercept(&mut self, side: usize) -> Vec<Vec<u8>> {
        self.ends[side].incoming.drain(..).collect()
    }

    /// What arrives at one end is delivered, in the order given.
    pub(crate) fn deliver_all(&mut self, side: usize, lines: &[Vec<u8>], evidence: &Evidence) {
        lines.iter().for_each(|line| self.deliver_line(side, line, evidence));
    }

    /// Delivers the oldest line to `side`.
    pub(crate) fn deliver(&mut self, side: usize, evidence: &Evidence) -> bool {
        if self.ends[side].down {
            return false;
        }
        let Some(line) = self.ends[side].incoming.pop_front() else { return false };
        self.deliver_line(side, &line, evidence);
        true
    }

    /// Delivers a line to `side`. If the process dies over it, the network delivers it again.
    pub(crate) fn deliver_line(&mut self, side: usize, line: &[u8], evidence: &Evidence) {
        trace(|| format!("{side} gets {}", name_of(line)));
        if let Some(peer) = &mut self.ends[side].legacy {
            peer.handle_line(line, self.now, &mut self.rng);
            self.drain_legacy(side);
            return;
        }
        self.ends[side].watch.cause = self.ends[1 - side].watch.depth.get(line).copied().unwrap_or(0);
        let done = self.turn(side, |conversation, now, rng| conversation.handle_delivery(line, evidence, now, rng));
        if done.is_none() {
            self.ends[side].incoming.push_front(line.to_vec());
        }
    }

    /// Delivers what nobody has authenticated, and sees that nothing has changed.
    pub(crate) fn deliver_forged(&mut self, side: usize, line: &[u8]) {
        let before = self.ends[side].record();
        self.deliver_line(side, line, &Evidence::LIVE);
        invariants::unauthenticated_input_changes_nothing(&before, &self.ends[side].record()).unwrap();
    }

    /// Lets both talk until nothing is under way.
    pub(crate) fn settle(&mut self) {
        self.settle_with(&Evidence::LIVE);
    }

    pub(crate) fn settle_with(&mut self, evidence: &Evidence) {
        for side in [0, 1] {
            if !self.ends[side].down {
                self.drain(side);
            }
        }
        for _ in 0..1000 {
            let moved = self.deliver(0, evidence) | self.deliver(1, evidence);
            if !moved {
                return;
            }
        }
        panic!("the conversation does not come to rest");
    }

    /// The user sends a text; if the process dies before it is stored, once more.
    pub(crate) fn send(&mut self, side: usize, text: &str) -> String {
        if let Some(peer) = &mut self.ends[side].legacy {
            peer.send(text.as_bytes(), self.now).unwrap();
            self.drain_legacy(side);
            return String::new();
        }
        self.ends[side].sent += 1;
        let id = format!("{side}-{}", self.ends[side].sent);
        loop {
            trace(|| format!("{side} sends {text} as {id}"));
            self.ends[side].watch.texts.insert(id.clone(), text.to_owned());
            let name = Some(id.clone());
            match self.turn(side, |conversation, now, rng| conversation.send(text.as_bytes(), name, now, rng)) {
                Some(result) => return result.unwrap(),
                None if self.ends[side].stored => return id,
                None => {}
            }
        }
    }

    pub(crate) fn start(&mut self, side: usize) {
        while self.turn(side, |conversation, now, rng| conversation.start(now, rng)).is_none()
            && !self.ends[side].stored
        {}
        self.settle();
    }

    pub(crate) fn end(&mut self, side: usize) {
        if let Some(peer) = &mut self.ends[side].legacy {
            peer.end(self.now);
            self.drain_legacy(side);
            return;
        }
        self.turn(side, |conversation, now, rng| conversation.end(now, rng));
    }

    pub(crate) fn presence(&mut self, side: usize, online: bool) {
        self.turn(side, |conversation, now, rng| conversation.handle_presence(online, now, rng));
    }

    pub(crate) fn caught_up(&mut self, side: usize) {
        self.turn(side, |conversation, now, rng| conversation.handle_caught_up(now, rng));
    }

    /// Time passes; what is due on the way is done.
    pub(crate) fn wait(&mut self, secs: u64) {
        let until = Timestamp::from_millis(self.now.as_millis() + secs * 1000);
        for _ in 0..10_000 {
            let Some(due) = self.due().filter(|due| *due <= until) else { break };
            self.now = self.now.max(due);
            self.poll();
            self.settle();
        }
        self.now = until;
    }

    fn due(&self) -> Option<Timestamp> {
        self.ends
            .iter()
            .filter(|end| !end.down)
            .filter_map(|end| match &end.legacy {
                Some(peer) => peer.poll_timeout(),
                None => end.conversation.poll_timeout(),
            })
            .min()
    }

    /// Timers run, nothing is delivered.
    pub(crate) fn poll(&mut self) {
        for side in [0, 1] {
            if self.ends[side].down {
                continue;
            }
            if let Some(peer) = &mut self.ends[side].legacy {
                peer.handle_timeout(self.now, &mut self.rng);
                self.drain_legacy(side);
            } else {
                self.turn(side, |conversation, now, rng| conversation.handle_timeout(now, rng));
            }
        }
    }

    /// The process of one end dies.
    pub(crate) fn kill(&mut self, side: usize) {
        self.ends[side].down = true;
    }

    /// It comes back with what its store holds.
    pub(crate) fn restart(&mut self, side: usize) {
        self.reopen(side, false);
    }

    pub(crate) fn reopen(&mut self, side: usize, quarantine: bool) {
        let leap = Leap::random(&mut self.rng);
        self.reopen_with(side, quarantine, leap);
    }

    pub(crate) fn reopen_with(&mut self, side: usize, quarantine: bool, leap: Leap) {
        trace(|| format!("{side} opens, quarantine {quarantine}"));
        let end = &mut self.ends[side];
        end.down = false;
        end.watch.automatic = 0;
        let identity = Arc::clone(&end.identity);
        end.conversation = match &end.row {
            None => Conversation::new(identity, end.settings.clone()),
            Some((generation, record)) => {
                let opening = Opening { record, generation: *generation, quarantine, leap };
                Conversation::open(identity, end.settings.clone(), &opening, self.now, &mut self.rng).unwrap()
            }
        };
        self.drain(side);
        self.ends[side].watch.automatic = 0;
    }

    /// The store of one end is set back to an older row, and notices.
    pub(crate) fn set_back(&mut self, side: usize, row: Vec<u8>) {
        let end = &mut self.ends[side];
        end.watch.set_back(o2tr_ekm::codec::decode(&row).unwrap());
        let generation = end.row.as_ref().map_or(0, |(generation, _)| *generation);
        end.row = Some((generation, row));
        self.reopen(side, true);
    }
}

/// A line that the server had stored.
pub(crate) fn late() -> Evidence {
    Evidence { delayed: Some(Timestamp::from_secs(START)), offline: true, ..Evidence::LIVE }
}

/// The threshold and nothing else changed.
pub(crate) fn k(threshold: u32) -> Settings {
    Settings { threshold: Some(threshold), ..Settings::default() }
}
