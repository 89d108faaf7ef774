//! profanity, by its keyboard and its screen; texts are read from its chat log.
//!
//! It speaks OTR version 2 only, takes a fixed resource, resumes streams (XEP-0198), and when the peer goes offline it
//! ends the private conversation and sends in clear text from then on. It is told to trust the server's certificate.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use super::terminal::{Inside, Terminal};
use super::{ChatClient, OtrState, Smp, bare_fingerprint};
use crate::peers::{find_program, require_programs};
use crate::process::wait_until;
use crate::servers::Server;

/// Key generation included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keys are kept, answers are wanted at once, and nothing is left out of the log.
const SETTINGS: &str = "\
[ui]
splash=false
[logging]
chlog=true
[otr]
log=on
policy=manual
";

const OWN_FINGERPRINT: &str = "Your OTR fingerprint: ";
const PEER_FINGERPRINT: &str = "'s OTR fingerprint: ";

/// A running profanity.
#[derive(Debug)]
pub struct Profanity {
    folder: TempDir,
    jid: String,
    terminal: Option<Terminal>,
}

impl Profanity {
    /// Logs in, or returns `None` after saying that the calling test is skipped because a program is missing.
    ///
    /// # Errors
    ///
    /// It does not come up, or is missing although `CI` is `true`.
    pub fn require(server: &Server, account: &str) -> Result<Option<Self>> {
        if !require_programs(&["profanity", "tmux", "setpriv"])? {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("o2tr-profanity-").tempdir()?;
        let jid = server.jid(account);
        let (host, port) = server.host_port();
        let password = server.password(account);
        for (name, text) in [
            ("config/profanity/profrc", SETTINGS.to_owned()),
            (
                "data/profanity/accounts",
                format!(
                    "[{jid}]\nenabled=true\njid={jid}\npassword={password}\nserver={host}\nport={port}\n\
                     resource=profanity\ntls.policy=trust\notr.policy=manual\n"
                ),
            ),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().context("no folder")?)?;
            std::fs::write(path, text)?;
        }
        let mut client = Self { jid, folder, terminal: None };
        client.restart()?;
        let keys = client.data("otr").join(escaped(&client.jid)).join("keys.txt");
        client.terminal()?.text("/otr gen")?;
        client.terminal()?.key("Enter")?;
        let made = wait_until("profanity to make a key", PATIENCE, || {
            let keys = std::fs::read_to_string(&keys).unwrap_or_default();
            Ok(keys.trim_end().ends_with(")").then_some(()))
        });
        made.with_context(|| client.screen())?;
        Ok(Some(client))
    }

    fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join("data/profanity").join(name)
    }

    fn terminal(&self) -> Result<&Terminal> {
        self.terminal.as_ref().context("profanity is not running")
    }

    /// Shows the window of the conversation and returns the screen.
    fn window(&self, peer: &str) -> Result<String> {
        let terminal = self.terminal()?;
        let screen = terminal.screen()?;
        if is_window(&screen, peer) {
            return Ok(screen);
        }
        terminal.text(&format!("/msg {peer}"))?;
        terminal.key("Enter")?;
        let shown = wait_until(&format!("the window of {peer}"), PATIENCE, || {
            Ok(Some(terminal.screen()?).filter(|screen| is_window(screen, peer)))
        });
        shown.with_context(|| terminal.screen().unwrap_or_default())
    }

    fn type_into(&self, peer: &str, line: &str) -> Result<()> {
        self.window(peer)?;
        self.terminal()?.text(line)?;
        self.terminal()?.key("Enter")
    }

    /// Gives a command and returns what follows the marker in its answer, or `None` when it complains instead.
    fn ask(&self, peer: &str, command: &str, marker: &str, complaint: &str) -> Result<Option<String>> {
        let count = |screen: &str| (screen.matches(marker).count(), screen.matches(complaint).count());
        let before = count(&self.window(peer)?);
        self.type_into(peer, command)?;
        let answered = wait_until(&format!("profanity to answer {command}"), PATIENCE, || {
            let screen = self.terminal()?.screen()?;
            let now = count(&screen);
            if now.1 > before.1 {
                return Ok(Some(None));
            }
            let answer = screen.rsplit_once(marker).and_then(|(_, rest)| rest.lines().next());
            Ok(answer.filter(|_| now.0 > before.0).map(|answer| Some(answer.to_owned())))
        });
        answered.with_context(|| self.terminal().and_then(Terminal::screen).unwrap_or_default())
    }
}

