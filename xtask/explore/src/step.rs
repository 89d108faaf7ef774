//! One turn of one end: an input, then all outputs in order, each checked; and what is left if the process dies
//! between any two of them.

use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;

use o2tr::conversation::{Conversation, Event, Opening, Output, Text};
use o2tr::transport::Evidence;
use o2tr_ekm::record::ConversationRecord;
use otr_core::wire::DataMessage;
use otr_core::{Leap, PhaseSnapshot, decode_data, text};
use simulate::invariants::{self, Violation};

use crate::end::End;
use crate::random::random;
use crate::scope::{Frame, PAUSE, START};

/// A line on a wire, and how deep in a chain of automatic answers it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) bytes: Rc<[u8]>,
    pub(crate) depth: usize,
}

/// What an end is given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// Its user asks for a new session.
    Start,
    /// Its user writes the next text.
    Send,
    /// A line arrives, stamped as late or not.
    Deliver(&'a Line, bool),
    /// A line arrives in which somebody without the keys has changed a bit.
    Forged(&'a Line),
    /// Time passes until its next deadline.
    Tick,
    /// Time passes.
    Pause,
    /// What waited at the server has arrived.
    CaughtUp,
    /// The peer is there, or is not.
    Presence(bool),
    /// Its process dies.
    Crash,
    /// Its process starts.
    Restore,
}

impl Input<'_> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Send => "send",
            Self::Deliver(..) | Self::Forged(_) => "deliver",
            Self::Tick | Self::Pause => "time",
            Self::CaughtUp | Self::Presence(_) => "word",
            Self::Crash => "crash",
            Self::Restore => "restore",
        }
    }
}

/// What has come of an input.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// What has left, in order.
    pub(crate) lines: Vec<Line>,
    /// Texts that the end says the peer has read.
    pub(crate) claims: Vec<String>,
}

/// What comes of an input, by where the process dies.
pub(crate) struct Turn {
    /// It does not.
    pub(crate) done: Outcome,
    /// It dies behind the first output, the second, and so on; empty if nobody asked.
    pub(crate) deaths: Vec<Outcome>,
    /// The outputs in words; empty if nobody asked.
    pub(crate) story: Vec<String>,
}

/// What the caller wants to know besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Also {
    Nothing,
    Deaths,
    Story,
}

/// Gives an end an input. `None` if it makes no sense there.
pub(crate) fn step(frame: &Frame, end: &End, input: &Input<'_>, also: Also) -> Result<Option<Turn>, Violation> {
    let run = Run {
        out: Outcome { end: end.clone(), lines: Vec::new(), claims: Vec::new() },
        deaths: Vec::new(),
        story: Vec::new(),
        events: Vec::new(),
        also,
    };
    run.run(frame, input)
}

struct Run {
    out: Outcome,
    deaths: Vec<Outcome>,
    story: Vec<String>,
    events: Vec<Event>,
    also: Also,
}

impl Run {
    fn run(mut self, frame: &Frame, input: &Input<'_>) -> Result<Option<Turn>, Violation> {
        let before = self.out.end.watch.row.clone();
        let generation = self.out.end.generation();
        let mut rng = random(self.out.end.side, input.name(), generation);
        let mut read = before.as_ref().map_or(1, |row| may_read(row));
        let end = &mut self.out.end;
        match input {
            Input::Crash => {
                let crashed = end.engine.is_some();
                self.out.end = self.out.end.dead();
                return Ok(crashed.then(|| self.turn()));
            }
            Input::Restore => {
                if end.engine.is_some() {
                    return Ok(None);
                }
                end.engine = Some(Box::new(open(frame, end, &mut rng)?));
                // Lines that may not have left come out again, however many they are.
                read = usize::MAX;
            }
            _ => {
                let Some(mut engine) = end.engine.take() else { return Ok(None) };
                let given = give(&mut engine, end, input, &mut rng);
                end.engine = Some(engine);
                if !given {
                    return Ok(None);
                }
            }
        }
        self.drain()?;
        self.out.end.watch.end_of_turn(before.as_deref(), &self.events, read)?;
        self.out.end.watch.cause = 0;
        if self.out.end.engine.as_ref().is_some_and(|engine| engine.is_poisoned()) {
            return Err(Violation::new(20, "the engine could not encode its row"));
        }
        if let (Input::Forged(_), Some(before), Some(after)) = (input, &before, &self.out.end.watch.row) {
            invariants::unauthenticated_input_changes_nothing(&leapt(before, after), after)?;
        }
        Ok(Some(self.turn()))
    }

