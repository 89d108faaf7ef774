//! From an account to a connection of `transport-xmpp`.

use std::time::Duration;

use o2tr::transport::PeerId;
use transport_xmpp::{Config, HostPort, Password, Proxy, Roots, Security, Xmpp};

use crate::account::Account;
use crate::account::file::SecurityWord;
use crate::failure::Failure;
use crate::password::Purpose;
use crate::running::Keeping;

/// The file in a state directory that says how far the archive was read.
const ARCHIVE_POSITION: &str = "archive";

/// The longest silence before a connection is tested, in seconds: a day.
const LONGEST_PING: u32 = 86_400;

/// A bare address, normalised.
///
/// # Errors
/// Why it is none.
pub(crate) fn address(text: &str) -> Result<PeerId, String> {
    transport_xmpp::address(text).map_err(|fault| fault.to_string())
}

/// Checks what an account's file says of the network.
///
/// # Errors
/// [`Failure`]: the field, and why.
pub(crate) fn check(account: &Account) -> Result<(), Failure> {
    configured(account, String::new()).map(drop)
}

/// All that it takes to log in. Gets the password, which may ask the user.
///
/// # Errors
/// [`Failure`]: a field is wrong, or there is no password.
pub(crate) fn config(account: &Account) -> Result<Config, Failure> {
    check(account)?;
    let mut password = account.file.password.fetch(account.address.as_str(), Purpose::Password)?;
    configured(account, core::mem::take(&mut *password))
}

/// Connects, now and again, until it is closed; inside a runtime.
///
/// Without another name the device has that of its instance: always the same, so that after a crash the server takes
/// the new connection for the old one's successor and hands over at once what it had kept for it to resume. The instance
/// stands in every message anyway.
///
/// How far the archive was read is remembered in the state directory: some servers keep only there what was under way to a
/// program that died.
pub(crate) fn start(mut config: Config, keeping: &Keeping) -> Xmpp {
    let instance = keeping.identity().instance();
    config.resource.get_or_insert_with(|| format!("o2tr-{:08x}", instance.get()));
    if let Keeping::Directory(directory, _) = keeping {
        config.archive_position = Some(directory.join(ARCHIVE_POSITION));
    }
    Xmpp::start(config)
}

/// Connects beside the devices there are; inside a runtime.
pub(crate) fn try_out(mut config: Config) -> Xmpp {
    config.resource = None;
    Xmpp::start(config)
}

/// All that it takes to log in, with a password that is known already.
///
/// # Errors
/// [`Failure`]: a field is wrong.
pub(crate) fn config_with(account: &Account, password: &str) -> Result<Config, Failure> {
    configured(account, password.to_owned())
}

fn configured(account: &Account, password: String) -> Result<Config, Failure> {
    let wrong = |field: &str, fault: String| Failure::usage(format!("account {:?}: `{field}`: {fault}", account.name));
    let file = &account.file;
    let mut config = Config::new(account.address.clone(), Password::new(password));
    config.resource.clone_from(&file.resource);
    if let Some(server) = &file.server {
        config.server = Some(server.parse::<HostPort>().map_err(|fault| wrong("server", fault.to_string()))?);
    }
    config.security = match file.security {
        None | Some(SecurityWord::Any) => Security::Any,
        Some(SecurityWord::StartTls) => Security::StartTls,
        Some(SecurityWord::DirectTls) => Security::DirectTls,
    };
    if let Some(ca) = &file.ca {
        config.roots = Roots::Pem(ca.clone());
    }
    if let Some(proxy) = &file.proxy {
        config.proxy = Some(proxy.parse::<Proxy>().map_err(|fault| wrong("proxy", fault.to_string()))?);
    }
    config.receipts = file.receipts.unwrap_or(config.receipts);
    config.archive = file.archive.unwrap_or(config.archive);
    config.carbons = file.carbons.unwrap_or(config.carbons);
    config.no_permanent_store = file.no_permanent_store.unwrap_or(config.no_permanent_store);
    if let Some(seconds) = file.ping_s {
        if seconds == 0 || seconds > LONGEST_PING {
            return Err(wrong("ping_s", format!("between 1 and {LONGEST_PING} seconds")));
        }
        config.timing.ping_after = Duration::from_secs(seconds.into());
        config.timing.ping_patience = config.timing.ping_patience.min(config.timing.ping_after.max(MIN_PATIENCE));
    }
    Ok(config)
}

/// What a loaded server may need to answer.
const MIN_PATIENCE: Duration = Duration::from_secs(2);
