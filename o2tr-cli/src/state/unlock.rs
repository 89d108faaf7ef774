//! What opens the store: a passphrase from a file, from a program such as a keyring's, or the key file beside it.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use o2tr_ekm::{KdfCost, Unlock};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The longest passphrase in bytes.
const MAX_PASSPHRASE: u64 = 4096;

/// The key file's name in a state directory.
pub(crate) const KEY_FILE: &str = "key";

/// Where the passphrase comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passphrase<'a> {
    /// From this file.
    File(&'a Path),
    /// From what this command prints: the way to the system's keyring and to password managers.
    Command(&'a str),
    /// This one.
    Given(&'a Zeroizing<String>),
    /// There is none: the store has a key file.
    None,
    /// From the user at the terminal, if the store has one.
    Ask,
}

impl<'a> Passphrase<'a> {
    /// From a file or a command if one is given, else as `otherwise` says.
    pub(crate) fn or(file: Option<&'a Path>, command: Option<&'a str>, otherwise: Self) -> Self {
        file.map(Self::File).or(command.map(Self::Command)).unwrap_or(otherwise)
    }

    pub(super) fn may_be_asked(self) -> bool {
        matches!(self, Self::Ask) && std::io::stdin().is_terminal()
    }

    /// What opens the store in a directory, as far as nobody is asked.
    pub(super) fn unlock(self, directory: &Path) -> Result<Unlock, Failure> {
        match self {
            Self::File(file) => Ok(Unlock::Passphrase(read_passphrase(file)?, KdfCost::DEFAULT)),
            Self::Command(command) => Ok(Unlock::Passphrase(passphrase_of(command)?, KdfCost::DEFAULT)),
            Self::Given(passphrase) => Ok(Unlock::Passphrase(passphrase.clone(), KdfCost::DEFAULT)),
            Self::None | Self::Ask => Ok(Unlock::KeyFile(directory.join(KEY_FILE))),
        }
    }
}

/// Asks for the passphrase of a store.
pub(super) fn ask(directory: &Path) -> Result<Unlock, Failure> {
    let prompt = format!("Passphrase of {}: ", directory.display());
    let passphrase = rpassword::prompt_password(prompt)
        .map_err(|error| Failure::usage(format!("the passphrase cannot be read from the terminal: {error}")))?;
    Ok(Unlock::Passphrase(Zeroizing::new(passphrase), KdfCost::DEFAULT))
}

/// Reads a passphrase; a line break at its end does not belong to it.
///
/// # Errors
/// The file cannot be read, is empty, too long or no UTF-8.
pub(crate) fn read_passphrase(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error| Failure::file(file, "read the passphrase from", &error);
    let mut opened = std::fs::File::open(file).map_err(failed)?;
    let bytes = read_bounded(&mut opened).map_err(failed)?;
    as_passphrase(&bytes, &format!("in {}", file.display()))
}

/// The passphrase that a command prints.
///
/// # Errors
/// The command cannot be run or fails, or prints no passphrase.
pub(crate) fn passphrase_of(command: &str) -> Result<Zeroizing<String>, Failure> {
    as_passphrase(&command_output(command, "passphrase")?, "that the command prints")
}

/// Runs a command by the shell and takes what it prints, up to the longest passphrase and a byte; what it says on standard
/// error reaches the user.
///
/// # Errors
/// The command cannot be run, or fails.
pub(crate) fn command_output(command: &str, word: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error| Failure::usage(format!("the {word} command cannot be run: {error}"));
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(failed)?;
    let bytes = match child.stdout.take() {
        Some(mut stdout) => read_bounded(&mut stdout).map_err(failed)?,
        None => Zeroizing::new(Vec::new()),
    };
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(Failure::usage(format!("the {word} command failed ({status}). Nothing was changed.")));
    }
    Ok(bytes)
}

fn read_bounded(from: &mut dyn std::io::Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE as usize + 1));
    from.take(MAX_PASSPHRASE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The bytes without a line break at their end. `place` completes "the passphrase ...".
fn as_passphrase(bytes: &[u8], place: &str) -> Result<Zeroizing<String>, Failure> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| Failure::usage(format!("the passphrase {place} is not UTF-8")))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() || bytes.len() as u64 > MAX_PASSPHRASE {
        return Err(Failure::usage(format!("the passphrase {place} must have between 1 and {MAX_PASSPHRASE} bytes")));
    }
    Ok(Zeroizing::new(text.to_owned()))
}