impl ChatClient for Profanity {
    fn program(&self) -> &'static str {
        "profanity"
    }

    fn jid(&self) -> &str {
        &self.jid
    }

    fn start_otr(&mut self, peer: &str) -> Result<()> {
        self.type_into(peer, "/otr start")
    }

    fn end_otr(&mut self, peer: &str) -> Result<()> {
        self.type_into(peer, "/otr end")
    }

    fn send(&mut self, peer: &str, text: &str) -> Result<()> {
        self.type_into(peer, text)
    }

    fn received(&mut self, peer: &str) -> Result<Vec<String>> {
        let folder = self.data("chatlogs").join(escaped(&self.jid)).join(escaped(peer));
        let mut days: Vec<PathBuf> = match folder.read_dir() {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => Vec::new(),
        };
        // Named by the date, one per day: midnight may pass.
        days.sort();
        let mut log = String::new();
        for day in days {
            log.push_str(&String::from_utf8_lossy(&std::fs::read(day)?));
        }
        Ok(received(&log, peer))
    }

    fn otr_state(&mut self, peer: &str) -> Result<OtrState> {
        let screen = self.window(peer)?;
        let title = screen.lines().next().unwrap_or_default();
        Ok(match (title.contains("[OTR]"), title.contains("[trusted]")) {
            (false, _) => OtrState::Plain,
            (true, false) => OtrState::Unverified,
            (true, true) => OtrState::Verified,
        })
    }

    fn fingerprint(&mut self) -> Result<String> {
        // Any window does.
        let window = self.jid.clone();
        let answer = self.ask(&window, "/otr myfp", OWN_FINGERPRINT, "You have not generated")?;
        bare_fingerprint(&answer.context("profanity has no key")?)
    }

    fn peer_fingerprint(&mut self, peer: &str) -> Result<Option<String>> {
        let answer = self.ask(peer, "/otr theirfp", PEER_FINGERPRINT, "You are not currently")?;
        answer.as_deref().map(bare_fingerprint).transpose()
    }

    fn trust(&mut self, peer: &str) -> Result<()> {
        self.type_into(peer, "/otr trust")
    }

    fn ask_smp(&mut self, peer: &str, question: Option<&str>, secret: &str) -> Result<()> {
        match question {
            Some(question) => self.type_into(peer, &format!("/otr question \"{question}\" {secret}")),
            None => self.type_into(peer, &format!("/otr secret {secret}")),
        }
    }

    fn answer_smp(&mut self, peer: &str, secret: &str) -> Result<()> {
        let command = match self.smp(peer)? {
            Smp::Asked(Some(_)) => "answer",
            Smp::Asked(None) => "secret",
            other => bail!("nothing to answer: {other:?}"),
        };
        self.type_into(peer, &format!("/otr {command} {secret}"))
    }

    fn smp(&mut self, peer: &str) -> Result<Smp> {
        Ok(smp(&self.window(peer)?))
    }

    fn screen(&mut self) -> String {
        self.terminal().and_then(Terminal::screen).unwrap_or_default()
    }

    fn kill(&mut self) -> Result<()> {
        self.terminal.take().map_or(Ok(()), Terminal::kill)
    }

    fn restart(&mut self) -> Result<()> {
        self.kill()?;
        // Only what comes from now on is to be seen.
        for old in ["chatlogs", "database"] {
            let _ = std::fs::remove_dir_all(self.data(old));
        }
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let (home, config, data) = (path(""), path("config"), path("data"));
        let inside = Inside {
            program: &find_program("profanity").context("profanity is not installed")?,
            arguments: &["-a", &self.jid],
            environment: &[("HOME", &home), ("XDG_CONFIG_HOME", &config), ("XDG_DATA_HOME", &data)],
            // So high that a conversation does not scroll away, so broad that no answer is wrapped.
            size: (200, 200),
        };
        let terminal = Terminal::start(self.folder.path(), &inside)?;
        let online = wait_until("profanity to be online", PATIENCE, || {
            if !terminal.is_running() {
                bail!("it has ended");
            }
            Ok(terminal.screen()?.contains("logged in successfully").then_some(()))
        });
        online.with_context(|| terminal.screen().unwrap_or_default())?;
        self.terminal = Some(terminal);
        Ok(())
    }
}

