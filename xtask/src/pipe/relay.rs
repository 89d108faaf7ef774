//! The network between two endpoints, in the hands of the test.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{Event, PipeProcess};

/// More lines than any test exchanges before silence: two endpoints that answer each other for ever stop here.
const MAX_LINES: usize = 10_000;

/// One of the two endpoints of a [`Relay`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first endpoint.
    A,
    /// The second endpoint.
    B,
}

impl Side {
    /// The endpoint at the other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What both endpoints said, `inject` left out, each in its own order.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// The events of the first endpoint.
    pub a: Vec<Event>,
    /// The events of the second endpoint.
    pub b: Vec<Event>,
}

/// Two endpoints and the lines under way between them.
#[derive(Debug)]
pub struct Relay {
    a: PipeProcess,
    b: PipeProcess,
    to_a: VecDeque<String>,
    to_b: VecDeque<String>,
}

impl Relay {
    /// Connects two endpoints by two empty queues.
    #[must_use]
    pub fn new(a: PipeProcess, b: PipeProcess) -> Self {
        Self { a, b, to_a: VecDeque::new(), to_b: VecDeque::new() }
    }

    /// One of the endpoints.
    pub fn process(&mut self, side: Side) -> &mut PipeProcess {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    /// The lines on their way to an endpoint, oldest first: drop, repeat, reorder or alter them here.
    pub fn pending(&mut self, to: Side) -> &mut VecDeque<String> {
        match to {
            Side::A => &mut self.to_a,
            Side::B => &mut self.to_b,
        }
    }

    /// Puts another process in an endpoint's place, after a restart; the lines under way stay.
    ///
    /// Returns the process that stood there.
    pub fn replace(&mut self, side: Side, process: PipeProcess) -> PipeProcess {
        std::mem::replace(self.process(side), process)
    }

    /// Gives a command to one endpoint: its lines are queued, its other events are returned.
    ///
    /// # Errors
    ///
    /// As [`PipeProcess::command`]; an `inject` without `msg`.
    pub fn command(&mut self, side: Side, command: &Value) -> Result<Vec<Event>> {
        let (lines, others): (Vec<Event>, Vec<Event>) =
            self.process(side).command(command)?.into_iter().partition(|event| event.is("inject"));
        for line in lines {
            let line = line.text("msg").with_context(|| format!("inject without msg: {line:?}"))?.to_owned();
            self.pending(side.other()).push_back(line);
        }
        Ok(others)
    }

    /// Delivers the oldest line to an endpoint; `None` when there is none.
    ///
    /// # Errors
    ///
    /// As [`Relay::command`].
    pub fn deliver(&mut self, to: Side) -> Result<Option<Vec<Event>>> {
        match self.pending(to).pop_front() {
            Some(line) => self.command(to, &json!({"cmd": "recv", "msg": line})).map(Some),
            None => Ok(None),
        }
    }

    /// Delivers in turn until no line is under way.
    ///
    /// # Errors
    ///
    /// As [`Relay::command`]; the endpoints do not fall silent.
    pub fn settle(&mut self) -> Result<Exchange> {
        let mut exchange = Exchange::default();
        for _ in 0..MAX_LINES {
            let to_b = self.deliver(Side::B)?;
            let to_a = self.deliver(Side::A)?;
            if to_a.is_none() && to_b.is_none() {
                return Ok(exchange);
            }
            exchange.a.extend(to_a.into_iter().flatten());
            exchange.b.extend(to_b.into_iter().flatten());
        }
        bail!("the endpoints are not silent after {MAX_LINES} lines")
    }

    /// Gives a command and lets everything settle that comes of it.
    ///
    /// # Errors
    ///
    /// As [`Relay::settle`].
    pub fn run(&mut self, side: Side, command: &Value) -> Result<Exchange> {
        let mut own = self.command(side, command)?;
        let mut exchange = self.settle()?;
        let later = exchange.side_mut(side);
        own.append(later);
        *later = own;
        Ok(exchange)
    }

    /// Ends both endpoints by `quit`.
    ///
    /// # Errors
    ///
    /// One of them does not end, or not with status 0.
    pub fn quit(self) -> Result<()> {
        for process in [self.a, self.b] {
            let label = process.label().to_owned();
            let status = process.quit()?;
            if !status.success() {
                bail!("{label}: {status}");
            }
        }
        Ok(())
    }
}

impl Exchange {
    /// The events of one endpoint.
    #[must_use]
    pub fn side(&self, side: Side) -> &[Event] {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// The only event of that name at that endpoint.
    ///
    /// # Errors
    ///
    /// There is none, or more than one.
    pub fn only(&self, side: Side, kind: &str) -> Result<&Event> {
        let mut matching = self.side(side).iter().filter(|event| event.is(kind));
        match (matching.next(), matching.next()) {
            (Some(event), None) => Ok(event),
            _ => bail!("not exactly one `{kind}` at {side:?} in {self:?}"),
        }
    }

    /// The texts an endpoint has shown, in order.
    #[must_use]
    pub fn texts(&self, side: Side) -> Vec<&str> {
        self.side(side).iter().filter(|event| event.is("plaintext")).filter_map(|event| event.text("text")).collect()
    }

    /// The names of an endpoint's events, in order.
    #[must_use]
    pub fn kinds(&self, side: Side) -> Vec<&str> {
        self.side(side).iter().map(Event::kind).collect()
    }

    fn side_mut(&mut self, side: Side) -> &mut Vec<Event> {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}
