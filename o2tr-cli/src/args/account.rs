//! Options of `o2tr account`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::network::{PasswordArguments, ServerArguments};

/// Accounts: how to log in, and where each keeps its state
///
/// Each is a file in $XDG_CONFIG_HOME/o2tr/accounts, without the password: that stays in the keyring, in a file of its own,
/// with another program, or with you.
#[derive(Debug, Args)]
pub(crate) struct AccountArguments {
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) task: AccountTask,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountTask {
    /// Make an account's file; by default its password goes into the keyring
    Add(Box<AddArguments>),
    /// List the accounts
    List,
    /// Show what an account's file says
    Show {
        /// The account
        name: String,
    },
    /// Remove an account's file, and its password from the keyring; the state directory stays
    Remove {
        /// The account
        name: String,
    },
    /// Put a password into the keyring
    SetPassword {
        /// The account
        name: String,
    },
    /// Log in, say how safe the connection is and what the server can do, and leave
    Check {
        /// The account
        name: String,
        /// How long that may take
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// What to call it here
    pub(crate) name: String,
    /// The address, for instance alice@example.org
    pub(crate) jid: String,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    #[command(flatten)]
    pub(crate) password: PasswordArguments,
    /// Where identity and sessions are kept [default: $XDG_DATA_HOME/o2tr/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// How many messages one key may encrypt; 0: any number
    #[arg(long, value_name = "K", value_parser = super::threshold)]
    pub(crate) threshold: Option<u32>,
    /// What OTR may do, as for `o2tr pipe`
    #[arg(long, value_name = "WORDS")]
    pub(crate) policy: Option<String>,
    /// Do not tell senders that their messages were read
    #[arg(long)]
    pub(crate) no_receipts: bool,
}
