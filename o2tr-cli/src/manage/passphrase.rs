//! `o2tr passphrase`: what opens the store.

use std::io::{self, IsTerminal as _};

use o2tr_ekm::{KdfCost, Unlock};
use zeroize::Zeroizing;

use super::{directory, open};
use crate::args::PassphraseArguments;
use crate::failure::Failure;
use crate::state::{KEY_FILE, passphrase_of, read_passphrase, remove_secret};

/// Runs it. Rows and keys stay as they are: only the key that wraps them is wrapped anew.
///
/// # Errors
/// [`Failure`]; the passphrase or key file from before opens the store then.
pub(crate) fn run(arguments: &PassphraseArguments) -> Result<(), Failure> {
    let directory = directory(&arguments.state)?;
    let key_file = directory.join(KEY_FILE);
    let mut state = open(&arguments.state)?;
    if arguments.key_file {
        state.change_unlock(&Unlock::KeyFile(key_file))?;
        return state.close();
    }
    let passphrase = match (&arguments.new_passphrase_file, &arguments.new_passphrase_command) {
        (Some(file), _) => read_passphrase(file)?,
        (None, Some(command)) => passphrase_of(command)?,
        (None, None) => ask()?,
    };
    state.change_unlock(&Unlock::Passphrase(passphrase, KdfCost::DEFAULT))?;
    state.close()?;
    // It opens nothing any more.
    remove_secret(&key_file)
}

fn ask() -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask: give --new-passphrase-file or --key-file"));
    }
    let failed = |error: io::Error| Failure::usage(format!("the passphrase cannot be read from the terminal: {error}"));
    let first = Zeroizing::new(rpassword::prompt_password("New passphrase: ").map_err(failed)?);
    let second = Zeroizing::new(rpassword::prompt_password("Once more: ").map_err(failed)?);
    if first.is_empty() {
        return Err(Failure::usage("an empty passphrase protects nothing. Nothing was changed."));
    }
    if *first != *second {
        return Err(Failure::usage("the two are not the same. Nothing was changed."));
    }
    Ok(first)
}
