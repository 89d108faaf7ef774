//! bitlbee 3.6 with its OTR plugin, driven as its users do: over IRC.

mod irc;
mod otr;

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use self::irc::{Irc, Said};
use super::{ChatClient, OtrState, Smp};
use crate::peers::{find_program, require_programs};
use crate::ports::Port;
use crate::process::{Guard, guarded, wait_until};
use crate::proxy::Proxy;
use crate::servers::Server;

/// The program.
const PROGRAM: &str = "bitlbee";

/// The ports on which it looks for XMPP servers; it refuses any other.
const XMPP_PORTS: RangeInclusive<u16> = 5220..=5229;

/// How long anything may take. Generous: the machine may be building something beside the tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Guards bitlbee's own account, which nobody but the test can reach.
const MASTER_PASSWORD: &str = "bitlbee";

/// The mark of bitlbee's remarks among the texts of a contact.
const REMARK: &str = "<<OTR>>";

/// A bitlbee with one account. Dropping it kills the process.
#[derive(Debug)]
pub struct Bitlbee {
    account: String,
    jid: String,
    folder: TempDir,
    port: Port,
    /// The way to the server, through a port that bitlbee accepts.
    _link: Proxy,
    running: Option<(Irc, Guard)>,
}

impl Bitlbee {
    /// Makes a key and logs in, or returns `None` after saying that the calling test is skipped because it is not
    /// installed.
    ///
    /// # Errors
    ///
    /// It does not do as it should; the error has its words. Or it is missing although `CI` is `true`.
    pub fn require(server: &Server, account: &str) -> Result<Option<Self>> {
        if !require_programs(&[PROGRAM, "setpriv"])? {
            return Ok(None);
        }
        let way = wait_until("one of bitlbee's ports for XMPP", PATIENCE, || Ok(Port::within(XMPP_PORTS).ok()))?;
        let link = Proxy::on(way, server.host_port())?;
        let (host, xmpp_port) = link.host_port();
        let (host, xmpp_port) = (host.to_owned(), xmpp_port);
        let folder = tempfile::Builder::new().prefix("o2tr-bitlbee-").tempdir()?;
        let port = Port::free()?;
        let settings = configuration(folder.path(), port.number(), &server.ca_file());
        std::fs::write(folder.path().join("bitlbee.conf"), settings)?;
        let jid = server.jid(account);
        let mut bitlbee = Self { account: account.to_owned(), jid, folder, port, _link: link, running: None };
        bitlbee.run()?;
        for (command, answer) in [
            (format!("register {MASTER_PASSWORD}"), "Account successfully created"),
            (format!("account add jabber {} {}", server.jid(account), server.password(account)), "successfully added"),
            (format!("account 0 set server {host}"), "server = "),
            (format!("account 0 set port {xmpp_port}"), "port = "),
            ("account 0 set tls true".to_owned(), "tls = "),
            ("account 0 set resource bitlbee".to_owned(), "resource = "),
            ("set otr_color_encrypted false".to_owned(), "otr_color_encrypted = "),
            ("set display_timestamps false".to_owned(), "display_timestamps = "),
            ("set auto_connect false".to_owned(), "auto_connect = "),
        ] {
            bitlbee.command(&command, answer)?;
        }
        let irc = bitlbee.irc()?;
        irc.control("otr keygen 0")?;
        irc.wait("that the key is made", PATIENCE, |said| control(said, |text| text.ends_with(" complete")))?;
        bitlbee.command("save", "Configuration saved")?;
        bitlbee.log_in()?;
        Ok(Some(bitlbee))
    }

    /// Whether a contact is online as far as it knows.
    ///
    /// # Errors
    ///
    /// It has been killed.
    pub fn sees(&mut self, peer: &str) -> Result<bool> {
        let presence = self.irc()?.said()?.iter().rev().find_map(|said| match said {
            Said::Presence { nick, online } if nick == local(peer) => Some(*online),
            _ => None,
        });
        Ok(presence.unwrap_or(false))
    }

    /// Its remarks in the window of a contact since its last start, such as that a message could not be read.
    ///
    /// # Errors
    ///
    /// It has been killed.
    pub fn remarks(&mut self, peer: &str) -> Result<Vec<String>> {
        let nick = local(peer);
        let remark = |said: &Said| match said {
            Said::Notice { from, text } if from == nick => Some(text.clone()),
            Said::Text { from, text } if from == nick && text.starts_with(REMARK) => Some(text.clone()),
            _ => None,
        };
        Ok(self.irc()?.said()?.iter().filter_map(remark).collect())
    }

    /// The version of the protocol in a private conversation, as it shows it.
    ///
    /// # Errors
    ///
    /// It has been killed.
    pub fn otr_version(&mut self, peer: &str) -> Result<Option<u8>> {
        Ok(self.info(peer)?.version())
    }

