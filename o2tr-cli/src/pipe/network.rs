//! The pipe with a network inside: one account, any number of peers, over the client of the crate `o2tr`.
//!
//! A command is one call of the client; its events are those that came before the client's mark behind it.

mod obey;
mod presence;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use o2tr::client::{Answering, ClientConfig, Clock as _};
use o2tr::conversation::Privacy;
use o2tr::settings::Settings;
use o2tr::transport::PeerId;
use o2tr_ekm::Quarantine;
use otr_core::Timestamp;

use self::session::{Session, Step};
use super::clock::Clock;
use super::input::{Input, Line};
use super::report::{Report, Reporter};
use super::translate;
use crate::account::Account;
use crate::args::{LoginArguments, PipeArguments};
use crate::failure::Failure;
use crate::running::{Keeping, Running, StateOptions, runtime};
use crate::state::Files;
use crate::{signals, xmpp};

/// Conversations that are looked at before `ready` where no peer is named.
const MAX_LOOKED_AT: usize = 1000;

/// The system's clock, and what `poll` has skipped.
#[derive(Debug, Default)]
struct Skippable(Mutex<Clock>);

impl Skippable {
    fn skip_to(&self, moment: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).skip_to(moment);
    }
}

impl o2tr::client::Clock for Skippable {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now()
    }
}

/// Runs until `quit`, the end of the input, a signal, or the end of the connection for good.
///
/// # Errors
/// [`Failure`].
pub(super) fn serve(arguments: &PipeArguments, login: &LoginArguments) -> Result<(), Failure> {
    if arguments.mtu != 0 {
        return Err(Failure::usage("--mtu is for a network that the caller is: here the server says what fits"));
    }
    let account = Account::of(login)?;
    let peers = arguments.peer.iter().map(|peer| peer_of(peer)).collect::<Result<Vec<_>, _>>()?;
    let settings = arguments.settings(account.settings()?);
    let files = Files { key: arguments.libotr_key.as_deref(), instance: arguments.libotr_instag.as_deref() };
    let config = xmpp::config(&account)?;
    let mut keeping = if arguments.memory {
        Keeping::memory(&account, files)?
    } else {
        let options = StateOptions {
            directory: arguments.state.as_deref(),
            passphrase_file: arguments.passphrase_file.as_deref(),
            passphrase_command: arguments.passphrase_command.as_deref(),
            backend: arguments.store,
            files,
        };
        Keeping::directory(&account, &options)?
    };
    let clock = Arc::new(Skippable::default());
    let found = look(&mut keeping, &peers, &settings, &clock)?;
    let mut client = ClientConfig::new(account.address.clone());
    client.settings = settings;
    client.clock = clock.clone();
    if !peers.is_empty() {
        let named = peers.clone();
        client.answering = Answering::Only(Arc::new(move |peer| named.contains(peer)));
    }
    let endpoint = Endpoint {
        identity: keeping.identity().clone(),
        peers,
        quarantines: found.quarantines,
        auto_ack: !arguments.no_auto_ack,
        clock,
    };
    runtime()?.block_on(async {
        let mut reporter = Reporter::default();
        endpoint.say_ready(&mut reporter, found.privacy);
        let transport = xmpp::start(config, keeping.identity());
        let running = Running::start(client, transport, keeping)?;
        endpoint.talk(running, reporter).await
    })
}

/// The address of a peer, normalised.
fn peer_of(text: &str) -> Result<PeerId, Failure> {
    xmpp::address(text).map_err(|fault| Failure::usage(format!("{text:?}: {fault}")))
}

/// What the store held at the start.
struct Found {
    /// The most private of the conversations.
    privacy: Privacy,
    quarantines: HashMap<PeerId, Quarantine>,
}

fn look(keeping: &mut Keeping, peers: &[PeerId], settings: &Settings, clock: &Skippable) -> Result<Found, Failure> {
    let mut found = Found { privacy: Privacy::Plaintext, quarantines: HashMap::new() };
    let Keeping::Directory(_, state) = keeping else { return Ok(found) };
    let stored = if peers.is_empty() { state.peers()?.0 } else { Vec::new() };
    let stored = stored.iter().map(|peer| PeerId::new(peer));
    for peer in stored.chain(peers.iter().cloned()).take(MAX_LOOKED_AT) {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let (conversation, quarantine) = state.conversation(peer.as_str(), settings.clone(), clock.now(), &mut rng)?;
        found.privacy = match (found.privacy, conversation.view().privacy) {
            (Privacy::Encrypted, _) | (_, Privacy::Encrypted) => Privacy::Encrypted,
            (known, Privacy::Plaintext) => known,
            (_, private) => private,
        };
        found.quarantines.extend(quarantine.map(|why| (peer, why)));
    }
    Ok(found)
}

/// What does not change while it talks.
struct Endpoint {
    identity: Arc<otr_core::Identity>,
    /// Those who were named.
    peers: Vec<PeerId>,
    quarantines: HashMap<PeerId, Quarantine>,
    auto_ack: bool,
    clock: Arc<Skippable>,
}

impl Endpoint {
    fn say_ready(&self, reporter: &mut Reporter, privacy: Privacy) {
        let ready = Report::Ready {
            implementation: concat!("o2tr ", env!("CARGO_PKG_VERSION")),
            fingerprint: format!("{:x}", self.identity.fingerprint()),
            instance: self.identity.instance().get(),
            state: translate::privacy_word(privacy),
            restored: privacy != Privacy::Plaintext,
        };
        // Whoever reads may be gone; that shows with the next line.
        let _ = reporter.report(&ready);
    }

    /// Whom a command is for.
    fn addressee(&self, to: Option<&str>) -> Result<PeerId, String> {
        match (to, self.peers.as_slice()) {
            (Some(to), _) => xmpp::address(to).map_err(|fault| format!("`to`: {fault}")),
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err("`to` is missing".to_owned()),
        }
    }

    async fn talk(&self, mut running: Running, reporter: Reporter) -> Result<(), Failure> {
        let mut lines = Input::read_stdin_for_task();
        let mut signals = signals::Signals::listen()?;
        let mut session = Session::new(self, running.client.clone(), reporter);
        let (leave, cmd) = loop {
            let step = tokio::select! {
                event = running.events.next() => session.note(event).await,
                line = lines.recv() => session.line(line.unwrap_or(Line::End), &mut running.events).await,
                () = session.acknowledged() => Step::Next,
                () = signals.wait() => Step::Leave(None),
            };
            match step {
                Step::Next if session.reader_is_gone() => break (true, None),
                Step::Next => {}
                Step::Leave(cmd) => break (true, cmd),
                Step::Ended => break (false, None),
            }
        };
        if !leave {
            running.ended().await?;
            return session.verdict();
        }
        session.settle(&mut running.events).await;
        running.stop(|event| session.note_at_the_end(&event)).await?;
        if let Some(cmd) = cmd {
            session.done(&cmd);
        }
        Ok(())
    }
}
