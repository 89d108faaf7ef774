//! What a connection needs to know.

mod endpoint;
mod password;
mod proxy;

use core::time::Duration;
use std::path::PathBuf;

use o2tr::transport::PeerId;

pub use endpoint::{BadHostPort, HostPort};
pub use password::Password;
pub use proxy::{BadProxy, Proxy, ProxyLogin};

/// An account, the way to its server, and what is asked of the server.
///
/// [`Config::new`] gives the defaults; the fields are then set one by one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The account: a bare JID with a local part, as [`address`](crate::address()) makes it.
    pub account: PeerId,
    /// The name of this device; `None` leaves the choice to the server.
    pub resource: Option<String>,
    /// The account's password.
    pub password: Password,
    /// Where the server is; `None`: where the domain's SRV records say (XEP-0368, RFC 6120, section 3.2), and without
    /// those at the domain itself, port 5222. The certificate is for the account's domain in each case.
    pub server: Option<HostPort>,
    /// How TLS begins. There is no connection without.
    pub security: Security,
    /// Who may vouch for the server.
    pub roots: Roots,
    /// Through which proxy, if any. No name is then looked up here: neither the server's nor the domain's SRV records.
    pub proxy: Option<Proxy>,
    /// Whether the password may be sent as it is (SASL PLAIN, inside TLS) to a server that offers no SCRAM.
    pub allow_plain: bool,
    /// Whether a text that was decrypted and is durable here is confirmed to its sender (XEP-0184).
    pub receipts: bool,
    /// Whether lines carry the hint that archives may not keep them (XEP-0334, `no-permanent-store`).
    pub no_permanent_store: bool,
    /// Whether the account's archive is asked for what was missed (XEP-0313), where there is one.
    pub archive: bool,
    /// The file in which to remember how far the archive was read, so that a new run goes on from there; it is made if it
    /// does not exist, and belongs to one device of one account. `None`: a run begins with what the server delivers,
    /// and reads the archive after interruptions only.
    pub archive_position: Option<PathBuf>,
    /// Whether the server copies to this device what other devices of the account send and receive (XEP-0280).
    pub carbons: bool,
    /// How long to wait for what.
    pub timing: Timing,
}

impl Config {
    /// An account with its password; everything else as most users want it.
    #[must_use]
    pub fn new(account: PeerId, password: Password) -> Self {
        Self {
            account,
            resource: None,
            password,
            server: None,
            security: Security::Any,
            roots: Roots::System,
            proxy: None,
            allow_plain: true,
            receipts: true,
            no_permanent_store: true,
            archive: true,
            archive_position: None,
            carbons: true,
            timing: Timing::default(),
        }
    }
}

/// How TLS begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Security {
    /// As the domain's SRV records say; with a [`server`](Config::server) or a [`proxy`](Config::proxy), by StartTLS.
    #[default]
    Any,
    /// In clear up to the server's offer of TLS (RFC 6120, section 5); a server that does not offer it is left.
    StartTls,
    /// With the first byte (XEP-0368).
    DirectTls,
}

/// The certification authorities that are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// Those of the operating system.
    #[default]
    System,
    /// Those in a PEM file, and no others.
    Pem(PathBuf),
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// After this much silence the server is asked whether it is there.
    pub ping_after: Duration,
    /// A server that has not answered for so long after that is taken for gone.
    pub ping_patience: Duration,
    /// Roughly how long to wait before the first new attempt to connect; it doubles with each.
    pub retry_first: Duration,
    /// The longest wait before a new attempt.
    pub retry_most: Duration,
    /// How long each step of connecting may take: a look-up, a TCP connection, a TLS handshake, an answer.
    pub connect_patience: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            ping_after: Duration::from_secs(60),
            ping_patience: Duration::from_secs(20),
            retry_first: Duration::from_secs(1),
            retry_most: Duration::from_secs(300),
            connect_patience: Duration::from_secs(20),
        }
    }
}
