//! `o2tr send`: one text, for scripts.

use std::io::Read as _;
use std::time::Duration;

use o2tr::client::{ClientConfig, ClientError, ClientEvent};
use o2tr::conversation::{Event, Hold, Privacy};
use o2tr::transport::{OfflineReason, PeerId, Refusal};
use otr_core::Policy;
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout_at};
use zeroize::Zeroizing;

use crate::account::Account;
use crate::args::SendArguments;
use crate::failure::{Failure, Kind};
use crate::manage::print;
use crate::running::{Keeping, Running, runtime};
use crate::sanitise::harmless;
use crate::{signals, xmpp};

/// The longest text that is read from standard input, in bytes; the engine has its own limit.
const MAX_INPUT: u64 = 1 << 20;

/// A peer that is there and has not answered is asked for a private conversation again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Sends it.
///
/// # Errors
/// [`Failure`], with an exit status of its own for each outcome.
pub(crate) fn run(arguments: &SendArguments) -> Result<(), Failure> {
    let account = Account::of(&arguments.session.login)?;
    let peer =
        xmpp::address(&arguments.peer).map_err(|fault| Failure::usage(format!("{:?}: {fault}", arguments.peer)))?;
    let text = text(&arguments.text)?;
    let network = xmpp::config(&account)?;
    let keeping = Keeping::directory(&account, &arguments.session.keeping.options())?;
    let mut config = ClientConfig::new(account.address.clone());
    config.settings = account.settings()?;
    if !arguments.clear {
        config.settings.policy |= Policy::REQUIRE_ENCRYPTION;
    }
    let outcome = runtime()?.block_on(async {
        let transport = xmpp::start(network, &keeping);
        let running = Running::start(config, transport, keeping)?;
        send(running, arguments, &peer, &text).await
    })?;
    say(arguments, &peer, &outcome)?;
    outcome.failure(&peer)
}

fn text(given: &str) -> Result<Zeroizing<String>, Failure> {
    if given != "-" {
        return Ok(Zeroizing::new(given.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .take(MAX_INPUT)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("cannot read the text: {error}")))?;
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    if text.is_empty() {
        return Err(Failure::usage("there is no text"));
    }
    Ok(text)
}

/// How far the text came.
#[derive(Clone, Debug, Serialize)]
struct Outcome {
    id: Option<String>,
    state: Reached,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip)]
    connected: bool,
}

/// The last thing that is known of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reached {
    /// It waits here.
    Held,
    /// The server has it.
    Sent,
    /// The peer has read it.
    Acknowledged,
    /// The peer's program says that it could not.
    Unreadable,
}

impl Outcome {
    fn failure(&self, peer: &PeerId) -> Result<(), Failure> {
        let reason = self.reason.as_deref().unwrap_or("it did not leave in time");
        match self.state {
            Reached::Sent if self.reason.is_none() => Ok(()),
            Reached::Acknowledged => Ok(()),
            Reached::Sent => Err(Failure::new(
                Kind::Held,
                "unacknowledged",
                format!("{peer} has not confirmed the text: {reason}. It is kept, and sent again if it is missing."),
            )),
            Reached::Unreadable => Err(Failure::new(
                Kind::Unreadable,
                "unreadable",
                format!("{peer} could not read the text: {reason}. It is kept for a new private conversation."),
            )),
            Reached::Held if !self.connected => Err(Failure::new(
                Kind::Network,
                "network",
                format!("the text has not left: {reason}. It is kept, and leaves with the next connection."),
            )),
            Reached::Held => Err(Failure::new(
                Kind::Held,
                "held",
                format!("the text waits: {reason}. It leaves when the account is online again and that is mended."),
            )),
        }
    }
}

/// What is seen while the text is under way.
#[derive(Debug, Default)]
struct Watch {
    connected: bool,
    sent: bool,
    acknowledged: bool,
    encrypted: bool,
    unreadable: Option<String>,
    /// The peer is there.
    there: bool,
    hold: Option<Hold>,
    refused: Option<Refusal>,
    offline: Option<OfflineReason>,
    ended: bool,
}

impl Watch {
    fn waits_for_session(&self) -> bool {
        self.connected && self.there && !self.encrypted && !self.sent && self.hold == Some(Hold::NoSession)
    }

