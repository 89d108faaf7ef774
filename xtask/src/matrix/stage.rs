//! Two endpoints and what is between them, for any combination of transport, store and peer.

mod end;
mod launch;
mod presence;
mod wire;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use xtask::servers::Server;

pub(super) use self::end::{Comparison, Privacy, Shown};

use self::end::{Pipe, Them};
use self::launch::Launch;
use self::wire::Wire;
use super::cell::{Cell, Peer, Transport};
use super::tools::Tools;

/// One of the two endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Us,
    Them,
}

/// How long something that must happen may take over a server, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// More passes than any scenario needs before silence.
const MAX_PASSES: usize = 200;
/// How often endpoints on a server are asked.
const INTERVAL: Duration = Duration::from_millis(50);
/// How much time each round of waiting in memory pretends to take, in seconds. Timers of a handshake take five.
const ROUND: u64 = 5;
/// How many rounds in memory something may take: two minutes of pretended time.
const ROUNDS: u64 = 24;

/// A running cell.
pub(super) struct Stage<'a> {
    pub(super) cell: Cell,
    launch: Launch<'a>,
    us: Pipe,
    them: Them,
    /// Whether our process is not there at present.
    away: bool,
    /// How many events of ours were before the last start.
    started: usize,
    between: Between,
    /// The texts that each has said: ours, theirs.
    said: [Vec<String>; 2],
    /// Which of them need not arrive.
    doomed: Vec<String>,
    log: &'a mut String,
}

enum Between {
    Wire(Wire),
    Server(Box<Server>),
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Us, Self::Them];

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Us => Self::Them,
            Self::Them => Self::Us,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Us => 0,
            Self::Them => 1,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Them => "peer",
        }
    }
}

impl<'a> Stage<'a> {
    /// Starts both endpoints and whatever is between them.
    pub(super) fn set(cell: Cell, tools: &'a Tools, log: &'a mut String) -> Result<Self> {
        let launch = Launch::new(cell, tools)?;
        let (between, us, them) = match cell.transport {
            Transport::Memory => {
                let (us, them) = (launch.ours(None)?, launch.theirs()?);
                (Between::Wire(Wire::new(cell)), us, them)
            }
            Transport::Prosody | Transport::Ejabberd => {
                let server = launch.server()?;
                let them = launch.theirs_at(&server).with_context(|| server.log())?;
                let us = launch.ours(Some(&server))?;
                (Between::Server(Box::new(server)), us, them)
            }
        };
        let said = [Vec::new(), Vec::new()];
        let mut stage =
            Self { cell, launch, us, them, away: false, started: 0, between, said, doomed: Vec::new(), log };
        stage.note("both endpoints are started");
        if stage.is_online() {
            stage.log_in([0, 0])?;
        }
        Ok(stage)
    }

    /// Whether there is a server.
    pub(super) fn is_online(&self) -> bool {
        matches!(self.between, Between::Server(_))
    }

    /// Whether the peer keeps keys, as we do.
    pub(super) fn is_peer_ours(&self) -> bool {
        self.cell.peer == Peer::O2tr
    }

    /// Writes a line of the log.
    pub(super) fn note(&mut self, what: &str) {
        let _ = writeln!(self.log, "-- {what}");
    }

    /// Asks for a private conversation.
    pub(super) fn ask(&mut self, side: Side) -> Result<()> {
        match (side, &mut self.them) {
            (Side::Them, Them::Program(program, us)) => {
                let _ = writeln!(self.log, "peer < start OTR");
                program.start_otr(us)
            }
            _ => self.command(side, json!({"cmd": "query"})),
        }
    }

    /// Says a text that has to arrive, exactly once.
    pub(super) fn say(&mut self, side: Side, text: &str) -> Result<()> {
        self.said[side.index()].push(text.to_owned());
        match (side, &mut self.them) {
            (Side::Them, Them::Program(program, us)) => {
                let _ = writeln!(self.log, "peer < send {text:?}");
                program.send(us, text)
            }
            _ => self.command(side, json!({"cmd": "send", "text": text, "id": text})),
        }
    }

    /// Says a text whose line is lost. A peer without our extension has no way to learn of it.
    pub(super) fn say_lost(&mut self, side: Side, text: &str) -> Result<()> {
        self.lose_next(side);
        self.say(side, text)?;
        if !self.is_peer_ours() {
            self.doomed.push(text.to_owned());
        }
        Ok(())
    }

    /// The next line from there is lost.
    pub(super) fn lose_next(&mut self, from: Side) {
        self.note(&format!("the next line of {} will be lost", from.name()));
        if let Between::Wire(wire) = &mut self.between {
            wire.lose_next(from.other());
        }
    }

    /// Nothing more is lost, also if nothing was.
    pub(super) fn stop_losing(&mut self) {
        if let Between::Wire(wire) = &mut self.between {
            wire.stop_losing();
        }
    }