/// How profanity names files for a JID.
fn escaped(jid: &str) -> String {
    jid.replace('@', "_at_")
}

fn is_window(screen: &str, peer: &str) -> bool {
    let title = screen.lines().next().unwrap_or_default().trim_start();
    title.strip_prefix(peer).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '/']))
}

/// The texts of the peer in a log: `TIME - NAME: TEXT`. What does not begin like this goes on the text before it.
fn received(log: &str, peer: &str) -> Vec<String> {
    let is_time = |word: &str| word.len() > 19 && word.ends_with('Z') && word.contains('T');
    let mut texts = Vec::<(bool, String)>::new();
    for line in log.lines() {
        match line.split_once(" - ").filter(|(time, _)| is_time(time)).and_then(|(_, rest)| rest.split_once(": ")) {
            Some((name, text)) => texts.push((name.starts_with(peer), text.to_owned())),
            None => {
                if let Some((_, text)) = texts.last_mut() {
                    text.push('\n');
                    text.push_str(line);
                }
            }
        }
    }
    texts.into_iter().filter(|(from_peer, _)| *from_peer).map(|(_, text)| text).collect()
}

/// The state after the last line about SMP.
fn smp(screen: &str) -> Smp {
    let mut state = Smp::None;
    let mut lines = screen.lines().filter_map(|line| line.split_once(" ! ").map(|(_, words)| words));
    while let Some(words) = lines.next() {
        if words.contains("wants to authenticate your identity with the following question") {
            state = Smp::Asked(lines.next().map(|question| question.trim().to_owned()));
        } else if words.contains("wants to authenticate your identity") {
            state = Smp::Asked(None);
        } else if words.starts_with("Awaiting authentication") || words.starts_with("Authenticating ") {
            state = Smp::Running;
        } else if words.starts_with("Authentication successful") || words.contains("successfully authenticated you") {
            state = Smp::Succeeded;
        } else if words.starts_with("Authentication failed") || words.contains("failed to authenticate you") {
            state = Smp::Failed;
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_who_said_what() {
        let log = "2026-11-24T13:57:16.185619Z - me: mine\nstill mine\n\
                   2026-11-24T13:57:17.293030Z - bob@localhost: a: b - c\nsecond line\n";
        assert_eq!(received(log, "bob@localhost"), ["a: b - c\nsecond line"]);
    }

    #[test]
    fn the_screen_tells_how_far_smp_is() {
        let mut screen = " bob@localhost [online]\n13:57:19 ! OTR session started (untrusted).\n".to_owned();
        assert_eq!(smp(&screen), Smp::None);
        screen += "13:57:19 ! bob@localhost wants to authenticate your identity with the following question:\n\
                   13:57:19 !   what is it\n13:57:19 ! use '/otr answer <answer>'.\n";
        assert_eq!(smp(&screen), Smp::Asked(Some("what is it".to_owned())));
        screen += "13:57:20 ! bob@localhost failed to authenticate you.\n";
        assert_eq!(smp(&screen), Smp::Failed);
        assert!(is_window(&screen, "bob@localhost") && !is_window(&screen, "bob@local"));
    }
}
