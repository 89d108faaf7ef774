//! The task behind an [`Xmpp`](crate::Xmpp): connects, carries elements and events to and fro, and decides nothing that the
//! [session](crate::session) could.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use futures::{Sink, Stream, StreamExt};
use o2tr::transport::{Address, DeliveryId, Limits, OfflineReason, PeerId, SendToken};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_xmpp::xmlstream::{FallibleStreamElement, ReadError, StreamElementError, XmppStreamElement};
use xmpp_parsers::ns;

use crate::config::Config;
use crate::connect::{Backoff, Link, random_number};
use crate::error::{ConnectError, of_io, of_read_error, of_stream_error};
use crate::mailbox::Outbox;
use crate::negotiate::{Established, Outcome, establish};
use crate::position::Keeper;
use crate::session::{Ended, Session};

/// Events that the application has not read: beyond it the server is not read.
const MAX_EVENTS: usize = 512;
/// How long a server may take to say good-bye.
const FAREWELL: Duration = Duration::from_secs(5);
/// A limit that was learnt the hard way does not fall below this (bytes).
const SHORTEST_LINE: usize = 1024;

/// What the application asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Send { to: Address, line: Vec<u8>, token: SendToken },
    Acknowledge(DeliveryId),
    Confirm(DeliveryId),
    SetPresence(bool),
    SetContact(PeerId, bool),
    Close(oneshot::Sender<()>),
}

/// The task's own.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) config: Arc<Config>,
    pub(crate) session: Session,
    pub(crate) backoff: Backoff,
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    pub(crate) outbox: Outbox,
    /// A limit that a server taught us by ending the stream.
    pub(crate) learnt: Option<usize>,
    /// Remembers how far the archive was read.
    pub(crate) keeper: Option<Keeper>,
}

/// What the application brought about.
enum Turn {
    GoOn,
    /// It leaves; to be told when that is done.
    Close(oneshot::Sender<()>),
    /// It is gone.
    Gone,
}

/// How a stream ended.
enum End {
    Failed(ConnectError),
    Closed(oneshot::Sender<()>),
    Gone,
}

impl Worker {
    /// Runs until the application has left or the server will not have us.
    pub(crate) async fn run(mut self) {
        let farewell = loop {
            let established = {
                let (config, resume) = (Arc::clone(&self.config), self.session.resumption());
                self.meanwhile(async move { establish(&config, resume).await }).await
            };
            let end = match established {
                Ok(Ok(established)) => {
                    let began = Instant::now();
                    let end = self.serve(established).await;
                    self.backoff.stood(began.elapsed());
                    end
                }
                Ok(Err(error)) => End::Failed(error),
                Err(end) => end,
            };
            match end {
                End::Failed(error) => {
                    let permanent = error.permanent();
                    let wait = (!permanent).then(|| self.backoff.next(random_number()));
                    self.session.lost(error.reason(), wait);
                    let Some(wait) = wait else { break None };
                    match self.meanwhile(tokio::time::sleep(wait)).await {
                        Ok(()) => {}
                        Err(End::Closed(reply)) => break Some(reply),
                        Err(End::Gone | End::Failed(_)) => return,
                    }
                }
                End::Closed(reply) => break Some(reply),
                End::Gone => return,
            }
        };
        self.session.finish();
        if farewell.is_some() {
            self.session.lost(OfflineReason::Closed, None);
        }
        self.pump();
        if let Some(keeper) = self.keeper.take() {
            keeper.finish().await;
        }
        drop(self.outbox);
        if let Some(reply) = farewell {
            // Whoever waited may have gone.
            let _ = reply.send(());
        }
    }

    /// Waits for something else than the server while the application goes on.
    async fn meanwhile<T>(&mut self, future: impl Future<Output = T>) -> Result<T, End> {
        let mut future = core::pin::pin!(future);
        loop {
            self.pump();
            let command = tokio::select! {
                done = &mut future => return Ok(done),
                command = self.commands.recv() => command,
            };
            match self.command(command) {
                Turn::GoOn => {}
                Turn::Close(reply) => return Err(End::Closed(reply)),
                Turn::Gone => return Err(End::Gone),
            }
        }
    }

