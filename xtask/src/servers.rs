//! Real XMPP servers for tests: started in a moment, on loopback, in a folder of their own.
//!
//! A server has the domain `localhost`, a certificate from an authority of its own, and the accounts alice, bob and
//! carol, who have each other as contacts. Any number may run side by side.

mod certificates;
mod ejabberd;
mod probe;
mod prosody;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::ports::Port;
use crate::process::{Guard, wait_until};

/// The domain of every server: all clients connect to it when told the address.
pub const DOMAIN: &str = "localhost";

/// Accounts that every server has. Each has the others as contacts, subscribed both ways.
pub const ACCOUNTS: &[&str] = &["alice", "bob", "carol"];

/// How long a server may take to start or to stop: a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which server software.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Package `prosody`.
    Prosody,
    /// Package `ejabberd`.
    Ejabberd,
}

/// What a server does. The default is a server as one would wish it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Whether it has an archive of messages (XEP-0313), which keeps everything for everybody.
    pub archive: bool,
    /// Whether it copies messages to the other devices of an account (XEP-0280).
    pub carbons: bool,
    /// Whether it acknowledges stanzas (XEP-0198).
    pub stream_management: bool,
    /// For how many seconds a lost stream can be resumed.
    pub resumption: u32,
    /// Whether it offers StartTLS. Without it, a client that insists on encryption has to refuse.
    pub starttls: bool,
    /// Whether it speaks TLS 1.3; else 1.2 is the most.
    pub tls13: bool,
    /// The certificate it shows.
    pub certificate: Certificate,
    /// How clients may prove who they are.
    pub mechanisms: Mechanisms,
    /// The longest stanza it takes, in bytes; a longer one ends the stream. Prosody takes no limit below 10000.
    pub max_stanza: Option<u32>,
    /// How many messages it stores for an account that is offline before it refuses more. Prosody refuses nothing that is in
    /// its archive: order it without.
    pub max_offline: Option<u32>,
    /// Accounts beside the usual ones, without contacts.
    pub strangers: Vec<String>,
}

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Nothing: for the domain and 127.0.0.1, from the authority in [`Server::ca_file`].
    Valid,
    /// It was valid in January 2020.
    Expired,
    /// It is from another authority than the one in [`Server::ca_file`].
    Foreign,
    /// It is for `other.example`.
    OtherName,
}

/// How clients may prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanisms {
    /// Everything that the server has.
    All,
    /// SCRAM-SHA-1 without channel binding.
    ScramSha1,
    /// PLAIN.
    Plain,
    /// Nothing that takes a password.
    None,
}

/// A running server. Dropping it kills its process; its folder vanishes too.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    setup: Setup,
    folder: TempDir,
    starttls: Port,
    direct_tls: Port,
    secret: String,
    process: Option<Guard>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            archive: true,
            carbons: true,
            stream_management: true,
            resumption: 300,
            starttls: true,
            tls13: true,
            certificate: Certificate::Valid,
            mechanisms: Mechanisms::All,
            max_stanza: None,
            max_offline: None,
            strangers: Vec::new(),
        }
    }
}

impl Kind {
    /// Both, for tests that are made once for each.
    pub const ALL: [Self; 2] = [Self::Prosody, Self::Ejabberd];

    /// The program that comes with its package.
    fn program(self) -> &'static str {
        match self {
            Self::Prosody => prosody::PROGRAM,
            Self::Ejabberd => ejabberd::PROGRAM,
        }
    }
}

impl Server {
    /// Starts a server, or returns `None` after saying on standard error that the calling test is skipped because
    /// something is not installed.
    ///
    /// # Errors
    ///
    /// The server does not come up; the error has the end of its log. Or it is not installed although `CI` is `true`:
    /// there a skipped test is a failed one.
    pub fn require(kind: Kind, setup: Setup) -> Result<Option<Self>> {
        if !crate::peers::require_programs(&[kind.program(), "openssl", "setpriv"])? {
            return Ok(None);
        }
        Self::start(kind, setup).map(Some)
    }

