//! What opens the store: a passphrase from a file, or the key file beside it.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

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
    /// There is none: the store has a key file.
    None,
    /// From the user at the terminal, if the store has one.
    Ask,
}

impl<'a> Passphrase<'a> {
    /// From a file if there is one, else as `otherwise` says.
    pub(crate) fn or(file: Option<&'a Path>, otherwise: Self) -> Self {
        file.map_or(otherwise, Self::File)
    }

    pub(super) fn may_be_asked(self) -> bool {
        matches!(self, Self::Ask) && std::io::stdin().is_terminal()
    }

    /// What opens the store in a directory, as far as nobody is asked.
    pub(super) fn unlock(self, directory: &Path) -> Result<Unlock, Failure> {
        match self {
            Self::File(file) => Ok(Unlock::Passphrase(read_passphrase(file)?, KdfCost::DEFAULT)),
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
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE as usize + 1));
    let opened = std::fs::File::open(file).map_err(failed)?;
    opened.take(MAX_PASSPHRASE + 1).read_to_end(&mut bytes).map_err(failed)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::usage(format!("the passphrase in {} is not UTF-8", file.display())))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() || bytes.len() as u64 > MAX_PASSPHRASE {
        return Err(Failure::usage(format!(
            "the passphrase in {} must have between 1 and {MAX_PASSPHRASE} bytes",
            file.display()
        )));
    }
    Ok(Zeroizing::new(text.to_owned()))
}