    /// How private the conversation is there.
    pub(super) fn privacy(&mut self, side: Side) -> Result<Privacy> {
        if let (Side::Them, Them::Program(program, us)) = (side, &mut self.them) {
            return Ok(program.otr_state(us)?.into());
        }
        self.command(side, json!({"cmd": "state"}))?;
        self.pipe(side).privacy()
    }

    /// What was shown there so far, each text once for each id.
    pub(super) fn shown(&mut self, side: Side) -> Result<Vec<Shown>> {
        match (side, &mut self.them) {
            (Side::Them, Them::Program(program, us)) => {
                Ok(program.received(us)?.into_iter().map(Shown::bare).collect())
            }
            _ => Ok(self.pipe(side).shown()),
        }
    }

    /// Our events of a kind, since the start.
    pub(super) fn events(&self, kind: &str) -> Vec<&xtask::pipe::Event> {
        self.us.said.iter().filter(|event| event.is(kind)).collect()
    }

    /// As [`events`](Self::events), since our process was started the last time.
    pub(super) fn events_since_start(&self, kind: &str) -> Vec<&xtask::pipe::Event> {
        self.us.said.iter().skip(self.started).filter(|event| event.is(kind)).collect()
    }

    /// Begins a comparison of secrets.
    pub(super) fn smp_ask(&mut self, side: Side, secret: &str) -> Result<()> {
        for pipe in [Some(&mut self.us), self.them.pipe()].into_iter().flatten() {
            pipe.forget_smp();
        }
        match (side, &mut self.them) {
            (Side::Them, Them::Program(program, us)) => {
                let _ = writeln!(self.log, "peer < start SMP");
                // mcabber cannot ask a question, Pidgin cannot do without.
                let question = (self.cell.peer != Peer::Mcabber).then_some("which?");
                program.ask_smp(us, question, secret)
            }
            _ => self.command(side, json!({"cmd": "smp_start", "secret": secret})),
        }
    }

    /// Answers one.
    pub(super) fn smp_answer(&mut self, side: Side, secret: &str) -> Result<()> {
        match (side, &mut self.them) {
            (Side::Them, Them::Program(program, us)) => {
                let _ = writeln!(self.log, "peer < answer SMP");
                program.answer_smp(us, secret)
            }
            _ => self.command(side, json!({"cmd": "smp_respond", "secret": secret})),
        }
    }

    /// Gives a comparison up.
    pub(super) fn smp_abort(&mut self) -> Result<()> {
        self.command(Side::Us, json!({"cmd": "smp_abort"}))
    }

    /// How far the comparison is.
    pub(super) fn smp(&mut self, side: Side) -> Result<Comparison> {
        match (side, &mut self.them) {
            (Side::Them, Them::Program(program, us)) => Ok(program.smp(us)?.into()),
            _ => Ok(self.pipe(side).comparison()),
        }
    }

    /// Ends the private conversation.
    pub(super) fn end(&mut self, side: Side) -> Result<()> {
        match (side, &mut self.them) {
            (Side::Them, Them::Program(program, us)) => {
                let _ = writeln!(self.log, "peer < end OTR");
                program.end_otr(us)
            }
            _ => self.command(side, json!({"cmd": "end"})),
        }
    }

    /// The fingerprint of a side, and what the other one takes it for, where both can be asked.
    pub(super) fn fingerprints(&mut self, of: Side) -> Result<Option<(String, String)>> {
        let pair = match (&mut self.them, of) {
            (Them::Program(program, us), Side::Us) => {
                (self.us.fingerprint(), program.peer_fingerprint(us)?.unwrap_or_default())
            }
            // Pidgin shows its own fingerprint in a dialogue only.
            (Them::Program(..), Side::Them) if self.cell.peer == Peer::Pidgin => return Ok(None),
            (Them::Program(program, _), Side::Them) => (program.fingerprint()?, self.us.peer_fingerprint()),
            (Them::Pipe(them), Side::Us) => (self.us.fingerprint(), them.peer_fingerprint()),
            (Them::Pipe(them), Side::Them) => (them.fingerprint(), self.us.peer_fingerprint()),
        };
        Ok(Some(pair))
    }

    /// Lets everything happen that is under way.
    pub(super) fn settle(&mut self) -> Result<()> {
        for _ in 0..MAX_PASSES {
            if !self.pass()? {
                return Ok(());
            }
        }
        bail!("the endpoints do not fall silent")
    }

    /// Delivers what is under way at this moment, and not what comes of it. Whether there was anything.
    pub(super) fn pass(&mut self) -> Result<bool> {
        let Between::Wire(wire) = &mut self.between else { return Ok(false) };
        let to_us = if self.away { Vec::new() } else { wire.take(Side::Us, self.log) };
        let to_them = wire.take(Side::Them, self.log);
        let any = !to_us.is_empty() || !to_them.is_empty();
        for (side, lines) in [(Side::Them, to_them), (Side::Us, to_us)] {
            for line in lines {
                self.command(side, json!({"cmd": "recv", "msg": line}))?;
            }
        }
        Ok(any)
    }

