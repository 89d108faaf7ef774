//! The task behind a client: carries events in and effects out, and decides nothing.

use core::time::Duration;
use std::sync::Arc;

use o2tr_ekm::EkmStore;
use otr_core::Identity;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::store::StoreLink;
use super::switchboard::{Request, Switchboard};
use super::wish::Command;
use super::{Client, ClientConfig, ClientError, ClientEvent, Events, RunError, StartError};
use crate::transport::Transport;

/// Wishes and events on their way between the tasks.
const QUEUE: usize = 256;
/// The longest sleep: a clock that was set is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long a transport may take to close.
const LEAVE: Duration = Duration::from_secs(10);

/// The task of a client. [`run`](Self::run) it once, usually by `tokio::spawn`.
///
/// Handshakes and SMP are computed on this task, some milliseconds at a time; nothing else keeps it busy, and it never waits
/// for the disk. Dropping it, or its future, is what a crash is to the peer and the server: nothing is lost. It then
/// waits for what the store has begun, so that the store can be opened again at once.
pub struct Driver<T, S> {
    transport: T,
    store: StoreLink<S>,
    board: Switchboard,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<ClientEvent>,
}

impl Client {
    /// Makes a client of one account over a transport and a store, which must be open already, for nothing may arrive
    /// before it is. It begins when the [`Driver`] runs.
    ///
    /// The identity must persist with the account: the store does not hold it.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open<T: Transport, S: EkmStore + 'static>(
        config: ClientConfig,
        transport: T,
        store: S,
        identity: Arc<Identity>,
    ) -> Result<(Self, Events, Driver<T, S>), StartError> {
        let (handle, commands) = mpsc::channel(QUEUE);
        let (events, receiver) = mpsc::channel(QUEUE);
        let board = Switchboard::new(config, identity)?;
        let driver = Driver { transport, store: StoreLink::start(store)?, board, commands, events };
        Ok((Self { commands: handle }, Events(receiver), driver))
    }
}

impl<T: Transport, S: EkmStore + 'static> Driver<T, S> {
    /// Runs until the client is [stopped](Client::stop), the last handle is dropped, or the transport has ended for good;
    /// then gives the store back, to be closed or opened again.
    ///
    /// # Errors
    /// [`RunError`]: the store is gone. The transport is dropped as in a crash, so what is not safe comes again.
    pub async fn run(mut self) -> Result<S, RunError> {
        let result = self.serve().await;
        let Self { transport, store, mut board, commands, events } = self;
        drop(transport);
        board.fail_wishes(&ClientError::Stopped);
        // What the application does not take now stays in the inbox of its conversation.
        while let Some(event) = board.events.pop_front() {
            if events.try_send(event).is_err() {
                break;
            }
        }
        // The thread has nothing left to do, so this does not wait for the disk.
        let store = store.close();
        drop(commands);
        result?;
        Ok(store?)
    }

    async fn serve(&mut self) -> Result<(), RunError> {
        let mut ended = false;
        let mut leaving: Option<Instant> = None;
        loop {
            self.step().await?;
            let quiet = self.board.is_quiet() && self.store.is_idle() && !self.board.has_turns();
            match leaving {
                None if quiet && (self.board.stopping || ended) => {
                    leaving = Some(Instant::now() + LEAVE);
                    self.board.stopping = true;
                    self.board.closing = true;
                    // A transport that hangs does not keep us: what it did not finish comes again.
                    ended = ended || timeout(LEAVE, self.transport.close()).await.is_err();
                }
                Some(until) if quiet && (ended || Instant::now() >= until) => return Ok(()),
                None | Some(_) => self.wait(&mut ended, leaving).await,
            }
        }
    }

    /// Carries out what has come about.
    async fn step(&mut self) -> Result<(), RunError> {
        while let Some(done) = self.store.try_next() {
            self.board.done(done);
        }
        self.board.set_max_line(self.transport.limits().max_message_len);
        self.board.run(self.store.load());
        self.store.submit(self.board.jobs.drain(..));
        if let Some(error) = self.board.failure.take() {
            return Err(error.into());
        }
        while let Some(request) = self.board.requests.pop_front() {
            match request {
                Request::Send { to, line, token } => self.transport.send(&to, &line, token).await,
                Request::Confirm(id) => self.transport.confirm(id).await,
                Request::Acknowledge(id) => self.transport.acknowledge(id).await,
                Request::SetAvailable(available) => self.transport.set_presence(available).await,
                Request::SetContact(peer, contact) => self.transport.set_contact(&peer, contact).await,
            }
        }
        Ok(())
    }

    /// Waits for something to happen and takes note of it.
    async fn wait(&mut self, ended: &mut bool, leaving: Option<Instant>) {
        let Self { transport, store, board, commands, events } = self;
        let due = board.next_due().map_or(LONGEST_SLEEP, |due| due.since(board.now()).min(LONGEST_SLEEP));
        let due = leaving.map_or(due, |until| due.min(until.saturating_duration_since(Instant::now())));
        let busy = board.has_turns();
        let reads = !*ended && (leaving.is_some() || (!board.stopping && board.accepts()));
        tokio::select! {
            event = transport.next_event(), if reads => match event {
                Some(event) => board.transport(event),
                None => *ended = true,
            },
            command = commands.recv(), if !board.stopping => match command {
                Some(command) => board.command(command),
                None => board.stop(),
            },
            done = store.next() => {
                if let Some(done) = done {
                    board.done(done);
                }
            }
            permit = events.reserve(), if !board.events.is_empty() => match (permit, board.events.pop_front()) {
                (Ok(permit), Some(event)) => permit.send(event),
                // Nobody listens: what matters is in the store and comes with the next run.
                (Err(_), _) => board.events.clear(),
                (Ok(_), None) => {}
            },
            () = core::future::ready(()), if busy => tokio::task::yield_now().await,
            () = sleep(due) => {}
        }
    }
}