    fn turn(self) -> Turn {
        Turn { done: self.out, deaths: self.deaths, story: self.story }
    }

    fn drain(&mut self) -> Result<(), Violation> {
        while let Some(output) = self.out.end.engine.as_mut().and_then(|engine| engine.poll_output()) {
            if self.also == Also::Story {
                self.story.push(describe(&output));
            }
            self.carry_out(&output)?;
            if self.also == Also::Deaths {
                // The cheap half of a copy: what is only in memory is lost anyway.
                let engine = self.out.end.engine.take();
                let copy = self.out.clone();
                self.out.end.engine = engine;
                self.deaths.push(Outcome { end: copy.end.dead(), ..copy });
            }
            let Some(engine) = &mut self.out.end.engine else { return Ok(()) };
            match output {
                Output::Commit(_) => engine.commit_done(),
                Output::Transmit(line) => engine.transmitted(line.id),
                Output::Event(event) => {
                    event.id().into_iter().for_each(|id| engine.acknowledge(id));
                    self.events.push(event);
                }
            }
        }
        Ok(())
    }

    /// The effect of an output on the world.
    fn carry_out(&mut self, output: &Output) -> Result<(), Violation> {
        let end = &mut self.out.end;
        match output {
            Output::Commit(commit) => {
                let stored = end.generation();
                end.watch.commit(stored, commit)?;
                end.row = Some((stored + 1, commit.record.as_slice().into()));
            }
            Output::Transmit(line) => {
                end.watch.transmit(&line.line)?;
                let depth = end.watch.depth.get(&line.line).copied().unwrap_or(0);
                self.out.lines.push(Line { bytes: line.line.as_slice().into(), depth });
            }
            Output::Event(event) => {
                let claims = RefCell::new(Vec::new());
                let claimed = |text: &str| {
                    claims.borrow_mut().push(text.to_owned());
                    true
                };
                end.watch.event(event, Some(&claimed))?;
                self.out.claims.extend(claims.into_inner());
                if let Event::Text(Text { text, .. }) = event {
                    end.shown.insert(String::from_utf8_lossy(text).into_owned());
                }
            }
        }
        Ok(())
    }
}

/// Calls the engine. `false` if the input makes no sense now.
fn give(engine: &mut Conversation, end: &mut End, input: &Input<'_>, rng: &mut rand_chacha::ChaCha20Rng) -> bool {
    let now = end.clock;
    match *input {
        Input::Start => engine.start(now, rng),
        Input::Send => {
            end.texts += 1;
            let id = format!("{}-{}", end.side, end.texts);
            let text = format!("text {id}");
            end.watch.texts.insert(id.clone(), text.clone());
            if engine.send(text.as_bytes(), Some(id.clone()), now, rng).is_err() {
                end.watch.never_taken(&id);
            }
        }
        Input::Deliver(line, late) => {
            end.watch.cause = line.depth;
            engine.handle_delivery(&line.bytes, &evidence(late), now, rng);
        }
        Input::Forged(line) => {
            let Some(forged) = forge(&line.bytes) else { return false };
            engine.handle_delivery(&forged, &Evidence::LIVE, now, rng);
        }
        Input::Tick => {
            let Some(due) = engine.poll_timeout() else { return false };
            // A deadline that has passed and was dealt with is not looked at again before a second is over.
            end.clock = if due > now { due } else { now.after(Duration::from_secs(1)) };
            engine.handle_timeout(end.clock, rng);
        }
        Input::Pause => {
            end.clock = now.after(PAUSE);
            engine.handle_timeout(end.clock, rng);
        }
        Input::CaughtUp => {
            if core::mem::replace(&mut end.caught_up, true) {
                return false;
            }
            engine.handle_caught_up(now, rng);
        }
        Input::Presence(there) => {
            if core::mem::replace(&mut end.present, there) == there {
                return false;
            }
            engine.handle_presence(there, now, rng);
        }
        Input::Crash | Input::Restore => return false,
    }
    true
}

