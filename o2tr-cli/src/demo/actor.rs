//! A person: `o2tr pipe` as a process of its own, which can really be killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::timeline::Person;

/// How the processes of an act are started.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    /// A directory for everything that outlives a process.
    pub(super) directory: PathBuf,
    /// Keys are stored there; otherwise only identities are, as plain OTR clients do.
    pub(super) keeps_keys: bool,
    pub(super) threshold: u32,
}

/// A running process.
#[derive(Debug)]
pub(super) struct Actor {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    pub(super) ready: Value,
}

impl Actor {
    /// Starts the process, again if it was there before.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(who: Person, cast: &Cast) -> Result<Self> {
        let program = std::env::current_exe().context("this program does not know where it is")?;
        let mut command = Command::new(program);
        command.args(["pipe", "--name", who.account(), "--peer", who.other().account(), "--policy", "v3"]);
        command.args(["--threshold", &cast.threshold.to_string()]);
        place(&mut command, who, cast);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} does not start", who.name()))?;
        let stdin = child.stdin.take().context("no standard input")?;
        let stdout = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut actor = Self { child, stdin, stdout, ready: Value::Null };
        actor.ready = actor.next()?;
        if actor.ready["ev"] != "ready" {
            bail!("{} does not start: {}", who.name(), actor.ready["msg"]);
        }
        Ok(actor)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Gives a command; returns the events up to its end.
    ///
    /// # Errors
    /// The process is gone.
    pub(super) fn command(&mut self, command: &Value) -> Result<Vec<Value>> {
        writeln!(self.stdin, "{command}")?;
        self.stdin.flush()?;
        let mut events = Vec::new();
        loop {
            let event = self.next()?;
            if event["ev"] == "done" {
                return Ok(events);
            }
            events.push(event);
        }
    }

    /// Ends the process by SIGKILL: it cannot write a last word.
    ///
    /// # Errors
    /// The signal cannot be sent.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Lets the process end by itself.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn quit(mut self) -> Result<()> {
        self.command(&json!({"cmd": "quit"}))?;
        self.child.wait()?;
        Ok(())
    }

    fn next(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            bail!("a process of the demo has ended by itself");
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn place(command: &mut Command, who: Person, cast: &Cast) {
    let file = |name: &str| -> PathBuf { Path::new(&cast.directory).join(format!("{}.{name}", who.account())) };
    if cast.keeps_keys {
        command.arg("--state").arg(file("state"));
    } else {
        command.arg("--memory").arg("--libotr-key").arg(file("key")).arg("--libotr-instag").arg(file("tags"));
    }
}
