//! Options of the commands that log in to a network.

use std::path::PathBuf;

use clap::Args;

use crate::account::file::{AccountFile, SecurityWord};
use crate::password::SecretSource;
use crate::running::StateOptions;

/// Which account logs in.
#[derive(Debug, Default, Args)]
pub(crate) struct LoginArguments {
    /// An account that `o2tr account add` has made [default: the only one there is]
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// Log in to this XMPP account instead, which needs no file
    #[arg(long, value_name = "JID", conflicts_with = "account")]
    pub(crate) xmpp: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    #[command(flatten)]
    pub(crate) password: PasswordArguments,
}

/// Where identity and sessions are kept, and what opens it.
#[derive(Debug, Default, Args)]
pub(crate) struct KeepingArguments {
    /// Where identity and sessions are kept, instead of what the account's file says
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// A file with the passphrase of the state directory, if it has one
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// A command that prints the passphrase
    #[arg(long, value_name = "COMMAND", conflicts_with = "passphrase_file")]
    pub(crate) passphrase_command: Option<String>,
}

impl KeepingArguments {
    /// What they say of the state directory.
    pub(crate) fn options(&self) -> StateOptions<'_> {
        StateOptions {
            directory: self.state.as_deref(),
            passphrase_file: self.passphrase_file.as_deref(),
            passphrase_command: self.passphrase_command.as_deref(),
            ..StateOptions::default()
        }
    }
}

/// How the server is reached.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct ServerArguments {
    /// The name of this device [default: o2tr- and its instance tag]
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: Option<String>,
    /// The server, instead of what the domain announces
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) server: Option<String>,
    /// How TLS begins
    #[arg(long, value_enum)]
    pub(crate) security: Option<SecurityWord>,
    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Go through a SOCKS5 proxy, which also resolves names
    #[arg(long, value_name = "socks5://HOST:PORT", value_parser = proxy)]
    pub(crate) proxy: Option<String>,
    /// Test the connection after so many seconds of silence
    #[arg(long, value_name = "SECONDS", hide = true)]
    pub(crate) ping: Option<u32>,
}

/// Where the password comes from.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct PasswordArguments {
    /// A file with the password, which nobody else may read
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// A command that prints the password, run by `sh`
    #[arg(long, value_name = "COMMAND", conflicts_with = "password_file")]
    pub(crate) password_command: Option<String>,
    /// Take the password from the keyring of the system
    #[arg(long, conflicts_with_all = ["password_file", "password_command"])]
    pub(crate) password_keyring: bool,
    /// Ask for the password at the terminal
    #[arg(long, conflicts_with_all = ["password_file", "password_command", "password_keyring"])]
    pub(crate) password_prompt: bool,
}

impl ServerArguments {
    /// Overrides what a file says.
    pub(crate) fn apply(&self, file: &mut AccountFile) {
        let Self { resource, server, security, ca, proxy, ping } = self;
        override_with(&mut file.resource, resource);
        override_with(&mut file.server, server);
        override_with(&mut file.security, security);
        override_with(&mut file.ca, ca);
        override_with(&mut file.proxy, proxy);
        override_with(&mut file.ping_s, ping);
    }

    /// The name of an option that was given.
    pub(crate) const fn given(&self) -> Option<&'static str> {
        let Self { resource, server, security, ca, proxy, ping } = self;
        match () {
            () if resource.is_some() => Some("--resource"),
            () if server.is_some() => Some("--server"),
            () if security.is_some() => Some("--security"),
            () if ca.is_some() => Some("--ca"),
            () if proxy.is_some() => Some("--proxy"),
            () if ping.is_some() => Some("--ping"),
            () => None,
        }
    }
}

impl PasswordArguments {
    /// The source that was chosen.
    pub(crate) fn source(&self) -> Option<SecretSource> {
        let Self { password_file, password_command, password_keyring, password_prompt } = self;
        match (password_file, password_command) {
            (Some(file), _) => Some(SecretSource::File(file.clone())),
            (None, Some(command)) => Some(SecretSource::Command(command.clone())),
            (None, None) if *password_keyring => Some(SecretSource::Keyring),
            (None, None) if *password_prompt => Some(SecretSource::Prompt),
            (None, None) => None,
        }
    }

    /// The name of an option that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        match self.source()? {
            SecretSource::File(_) => Some("--password-file"),
            SecretSource::Command(_) => Some("--password-command"),
            SecretSource::Keyring => Some("--password-keyring"),
            SecretSource::Prompt => Some("--password-prompt"),
        }
    }

    /// Overrides what a file says.
    pub(crate) fn apply(&self, file: &mut AccountFile) {
        if let Some(source) = self.source() {
            file.password = source;
        }
    }
}

fn override_with<T: Clone>(field: &mut Option<T>, given: &Option<T>) {
    if given.is_some() {
        field.clone_from(given);
    }
}

/// A proxy without a password: the command line can be seen by others.
fn proxy(text: &str) -> Result<String, String> {
    if text.contains('@') {
        return Err("a proxy's password does not belong on the command line; put it into the account's file".to_owned());
    }
    Ok(text.to_owned())
}
