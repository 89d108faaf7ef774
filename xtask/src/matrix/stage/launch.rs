//! How endpoints and servers are started.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use xtask::clients::{Bitlbee, ChatClient, Mcabber, Pidgin, Profanity};
use xtask::pipe::PipeProcess;
use xtask::servers::{Kind, Server, Setup};

use super::super::cell::{Cell, Peer, Store, Transport};
use super::super::tools::Tools;
use super::end::{Pipe, Them};

/// The accounts of a server, as bare JIDs.
const ALICE: &str = "alice@localhost";
const BOB: &str = "bob@localhost";

/// Starts what a cell needs; folders live as long as this.
pub(super) struct Launch<'a> {
    cell: Cell,
    tools: &'a Tools,
    folder: TempDir,
}

impl<'a> Launch<'a> {
    pub(super) fn new(cell: Cell, tools: &'a Tools) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("o2tr-matrix-").tempdir()?;
        Ok(Self { cell, tools, folder })
    }

    pub(super) fn server(&self) -> Result<Server> {
        match self.cell.transport {
            Transport::Memory => bail!("there is no server in memory"),
            Transport::Prosody => Server::start(Kind::Prosody, Setup::default()),
            Transport::Ejabberd => Server::start(Kind::Ejabberd, Setup::default()),
        }
    }

    /// Our endpoint, for the first time or again.
    pub(super) fn ours(&self, server: Option<&Server>) -> Result<Pipe> {
        self.o2tr("us", server, ["alice", "bob"])
    }

    /// The peer, where the harness carries the lines.
    pub(super) fn theirs(&self) -> Result<Them> {
        let names = ["--name", "bob", "--peer", "alice"];
        let mut command = match (self.cell.peer, &self.tools.libotr, &self.tools.potr) {
            (Peer::O2tr, _, _) => return Ok(Them::Pipe(self.o2tr("peer", None, ["bob", "alice"])?)),
            (Peer::LibotrV2 | Peer::LibotrV3, Some(driver), _) => {
                let mut command = Command::new(driver);
                let policy = if self.cell.peer == Peer::LibotrV2 { "v2" } else { "v3" };
                command.args(["--memory", "--policy", policy]);
                command
            }
            (Peer::Potr, _, Some([python, script])) => {
                let mut command = Command::new(python);
                command.arg(script);
                command
            }
            (peer, _, _) => bail!("{} cannot be started here", peer.name()),
        };
        Ok(Them::Pipe(Pipe::new(PipeProcess::spawn("peer", command.args(names))?, "alice")))
    }

    /// The peer, logged in to a server.
    pub(super) fn theirs_at(&self, server: &Server) -> Result<Them> {
        fn boxed<P: ChatClient + 'static>(program: Option<P>) -> Option<Box<dyn ChatClient>> {
            program.map(|program| Box::new(program) as Box<dyn ChatClient>)
        }
        let program = match self.cell.peer {
            Peer::O2tr => return Ok(Them::Pipe(self.o2tr("peer", Some(server), ["bob", "alice"])?)),
            Peer::Bitlbee => boxed(Bitlbee::require(server, "bob")?),
            Peer::Pidgin => boxed(Pidgin::require(server, "bob")?),
            Peer::Mcabber => boxed(Mcabber::require(server, "bob")?),
            Peer::Profanity => boxed(Profanity::require(server, "bob")?),
            Peer::LibotrV2 | Peer::LibotrV3 | Peer::Potr | Peer::Otr3 => None,
        };
        let program = program.with_context(|| format!("{} cannot be started here", self.cell.peer.name()))?;
        Ok(Them::Program(program, ALICE))
    }

    fn o2tr(&self, label: &str, server: Option<&Server>, [account, peer]: [&'static str; 2]) -> Result<Pipe> {
        let mut command = Command::new(&self.tools.o2tr);
        command.arg("pipe");
        let peer = match server {
            None => {
                command.args(["--name", account, "--peer", peer]);
                peer
            }
            Some(server) => {
                let (host, port) = server.host_port();
                let password = self.folder.path().join(format!("{account}.password"));
                write_private(&password, &format!("{}\n", server.password(account)))?;
                let peer = if peer == "bob" { BOB } else { ALICE };
                command.args(["--xmpp", &server.jid(account), "--server", &format!("{host}:{port}"), "--peer", peer]);
                command.arg("--ca").arg(server.ca_file()).arg("--password-file").arg(&password);
                peer
            }
        };
        let backend = match self.cell.store {
            Store::None => None,
            Store::Files => Some("files"),
            Store::Sqlite => Some("sqlite"),
        };
        match backend {
            None => command.arg("--memory"),
            Some(backend) => command.args(["--store", backend, "--state"]).arg(self.folder.path().join(account)),
        };
        Ok(Pipe::new(PipeProcess::spawn(label, &mut command)?, peer))
    }
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}
