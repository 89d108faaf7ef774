//! A connection to bitlbee: everything it has said, sorted.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How many lines an error shows.
const LAST: usize = 60;

/// One line that bitlbee sent for somebody to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// In the window of a contact: a text, as an IRC client shows it.
    Text { from: String, text: String },
    /// In the window of a contact: a remark of bitlbee.
    Notice { from: String, text: String },
    /// In the control channel.
    Control(String),
    /// A contact is there, or no longer.
    Presence { nick: String, online: bool },
    /// The answer to a ping.
    Pong(String),
}

/// The connection. Dropping it closes it, which makes bitlbee log out.
#[derive(Debug)]
pub(super) struct Irc {
    stream: TcpStream,
    lines: Receiver<String>,
    said: Vec<Said>,
    log: Vec<String>,
    pings: u32,
}

impl Irc {
    pub(super) fn new(stream: TcpStream) -> Result<Self> {
        let (sender, lines) = channel();
        let reader = BufReader::new(stream.try_clone()?);
        std::thread::spawn(move || {
            for line in reader.split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                    break;
                }
            }
        });
        Ok(Self { stream, lines, said: Vec::new(), log: Vec::new(), pings: 0 })
    }

    /// Sends one line of IRC. It is not logged: it may hold a password.
    pub(super) fn line(&mut self, line: &str) -> Result<()> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).context("bitlbee has closed the connection")
    }

    /// Gives a command in the control channel.
    pub(super) fn control(&mut self, command: &str) -> Result<()> {
        self.line(&format!("PRIVMSG &bitlbee :{command}"))
    }

    /// Gives a command and returns what the control channel says until it has been carried out.
    pub(super) fn ask(&mut self, command: &str, patience: Duration) -> Result<Vec<String>> {
        let before = self.said()?.len();
        self.control(command)?;
        self.pings += 1;
        let token = format!("ping{}", self.pings);
        self.line(&format!("PING {token}"))?;
        self.wait("the answer to a ping", patience, |said| matches!(said, Said::Pong(answer) if *answer == token))?;
        let control = |said: &Said| match said {
            Said::Control(text) => Some(text.clone()),
            _ => None,
        };
        Ok(self.said.iter().skip(before).filter_map(control).collect())
    }

    /// Waits until something has been said that fits.
    pub(super) fn wait(&mut self, what: &str, patience: Duration, fits: impl Fn(&Said) -> bool) -> Result<()> {
        let deadline = Instant::now() + patience;
        let mut seen = 0;
        while !self.said.iter().skip(seen).any(&fits) {
            seen = self.said.len();
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.take(line)?,
                Err(RecvTimeoutError::Timeout) => bail!("bitlbee did not say {what}, but\n{}", self.log()),
                Err(RecvTimeoutError::Disconnected) => bail!("bitlbee is gone, it said\n{}", self.log()),
            }
        }
        Ok(())
    }

    /// Everything that it has said so far, in order.
    pub(super) fn said(&mut self) -> Result<&[Said]> {
        while let Ok(line) = self.lines.try_recv() {
            self.take(line)?;
        }
        Ok(&self.said)
    }

    /// The end of the same for people to read.
    pub(super) fn log(&self) -> String {
        self.log.get(self.log.len().saturating_sub(LAST)..).unwrap_or_default().join("\n")
    }

    fn take(&mut self, line: String) -> Result<()> {
        if let Some(token) = line.strip_prefix("PING ") {
            self.line(&format!("PONG {token}"))?;
        }
        self.said.extend(sort(&line));
        self.log.push(line);
        Ok(())
    }
}

/// What a line is, if it is one that matters here.
fn sort(line: &str) -> Option<Said> {
    let (prefix, rest) = line.strip_prefix(':')?.split_once(' ')?;
    let from = prefix.split('!').next().unwrap_or(prefix).to_owned();
    let (command, rest) = rest.split_once(' ')?;
    let (target, text) = rest.split_once(':').unwrap_or((rest, ""));
    match command {
        "PRIVMSG" if target.starts_with('&') => (from == "root").then(|| Said::Control(plain(text))),
        "PRIVMSG" => Some(Said::Text { from, text: plain(text) }),
        "NOTICE" if prefix.contains('!') => Some(Said::Notice { from, text: plain(text) }),
        "JOIN" => Some(Said::Presence { nick: from, online: true }),
        "PART" | "QUIT" => Some(Said::Presence { nick: from, online: false }),
        "PONG" => Some(Said::Pong(text.to_owned())),
        _ => None,
    }
}

/// Without the codes for bold, colours and the like; the number of a colour belongs to its code.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{3}' => {
                for _ in 0..2 {
                    let _ = characters.next_if(char::is_ascii_digit);
                }
            }
            '\u{2}' | '\u{f}' | '\u{16}' | '\u{1d}' | '\u{1f}' => {}
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let text = |from: &str, text: &str| Some(Said::Text { from: from.to_owned(), text: text.to_owned() });
        assert_eq!(sort(":bob!bob@localhost PRIVMSG alice :a : b"), text("bob", "a : b"));
        assert_eq!(sort(":bob!bob@localhost PRIVMSG alice :\u{3}05red\u{2} bold"), text("bob", "red bold"));
        assert_eq!(
            sort(":root!root@localhost PRIVMSG &bitlbee :Configuration saved"),
            Some(Said::Control("Configuration saved".to_owned()))
        );
        assert_eq!(sort(":localhost PONG localhost :ping3"), Some(Said::Pong("ping3".to_owned())));
        assert_eq!(
            sort(":bob!bob@localhost JOIN :&bitlbee"),
            Some(Said::Presence { nick: "bob".to_owned(), online: true })
        );
        assert_eq!(sort(":localhost NOTICE * :BitlBee-IRCd initialized, please go on"), None);
        assert_eq!(sort("garbage"), None);
    }
}
