//! `o2tr account check`: logs in, says how it went, and leaves. Nothing is sent and nothing is received.

use std::time::Duration;

use o2tr::transport::{Transport as _, TransportEvent};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::Account;
use crate::failure::{Failure, Kind};
use crate::manage::print;
use crate::running::runtime;
use crate::sanitise::harmless;
use crate::xmpp;

/// Tries an account.
///
/// # Errors
/// [`Failure`] with the exit status of the network, and a sentence on what is wrong.
pub(crate) fn run(json: bool, account: &Account, patience: Duration) -> Result<(), Failure> {
    let config = xmpp::config(account)?;
    let checked = runtime()?.block_on(connect(config, patience))?;
    print(json, &checked, |out| writeln!(out, "logged in     {}", harmless(&checked.address)))
}

/// What was found.
#[derive(Debug, Serialize)]
struct Checked {
    address: String,
}

async fn connect(config: transport_xmpp::Config, patience: Duration) -> Result<Checked, Failure> {
    let mut transport = xmpp::try_out(config);
    let until = Instant::now() + patience;
    let mut last = "the server did not answer in time".to_owned();
    loop {
        match timeout_at(until, transport.next_event()).await {
            Ok(Some(TransportEvent::Online { .. })) => {
                let checked = Checked { address: transport.local().to_string() };
                // A server that does not say goodbye does not matter.
                let _ = tokio::time::timeout(Duration::from_secs(5), transport.close()).await;
                return Ok(checked);
            }
            Ok(Some(TransportEvent::Offline { reason, retry_in })) => {
                last = reason.to_string();
                if retry_in.is_none() {
                    break;
                }
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    Err(Failure::new(Kind::Network, "login", last))
}
