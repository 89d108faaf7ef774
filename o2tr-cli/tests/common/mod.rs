//! Endpoints as real processes, with directories that outlive them.

#![allow(dead_code, reason = "each scenario uses its part")]

pub(crate) mod network;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use xtask::pipe::{Ended, Event, PipeProcess, Relay, Side};

/// How an endpoint of ours is started, again and again.
pub(crate) struct Endpoint {
    name: &'static str,
    peer: &'static str,
    directory: TempDir,
    options: Vec<String>,
    fault: Option<String>,
}

impl Endpoint {
    pub(crate) fn new(name: &'static str, peer: &'static str, options: &[&str]) -> Self {
        let options = options.iter().map(ToString::to_string).collect();
        Self { name, peer, directory: tempfile::tempdir().unwrap(), options, fault: None }
    }

    /// Its state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Dies there when it is started the next time.
    pub(crate) fn set_fault(&mut self, fault: Option<String>) {
        self.fault = fault;
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_o2tr"));
        command.args(["pipe", "--name", self.name, "--peer", self.peer, "--state"]).arg(self.state());
        command.args(&self.options);
        if let Some(fault) = &self.fault {
            command.env("O2TR_FAULT", fault);
        }
        command
    }

    pub(crate) fn start(&self) -> PipeProcess {
        self.try_start().unwrap()
    }

    pub(crate) fn try_start(&self) -> anyhow::Result<PipeProcess> {
        PipeProcess::spawn(self.name, &mut self.command())
    }

    /// It does not start: how it says so.
    pub(crate) fn refusal(&self) -> Ended {
        let error = self.try_start().expect_err("it starts");
        error.downcast().unwrap_or_else(|error| panic!("{error:?}"))
    }
}

/// A libotr process. It keeps its session in memory, as a plain OTR client does.
pub(crate) fn libotr(driver: &Path, name: &str, peer: &str, options: &[&str]) -> PipeProcess {
    let mut command = Command::new(driver);
    command.args(["--name", name, "--peer", peer]).args(options);
    PipeProcess::spawn(name, &mut command).unwrap()
}

/// Kills the endpoint of a side without a word, and starts it again on its directory.
pub(crate) fn kill_and_restart(relay: &mut Relay, side: Side, endpoint: &Endpoint) {
    kill(relay, side);
    drop(relay.replace(side, endpoint.start()));
}

/// Kills the endpoint of a side without a word: what was under way to it stays under way.
pub(crate) fn kill(relay: &mut Relay, side: Side) {
    relay.process(side).terminate().unwrap();
}

/// Starts a session from side A, and lets both say something.
pub(crate) fn begin(relay: &mut Relay) {
    relay.run(Side::A, &json!({"cmd": "query"})).unwrap();
    for side in [Side::A, Side::B] {
        assert_eq!(state(relay, side).text("state"), Some("encrypted"));
    }
    for (side, text) in [(Side::B, "hello"), (Side::A, "hi")] {
        let exchange = relay.run(side, &json!({"cmd": "send", "text": text})).unwrap();
        assert_eq!(exchange.texts(side.other()), [text], "{exchange:?}");
    }
}

pub(crate) fn state(relay: &mut Relay, side: Side) -> Event {
    let mut events = relay.command(side, &json!({"cmd": "state"})).unwrap();
    events.pop().unwrap()
}

pub(crate) fn send(relay: &mut Relay, side: Side, text: &str) -> Vec<Event> {
    relay.command(side, &json!({"cmd": "send", "text": text})).unwrap()
}

pub(crate) fn poll(relay: &mut Relay, side: Side) -> Vec<Event> {
    relay.command(side, &json!({"cmd": "poll"})).unwrap()
}

/// The texts among events, in order.
pub(crate) fn texts(events: &[Event]) -> Vec<String> {
    shown(events).into_iter().map(|(_, text)| text).collect()
}

/// Ids and texts among events, in order.
pub(crate) fn shown(events: &[Event]) -> Vec<(String, String)> {
    let shown = events.iter().filter(|event| event.is("plaintext"));
    shown.map(|event| (event.text("id").unwrap().to_owned(), event.text("text").unwrap().to_owned())).collect()
}

pub(crate) fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::kind).collect()
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}
