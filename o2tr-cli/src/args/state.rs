//! Options of the commands that look after a state directory.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use otr_core::dsa::Fingerprint;

use crate::state::Backend;

/// Which state directory, and what opens it.
#[derive(Debug, Args)]
pub(crate) struct StateArguments {
    /// The state directory [default: $XDG_STATE_HOME/o2tr, that is ~/.local/state/o2tr]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) state: Option<PathBuf>,
    /// A file with the passphrase of the store; without it a terminal is asked if need be
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// A command that prints the passphrase, run by `sh`: a keyring's, or a password manager's
    #[arg(long, value_name = "COMMAND", global = true, conflicts_with = "passphrase_file")]
    pub(crate) passphrase_command: Option<String>,
    /// The libotr file with the account's key, if it is not in the state directory
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) libotr_key: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The account's own key.
#[derive(Debug, Args)]
pub(crate) struct KeysArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(subcommand)]
    pub(crate) task: KeysTask,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysTask {
    /// Show account, fingerprint and instance tag
    Show,
    /// Make a state directory with a new key
    New {
        /// The account, for XMPP a bare address
        account: String,
        /// How it keeps its rows
        #[arg(long, value_enum)]
        store: Option<Backend>,
    },
    /// Make a state directory with a key out of a file of libotr, Pidgin, irssi and others
    Import {
        /// The account, as the file calls it
        account: String,
        /// The private-key file
        file: PathBuf,
        /// How it keeps its rows
        #[arg(long, value_enum)]
        store: Option<Backend>,
    },
    /// Add the key to a private-key file of libotr
    Export {
        /// The file; made (mode 0600) when it is not there
        file: PathBuf,
    },
}

/// Keys of peers.
#[derive(Debug, Args)]
pub(crate) struct TrustArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(subcommand)]
    pub(crate) task: TrustTask,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustTask {
    /// List the keys that were seen, and what is thought of them
    List,
    /// Say what you think of a key
    Set {
        /// The peer's account
        peer: String,
        /// The key's fingerprint: 40 hexadecimal digits, blanks allowed
        #[arg(value_parser = fingerprint)]
        fingerprint: Fingerprint,
        /// What you think
        level: Level,
    },
    /// Write the list into a fingerprint file of libotr
    Export {
        /// The file; it must not be there yet
        file: PathBuf,
    },
    /// Take over what a fingerprint file of libotr says of this account's peers
    Import {
        /// The file
        file: PathBuf,
    },
}

/// What a user thinks of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Compared with its owner
    Verified,
    /// Seen, no more
    Unverified,
}

/// Stored conversations.
#[derive(Debug, Args)]
pub(crate) struct SessionsArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    #[command(subcommand)]
    pub(crate) task: SessionsTask,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsTask {
    /// List all conversations
    List,
    /// Show one, with its keys' numbers and the texts under way
    Show {
        /// The peer's account
        peer: String,
    },
    /// Forget the session's keys; texts and trust stay, what is typed waits for new keys
    Expire {
        /// The peer's account
        peer: String,
    },
    /// Forget a conversation altogether, or everything
    Wipe {
        /// The peer's account
        #[arg(required_unless_present = "everything", conflicts_with = "everything")]
        peer: Option<String>,
        /// Destroy the whole state directory, the identity too; works without the passphrase
        #[arg(long)]
        everything: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What opens the store.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("new"))]
pub(crate) struct PassphraseArguments {
    #[command(flatten)]
    pub(crate) state: StateArguments,
    /// A file with the new passphrase; without it a terminal is asked
    #[arg(long, value_name = "FILE", group = "new")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
    /// A command that prints the new passphrase
    #[arg(long, value_name = "COMMAND", group = "new")]
    pub(crate) new_passphrase_command: Option<String>,
    /// No passphrase any more: a key file in the state directory opens the store
    #[arg(long, group = "new")]
    pub(crate) key_file: bool,
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    text.parse().map_err(|_| "not 40 hexadecimal digits".to_owned())
}
