//! Looking after a state directory: `keys`, `trust`, `sessions`, `passphrase`.

pub(crate) mod keys;
pub(crate) mod passphrase;
pub(crate) mod sessions;
pub(crate) mod trust;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use getrandom::SysRng;
use o2tr::conversation::{Conversation, Output};
use o2tr::settings::Settings;
use otr_core::Timestamp;
use rand_core::UnwrapErr;
use serde::Serialize;

use crate::args::StateArguments;
use crate::failure::{Failure, Kind};
use crate::state::{Files, Opening, Passphrase, State};

/// The operating system's randomness.
const fn random() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Opens the state directory of the command line.
fn open(arguments: &StateArguments) -> Result<State, Failure> {
    let directory = directory(arguments)?;
    State::open(&opening(arguments, &directory), &mut random())
}

fn opening<'a>(arguments: &'a StateArguments, directory: &'a Path) -> Opening<'a> {
    Opening {
        directory,
        passphrase: Passphrase::or(
            arguments.passphrase_file.as_deref(),
            arguments.passphrase_command.as_deref(),
            Passphrase::Ask,
        ),
        files: Files { key: arguments.libotr_key.as_deref(), instance: None },
    }
}

/// The directory of the command line, or the one that XDG says.
fn directory(arguments: &StateArguments) -> Result<PathBuf, Failure> {
    if let Some(directory) = &arguments.state {
        return Ok(directory.clone());
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    let base =
        base.ok_or_else(|| Failure::usage("neither XDG_STATE_HOME nor HOME is set: name a directory with --state"))?;
    Ok(base.join("o2tr"))
}

/// Loads a conversation that is there.
fn load(state: &mut State, peer: &str) -> Result<Conversation, Failure> {
    if !state.peers()?.0.iter().any(|known| known == peer) {
        return Err(Failure::usage(format!("there is no conversation with {peer:?}")));
    }
    conversation(state, peer)
}

/// Loads a conversation, or begins one.
fn conversation(state: &mut State, peer: &str) -> Result<Conversation, Failure> {
    Ok(state.conversation(peer, Settings::default(), now(), &mut random())?.0)
}

/// Stores what has changed. Lines and events stay for the next process that has a network and a user.
fn store(state: &mut State, peer: &str, mut conversation: Conversation) -> Result<(), Failure> {
    while let Some(output) = conversation.poll_output() {
        if let Output::Commit(commit) = output {
            state.commit(peer, commit)?;
            conversation.commit_done();
        }
    }
    Ok(())
}

fn now() -> Timestamp {
    Timestamp::default().after(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// Prints one JSON object, or words.
pub(crate) fn print(
    as_json: bool,
    value: &impl Serialize,
    words: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    let printed = if as_json {
        serde_json::to_string_pretty(value).map_err(io::Error::from).and_then(|json| writeln!(out, "{json}"))
    } else {
        words(&mut out)
    };
    match printed {
        // Whoever read has enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(|error| Failure::new(Kind::Other, "output", format!("cannot write: {error}"))),
    }
}
