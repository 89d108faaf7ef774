//! Options of `o2tr send` and `o2tr listen`.

use clap::Args;

use super::network::{KeepingArguments, LoginArguments};

/// What a command needs that talks for an account.
#[derive(Debug, Args)]
pub(crate) struct SessionArguments {
    #[command(flatten)]
    pub(crate) login: LoginArguments,
    #[command(flatten)]
    pub(crate) keeping: KeepingArguments,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Send one text in private
///
/// It starts a private conversation if there is none. A text that does not leave in time is not lost: it waits, and leaves
/// as soon as the account is online again and the peer is there.
///
/// Exit status: 0 it left encrypted (with --wait: the peer has read it), 4 the network or the login failed, 5 it waits, 6 the
/// peer's program could not read it; others as always.
#[derive(Debug, Args)]
pub(crate) struct SendArguments {
    /// To whom
    pub(crate) peer: String,
    /// What; - reads it from standard input
    pub(crate) text: String,
    /// Wait until the peer has proven that it read the text: O2TR peers do with the next thing they say
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) timeout: u64,
    /// Send it unencrypted, for everybody on the way to read
    #[arg(long, conflicts_with = "wait")]
    pub(crate) clear: bool,
    #[command(flatten)]
    pub(crate) session: SessionArguments,
}

/// Print what is received
///
/// A text counts as taken once it was printed, or once the command of --exec has ended well; until then it comes again with
/// the next start. Ends with the first interrupt.
#[derive(Debug, Args)]
pub(crate) struct ListenArguments {
    /// Only from this peer; may be repeated. Handshakes of these are answered, else those of contacts
    #[arg(long, value_name = "JID")]
    pub(crate) peer: Vec<String>,
    /// Run this by `sh` for each text, which it reads from standard input; see docs/accounts.md for its environment
    #[arg(long, value_name = "COMMAND")]
    pub(crate) exec: Option<String>,
    /// End after so many texts
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) session: SessionArguments,
}
