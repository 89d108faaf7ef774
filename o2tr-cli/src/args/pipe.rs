//! The options of `o2tr pipe`.

use std::path::PathBuf;

use clap::Args;
use o2tr::settings::{DEFAULT_THRESHOLD, MIN_THRESHOLD};
use o2tr_ekm::MAX_NAME;
use otr_core::Policy;

use crate::state::Backend;

/// The fewest bytes in which a fragment of version 3 carries anything.
pub(crate) const MIN_MTU: usize = 38;

/// Be one endpoint that speaks JSON lines on standard input and output.
///
/// One process is one account that talks to one peer, and the caller is the network between them. The language is
/// described in docs/pipe.md.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("memory-or-state").required(true))]
pub(crate) struct PipeArguments {
    /// Our account
    #[arg(long, value_parser = account_name)]
    pub(crate) name: String,
    /// The peer's account
    #[arg(long, value_parser = account_name)]
    pub(crate) peer: String,
    /// Where identity and sessions are kept; made when it is not there
    #[arg(long, value_name = "DIR", group = "memory-or-state")]
    pub(crate) state: Option<PathBuf>,
    /// Keep nothing, as a plain OTR client
    #[arg(long, group = "memory-or-state")]
    pub(crate) memory: bool,
    /// How a new state directory keeps its rows
    #[arg(long, value_enum, conflicts_with = "memory")]
    pub(crate) store: Option<Backend>,
    /// A file with the passphrase of the store; without it the store has a key file
    #[arg(long, value_name = "FILE", conflicts_with = "memory")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// A command that prints the passphrase, run by `sh`: a keyring's, or a password manager's
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["memory", "passphrase_file"])]
    pub(crate) passphrase_command: Option<String>,
    /// Use the key in this libotr file instead of the one in the state directory; made when it is not there
    #[arg(long, value_name = "FILE")]
    pub(crate) libotr_key: Option<PathBuf>,
    /// Use the instance tag in this libotr file; made when it is not there
    #[arg(long, value_name = "FILE")]
    pub(crate) libotr_instag: Option<PathBuf>,
    /// What OTR may do: words out of v2, v3, require, wstag, wsstart, errstart, separated by commas
    #[arg(long, value_parser = policy, default_value = "v2,v3,wstag,wsstart,errstart")]
    pub(crate) policy: Policy,
    /// The most bytes a line may have; 0: any number
    #[arg(long, value_name = "BYTES", value_parser = mtu, default_value_t = 0)]
    pub(crate) mtu: usize,
    /// How many messages one key may encrypt; 0: any number
    #[arg(long, value_name = "K", value_parser = threshold, default_value_t = DEFAULT_THRESHOLD)]
    pub(crate) threshold: u32,
    /// Wait for an `ack` before a received message is forgotten
    #[arg(long)]
    pub(crate) no_auto_ack: bool,
    /// Forget a received message once it was written out (the default)
    #[arg(long, conflicts_with = "no_auto_ack")]
    pub(crate) auto_ack: bool,
}

/// Whether a line may be cut to this size.
///
/// # Errors
/// Too small.
pub(crate) fn check_mtu(bytes: usize) -> Result<usize, String> {
    if bytes == 0 || bytes >= MIN_MTU {
        Ok(bytes)
    } else {
        Err(format!("at least {MIN_MTU} bytes, or 0 for any number"))
    }
}

fn mtu(text: &str) -> Result<usize, String> {
    check_mtu(text.parse().map_err(|_| "not a number".to_owned())?)
}

fn threshold(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(k) if k == 0 || k >= MIN_THRESHOLD => Ok(k),
        Ok(_) => Err(format!("at least {MIN_THRESHOLD}, or 0 to switch the limit off")),
        Err(_) => Err("not a number".to_owned()),
    }
}

fn account_name(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("empty".to_owned()),
        1..=MAX_NAME => Ok(text.to_owned()),
        len => Err(format!("{len} bytes; at most {MAX_NAME}")),
    }
}

fn policy(text: &str) -> Result<Policy, String> {
    text.split(',').filter(|word| !word.is_empty()).try_fold(Policy::empty(), |policy, word| {
        let flag = match word {
            "v2" => Policy::ALLOW_V2,
            "v3" => Policy::ALLOW_V3,
            "require" => Policy::REQUIRE_ENCRYPTION,
            "wstag" => Policy::SEND_WHITESPACE_TAG,
            "wsstart" => Policy::WHITESPACE_START_AKE,
            "errstart" => Policy::ERROR_START_AKE,
            _ => return Err(format!("unknown word {word:?}")),
        };
        Ok(policy | flag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_sets_of_words() {
        assert_eq!(policy(""), Ok(Policy::NEVER));
        assert_eq!(policy("v2,v3"), Ok(Policy::MANUAL));
        assert_eq!(policy("v2,v3,wstag,wsstart,errstart"), Ok(Policy::OPPORTUNISTIC));
        assert_eq!(policy("v3,require"), Ok(Policy::ALLOW_V3 | Policy::REQUIRE_ENCRYPTION));
        assert!(policy("v4").is_err());
    }

    #[test]
    fn a_threshold_is_off_or_at_least_two() {
        assert_eq!((threshold("0"), threshold("2")), (Ok(0), Ok(2)));
        assert!(threshold("1").is_err() && threshold("-1").is_err() && threshold("x").is_err());
    }

    #[test]
    fn a_size_is_off_or_has_room_for_a_header() {
        assert_eq!((mtu("0"), mtu("38")), (Ok(0), Ok(38)));
        assert!(mtu("37").is_err() && mtu("").is_err());
    }
}
