//! mcabber, by its FIFO: commands go in there, answers come out in its trace log, texts in its history.
//!
//! It writes to bare JIDs and takes another resource at each start. It has no switch for OTR versions. When the peer
//! ends the private conversation it is in clear text at once, so it is never [`OtrState::Finished`].

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use super::terminal::{Inside, Terminal};
use super::{ChatClient, OtrState, Smp, bare_fingerprint};
use crate::peers::{find_program, require_programs};
use crate::process::wait_until;
use crate::servers::Server;

/// Key generation included.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a question waits for its answer before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Of Linux: opening a FIFO that nobody reads fails instead of waiting.
const O_NONBLOCK: i32 = 0o4000;

/// A running mcabber.
#[derive(Debug)]
pub struct Mcabber {
    folder: TempDir,
    jid: String,
    terminal: Option<Terminal>,
}

impl Mcabber {
    /// Logs in, or returns `None` after saying that the calling test is skipped because a program is missing.
    ///
    /// # Errors
    ///
    /// It does not come up, or is missing although `CI` is `true`.
    pub fn require(server: &Server, account: &str) -> Result<Option<Self>> {
        if !require_programs(&["mcabber", "tmux", "setpriv"])? {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("o2tr-mcabber-").tempdir()?;
        std::fs::create_dir(folder.path().join("otr"))?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (host, port) = server.host_port();
        let configuration = format!(
            "set jid = {jid}\nset password = {password}\nset server = {host}\nset port = {port}\nset tls = 1\n\
             set ssl_ca = {ca}\nset otr = 1\nset otr_dir = {otr}/\notrpolicy default manual\n\
             set logging = 1\nset logging_dir = {history}/\nset tracelog_level = 1\nset tracelog_file = {trace}\n\
             set fifo_name = {fifo}\nmodule load fifo\n",
            jid = server.jid(account),
            password = server.password(account),
            ca = server.ca_file().display(),
            otr = path("otr"),
            history = path("history"),
            trace = path("trace"),
            fifo = path("fifo"),
        );
        std::fs::write(path("mcabberrc"), configuration)?;
        let mut client = Self { jid: server.jid(account), folder, terminal: None };
        client.restart()?;
        Ok(Some(client))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn trace(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path("trace")).unwrap_or_default()).into_owned()
    }

    fn command(&self, command: &str) -> Result<()> {
        let fifo = OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(self.path("fifo"));
        fifo.context("mcabber does not listen")?.write_all(format!("{command}\n").as_bytes())?;
        Ok(())
    }

    /// Gives a command and returns the first line after it that is an answer.
    fn ask(&self, command: &str, is_answer: impl Fn(&str) -> bool) -> Result<String> {
        let before = self.trace().len();
        let mut asked = None::<Instant>;
        let answer = wait_until(&format!("mcabber to answer {command:?}"), PATIENCE, || {
            // It may know nothing of a contact before the server has told it.
            if asked.is_none_or(|asked| asked.elapsed() > ASK_AGAIN) {
                self.command(command)?;
                asked = Some(Instant::now());
            }
            let trace = self.trace();
            let new = trace.get(before..).unwrap_or_default();
            // Each line begins with a date in brackets.
            let mut lines = new.lines().filter_map(|line| line.split_once("] ").map(|(_, rest)| rest));
            Ok(lines.find(|line| is_answer(line)).map(str::to_owned))
        });
        answer.with_context(|| self.trace())
    }

    /// The active fingerprint of the peer and whether it is trusted.
    fn active(&self, peer: &str) -> Result<Option<(String, bool)>> {
        let begins = format!("{peer} [");
        let is_answer = |line: &str| line.starts_with(&begins) || line.starts_with("No active fingerprint");
        let answer = self.ask(&format!("otr fingerprint {peer}"), is_answer)?;
        let Some(rest) = answer.strip_prefix(&begins) else { return Ok(None) };
        let (fingerprint, trust) = rest.split_once("]: ").with_context(|| format!("unknown answer {answer:?}"))?;
        Ok(Some((bare_fingerprint(fingerprint)?, trust.trim() == "trusted")))
    }
}