    /// Lets a little time pass, in memory pretended, and everything happen that comes of it.
    pub(super) fn linger(&mut self) -> Result<()> {
        self.settle()?;
        if self.is_online() {
            std::thread::sleep(INTERVAL);
        }
        self.poll()?;
        self.settle()
    }

    /// We type a text where there is no private conversation any more. It must not leave.
    pub(super) fn type_after_the_end(&mut self, text: &str) -> Result<()> {
        self.command(Side::Us, json!({"cmd": "send", "text": text, "id": text}))?;
        if let Between::Wire(wire) = &self.between {
            ensure!(!wire.carries(text), "the text leaves in clear");
        }
        for _ in 0..20 {
            self.linger()?;
        }
        let shown = self.shown(Side::Them)?;
        ensure!(!shown.iter().any(|shown| shown.text.contains(text)), "the peer was shown {text:?}");
        let held = self.us.said.iter().any(|event| event.is("paused") && event.text("reason") == Some("no_session"));
        ensure!(held, "the user is not told that the text is held");
        Ok(())
    }

    /// Waits until there is an answer. Over a server that takes time; in memory time is pretended to pass.
    pub(super) fn until<T>(&mut self, what: &str, ask: impl FnMut(&mut Self) -> Result<Option<T>>) -> Result<T> {
        let answer = self.within(PATIENCE, ROUNDS, ask)?;
        answer.with_context(|| format!("waited in vain for {what}"))
    }

    /// As [`until`](Self::until), not so long; `None` if there was no answer.
    pub(super) fn soon<T>(&mut self, ask: impl FnMut(&mut Self) -> Result<Option<T>>) -> Result<Option<T>> {
        self.within(PATIENCE / 5, ROUNDS / 4, ask)
    }

    fn within<T>(
        &mut self,
        patience: Duration,
        rounds: u64,
        mut ask: impl FnMut(&mut Self) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let began = Instant::now();
        for round in 0.. {
            self.settle()?;
            if let Some(answer) = ask(self)? {
                return Ok(Some(answer));
            }
            let over = if self.is_online() { began.elapsed() >= patience } else { round >= rounds };
            if over {
                break;
            }
            if self.is_online() {
                std::thread::sleep(INTERVAL);
            }
            self.poll()?;
        }
        Ok(None)
    }

    /// Lets timers run: in memory, a few seconds later than the last time.
    fn poll(&mut self) -> Result<()> {
        let mut poll = json!({"cmd": "poll"});
        if let Between::Wire(wire) = &mut self.between {
            poll = json!({"cmd": "poll", "now": wire.later(ROUND)});
        }
        for side in Side::BOTH {
            let there = side == Side::Them || !self.away;
            if there && (side == Side::Us || self.them.pipe().is_some()) {
                self.command(side, poll.clone())?;
            }
        }
        Ok(())
    }

    fn pipe(&mut self, side: Side) -> &mut Pipe {
        match (side, &mut self.them) {
            (Side::Them, Them::Pipe(pipe)) => pipe,
            _ => &mut self.us,
        }
    }

    fn command(&mut self, side: Side, mut command: Value) -> Result<()> {
        let online = self.is_online();
        let pipe = match (side, &mut self.them) {
            (Side::Them, Them::Pipe(pipe)) => pipe,
            _ => &mut self.us,
        };
        let name = command.get("cmd").and_then(Value::as_str).unwrap_or_default().to_owned();
        if online && !matches!(name.as_str(), "poll" | "quit") {
            command["to"] = json!(pipe.peer);
        }
        // Questions that are asked many times would drown the rest.
        let quiet = matches!(name.as_str(), "poll" | "state");
        if !quiet {
            let _ = writeln!(self.log, "{} < {}", side.name(), end::shorten(&command.to_string()));
        }
        let events = pipe.process.command(&command)?;
        for event in events {
            if !event.is("state") {
                let _ = writeln!(self.log, "{} > {}", side.name(), end::shorten(&format!("{event:?}")));
            }
            match (&mut self.between, event.is("inject")) {
                (Between::Wire(wire), true) => {
                    let line = event.text("msg").context("inject without msg")?.to_owned();
                    wire.put(side.other(), line, self.log);
                }
                _ => pipe.said.push(event),
            }
        }
        Ok(())
    }

    /// What must have arrived at a side, and what may have.
    pub(super) fn expected(&self, at: Side) -> (Vec<String>, &[String]) {
        let said = &self.said[at.other().index()];
        (said.iter().filter(|text| !self.doomed.contains(text)).cloned().collect(), &self.doomed)
    }

    /// What the world looked like when the cell failed.
    pub(super) fn last_words(&mut self) {
        let screen = match &mut self.them {
            Them::Program(program, _) => program.screen(),
            Them::Pipe(_) => String::new(),
        };
        if !screen.is_empty() {
            let _ = writeln!(self.log, "-- the peer shows:\n{screen}");
        }
        if let Between::Server(server) = &self.between {
            let words = server.log();
            let tail: String = words.chars().skip(words.chars().count().saturating_sub(3000)).collect();
            let _ = writeln!(self.log, "-- the server's log ends with:\n{tail}");
        }
    }
}
