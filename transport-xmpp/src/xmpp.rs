//! The transport itself: a handle on the task that does the work.

use std::sync::Arc;

use async_trait::async_trait;
use o2tr::transport::{Address, DeliveryId, Limits, OfflineReason, PeerId, SendToken, Transport, TransportEvent};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::Instant;
use xmpp_parsers::jid::BareJid;

use crate::config::Config;
use crate::connect::Backoff;
use crate::mailbox::{Inbox, mailbox};
use crate::position::{self, Keeper};
use crate::session::{Session, Settings};
use crate::worker::{Command, Worker};

/// Before the first connection nothing is known of the server.
const NO_LIMITS: Limits = Limits { max_message_len: 8192 };

/// One device of an XMPP account. Dropping it is a crash of the program; [`Transport::close`] ends it well.
///
/// Where the server counts stanzas (XEP-0198), a delivery counts as taken only when it has been
/// [acknowledged](Transport::acknowledge): an application that never does so makes every later one come again, and some
/// servers end a stream on which too much is open. Where it does not, a line that was under way in a crash is lost, for
/// the server takes it for delivered as soon as it is written.
///
/// What another device of the account took while this one was away is read from the archive (XEP-0313), from the last line
/// that this device is done with. To know that in the next run needs [`Config::archive_position`]. Without it, a line that
/// was not acknowledged when the program crashed may be lost on a server that relies on its archive once it was asked
/// (prosody), if this run had been interrupted before.
#[derive(Debug)]
pub struct Xmpp {
    inbox: Inbox,
    commands: mpsc::UnboundedSender<Command>,
    task: AbortHandle,
}

impl Xmpp {
    /// Begins to connect, in a task of its own, and goes on doing so until there is a connection or trying again cannot
    /// help. Must be called within a tokio runtime with time and I/O.
    #[must_use]
    pub fn start(config: Config) -> Self {
        let local = match &config.resource {
            Some(resource) => Address::full(config.account.clone(), resource),
            None => Address::bare(config.account.clone()),
        };
        let (outbox, inbox) = mailbox(local, NO_LIMITS);
        let (commands, receiver) = mpsc::unbounded_channel();
        let timing = config.timing;
        let settings = Settings {
            receipts: config.receipts,
            no_permanent_store: config.no_permanent_store,
            archive: config.archive,
            carbons: config.carbons,
            ping_after: timing.ping_after,
            patience: timing.ping_patience,
        };
        let account = BareJid::new(config.account.as_str());
        let task = tokio::spawn(async move {
            let Ok(account) = account else {
                return outbox.push(TransportEvent::Offline { reason: OfflineReason::Address, retry_in: None });
            };
            let mut session = Session::new(account, settings, NO_LIMITS, Instant::now());
            let mut keeper = None;
            if let (Some(path), true) = (config.archive_position.clone(), config.archive) {
                let (owner, file) = (config.account.clone(), path.clone());
                let position = spawn_blocking(move || position::load(&file, &owner)).await;
                session.read_archive_from(position.ok().flatten());
                keeper = Some(Keeper::start(path, config.account.clone()));
            }
            let backoff = Backoff::new(&timing);
            let config = Arc::new(config);
            Worker { config, session, backoff, commands: receiver, outbox, learnt: None, keeper }.run().await;
        });
        Self { inbox, commands, task: task.abort_handle() }
    }

    /// After the end nobody listens, and nothing is to be done.
    fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

#[async_trait]
impl Transport for Xmpp {
    fn local(&self) -> Address {
        self.inbox.local()
    }

    fn limits(&self) -> Limits {
        self.inbox.limits()
    }

    async fn next_event(&mut self) -> Option<TransportEvent> {
        self.inbox.next().await
    }

    async fn send(&mut self, to: &Address, line: &[u8], token: SendToken) {
        self.tell(Command::Send { to: to.clone(), line: line.to_vec(), token });
    }

    async fn acknowledge(&mut self, id: DeliveryId) {
        self.tell(Command::Acknowledge(id));
    }

    async fn confirm(&mut self, id: DeliveryId) {
        self.tell(Command::Confirm(id));
    }

    async fn set_presence(&mut self, available: bool) {
        self.tell(Command::SetPresence(available));
    }

    async fn set_contact(&mut self, peer: &PeerId, contact: bool) {
        self.tell(Command::SetContact(peer.clone(), contact));
    }

    async fn close(&mut self) {
        let (reply, done) = oneshot::channel();
        self.tell(Command::Close(reply));
        // If the task has ended the answer never comes, which is an answer.
        let _ = done.await;
    }
}

impl Drop for Xmpp {
    fn drop(&mut self) {
        self.task.abort();
    }
}
