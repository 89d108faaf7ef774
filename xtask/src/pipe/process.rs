//! Starting an endpoint, talking to it, ending it.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use super::Event;

/// How long a command may take unless [`PipeProcess::set_timeout`] says otherwise. Generous: a machine that
/// builds something beside the tests makes key generation slow.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How often a process that should end is looked at.
const EXIT_POLL: Duration = Duration::from_millis(5);

/// A running endpoint. Dropping it kills the process.
#[derive(Debug)]
pub struct PipeProcess {
    label: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Result<Event>>,
    stderr: Option<JoinHandle<String>>,
    ready: Event,
    timeout: Duration,
}

/// An endpoint's process has ended: before `ready`, which is a refused start, or in the midst of a command.
#[derive(Debug)]
pub struct Ended {
    /// The name the test gave to the endpoint.
    pub label: String,
    /// The exit status; `None` when a signal ended the process.
    pub status: Option<i32>,
    /// What it said since the last command.
    pub events: Vec<Event>,
    /// Its words on standard error.
    pub stderr: String,
}

impl PipeProcess {
    /// Starts an endpoint and waits until it says `ready`. `label` names it in errors.
    ///
    /// # Errors
    ///
    /// The program cannot be started, does not answer in time, or refuses: then the error is [`Ended`].
    pub fn spawn(label: &str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{label}: cannot start {}", command.get_program().display()))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().with_context(|| format!("{label}: no stdout"))?;
        let stderr = child.stderr.take().with_context(|| format!("{label}: no stderr"))?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let event = line.map_err(anyhow::Error::from).and_then(|line| Event::parse(&line));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let mut stderr = stderr;
            // What was read before an error is still worth showing.
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut process = Self {
            label: label.to_owned(),
            child,
            stdin,
            lines,
            stderr: Some(stderr),
            ready: Event::parse(r#"{"ev":"ready"}"#)?, // replaced below by what it really says
            timeout: TIMEOUT,
        };
        process.ready = process.await_ready()?;
        Ok(process)
    }

    /// The `ready` event.
    #[must_use]
    pub fn ready(&self) -> &Event {
        &self.ready
    }

    /// The name given at [`PipeProcess::spawn`].
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How long a command may take from now on.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Gives a command and returns every event up to its `done`, which is left out.
    ///
    /// # Errors
    ///
    /// The process ended (then the error is [`Ended`]), said something that is no event, answered another
    /// command or took too long. The error names the events so far. An `error` *event* is an event like any other.
    pub fn command(&mut self, command: &Value) -> Result<Vec<Event>> {
        let (events, done) = self.exchange(&command.to_string())?;
        if done.get("cmd") != command.get("cmd") {
            bail!("{}: asked {command}, answered {done:?} after {events:?}", self.label);
        }
        Ok(events)
    }

    /// Sends any line, also one that is no command, and returns every event up to the next `done`.
    ///
    /// # Errors
    ///
    /// As [`PipeProcess::command`].
    pub fn raw_line(&mut self, line: &str) -> Result<Vec<Event>> {
        self.exchange(line).map(|(events, _)| events)
    }

    /// Waits for an event that comes by itself, from a timer or a network inside the endpoint. Returns what
    /// came before it, and it.
    ///
    /// # Errors
    ///
    /// As [`PipeProcess::command`].
    pub fn wait_for(&mut self, kind: &str) -> Result<(Vec<Event>, Event)> {
        self.collect("wait", kind)
    }

    /// Says `quit` and waits for the end.
    ///
    /// # Errors
    ///
    /// The process does not end in time.
    pub fn quit(mut self) -> Result<ExitStatus> {
        self.command(&serde_json::json!({"cmd": "quit"}))?;
        self.await_exit()
    }

    /// Closes standard input, which means the same as `quit`, and waits for the end.
    ///
    /// # Errors
    ///
    /// The process does not end in time.
    pub fn close(mut self) -> Result<ExitStatus> {
        self.stdin = None;
        self.await_exit()
    }

    /// Kills the process with a signal it cannot catch, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// The signal cannot be sent.
    pub fn kill(mut self) -> Result<()> {
        self.terminate()
    }

    /// As [`PipeProcess::kill`], for one that stands in a [`Relay`](super::Relay): what takes its place may need
    /// what it held.
    ///
    /// # Errors
    ///
    /// The signal cannot be sent.
    pub fn terminate(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("{}: kill", self.label))?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends the process a signal, by its number.
    ///
    /// # Errors
    ///
    /// There is no `kill`, or the process is gone.
    pub fn signal(&self, number: u8) -> Result<()> {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{number}"), &pid]).status().context("kill")?;
        if status.success() { Ok(()) } else { bail!("{}: kill: {status}", self.label) }
    }

    fn exchange(&mut self, line: &str) -> Result<(Vec<Event>, Event)> {
        let stdin = self.stdin.as_mut().with_context(|| format!("{}: standard input is closed", self.label))?;
        // If it has ended already, what it said before is still to be read.
        let _ = stdin.write_all(format!("{line}\n").as_bytes());
        self.collect(line, "done")
    }

    /// Reads up to the event `last`; returns what came before it, and it.
    fn collect(&mut self, context: &str, last: &str) -> Result<(Vec<Event>, Event)> {
        let deadline = Instant::now() + self.timeout;
        let mut events = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Ok(event)) if event.is(last) => return Ok((events, event)),
                Ok(Ok(event)) => events.push(event),
                Ok(Err(error)) => return Err(error.context(format!("{}: {context}", self.label))),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{}: no `{last}` within {:?} to {context}; so far {events:?}", self.label, self.timeout)
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended(events)),
            }
        }
    }

    fn await_ready(&mut self) -> Result<Event> {
        let (early, ready) = self.collect("start", "ready")?;
        if !early.is_empty() {
            bail!("{}: said {early:?} before `ready`", self.label);
        }
        Ok(ready)
    }

    /// What is known about a process whose output has ended.
    fn ended(&mut self, events: Vec<Event>) -> anyhow::Error {
        let status = match self.await_exit() {
            Ok(status) => status.code(),
            Err(error) => return error,
        };
        let stderr = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        anyhow!(Ended { label: self.label.clone(), status, events, stderr })
    }

    fn await_exit(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + self.timeout;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(EXIT_POLL);
        }
        bail!("{}: still running {:?} after its end", self.label, self.timeout)
    }
}

impl Drop for PipeProcess {
    fn drop(&mut self) {
        // Fails only for a process that is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, status, events, stderr } = self;
        write!(f, "{label}: ended with status {status:?} after {events:?}; standard error: {stderr}")
    }
}

impl std::error::Error for Ended {}
