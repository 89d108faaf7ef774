//! O2TR over XMPP.

mod address;
mod config;
mod connect;
mod error;

pub use address::{BadAddress, address};
pub use config::{BadHostPort, BadProxy, Config, HostPort, Password, Proxy, ProxyLogin, Roots, Security, Timing};
