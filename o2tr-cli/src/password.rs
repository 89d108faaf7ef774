//! Secrets of the user: where they come from. Never from the command line or the environment, where others may look.

pub(crate) mod keyring;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::account::folder::read_private;
use crate::failure::Failure;
use crate::state::command_output;

/// The longest secret in bytes.
pub(crate) const MAX_SECRET: usize = 4096;

/// Where a secret comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SecretSource {
    /// The keyring of the system.
    #[default]
    Keyring,
    /// The user, at the terminal.
    Prompt,
    /// What this command prints, run by `sh`.
    Command(String),
    /// This file, which nobody else may read.
    File(PathBuf),
}

/// Which secret of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// For the server.
    Password,
    /// For the state directory.
    Passphrase,
}

impl Purpose {
    /// In a sentence, and as an attribute in the keyring.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passphrase => "passphrase",
        }
    }
}

impl SecretSource {
    /// Gets the secret of an account.
    ///
    /// # Errors
    /// [`Failure`]: there is none there, or nobody can be asked.
    pub(crate) fn fetch(&self, address: &str, purpose: Purpose) -> Result<Zeroizing<String>, Failure> {
        let word = purpose.word();
        match self {
            Self::Keyring => keyring::look_up(address, purpose),
            Self::Prompt => ask(&format!("{} of {address}: ", capitalised(word)), word),
            Self::Command(command) => secret_of(&command_output(command, word)?, word, "that the command prints"),
            Self::File(file) => from_file(file, word),
        }
    }

    /// In words, for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Keyring => "the keyring".to_owned(),
            Self::Prompt => "asked for".to_owned(),
            Self::Command(command) => format!("the command {command:?}"),
            Self::File(file) => format!("the file {}", file.display()),
        }
    }
}

/// Asks at the terminal.
///
/// # Errors
/// There is none, or nothing was typed.
pub(crate) fn ask(prompt: &str, word: &str) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "there is no terminal to ask for the {word}: say with --{word}-file or --{word}-command where it is"
        )));
    }
    let typed = rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| Failure::usage(format!("the {word} cannot be read from the terminal: {error}")))?;
    secret_of(typed.as_bytes(), word, "that was typed")
}

fn from_file(file: &Path, word: &str) -> Result<Zeroizing<String>, Failure> {
    let Some(bytes) = read_private(file)? else {
        return Err(Failure::usage(format!("there is no file {} with the {word}", file.display())));
    };
    secret_of(&bytes, word, &format!("in {}", file.display()))
}

/// The bytes without a line break at their end.
pub(crate) fn secret_of(bytes: &[u8], word: &str, place: &str) -> Result<Zeroizing<String>, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| Failure::usage(format!("the {word} {place} is not UTF-8")))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() || bytes.len() > MAX_SECRET {
        return Err(Failure::usage(format!("the {word} {place} must have between 1 and {MAX_SECRET} bytes")));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
