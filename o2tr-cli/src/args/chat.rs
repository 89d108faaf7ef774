//! Options of `o2tr chat`.

use clap::Args;

use super::network::{KeepingArguments, PasswordArguments, ServerArguments};

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
    #[command(flatten)]
    pub(crate) keeping: KeepingArguments,
    /// Without colours; so does the variable NO_COLOR
    #[arg(long)]
    pub(crate) no_color: bool,
}
