//! The options of `o2tr pipe`.

use std::path::PathBuf;

use clap::Args;
use o2tr::settings::{MIN_THRESHOLD, Settings};
use o2tr_ekm::MAX_NAME;
use otr_core::Policy;

use super::network::{LoginArguments, PasswordArguments, ServerArguments};
use crate::state::Backend;

/// The fewest bytes in which a fragment of version 3 carries anything.
pub(crate) const MIN_MTU: usize = 38;

/// Be one endpoint that speaks JSON lines on standard input and output.
///
/// One process is one account that talks to one peer, and the caller is the network between them; or, with --xmpp or
/// --account, it logs in and talks to any number of peers. The language is described in docs/pipe.md.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("memory-or-state").required(true))]
pub(crate) struct PipeArguments {
    /// Our account, where the caller is the network
    #[arg(long, value_parser = account_name, required_unless_present_any = ["xmpp", "account"],
        conflicts_with_all = ["xmpp", "account"])]
    pub(crate) name: Option<String>,
    /// The peer's account; on a network it may be repeated, and the handshakes of these are answered, else those of contacts
    #[arg(long, value_parser = account_name, required_unless_present_any = ["xmpp", "account"])]
    pub(crate) peer: Vec<String>,
    /// An account that `o2tr account add` has made, with its state directory
    #[arg(long, value_name = "NAME", group = "memory-or-state")]
    pub(crate) account: Option<String>,
    /// Log in to this XMPP account
    #[arg(long, value_name = "JID", conflicts_with = "account")]
    pub(crate) xmpp: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    #[command(flatten)]
    pub(crate) password: PasswordArguments,
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
    /// [default: v2,v3,wstag,wsstart,errstart]
    #[arg(long, value_parser = policy)]
    pub(crate) policy: Option<Policy>,
    /// The most bytes a line may have; 0: any number
    #[arg(long, value_name = "BYTES", value_parser = mtu, default_value_t = 0)]
    pub(crate) mtu: usize,
    /// How many messages one key may encrypt; 0: any number [default: 5]
    #[arg(long, value_name = "K", value_parser = threshold)]
    pub(crate) threshold: Option<u32>,
    /// Wait for an `ack` before a received message is forgotten
    #[arg(long)]
    pub(crate) no_auto_ack: bool,
    /// Forget a received message once it was written out (the default)
    #[arg(long, conflicts_with = "no_auto_ack")]
    pub(crate) auto_ack: bool,
}

impl PipeArguments {
    /// How conversations behave; `settings` is what was chosen elsewhere.
    pub(crate) fn settings(&self, mut settings: Settings) -> Settings {
        settings.policy = self.policy.unwrap_or(settings.policy);
        if let Some(k) = self.threshold {
            settings.threshold = (k != 0).then_some(k);
        }
        settings.keeps_keys = !self.memory;
        settings
    }

    /// The account that logs in, if one does.
    pub(crate) fn login(&self) -> Option<LoginArguments> {
        (self.xmpp.is_some() || self.account.is_some()).then(|| LoginArguments {
            account: self.account.clone(),
            xmpp: self.xmpp.clone(),
            server: self.server.clone(),
            password: self.password.clone(),
        })
    }
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

/// How many messages one key may encrypt; 0 is no limit.
///
/// # Errors
/// Too few, or no number.
pub(crate) fn threshold(text: &str) -> Result<u32, String> {
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

/// What OTR may do, out of words.
///
/// # Errors
/// An unknown word.
pub(crate) fn policy(text: &str) -> Result<Policy, String> {
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
    use o2tr::settings::DEFAULT_THRESHOLD;

    use super::*;

    #[test]
    fn the_help_names_the_default_threshold() {
        assert_eq!(DEFAULT_THRESHOLD, 5);
        assert_eq!(policy("v2,v3,wstag,wsstart,errstart"), Ok(Settings::default().policy));
    }

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