    fn note(&mut self, peer: &PeerId, id: Option<&str>, event: Option<ClientEvent>) {
        match event {
            None => self.ended = true,
            Some(ClientEvent::Online { .. }) => {
                self.connected = true;
                self.offline = None;
            }
            // Our own good-bye.
            Some(ClientEvent::Offline { reason: OfflineReason::Closed, .. }) => {}
            Some(ClientEvent::Offline { reason, .. }) => {
                self.connected = false;
                self.offline = Some(reason);
            }
            Some(ClientEvent::Presence { from, available }) if from.peer == *peer => self.there = available,
            Some(ClientEvent::Refused { peer: whose, reason } | ClientEvent::Bounced { peer: whose, reason })
                if whose == *peer =>
            {
                self.refused = Some(reason);
            }
            Some(ClientEvent::Conversation { peer: whose, event }) if whose == *peer => match event {
                Event::Sent { id: sent } if Some(sent.as_str()) == id => self.sent = true,
                Event::Acknowledged { id: read } if Some(read.as_str()) == id => self.acknowledged = true,
                Event::Paused { reason, .. } => self.hold = Some(reason),
                Event::Encrypted(_) => self.encrypted = true,
                Event::PeerError { text } if self.sent => {
                    self.unreadable = Some(harmless(&String::from_utf8_lossy(&text)));
                }
                _ => {}
            },
            Some(_) => {}
        }
    }

    fn outcome(self, id: Option<String>, encrypted: bool, wait: bool) -> Outcome {
        let connected = self.connected || self.sent;
        let (state, reason) = if self.acknowledged {
            (Reached::Acknowledged, None)
        } else if let Some(words) = self.unreadable {
            (Reached::Unreadable, Some(words))
        } else if self.sent {
            (Reached::Sent, wait.then(|| "no word came in time".to_owned()))
        } else {
            let reason = self
                .refused
                .map(|refusal| refusal.to_string())
                .or_else(|| self.offline.map(|reason| reason.to_string()))
                .or_else(|| self.hold.map(|hold| hold_words(hold).to_owned()));
            (Reached::Held, reason)
        };
        Outcome { id, state, encrypted, reason, connected }
    }
}

async fn send(mut running: Running, arguments: &SendArguments, peer: &PeerId, text: &str) -> Result<Outcome, Failure> {
    let mut signals = signals::Signals::listen()?;
    let deadline = Instant::now() + Duration::from_secs(arguments.timeout);
    let client = running.client.clone();
    let privacy = client.view(peer).await.map_err(|error| refused(&error))?.privacy;
    let in_clear = arguments.clear && privacy != Privacy::Plaintext;
    let id = if in_clear {
        client.send_clear(peer, text).await.map_err(|error| refused(&error))?;
        None
    } else {
        Some(client.send(peer, text, None).await.map_err(|error| refused(&error))?)
    };
    let mut watch = Watch::default();
    let mut ask_at = Instant::now() + ASK_AGAIN;
    loop {
        let done = watch.acknowledged
            || watch.unreadable.is_some()
            || watch.sent && !arguments.wait && (!arguments.clear || watch.connected);
        if done || watch.ended {
            break;
        }
        // A text in clear of a private conversation has no name; it has left when the server has closed in order.
        if in_clear && watch.connected {
            watch.sent = true;
            break;
        }
        let event = tokio::select! {
            event = timeout_at(deadline, running.events.next()) => match event {
                Ok(event) => event,
                Err(_) => break,
            },
            () = sleep_until(ask_at) => {
                // The first question may have come to the server before the peer did; nobody answers a late one.
                ask_at = Instant::now() + ASK_AGAIN;
                if watch.waits_for_session() {
                    client.start(peer).await.map_err(|error| refused(&error))?;
                }
                continue;
            }
            () = signals.wait() => break,
        };
        watch.note(peer, id.as_deref(), event);
    }
    if watch.ended {
        running.ended().await?;
    } else {
        running.stop(|event| watch.note(peer, id.as_deref(), Some(event))).await?;
    }
    Ok(watch.outcome(id, !arguments.clear, arguments.wait))
}

fn refused(error: &ClientError) -> Failure {
    match error {
        ClientError::Store(_) | ClientError::Locked(_) => Failure::new(Kind::Store, "store", error.to_string()),
        _ => Failure::usage(error.to_string()),
    }
}

const fn hold_words(hold: Hold) -> &'static str {
    match hold {
        Hold::Threshold => "the peer must answer before more can leave under the present key",
        Hold::NoSession => "there is no private conversation yet; the peer was asked for one",
        Hold::PeerAway => "the peer is away, and its program is not known to keep keys",
        Hold::Trust => "another key answered than the one the text was written for; see `o2tr trust`",
    }
}

fn say(arguments: &SendArguments, peer: &PeerId, outcome: &Outcome) -> Result<(), Failure> {
    print(arguments.session.json, outcome, |out| {
        let word = match outcome.state {
            Reached::Held => "waits for",
            Reached::Sent if outcome.encrypted => "sent encrypted to",
            Reached::Sent => "sent in clear to",
            Reached::Acknowledged => "read by",
            Reached::Unreadable => "unreadable for",
        };
        writeln!(out, "{word} {}", harmless(peer.as_str()))
    })
}