    fn command(&mut self, command: Option<Command>) -> Turn {
        let now = Instant::now();
        match command {
            None => return Turn::Gone,
            Some(Command::Close(reply)) => return Turn::Close(reply),
            Some(Command::Send { to, line, token }) => self.session.send(&to, &line, token),
            Some(Command::Acknowledge(id)) => self.session.acknowledge(id),
            Some(Command::Confirm(id)) => self.session.confirm(id),
            Some(Command::SetPresence(available)) => self.session.set_presence(available, now),
            Some(Command::SetContact(peer, contact)) => self.session.set_contact(&peer, contact, now),
        }
        Turn::GoOn
    }

    /// Hands the events over.
    fn pump(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.outbox.push(event);
        }
        if let (Some(keeper), Some(position)) = (&self.keeper, self.session.archive_position()) {
            keeper.keep(position);
        }
    }

    /// Keeps a session until its stream ends.
    async fn serve(&mut self, established: Established) -> End {
        let Established { mut link, limits, outcome } = established;
        self.set_limits(limits);
        let now = Instant::now();
        match outcome {
            Outcome::Resumed { h } => {
                if let Err(ended) = self.session.resumed(h, now) {
                    self.session.forget_stream();
                    return End::Failed(reason(&ended));
                }
            }
            Outcome::Bound { bound, counted, early } => {
                self.session.bound(bound, counted, now);
                for stanza in early {
                    self.session.handle_early(stanza, now);
                }
            }
        }
        if let Some(jid) = self.session.jid() {
            self.outbox.set_local(crate::stanza::address(&jid.clone().into()));
        }
        let mut closing: Option<(oneshot::Sender<()>, Instant)> = None;
        let mut unflushed = false;
        let mut paused = false;
        loop {
            self.pump();
            if closing.as_ref().is_some_and(|(_, until)| !self.session.awaits_answers() || Instant::now() >= *until)
                && let Some((reply, _)) = closing.take()
            {
                self.take_leave(&mut link, unflushed).await;
                return End::Closed(reply);
            }
            let reads = closing.is_some() || (self.outbox.len() < MAX_EVENTS && self.session.accepts());
            if reads && core::mem::take(&mut paused) {
                // The silence was ours.
                self.session.heard(Instant::now());
            }
            paused = !reads;
            let due = self.session.poll_timeout();
            let due = closing.as_ref().map_or(due, |(_, until)| due.min(*until));
            let Self { session, commands, outbox, .. } = self;
            let step = tokio::select! {
                item = poll_fn(|cx| poll_link(&mut link, session, &mut unflushed, reads, cx)) => Step::Link(Box::new(item)),
                command = commands.recv(), if closing.is_none() => Step::Command(command),
                () = sleep_until(due), if reads => Step::Time,
                () = outbox.drained(), if !reads => Step::Drained,
            };
            let now = Instant::now();
            let handled = match step {
                Step::Link(item) => item.and_then(|element| self.take(element, now)),
                Step::Time => self.session.handle_timeout(now).map_err(Fault::Ended),
                Step::Drained => Ok(()),
                Step::Command(command) => match self.command(command) {
                    Turn::GoOn => Ok(()),
                    Turn::Close(reply) => {
                        closing = Some((reply, now + self.config.timing.ping_patience));
                        Ok(())
                    }
                    Turn::Gone => return End::Gone,
                },
            };
            match handled {
                Ok(()) => {}
                Err(_) if closing.is_some() => {
                    if let Some((reply, _)) = closing.take() {
                        return End::Closed(reply);
                    }
                }
                Err(fault) => return End::Failed(self.fault(fault)),
            }
        }
    }

    fn take(&mut self, element: FallibleStreamElement, now: Instant) -> Result<(), Fault> {
        match element {
            FallibleStreamElement::Ok(element) => self.session.handle(element, now).map_err(Fault::Ended),
            FallibleStreamElement::Err(StreamElementError::InvalidStanza { ns, .. }) if ns == ns::DEFAULT_NS => {
                self.session.handle_unreadable_stanza(now);
                Ok(())
            }
            FallibleStreamElement::Err(_) => {
                self.session.heard(now);
                Ok(())
            }
        }
    }

    /// What the end of a stream means, for us and for what was under way on it.
    fn fault(&mut self, fault: Fault) -> ConnectError {
        match fault {
            Fault::Ended(ended) => {
                if !matches!(ended, Ended::Silent) {
                    self.learn(&ended);
                    self.session.forget_stream();
                }
                reason(&ended)
            }
            Fault::Read(ReadError::StreamFooterReceived) => {
                // A stream that was closed in order is not resumed.
                self.session.forget_stream();
                of_read_error(&ReadError::StreamFooterReceived)
            }
            Fault::Read(error) => of_read_error(&error),
            Fault::Io(error) => of_io(&error),
        }
    }

    /// A server that ends the stream over its policy may have found a stanza too large.
    fn learn(&mut self, ended: &Ended) {
        let Ended::Error(error) = ended else { return };
        let longest = self.session.longest_unanswered();
        if of_stream_error(error).reason() == OfflineReason::Policy && longest > SHORTEST_LINE {
            self.learnt = Some((longest / 2).max(SHORTEST_LINE));
        }
    }

    fn set_limits(&mut self, announced: Limits) {
        let max_message_len =
            self.learnt.map_or(announced.max_message_len, |bytes| bytes.min(announced.max_message_len));
        let limits = Limits { max_message_len };
        self.session.set_limits(limits);
        self.outbox.set_limits(limits);
    }

    /// Writes what is left, and ends the stream in both directions (RFC 6120, section 4.4).
    async fn take_leave(&mut self, link: &mut Link, mut unflushed: bool) {
        self.session.take_leave();
        let session = &mut self.session;
        let farewell = async {
            poll_fn(|cx| match poll_write(link, session, &mut unflushed, cx) {
                Ok(true) => Poll::Ready(Ok(())),
                Ok(false) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            })
            .await?;
            link.shutdown().await?;
            while let Some(Ok(_)) = link.next().await {}
            Ok::<(), io::Error>(())
        };
        // A server that says nothing has got it, or has not; there is no more to be done.
        let _ = timeout(FAREWELL, farewell).await;
    }
}

