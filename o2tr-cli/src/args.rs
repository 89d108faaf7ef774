//! The command line.

mod account;
mod demo;
mod network;
mod pipe;
mod send;
mod state;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use self::account::{AccountArguments, AccountTask, AddArguments};
pub(crate) use self::demo::DemoArguments;
pub(crate) use self::network::LoginArguments;
pub(crate) use self::pipe::{PipeArguments, check_mtu, policy, threshold};
pub(crate) use self::send::{ListenArguments, SendArguments};
pub(crate) use self::state::{
    KeysArguments, KeysTask, Level, PassphraseArguments, SessionsArguments, SessionsTask, StateArguments,
    TrustArguments, TrustTask,
};

/// Off-the-Record messaging that survives being offline
///
/// Exit status: 0 done, 1 failed, 2 wrong usage, 3 the store is locked or damaged or does not open, 4 the network or
/// the login failed, 5 a text waits, 6 the peer could not read a text.
#[derive(Debug, Parser)]
#[command(name = "o2tr", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Watch a conversation survive a crash, and plain OTR lose it
    Demo(DemoArguments),
    /// Make, show and check accounts
    Account(AccountArguments),
    /// Send one text in private
    Send(Box<SendArguments>),
    /// Print what is received, or hand it to a command
    Listen(Box<ListenArguments>),
    /// Be one endpoint that speaks JSON lines on standard input and output
    Pipe(Box<PipeArguments>),
    /// Show, make, import or export the account's own key
    Keys(KeysArguments),
    /// See which keys of peers were seen, and say what you think of them
    Trust(TrustArguments),
    /// List, show and forget stored conversations
    Sessions(SessionsArguments),
    /// Change what opens the store
    Passphrase(PassphraseArguments),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    Man {
        /// Into this directory
        directory: PathBuf,
    },
}

/// The first paragraph of what clap has to say, for a program to read.
pub(crate) fn in_one_line(refusal: &clap::Error) -> String {
    let text = refusal.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}