fn open(frame: &Frame, end: &End, rng: &mut rand_chacha::ChaCha20Rng) -> Result<Conversation, Violation> {
    let (identity, settings) = (frame.identity(end.side), frame.settings.clone());
    let Some((generation, record)) = &end.row else { return Ok(Conversation::new(identity, settings)) };
    let opening = Opening { record, generation: *generation, quarantine: false, leap: Leap::random(rng) };
    Conversation::open(identity, settings, &opening, end.clock, rng)
        .map_err(|error| Violation::new(18, format!("the row cannot be continued: {error}")))
}

fn evidence(late: bool) -> Evidence {
    if late { Evidence { delayed: Some(START), offline: true, ..Evidence::LIVE } } else { Evidence::LIVE }
}

/// The line with one bit changed in what is authenticated; `None` if it is no data message.
fn forge(line: &[u8]) -> Option<Vec<u8>> {
    let bytes = decode_data(line)?;
    let message = DataMessage::parse(&bytes).ok()?;
    let mut encrypted = message.encrypted.to_vec();
    *encrypted.first_mut()? ^= 1;
    Some(text::armour(&DataMessage { encrypted: &encrypted, ..message }.encode()))
}

/// The row before, with what the engine had changed in memory alone and stores with whatever is stored next: the leap
/// of an opening, and how long pairs are retained once all that waited has arrived. That what is forged sends no data
/// message is seen by the uses of the keys.
fn leapt(before: &ConversationRecord, after: &ConversationRecord) -> ConversationRecord {
    let mut leapt = before.clone();
    for (session, now) in leapt.peer.sessions.iter_mut().zip(&after.peer.sessions) {
        if let (PhaseSnapshot::Encrypted { ring, .. }, PhaseSnapshot::Encrypted { ring: now, .. }) =
            (&mut session.phase, &now.phase)
        {
            ring.counter = ring.counter.max(now.counter);
        }
    }
    for (retained, now) in leapt.retained.iter_mut().zip(&after.retained) {
        retained.expires = retained.expires.min(now.expires);
    }
    leapt
}

/// How many messages can be read, or answered that were read before, in one turn: the one that it brings, those that
/// waited for an AKE, and of each session that owes a fresh key the last.
fn may_read(row: &ConversationRecord) -> usize {
    1 + row.early.len() + row.sessions.iter().filter(|session| session.refresh_owed).count()
}

fn describe(output: &Output) -> String {
    match output {
        Output::Commit(commit) => format!("commit {}", commit.expected),
        Output::Transmit(line) => format!("line {}", name_of(&line.line)),
        Output::Event(event) => format!("{event:?}"),
    }
}

/// What a line is, in a few words.
pub(crate) fn name_of(line: &[u8]) -> String {
    if let Some(bytes) = decode_data(line) {
        return match DataMessage::parse(&bytes) {
            Ok(message) => {
                format!("data ({}, {}) counter {}", message.sender_keyid, message.recipient_keyid, message.counter)
            }
            Err(error) => format!("damaged data: {error}"),
        };
    }
    match text::classify(line) {
        text::Line::Encoded(encoded) => format!("{:?}", encoded.kind()),
        _ => String::from_utf8_lossy(line.get(..30).unwrap_or(line)).into_owned(),
    }
}
