//! `o2tr account check`: logs in, says how it went, and leaves. Nothing is sent and nothing is received.

use std::time::Duration;

use serde::Serialize;
use transport_xmpp::Survey;

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
    let login = |reason: String| Failure::new(Kind::Network, "login", reason);
    let survey = runtime()?.block_on(async {
        match tokio::time::timeout(patience, transport_xmpp::survey(&config)).await {
            Ok(found) => found.map_err(|reason| login(reason.to_string())),
            Err(_) => Err(login("the server did not answer in time".to_owned())),
        }
    })?;
    let checked = Checked::new(account, survey);
    print(json, &checked, |out| {
        let Checked { address, tls, cipher, mechanism, bound, .. } = &checked;
        let yes = |can: bool| if can { "yes" } else { "no" };
        writeln!(out, "logged in     {}", harmless(address))?;
        writeln!(out, "encryption    TLS {tls}, {cipher}")?;
        writeln!(out, "login         {mechanism}{}", if *bound { ", bound to the connection" } else { "" })?;
        let resumption = if checked.resumption { ", a lost connection is resumed" } else { "" };
        writeln!(out, "no loss       {}{resumption}", yes(checked.stream_management))?;
        writeln!(out, "offline       {}", if checked.offline { "messages are kept" } else { "not announced" })?;
        writeln!(out, "archive       {}", yes(checked.archive))?;
        writeln!(out, "carbons       {}", yes(checked.carbons))?;
        writeln!(out, "longest line  {} bytes", checked.max_message_len)
    })
}

/// What was found.
#[derive(Debug, Serialize)]
struct Checked {
    address: String,
    tls: String,
    cipher: String,
    mechanism: String,
    bound: bool,
    stream_management: bool,
    resumption: bool,
    offline: bool,
    archive: bool,
    carbons: bool,
    max_message_len: usize,
}

impl Checked {
    fn new(account: &Account, found: Survey) -> Self {
        Self {
            address: account.address.as_str().to_owned(),
            tls: found.tls,
            cipher: found.cipher,
            mechanism: found.mechanism,
            bound: found.bound,
            stream_management: found.stream_management,
            resumption: found.resumption,
            offline: found.offline,
            archive: found.archive,
            carbons: found.carbons,
            max_message_len: found.max_message_len,
        }
    }
}