    /// Starts a server whose package is known to be there.
    ///
    /// # Errors
    ///
    /// The server does not come up.
    pub fn start(kind: Kind, setup: Setup) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("o2tr-server-").tempdir()?;
        certificates::make(folder.path(), setup.certificate)?;
        let mut server = Self {
            kind,
            setup,
            folder,
            starttls: Port::free()?,
            direct_tls: Port::free()?,
            secret: random_word()?,
            process: None,
        };
        match kind {
            Kind::Prosody => prosody::prepare(&server)?,
            Kind::Ejabberd => ejabberd::prepare(&server)?,
        }
        server.restart()?;
        Ok(server)
    }

    /// Which software it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The domain part of its addresses.
    #[must_use]
    pub fn domain(&self) -> &str {
        DOMAIN
    }

    /// Where it listens for streams that begin without TLS.
    #[must_use]
    pub fn host_port(&self) -> (&str, u16) {
        ("127.0.0.1", self.starttls.number())
    }

    /// The port for streams that begin with TLS (XEP-0368), on the same host.
    #[must_use]
    pub fn direct_tls_port(&self) -> u16 {
        self.direct_tls.number()
    }

    /// The certificate of the authority that clients trust, as PEM.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join(certificates::CA)
    }

    /// The certificate that it shows, as PEM, for clients that trust single certificates.
    #[must_use]
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.path().join(certificates::CERTIFICATE)
    }

    /// The bare JID of an account.
    #[must_use]
    pub fn jid(&self, account: &str) -> String {
        format!("{account}@{DOMAIN}")
    }

    /// The password of an account. It is another one for each server.
    #[must_use]
    pub fn password(&self, account: &str) -> String {
        format!("{}-{account}", self.secret)
    }

    /// Ends it as a crash would (SIGKILL).
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Guard::kill)
    }

    /// Ends it in order: it says good-bye and writes what it has to.
    ///
    /// # Errors
    ///
    /// It does not end in time.
    pub fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |process| process.terminate(PATIENCE).map(drop))
    }

    /// Starts it again, with the same ports, certificate and data; a running one is killed first.
    ///
    /// # Errors
    ///
    /// It does not come up.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let mut command = match self.kind {
            Kind::Prosody => prosody::command(self)?,
            Kind::Ejabberd => ejabberd::command(self)?,
        };
        let output = File::options().create(true).append(true).open(self.path("output"))?;
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output).current_dir(self.folder.path());
        let mut process = Guard::spawn(self.kind.program(), command)?;
        let ports = [self.starttls.number(), self.direct_tls.number()];
        let ready = wait_until("the server to be ready", PATIENCE, || {
            if let Some(status) = process.ended()? {
                bail!("it ended with {status}");
            }
            let accounts = self.kind == Kind::Prosody || ejabberd::is_ready(self)?;
            let ready = accounts && probe::is_ready(ports[0], DOMAIN) && probe::listens(ports[1]);
            Ok(ready.then_some(()))
        });
        ready.with_context(|| format!("{:?} does not come up; its log ends with:\n{}", self.kind, self.log()))?;
        self.process = Some(process);
        Ok(())
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        let mut text = String::new();
        for name in ["output", "server.log"] {
            let bytes = std::fs::read(self.path(name)).unwrap_or_default();
            let bytes = bytes.get(bytes.len().saturating_sub(20_000)..).unwrap_or_default();
            text.push_str(&String::from_utf8_lossy(bytes));
        }
        text
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn accounts(&self) -> impl Iterator<Item = &str> {
        ACCOUNTS.iter().copied().chain(self.setup.strangers.iter().map(String::as_str))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test's output is shown because it failed; then the server's side of it is wanted as well.
            let _ = writeln!(std::io::stdout(), "The end of the log of {:?}:\n{}", self.kind, self.log());
        }
    }
}

/// The contacts of an account.
fn contacts(account: &str) -> impl Iterator<Item = &'static str> {
    let usual = ACCOUNTS.contains(&account);
    ACCOUNTS.iter().copied().filter(move |contact| usual && *contact != account)
}

/// 128 bits that nobody can guess, as a word of hexadecimal digits.
fn random_word() -> Result<String> {
    use std::fmt::Write as _;
    use std::io::Read as _;
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut word = String::new();
    for byte in bytes {
        write!(word, "{byte:02x}")?;
    }
    Ok(word)
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