fn reason(ended: &Ended) -> ConnectError {
    match ended {
        Ended::Silent => OfflineReason::Lost.into(),
        Ended::CountTooHigh => OfflineReason::Protocol.into(),
        Ended::Error(error) => of_stream_error(error),
    }
}

enum Step {
    Link(Box<Result<FallibleStreamElement, Fault>>),
    Command(Option<Command>),
    Time,
    Drained,
}

enum Fault {
    Ended(Ended),
    Read(ReadError),
    Io(io::Error),
}

/// Writes what there is to write, then reads the next element.
fn poll_link(
    link: &mut Link,
    session: &mut Session,
    unflushed: &mut bool,
    reads: bool,
    cx: &mut Context<'_>,
) -> Poll<Result<FallibleStreamElement, Fault>> {
    if let Err(error) = poll_write(link, session, unflushed, cx) {
        return Poll::Ready(Err(Fault::Io(error)));
    }
    if !reads {
        return Poll::Pending;
    }
    loop {
        return match Pin::new(&mut *link).poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(element))) => Poll::Ready(Ok(element)),
            // The session has a clock of its own.
            Poll::Ready(Some(Err(ReadError::SoftTimeout))) => continue,
            Poll::Ready(Some(Err(error))) => Poll::Ready(Err(Fault::Read(error))),
            Poll::Ready(None) => Poll::Ready(Err(Fault::Io(io::ErrorKind::UnexpectedEof.into()))),
        };
    }
}

/// Writes as much as the connection takes. True when nothing is left.
fn poll_write(link: &mut Link, session: &mut Session, unflushed: &mut bool, cx: &mut Context<'_>) -> io::Result<bool> {
    loop {
        match Sink::<&XmppStreamElement>::poll_ready(Pin::new(&mut *link), cx)? {
            Poll::Pending => return Ok(false),
            Poll::Ready(()) => {}
        }
        let element = session.poll_element().or_else(|| {
            session.conclude(Instant::now());
            session.poll_element()
        });
        let Some(element) = element else { break };
        Sink::<&XmppStreamElement>::start_send(Pin::new(&mut *link), &element)?;
        *unflushed = true;
    }
    if *unflushed {
        match Sink::<&XmppStreamElement>::poll_flush(Pin::new(link), cx)? {
            Poll::Pending => return Ok(false),
            Poll::Ready(()) => *unflushed = false,
        }
    }
    Ok(true)
}
