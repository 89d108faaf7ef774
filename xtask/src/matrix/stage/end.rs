//! An endpoint: a process that speaks the pipe language, or a chat program.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use xtask::clients::{ChatClient, OtrState, Smp};
use xtask::pipe::{Event, PipeProcess};

/// The longest line of a log, in characters: an armoured message says nothing to its reader.
const LONGEST: usize = 180;

/// A process, ours or that of a driver.
pub(super) struct Pipe {
    pub(super) process: PipeProcess,
    /// The address of the other one.
    pub(super) peer: &'static str,
    /// Everything it said since the cell began, restarts included; lines under way left out.
    pub(super) said: Vec<Event>,
    /// What was said before belongs to another comparison of secrets.
    smp_from: usize,
}

/// The peer.
pub(super) enum Them {
    Pipe(Pipe),
    /// A program, and our address.
    Program(Box<dyn ChatClient>, &'static str),
}

/// How private a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Privacy {
    Clear,
    Private,
    Finished,
}

/// How far a comparison of secrets is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Comparison {
    None,
    Asked,
    Running,
    Same,
    Different,
}

/// A text that was shown.
#[derive(Clone, Debug)]
pub(in super::super) struct Shown {
    pub(in super::super) text: String,
    /// Where it came from; programs do not say.
    pub(in super::super) provenance: Option<String>,
    /// Whether it was said to be encrypted.
    pub(in super::super) encrypted: Option<bool>,
}

impl Pipe {
    pub(super) const fn new(process: PipeProcess, peer: &'static str) -> Self {
        Self { process, peer, said: Vec::new(), smp_from: 0 }
    }

    pub(super) fn privacy(&mut self) -> Result<Privacy> {
        let at = self.said.iter().rposition(|event| event.is("state")).context("no state in the answer")?;
        let state = self.said.remove(at);
        self.smp_from = self.smp_from.min(self.said.len());
        match state.text("state") {
            Some("plaintext") => Ok(Privacy::Clear),
            Some("encrypted") => Ok(Privacy::Private),
            Some("finished") => Ok(Privacy::Finished),
            _ => bail!("unknown state in {state:?}"),
        }
    }

    pub(super) fn shown(&self) -> Vec<Shown> {
        let mut ids = BTreeSet::new();
        let texts = self.said.iter().filter(|event| event.is("plaintext"));
        // The same id again is the same text again, after a restart.
        let texts = texts.filter(|event| event.text("id").is_none_or(|id| ids.insert(id.to_owned())));
        texts
            .map(|event| Shown {
                text: event.text("text").unwrap_or_default().to_owned(),
                provenance: event.text("provenance").map(str::to_owned),
                encrypted: event.flag("encrypted"),
            })
            .collect()
    }

    pub(super) fn forget_smp(&mut self) {
        self.smp_from = self.said.len();
    }

    pub(super) fn comparison(&self) -> Comparison {
        let since = self.said.iter().skip(self.smp_from);
        let mut results = since.filter(|event| event.is("smp")).filter_map(|event| event.text("result"));
        match results.next_back() {
            None => Comparison::None,
            Some("ask_secret" | "ask_answer") => Comparison::Asked,
            Some("in_progress") => Comparison::Running,
            Some("ok") => Comparison::Same,
            Some(_) => Comparison::Different,
        }
    }

    pub(super) fn fingerprint(&self) -> String {
        self.process.ready().text("fingerprint").unwrap_or_default().to_uppercase()
    }

    pub(super) fn peer_fingerprint(&self) -> String {
        let secure = |event: &&Event| event.is("encrypted") || event.is("still_encrypted");
        let last = self.said.iter().rfind(secure).and_then(|event| event.text("fingerprint"));
        last.unwrap_or_default().to_uppercase()
    }

    pub(super) fn has(&self, mark: usize, kind: &str) -> bool {
        self.said.iter().skip(mark).any(|event| event.is(kind))
    }

    /// Whether the last word about the peer's presence is that it is there.
    pub(super) fn sees(&self, mark: usize) -> bool {
        let since = self.said.get(mark..).unwrap_or_default();
        let last = since.iter().rfind(|event| event.is("presence") && event.text("peer") == Some(self.peer));
        last.and_then(|event| event.flag("online")).unwrap_or(false)
    }
}

impl Them {
    pub(super) fn pipe(&mut self) -> Option<&mut Pipe> {
        match self {
            Self::Pipe(pipe) => Some(pipe),
            Self::Program(..) => None,
        }
    }
}

impl Shown {
    pub(super) const fn bare(text: String) -> Self {
        Self { text, provenance: None, encrypted: None }
    }
}

impl From<OtrState> for Privacy {
    fn from(state: OtrState) -> Self {
        match state {
            OtrState::Plain => Self::Clear,
            OtrState::Unverified | OtrState::Verified => Self::Private,
            OtrState::Finished => Self::Finished,
        }
    }
}

impl From<Smp> for Comparison {
    fn from(smp: Smp) -> Self {
        match smp {
            Smp::None => Self::None,
            Smp::Asked(_) => Self::Asked,
            Smp::Running => Self::Running,
            Smp::Succeeded => Self::Same,
            Smp::Failed => Self::Different,
        }
    }
}

/// A line of the log, cut where it becomes long.
pub(super) fn shorten(line: &str) -> String {
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    let head: String = line.chars().take(LONGEST).collect();
    format!("{head}… ({} bytes)", line.len())
}
