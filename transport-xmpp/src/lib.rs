//! O2TR over XMPP.
//!
//! [`Xmpp`] is the [`Transport`](o2tr::transport::Transport) for one device of an XMPP account: it finds and checks the
//! server, logs in, keeps the stream alive, resumes it (XEP-0198) or begins a new one, and tells the server that a message
//! arrived only when the application has made it durable.
//!
//! Deliberately absent: crypto beyond TLS and SASL, storage, and any look into a line beyond its first characters.

mod address;
mod config;
mod connect;
mod error;

mod ids;
mod stanza;

mod archive;
mod management;
mod session;

mod mailbox;
mod negotiate;
mod position;
mod survey;
mod worker;
mod xmpp;

pub use address::{BadAddress, address};
pub use config::{BadHostPort, BadProxy, Config, HostPort, Password, Proxy, ProxyLogin, Roots, Security, Timing};
pub use survey::{Survey, survey};
pub use xmpp::Xmpp;
