//! Options of `o2tr chat`.

use std::path::PathBuf;

use clap::Args;

use super::network::{PasswordArguments, ServerArguments};
use crate::running::StateOptions;

/// Chat, on the whole screen
///
/// Without an account it helps to set one up. Nothing is written to the disk but what the engine needs: texts that wait to be
/// sent, and those that you have not looked at yet, sealed. F1 explains keys, commands and marks.
#[derive(Debug, Args)]
pub(crate) struct ChatArguments {
    /// An account that was set up, or an XMPP address that needs no file [default: the only account there is]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    #[command(flatten)]
    pub(crate) password: PasswordArguments,
    /// Where identity and sessions are kept, instead of what the account's file says
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// A file with the passphrase of the state directory, if it has one
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// A command that prints the passphrase
    #[arg(long, value_name = "COMMAND", conflicts_with = "passphrase_file")]
    pub(crate) passphrase_command: Option<String>,
    /// Without colours; so does the variable NO_COLOR
    #[arg(long)]
    pub(crate) no_color: bool,
}

impl ChatArguments {
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