impl ChatClient for Mcabber {
    fn program(&self) -> &'static str {
        "mcabber"
    }

    fn jid(&self) -> &str {
        &self.jid
    }

    fn start_otr(&mut self, peer: &str) -> Result<()> {
        // A contact that it does not know yet it would silently not ask.
        self.otr_state(peer)?;
        self.command(&format!("otr start {peer}"))
    }

    fn end_otr(&mut self, peer: &str) -> Result<()> {
        self.command(&format!("otr stop {peer}"))
    }

    fn send(&mut self, peer: &str, text: &str) -> Result<()> {
        self.command(&format!("say_to -q {peer} {text}"))
    }

    fn received(&mut self, peer: &str) -> Result<Vec<String>> {
        let history = std::fs::read(self.path("history").join(peer)).unwrap_or_default();
        Ok(received(&String::from_utf8_lossy(&history)))
    }

    fn otr_state(&mut self, peer: &str) -> Result<OtrState> {
        let begins = format!("{peer}: ");
        let answer = self.ask(&format!("otr info {peer}"), |line| line.starts_with(&begins))?;
        match answer.strip_prefix(&begins).and_then(|rest| rest.split_whitespace().next()) {
            Some("plaintext") => Ok(OtrState::Plain),
            Some("finished") => Ok(OtrState::Finished),
            Some("encrypted") => {
                let trusted = self.active(peer)?.is_some_and(|(_, trusted)| trusted);
                Ok(if trusted { OtrState::Verified } else { OtrState::Unverified })
            }
            _ => bail!("unknown answer {answer:?}"),
        }
    }

    fn fingerprint(&mut self) -> Result<String> {
        let begins = format!("{}: ", self.jid);
        let answer = self.ask("otr key", |line| line.starts_with(&begins))?;
        bare_fingerprint(answer.strip_prefix(&begins).unwrap_or_default())
    }

    fn peer_fingerprint(&mut self, peer: &str) -> Result<Option<String>> {
        Ok(self.active(peer)?.map(|(fingerprint, _)| fingerprint))
    }

    fn trust(&mut self, peer: &str) -> Result<()> {
        let (fingerprint, _) = self.active(peer)?.context("no private conversation")?;
        let shown: Vec<&str> = (0..5).filter_map(|group| fingerprint.get(group * 8..group * 8 + 8)).collect();
        self.command(&format!("otr fingerprint {peer} {}", shown.join(" ")))
    }

    fn ask_smp(&mut self, peer: &str, question: Option<&str>, secret: &str) -> Result<()> {
        if question.is_some() {
            bail!("mcabber asks no questions");
        }
        self.command(&format!("otr smpq {peer} {secret}"))
    }

    fn answer_smp(&mut self, peer: &str, secret: &str) -> Result<()> {
        self.command(&format!("otr smpr {peer} {secret}"))
    }

    fn smp(&mut self, peer: &str) -> Result<Smp> {
        let search = format!("roster search {peer}");
        self.ask(&search, |line| line.ends_with(&search))?;
        let terminal = self.terminal.as_ref().context("mcabber is not running")?;
        // In the window of the conversation, with an empty line: it shows the conversation.
        terminal.key("Enter")?;
        Ok(smp(&terminal.screen()?))
    }

    fn screen(&mut self) -> String {
        let screen = self.terminal.as_ref().and_then(|terminal| terminal.screen().ok());
        screen.unwrap_or_default() + &self.trace()
    }

    fn kill(&mut self) -> Result<()> {
        self.terminal.take().map_or(Ok(()), Terminal::kill)
    }

    fn restart(&mut self) -> Result<()> {
        self.kill()?;
        for left_over in ["fifo", "trace"] {
            let _ = std::fs::remove_file(self.path(left_over));
        }
        // Only what comes from now on is to be seen.
        let _ = std::fs::remove_dir_all(self.path("history"));
        std::fs::create_dir(self.path("history"))?;
        let inside = Inside {
            program: &find_program("mcabber").context("mcabber is not installed")?,
            arguments: &["-f", "mcabberrc"],
            environment: &[("HOME", &self.folder.path().display().to_string())],
            // So high that a conversation does not scroll away.
            size: (160, 300),
        };
        let terminal = Terminal::start(self.folder.path(), &inside)?;
        let online = wait_until("mcabber to be online", PATIENCE, || {
            if !terminal.is_running() {
                bail!("it has ended");
            }
            Ok(self.trace().contains("Your status has been set").then_some(()))
        });
        online.with_context(|| terminal.screen().unwrap_or_default() + &self.trace())?;
        self.terminal = Some(terminal);
        Ok(())
    }
}

/// The received texts of a history: `MR DATE LINES TEXT`, where as many lines as said belong to the text as well.
fn received(history: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut lines = history.lines();
    while let Some(line) = lines.next() {
        let mut words = line.splitn(4, ' ');
        let (kind, _date, more, text) = (words.next(), words.next(), words.next(), words.next());
        let mut text = text.unwrap_or_default().to_owned();
        for _ in 0..more.and_then(|more| more.parse().ok()).unwrap_or(0) {
            text.push('\n');
            text.push_str(lines.next().unwrap_or_default());
        }
        if kind == Some("MR") {
            texts.push(text);
        }
    }
    texts
}

/// The state after the last line about SMP.
fn smp(screen: &str) -> Smp {
    let last = screen.lines().filter_map(|line| line.split_once("Socialist Millionaires' Protocol")).next_back();
    match last.map(|(_, rest)| rest.trim_start_matches([':', ' '])) {
        None => Smp::None,
        Some(words) if words.starts_with("Received SMP Initiation") => Smp::Asked(None),
        Some(words) if words.starts_with("Success") => Smp::Succeeded,
        Some(words) if words.starts_with("initiated") || words.starts_with("response sent") => Smp::Running,
        Some(words) if words.starts_with("Negotiation is in") => Smp::Running,
        Some(_) => Smp::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_texts_of_several_lines() {
        let history = "SO 20261124T13:51:30Z 000 \nMS 20261124T13:51:47Z 000 mine\n\
                       MR 20261124T13:51:48Z 001 first\nMR second\nMR 20261124T13:51:49Z 000 \n";
        assert_eq!(received(history), ["first\nMR second", ""]);
    }
}
