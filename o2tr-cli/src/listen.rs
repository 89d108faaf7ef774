//! `o2tr listen`: what is received, for scripts.

use std::io::{self, Write as _};
use std::process::Stdio;
use std::sync::Arc;

use o2tr::client::{Answering, ClientConfig, ClientEvent};
use o2tr::conversation::{Event, Text};
use o2tr::transport::{OfflineReason, PeerId};
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;

use crate::account::Account;
use crate::args::ListenArguments;
use crate::failure::{Failure, Kind};
use crate::pipe::{provenance_word, rfc3339};
use crate::running::{Keeping, Running, runtime};
use crate::sanitise::{harmless, harmless_lines};
use crate::{signals, xmpp};

/// Listens until a signal, or until enough has come.
///
/// # Errors
/// [`Failure`].
pub(crate) fn run(arguments: &ListenArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.session.login)?;
    let peers = arguments
        .peer
        .iter()
        .map(|peer| xmpp::address(peer).map_err(|fault| Failure::usage(format!("{peer:?}: {fault}"))))
        .collect::<Result<Vec<_>, _>>()?;
    let network = xmpp::config(&account)?;
    let keeping = Keeping::directory(&account, &arguments.session.keeping.options())?;
    let mut config = ClientConfig::new(account.address.clone());
    config.settings = account.settings()?;
    if !peers.is_empty() {
        let named = peers.clone();
        config.answering = Answering::Only(Arc::new(move |peer| named.contains(peer)));
    }
    runtime()?.block_on(async {
        let transport = xmpp::start(network, &keeping);
        let running = Running::start(config, transport, keeping)?;
        listen(running, arguments, &peers).await
    })
}

async fn listen(mut running: Running, arguments: &ListenArguments, peers: &[PeerId]) -> Result<(), Failure> {
    let mut signals = signals::Signals::listen()?;
    let mut given_up = None;
    let mut left = arguments.count;
    while left != Some(0) {
        let event = tokio::select! {
            event = running.events.next() => event,
            () = signals.wait() => break,
        };
        match event {
            None => {
                running.ended().await?;
                return match given_up {
                    None | Some(OfflineReason::Closed) => Ok(()),
                    Some(reason) => Err(Failure::new(Kind::Network, "login", reason.to_string())),
                };
            }
            Some(ClientEvent::Offline { reason, retry_in }) => {
                if retry_in.is_none() {
                    given_up = Some(reason);
                } else {
                    anstream::eprintln!("o2tr: {reason}; trying again");
                }
            }
            Some(ClientEvent::Conversation { peer, event: Event::Text(text) })
                if peers.is_empty() || peers.contains(&peer) =>
            {
                let received = Received::new(&peer, &text);
                let taken = match &arguments.exec {
                    Some(command) => tokio::select! {
                        taken = exec(command, &received) => taken,
                        // The command is left alone; the text comes again.
                        () = signals.wait() => break,
                    },
                    None => show(arguments.session.json, &received),
                };
                match taken {
                    Ok(()) => {
                        // If that fails, it comes again with the next start, under the same id.
                        let _ = running.client.acknowledge(&peer, text.id).await;
                        left = left.map(|left| left - 1);
                    }
                    Err(Untaken::ReaderIsGone) => break,
                    Err(Untaken::Command(fault)) => {
                        anstream::eprintln!("o2tr: {fault}; the text comes again with the next start");
                    }
                }
            }
            // What has no text and would come again for ever.
            Some(ClientEvent::Conversation { peer, event })
                if !matches!(event, Event::Text(_)) && event.id().is_some() =>
            {
                tell(&peer, &event);
                if let Some(id) = event.id() {
                    let _ = running.client.acknowledge(&peer, id).await;
                }
            }
            Some(ClientEvent::Locked { peer, reason }) => {
                anstream::eprintln!("o2tr: the conversation with {}: {reason}", harmless(peer.as_str()));
            }
            Some(_) => {}
        }
    }
    running.stop(|_| {}).await
}

/// Events that a script's user should have seen.
fn tell(peer: &PeerId, event: &Event) {
    let peer = harmless(peer.as_str());
    match event {
        Event::NewFingerprint { fingerprint, .. } => anstream::eprintln!("o2tr: {peer} has a new key: {fingerprint:x}"),
        Event::Finished { .. } => anstream::eprintln!("o2tr: {peer} has ended the private conversation"),
        Event::SmpResult { equal: true, .. } => anstream::eprintln!("o2tr: {peer} knows the same secret"),
        Event::SmpResult { equal: false, .. } => {
            anstream::eprintln!("o2tr: {peer} does not know the same secret: it may be somebody else");
        }
        Event::ExtraKey { .. } => {
            anstream::eprintln!(
                "o2tr: {peer} has sent a key for another program; `o2tr pipe` would have handed it over"
            );
        }
        _ => {}
    }
}

/// A text that came.
#[derive(Debug, Serialize)]
struct Received<'a> {
    peer: &'a str,
    id: String,
    text: String,
    encrypted: bool,
    provenance: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<String>,
    resent: bool,
}

impl<'a> Received<'a> {
    fn new(peer: &'a PeerId, text: &Text) -> Self {
        Self {
            peer: peer.as_str(),
            id: text.id.to_string(),
            text: String::from_utf8_lossy(&text.text).into_owned(),
            encrypted: text.session.is_some(),
            provenance: provenance_word(text.provenance),
            sent_at: text.sent_at.and_then(rfc3339),
            resent: text.resent,
        }
    }

    /// What a reader must know before the text.
    const fn mark(&self) -> &'static str {
        match self.provenance.as_bytes() {
            b"clear" => " (not encrypted)",
            b"unverified" => " (unverified)",
            _ => "",
        }
    }
}

/// Why a text was not taken.
enum Untaken {
    ReaderIsGone,
    Command(String),
}

fn show(as_json: bool, received: &Received<'_>) -> Result<(), Untaken> {
    let mut out = io::stdout().lock();
    let written = if as_json {
        serde_json::to_string(received).map_err(io::Error::from).and_then(|json| writeln!(out, "{json}"))
    } else {
        // Further lines are set in, so that none can look like somebody else's.
        let text = harmless_lines(&received.text).replace('\n', "\n\t");
        writeln!(out, "{}{}: {text}", harmless(received.peer), received.mark())
    };
    written.and_then(|()| out.flush()).map_err(|_| Untaken::ReaderIsGone)
}

/// Hands a text to a command.
async fn exec(command: &str, received: &Received<'_>) -> Result<(), Untaken> {
    let failed = |error: io::Error| Untaken::Command(format!("the command cannot be run: {error}"));
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", command])
        .env("O2TR_PEER", received.peer)
        .env("O2TR_ID", &received.id)
        .env("O2TR_PROVENANCE", received.provenance)
        .env("O2TR_ENCRYPTED", if received.encrypted { "yes" } else { "no" })
        .stdin(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input may end well all the same.
        let _ = stdin.write_all(received.text.as_bytes()).await;
    }
    let status = child.wait().await.map_err(failed)?;
    if status.success() { Ok(()) } else { Err(Untaken::Command(format!("the command failed ({status})"))) }
}
