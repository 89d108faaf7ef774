//! The keyring of the system, by the program that comes with it: `secret-tool` (the secret service of freedesktop.org) and,
//! on macOS, `security`. No secret stands on a command line: it goes through pipes, or the program asks by itself.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use super::{MAX_SECRET, Purpose, ask, secret_of};
use crate::failure::Failure;

/// Whose entries they are, an attribute of each.
const APPLICATION: &str = "o2tr";

/// Gets a secret.
///
/// # Errors
/// The keyring cannot be asked, or has none.
pub(super) fn look_up(address: &str, purpose: Purpose) -> Result<Zeroizing<String>, Failure> {
    let word = purpose.word();
    let mut command = look_up_command(address, purpose);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| missing(&command, &error))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 2));
    if let Some(stdout) = child.stdout.take() {
        stdout
            .take(MAX_SECRET as u64 + 2)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::usage(format!("the keyring cannot be read: {error}")))?;
    }
    let status = child.wait().map_err(|error| missing(&command, &error))?;
    if !status.success() || bytes.is_empty() {
        return Err(Failure::usage(format!(
            "the keyring holds no {word} of {address}, or was not opened: `o2tr account set-password` puts it there"
        )));
    }
    secret_of(&bytes, word, "in the keyring")
}

/// Asks for a secret and puts it into the keyring.
///
/// # Errors
/// There is no terminal, or the keyring does not take it.
pub(crate) fn ask_and_store(address: &str, purpose: Purpose) -> Result<(), Failure> {
    let word = purpose.word();
    let mut command = store_command(address, purpose);
    if ASKS_ITSELF {
        let status = command.status().map_err(|error| missing(&command, &error))?;
        return if status.success() { Ok(()) } else { Err(refused(word)) };
    }
    let secret = ask(&format!("{word} of {address}, for the keyring: "), word)?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| missing(&command, &error))?;
    // Dropped behind the statement, so that the program sees the end.
    let written = child.stdin.take().is_some_and(|mut stdin| stdin.write_all(secret.as_bytes()).is_ok());
    let status = child.wait().map_err(|error| missing(&command, &error))?;
    if written && status.success() { Ok(()) } else { Err(refused(word)) }
}

/// Removes a secret, if it is there.
///
/// # Errors
/// The keyring cannot be asked.
pub(crate) fn clear(address: &str, purpose: Purpose) -> Result<(), Failure> {
    let mut command = clear_command(address, purpose);
    // A status that says "not there" is as good.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map(drop)
        .map_err(|error| missing(&command, &error))
}

fn missing(command: &Command, error: &std::io::Error) -> Failure {
    Failure::usage(format!(
        "the keyring needs the program {}, which cannot be run: {error}. Install it, or choose another source of the \
         password: a command, a file, or being asked",
        command.get_program().display()
    ))
}

fn refused(word: &str) -> Failure {
    Failure::usage(format!("the keyring did not take the {word}. Nothing was changed."))
}

#[cfg(not(target_os = "macos"))]
use freedesktop::{ASKS_ITSELF, clear_command, look_up_command, store_command};
#[cfg(target_os = "macos")]
use macos::{ASKS_ITSELF, clear_command, look_up_command, store_command};

#[cfg(not(target_os = "macos"))]
mod freedesktop {
    use super::{APPLICATION, Command, Purpose};

    pub(super) const ASKS_ITSELF: bool = false;

    pub(super) fn look_up_command(address: &str, purpose: Purpose) -> Command {
        with_attributes("lookup", None, address, purpose)
    }

    pub(super) fn store_command(address: &str, purpose: Purpose) -> Command {
        let label = format!("O2TR: {} of {address}", purpose.word());
        with_attributes("store", Some(label), address, purpose)
    }

    pub(super) fn clear_command(address: &str, purpose: Purpose) -> Command {
        with_attributes("clear", None, address, purpose)
    }

    fn with_attributes(action: &str, label: Option<String>, address: &str, purpose: Purpose) -> Command {
        let mut command = Command::new("secret-tool");
        command.arg(action);
        command.args(label.map(|label| format!("--label={label}")));
        command.args(["application", APPLICATION, "account", address, "secret", purpose.word()]);
        command
    }
}

#[cfg(target_os = "macos")]
mod macos {
    use super::{APPLICATION, Command, Purpose};

    /// `security` takes a secret from the terminal or from its command line, where others could see it.
    pub(super) const ASKS_ITSELF: bool = true;

    pub(super) fn look_up_command(address: &str, purpose: Purpose) -> Command {
        let mut command = entry("find-generic-password", address, purpose);
        command.arg("-w");
        command
    }

    pub(super) fn store_command(address: &str, purpose: Purpose) -> Command {
        let mut command = entry("add-generic-password", address, purpose);
        command.args(["-U", "-w"]);
        command
    }

    pub(super) fn clear_command(address: &str, purpose: Purpose) -> Command {
        entry("delete-generic-password", address, purpose)
    }

    fn entry(action: &str, address: &str, purpose: Purpose) -> Command {
        let mut command = Command::new("security");
        command.args([action, "-s", &format!("{APPLICATION}-{}", purpose.word()), "-a", address]);
        command
    }
}
