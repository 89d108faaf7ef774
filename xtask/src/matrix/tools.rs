//! The programs that cells need: ours, the drivers around libraries, servers, chat programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use xtask::peers::{LIBOTR_PIPE, find_program};

use super::cell::{Cell, Peer, Transport};
use crate::provision::Group;
use crate::workspace::Workspace;
use crate::{driver, provision, shell};

/// What is there to run cells with.
#[derive(Debug)]
pub(crate) struct Tools {
    /// The program under test.
    pub(crate) o2tr: PathBuf,
    /// The driver around libotr.
    pub(crate) libotr: Option<PathBuf>,
    /// A Python with potr in it, and the driver that it runs.
    pub(crate) potr: Option<[PathBuf; 2]>,
}

/// Why a cell cannot be run on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) reason: String,
    /// Whether `cargo xtask provision` would have brought it: in continuous integration it has to be there then.
    pub(crate) provided: bool,
}

impl Tools {
    /// Builds and finds everything; `program` is used instead of our own build.
    pub(crate) fn gather(workspace: &Workspace, program: Option<&Path>, provide: bool) -> Result<Self> {
        if provide {
            provision::install(&[Group::All])?;
            install_potr(workspace).unwrap_or_else(|error| eprintln!("potr cannot be installed: {error:#}"));
        }
        let libotr = match std::env::var_os(LIBOTR_PIPE) {
            Some(path) => Some(path.into()),
            None if provision::missing(&[Group::Libotr]).is_empty() => Some(driver::build(workspace)?),
            None => None,
        };
        let o2tr = match program {
            Some(program) => program.to_owned(),
            None => build_ours(workspace)?,
        };
        Ok(Self { o2tr, libotr, potr: find_potr(workspace) })
    }

    /// What a cell lacks.
    pub(crate) fn missing(&self, cell: &Cell) -> Option<Missing> {
        let provided = |reason: String| Some(Missing { reason, provided: true });
        let programs: &[&str] = match cell.transport {
            Transport::Memory => &[],
            Transport::Prosody => &["prosody", "openssl", "setpriv"],
            Transport::Ejabberd => &["ejabberdctl", "openssl", "setpriv"],
        };
        let more: &[&str] = match cell.peer {
            Peer::O2tr => &[],
            Peer::LibotrV2 | Peer::LibotrV3 if self.libotr.is_none() => {
                return provided("the headers of libotr are not installed".to_owned());
            }
            Peer::LibotrV2 | Peer::LibotrV3 => &[],
            Peer::Potr if self.potr.is_none() => {
                let reason = "potr is not installed; `cargo xtask matrix --provision` does it".to_owned();
                return Some(Missing { reason, provided: false });
            }
            Peer::Potr => &[],
            Peer::Otr3 => {
                let go = if find_program("go").is_some() { "" } else { ", and Go is not installed" };
                let reason = format!("there is no driver for it{go}");
                return Some(Missing { reason, provided: false });
            }
            Peer::Bitlbee => &["bitlbee", "setpriv"],
            Peer::Pidgin => &["pidgin", "Xvfb", "xdotool", "dbus-daemon", "gdbus"],
            Peer::Mcabber => &["mcabber", "tmux"],
            Peer::Profanity => &["profanity", "tmux"],
        };
        let lacking: Vec<_> =
            programs.iter().chain(more).filter(|name| find_program(name).is_none()).copied().collect();
        if lacking.is_empty() { None } else { provided(format!("not installed: {}", lacking.join(", "))) }
    }
}

fn build_ours(workspace: &Workspace) -> Result<PathBuf> {
    // With the features of the tests, so that what they have built is used.
    let arguments = ["build", "--quiet", "--workspace", "--all-features", "--bin", "o2tr"];
    shell::run(shell::cargo().args(arguments).current_dir(&workspace.root))?;
    Ok(workspace.target.join("debug/o2tr"))
}

fn potr_python(workspace: &Workspace) -> PathBuf {
    workspace.target.join("peers/potr/bin/python3")
}

fn find_potr(workspace: &Workspace) -> Option<[PathBuf; 2]> {
    let python = potr_python(workspace);
    let there = shell::succeeds(Command::new(&python).args(["-c", "import potr.compatcrypto.pycrypto"]));
    there.then(|| [python, workspace.root.join("xtask/peers/potr/potr_pipe.py")])
}

/// Into a folder of its own; nothing of the system's Python is touched.
fn install_potr(workspace: &Workspace) -> Result<()> {
    if find_potr(workspace).is_some() {
        return Ok(());
    }
    let folder = workspace.target.join("peers/potr");
    shell::run(Command::new("python3").args(["-m", "venv"]).arg(&folder)).context("package python3-venv")?;
    // Not its own choice, pycrypto, which does not build any more.
    shell::run(Command::new(potr_python(workspace)).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "python-potr==1.0.2",
        "pycryptodome",
    ]))
}
