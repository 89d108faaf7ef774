//! Connecting to real servers, and to one that misbehaves.

mod fake;
mod hostile;
mod proxies;
mod servers;

use core::time::Duration;

use o2tr::transport::OfflineReason;
use xtask::servers::{Kind, Server, Setup};

use super::{Connected, connect};
use crate::address;
use crate::config::{Config, HostPort, Password, Roots, Security};

/// A server, unless it is not installed and need not be.
fn server(kind: Kind, setup: Setup) -> Option<Server> {
    Server::require(kind, setup).unwrap()
}

/// Alice's account on a server; the machine may be busy.
fn alice(server: &Server) -> Config {
    let account = address(&server.jid("alice")).unwrap();
    let mut config = Config::new(account, Password::new(server.password("alice")));
    let (host, port) = server.host_port();
    config.server = Some(HostPort::new(host, port).unwrap());
    config.roots = Roots::Pem(server.ca_file());
    config.timing.connect_patience = Duration::from_secs(60);
    config
}

/// The same by direct TLS.
fn alice_direct(server: &Server) -> Config {
    let mut config = alice(server);
    config.server = Some(HostPort::new(server.host_port().0, server.direct_tls_port()).unwrap());
    config.security = Security::DirectTls;
    config
}

/// Why connecting fails, whether for good, and in which words.
async fn failure(config: &Config) -> (OfflineReason, bool, String) {
    match connect(config).await {
        Ok(connected) => panic!("it connected: {connected:?}"),
        Err(error) => (error.reason(), error.permanent(), error.to_string()),
    }
}

/// The features behind the login show that the server took it.
fn assert_ready(connected: &Connected) {
    assert!(connected.features.can_bind() && connected.features.sasl_mechanisms.is_empty(), "{connected:?}");
}
