//! Endpoints that log in to a real server by themselves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::pipe::{Ended, Event, PipeProcess};
use xtask::servers::Server;

/// How long something that must happen may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A device of an account: how its program is started, again and again.
pub(crate) struct Device {
    account: String,
    directory: TempDir,
    arguments: Vec<String>,
    fault: Option<String>,
}

impl Device {
    /// A device of an account of the server; `options` are further ones of the command line.
    pub(crate) fn new(server: &Server, account: &str, options: &[&str]) -> Self {
        let (host, port) = server.host_port();
        Self::at(server, account, &format!("{host}:{port}"), options)
    }

    /// As [`new`](Self::new), through another address.
    pub(crate) fn at(server: &Server, account: &str, place: &str, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let password = directory.path().join("password");
        write_private(&password, &format!("{}\n", server.password(account)));
        let ca = server.ca_file();
        let mut arguments = vec!["--xmpp".to_owned(), server.jid(account), "--server".to_owned(), place.to_owned()];
        arguments.extend(["--ca".to_owned(), path(&ca), "--password-file".to_owned(), path(&password)]);
        arguments.extend(options.iter().map(ToString::to_string));
        Self { account: account.to_owned(), directory, arguments, fault: None }
    }

    /// Its state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// The file with its password.
    pub(crate) fn password(&self) -> PathBuf {
        self.directory.path().join("password")
    }

    /// Where the lines that leave are noted.
    pub(crate) fn trace(&self) -> PathBuf {
        self.directory.path().join("trace")
    }

    /// The lines that left, in order.
    pub(crate) fn traced(&self) -> Vec<String> {
        fs::read_to_string(self.trace()).unwrap().lines().map(str::to_owned).collect()
    }

    /// Dies there when it is started the next time.
    pub(crate) fn set_fault(&mut self, fault: Option<String>) {
        self.fault = fault;
    }

    /// A command of the program with the options that log in.
    pub(crate) fn command(&self, task: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_o2tr"));
        command.arg(task).args(&self.arguments);
        if !self.arguments.iter().any(|argument| argument == "--memory") {
            command.arg("--state").arg(self.state());
        }
        command.env("O2TR_TRACE", self.trace());
        if let Some(fault) = &self.fault {
            command.env("O2TR_FAULT", fault);
        }
        command
    }

    /// Starts it as a pipe.
    pub(crate) fn start(&self) -> Talker {
        let process = PipeProcess::spawn(&self.account, &mut self.command("pipe")).unwrap();
        Talker { process, seen: Vec::new() }
    }

    /// Starts it and waits until what waited at the server has been read.
    pub(crate) fn log_in(&self) -> Talker {
        let mut talker = self.start();
        talker.wait("online");
        talker.wait("caught_up");
        talker
    }
}

/// A running pipe with a network inside.
pub(crate) struct Talker {
    pub(crate) process: PipeProcess,
    /// Everything it said and was not looked for.
    seen: Vec<Event>,
}

impl Talker {
    /// Gives a command; its events are among those to look for.
    pub(crate) fn command(&mut self, command: &Value) {
        self.try_command(command).unwrap();
    }

    pub(crate) fn try_command(&mut self, command: &Value) -> Result<(), Ended> {
        match self.process.command(command) {
            Ok(events) => {
                self.seen.extend(events);
                Ok(())
            }
            Err(error) => {
                let mut ended: Ended = error.downcast().unwrap_or_else(|error| panic!("{error:?}"));
                let early = std::mem::take(&mut self.seen);
                ended.events.splice(..0, early);
                Err(ended)
            }
        }
    }

    /// What a command says besides what happened by itself.
    pub(crate) fn ask(&mut self, command: &Value, kind: &str) -> Event {
        self.command(command);
        let at = self.seen.iter().rposition(|event| event.is(kind)).unwrap();
        self.seen.remove(at)
    }

    pub(crate) fn state(&mut self, with: &str) -> Event {
        self.ask(&json!({"cmd": "state", "to": with}), "state")
    }

    pub(crate) fn send(&mut self, to: &str, text: &str) {
        self.command(&json!({"cmd": "send", "to": to, "text": text, "id": text}));
    }

    /// The next event of a kind, among those not looked for yet.
    pub(crate) fn wait(&mut self, kind: &str) -> Event {
        self.wait_until(kind, |event| event.is(kind))
    }

    /// The next event that fits. The process is asked for its state in between, for it speaks when it is spoken to.
    pub(crate) fn wait_until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        match self.try_wait_until(what, wanted) {
            Ok(event) => event,
            Err(ended) => panic!("waiting for {what}: {ended}"),
        }
    }

    pub(crate) fn try_wait_until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Result<Event, Ended> {
        let began = Instant::now();
        loop {
            if let Some(at) = self.seen.iter().position(&wanted) {
                return Ok(self.seen.remove(at));
            }
            assert!(began.elapsed() < PATIENCE, "no {what} among {:#?}", self.seen);
            self.try_command(&json!({"cmd": "poll"}))?;
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The next texts, in order.
    pub(crate) fn texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.wait("plaintext").text("text").unwrap().to_owned()).collect()
    }

    /// Everything that was said and not looked for, after some more time.
    pub(crate) fn rest(&mut self) -> &[Event] {
        for _ in 0..20 {
            self.command(&json!({"cmd": "poll"}));
            std::thread::sleep(Duration::from_millis(50));
        }
        &self.seen
    }

    /// Kills it without a word. Returns what it had said.
    pub(crate) fn kill(self) -> Vec<Event> {
        let Self { process, seen } = self;
        process.kill().unwrap();
        seen
    }

    /// Waits for it to end by itself.
    pub(crate) fn end(mut self) -> Ended {
        self.try_wait_until("the end", |_| false).unwrap_err()
    }
}

/// Starts a session from `a`; both are logged in.
pub(crate) fn encrypt(a: &mut Talker, with: &str, b: &mut Talker) {
    a.command(&json!({"cmd": "query", "to": with}));
    a.wait("encrypted");
    b.wait("encrypted");
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

pub(crate) fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
