//! All ends that were ever reached, and what becomes of each by each input, computed once.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use simulate::invariants::Violation;

use crate::digest::Digest;
use crate::end::End;
use crate::scope::Frame;
use crate::step::{Also, Input, Line, Outcome, Turn, step};

/// The number of an end.
pub(crate) type EndId = u32;
/// The number of a line.
pub(crate) type LineId = u32;

/// An input by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Given {
    Start,
    Send,
    Deliver(LineId, bool),
    Forged(LineId),
    Tick,
    Pause,
    CaughtUp,
    Presence(bool),
    Crash,
    Restore,
}

/// What has come of an input, by numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) end: EndId,
    pub(crate) lines: Box<[LineId]>,
    pub(crate) claims: Box<[String]>,
}

/// What comes of an input, by where the process dies; the n-th death is behind the n-th output.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) done: Came,
    pub(crate) deaths: Vec<Came>,
}

pub(crate) type Known = Result<Option<Rc<Answer>>, Violation>;

/// All ends and lines, and what was computed of them.
pub(crate) struct Ends {
    pub(crate) frame: Frame,
    ends: Vec<End>,
    by_digest: HashMap<Digest, EndId>,
    lines: Vec<Line>,
    by_line: HashMap<Line, LineId>,
    answers: HashMap<(EndId, Given), Known>,
    /// How often an engine was given an input.
    pub(crate) turns: u64,
    /// Processes can die.
    deaths: bool,
}

impl Ends {
    pub(crate) fn new(frame: Frame, deaths: bool) -> Self {
        Self {
            frame,
            deaths,
            ends: Vec::new(),
            by_digest: HashMap::new(),
            lines: Vec::new(),
            by_line: HashMap::new(),
            answers: HashMap::new(),
            turns: 0,
        }
    }

    /// How many different ends there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn end(&self, id: EndId) -> Option<&End> {
        self.ends.get(id as usize)
    }

    pub(crate) fn line(&self, id: LineId) -> Option<&Line> {
        self.lines.get(id as usize)
    }

    pub(crate) fn add_end(&mut self, end: End) -> EndId {
        let digest = end.digest();
        if let Some(id) = self.by_digest.get(&digest) {
            return *id;
        }
        let id = EndId::try_from(self.ends.len()).unwrap_or(EndId::MAX);
        self.ends.push(end);
        self.by_digest.insert(digest, id);
        id
    }

    pub(crate) fn add_line(&mut self, line: Line) -> LineId {
        if let Some(id) = self.by_line.get(&line) {
            return *id;
        }
        let id = LineId::try_from(self.lines.len()).unwrap_or(LineId::MAX);
        self.by_line.insert(line.clone(), id);
        self.lines.push(line);
        id
    }

    /// What becomes of an end by an input; `None` if the input makes no sense there.
    pub(crate) fn ask(&mut self, end: EndId, given: Given) -> Known {
        if let Some(known) = self.answers.get(&(end, given)) {
            return known.clone();
        }
        let also = if self.deaths { Also::Deaths } else { Also::Nothing };
        let answer = match self.compute(end, given, also) {
            Ok(Some(Turn { done, deaths, story: _ })) => {
                let done = self.number(done);
                let deaths = deaths.into_iter().map(|death| self.number(death)).collect();
                Ok(Some(Rc::new(Answer { done, deaths })))
            }
            Ok(None) => Ok(None),
            Err(violation) => Err(violation),
        };
        self.answers.insert((end, given), answer.clone());
        answer
    }

    /// What happens in a turn, in words.
    pub(crate) fn tell(&mut self, end: EndId, given: Given) -> Vec<String> {
        match self.compute(end, given, Also::Story) {
            Ok(Some(turn)) => turn.story,
            Ok(None) => Vec::new(),
            Err(violation) => vec![violation.to_string()],
        }
    }

    fn compute(&mut self, end: EndId, given: Given, also: Also) -> Result<Option<Turn>, Violation> {
        self.turns += 1;
        let Some(end) = self.ends.get(end as usize) else { return Ok(None) };
        let line = |id: LineId| self.lines.get(id as usize);
        let input = match given {
            Given::Start => Input::Start,
            Given::Send => Input::Send,
            Given::Deliver(id, late) => match line(id) {
                Some(line) => Input::Deliver(line, late),
                None => return Ok(None),
            },
            Given::Forged(id) => match line(id) {
                Some(line) => Input::Forged(line),
                None => return Ok(None),
            },
            Given::Tick => Input::Tick,
            Given::Pause => Input::Pause,
            Given::CaughtUp => Input::CaughtUp,
            Given::Presence(there) => Input::Presence(there),
            Given::Crash => Input::Crash,
            Given::Restore => Input::Restore,
        };
        let frame = &self.frame;
        catch_unwind(AssertUnwindSafe(|| step(frame, end, &input, also)))
            .unwrap_or_else(|_| Err(Violation::new(0, "a panic")))
    }

    fn number(&mut self, outcome: Outcome) -> Came {
        let Outcome { end, lines, claims } = outcome;
        let end = self.add_end(end);
        let lines = lines.into_iter().map(|line| self.add_line(line)).collect();
        Came { end, lines, claims: claims.into() }
    }
}