    fn run(&mut self) -> Result<()> {
        let folder = self.folder.path();
        let port = self.port.number();
        let output = File::options().create(true).append(true).open(folder.join("output"))?;
        let mut command = guarded(find_program(PROGRAM).unwrap_or_else(|| PathBuf::from(PROGRAM)));
        command.args(["-D", "-n", "-v", "-i", "127.0.0.1", "-p", &port.to_string()]);
        command.arg("-c").arg(folder.join("bitlbee.conf")).arg("-d").arg(folder);
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        let mut process = Guard::spawn(PROGRAM, command)?;
        let stream = wait_until("bitlbee to listen", PATIENCE, || match process.ended()? {
            Some(status) => bail!("bitlbee ended with {status}"),
            None => Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()),
        })?;
        let mut irc = Irc::new(stream)?;
        irc.line(&format!("NICK {}", self.account))?;
        irc.line(&format!("USER {0} 0 * :{0}", self.account))?;
        let joined = |said: &Said| matches!(said, Said::Presence { nick, .. } if *nick == self.account);
        irc.wait("that the control channel is open", PATIENCE, joined)?;
        self.running = Some((irc, process));
        Ok(())
    }

    fn log_in(&mut self) -> Result<()> {
        let irc = self.irc()?;
        irc.control("account 0 on")?;
        irc.wait("that it has logged in", PATIENCE, |said| control(said, |text| text.ends_with("Logged in")))
    }

    fn irc(&mut self) -> Result<&mut Irc> {
        self.running.as_mut().map(|(irc, _)| irc).context("bitlbee has been killed")
    }

    /// Gives a command whose answer has to contain certain words.
    fn command(&mut self, command: &str, words: &str) -> Result<Vec<String>> {
        let answer = self.irc()?.ask(command, PATIENCE)?;
        // The commands hold passwords, the answers do not.
        ensure!(answer.iter().any(|line| line.contains(words)), "bitlbee answered {answer:?} instead of {words:?}");
        Ok(answer)
    }

    fn info(&mut self, peer: &str) -> Result<otr::Info> {
        let answer = self.irc()?.ask(&format!("otr info {}", local(peer)), PATIENCE)?;
        Ok(otr::Info::read(&answer))
    }

    fn control_lines(&mut self) -> Result<impl DoubleEndedIterator<Item = &str>> {
        Ok(self.irc()?.said()?.iter().filter_map(|said| match said {
            Said::Control(text) => Some(text.as_str()),
            _ => None,
        }))
    }
}

impl ChatClient for Bitlbee {
    fn program(&self) -> &'static str {
        PROGRAM
    }

    fn jid(&self) -> &str {
        &self.jid
    }

    fn start_otr(&mut self, peer: &str) -> Result<()> {
        self.irc()?.control(&format!("otr connect {}", local(peer)))
    }

    fn end_otr(&mut self, peer: &str) -> Result<()> {
        self.irc()?.control(&format!("otr disconnect {}", local(peer)))
    }

    fn send(&mut self, peer: &str, text: &str) -> Result<()> {
        self.irc()?.line(&format!("PRIVMSG {} :{text}", local(peer)))
    }

    fn received(&mut self, peer: &str) -> Result<Vec<String>> {
        let text = |said: &Said| match said {
            Said::Text { from, text } if from == local(peer) && !text.starts_with(REMARK) => Some(text.clone()),
            _ => None,
        };
        Ok(self.irc()?.said()?.iter().filter_map(text).collect())
    }

    fn otr_state(&mut self, peer: &str) -> Result<OtrState> {
        Ok(self.info(peer)?.state())
    }

    fn fingerprint(&mut self) -> Result<String> {
        let answer = self.irc()?.ask("otr info", PATIENCE)?;
        answer.iter().find_map(|line| otr::fingerprint(line)).context("bitlbee has no key")
    }

    fn peer_fingerprint(&mut self, peer: &str) -> Result<Option<String>> {
        Ok(self.info(peer)?.fingerprint)
    }

    fn trust(&mut self, peer: &str) -> Result<()> {
        let fingerprint = self.peer_fingerprint(peer)?.context("no private conversation")?;
        let blocks: Vec<&str> = (0..5).filter_map(|block| fingerprint.get(block * 8..block * 8 + 8)).collect();
        self.irc()?.ask(&format!("otr trust {} {}", local(peer), blocks.join(" ")), PATIENCE).map(drop)
    }

    fn ask_smp(&mut self, peer: &str, question: Option<&str>, secret: &str) -> Result<()> {
        let nick = local(peer);
        self.irc()?.control(&match question {
            Some(question) => format!("otr smpq {nick} \"{question}\" \"{secret}\""),
            None => format!("otr smp {nick} \"{secret}\""),
        })
    }

    fn answer_smp(&mut self, peer: &str, secret: &str) -> Result<()> {
        self.ask_smp(peer, None, secret)
    }

    fn smp(&mut self, peer: &str) -> Result<Smp> {
        let last = self.control_lines()?.rev().find_map(|line| otr::smp(line, local(peer)));
        Ok(last.unwrap_or(Smp::None))
    }

    fn screen(&mut self) -> String {
        // What cannot be read any more is not needed: the rest says why.
        let _ = self.irc().and_then(|irc| irc.said().map(drop));
        self.running.as_ref().map(|(irc, _)| irc.log()).unwrap_or_default()
    }

    fn kill(&mut self) -> Result<()> {
        self.running.take().map_or(Ok(()), |(_, process)| process.kill())
    }

    fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.run()?;
        self.command(&format!("identify {MASTER_PASSWORD}"), "Password accepted")?;
        self.log_in()
    }
}

/// bitlbee names a contact by the first half of its JID.
fn local(jid: &str) -> &str {
    jid.split('@').next().unwrap_or(jid)
}

fn control(said: &Said, fits: impl Fn(&str) -> bool) -> bool {
    matches!(said, Said::Control(text) if fits(text))
}

fn configuration(folder: &Path, port: u16, ca: &Path) -> String {
    format!(
        "[settings]\nRunMode = Daemon\nDaemonInterface = 127.0.0.1\nDaemonPort = {port}\nAuthMode = Open\n\
         ConfigDir = {0}\nPidFile = {0}/pid\nCAfile = {1}\n[defaults]\n",
        folder.display(),
        ca.display()
    )
}
