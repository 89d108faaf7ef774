//! The loop: what happens outside becomes messages, wishes are carried out, the model is drawn.

mod screen;
mod wishes;

use std::time::Duration;

use crossterm::event::{Event as TerminalEvent, EventStream};
use futures::StreamExt as _;
use o2tr::client::{Client, ClientEvent, Clock, Events, SystemClock};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

pub(super) use self::screen::Screen;
pub(super) use self::wishes::Workers;
use super::model::Model;
use super::update::update;
use super::view::Palette;
use super::wish::{Message, Reply, Wish};
use crate::failure::{Failure, Kind};

/// Messages that are taken before the screen is drawn again.
const BATCH: usize = 256;

/// Runs until the user quits or the program is told to end. The client goes on; the caller stops it.
///
/// # Errors
/// The terminal or the signals fail.
pub(super) async fn serve(
    client: &Client,
    events: &mut Events,
    model: &mut Model,
    palette: Palette,
    screen: &mut Screen,
) -> Result<(), Failure> {
    let (sender, replies) = mpsc::unbounded_channel();
    let mut outside = Outside { terminal: EventStream::new(), signals: Signals::new()?, replies, ended: false };
    let mut workers = Workers::new(client.clone(), sender);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = vec![Message::Tick(SystemClock.now())];
    while !model.quitting {
        for message in next.drain(..) {
            let wishes = update(model, message);
            carry_out(wishes, &mut workers, screen)?;
        }
        screen.draw(model, palette)?;
        let wishes = update(model, Message::Drawn);
        carry_out(wishes, &mut workers, screen)?;
        tokio::select! {
            _ = tick.tick() => {}
            message = outside.next(events) => next.extend(message),
        }
        // What has piled up meanwhile is drawn at once.
        while next.len() < BATCH
            && let Some(message) = outside.ready(events)
        {
            next.push(message);
        }
        next.insert(0, Message::Tick(SystemClock.now()));
        if outside.signals.told_to_end {
            break;
        }
    }
    workers.finish().await;
    Ok(())
}

fn carry_out(wishes: Vec<Wish>, workers: &mut Workers, screen: &mut Screen) -> Result<(), Failure> {
    for wish in wishes {
        match wish {
            Wish::Peer(peer, ask) => workers.ask(peer, ask),
            Wish::Redraw => screen.redraw()?,
            Wish::Suspend => screen.suspend()?,
            // The model says so.
            Wish::Quit => {}
        }
    }
    Ok(())
}

/// Where messages come from.
struct Outside {
    terminal: EventStream,
    signals: Signals,
    replies: mpsc::UnboundedReceiver<Reply>,
    /// The client has nothing more to tell.
    ended: bool,
}

impl Outside {
    /// Waits for the next message; `None` if nothing is to be said.
    async fn next(&mut self, events: &mut Events) -> Option<Message> {
        tokio::select! {
            event = events.next(), if !self.ended => Some(self.told(event)),
            Some(reply) = self.replies.recv() => Some(Message::Reply(reply)),
            event = self.terminal.next() => match event {
                Some(Ok(event)) => of_terminal(event),
                // The terminal is gone, as after SIGHUP.
                Some(Err(_)) | None => {
                    self.signals.told_to_end = true;
                    None
                }
            },
            told = self.signals.next() => told,
        }
    }

    /// A message that is there already.
    fn ready(&mut self, events: &mut Events) -> Option<Message> {
        if let Ok(reply) = self.replies.try_recv() {
            return Some(Message::Reply(reply));
        }
        events.try_next().map(Message::Event)
    }

    fn told(&mut self, event: Option<ClientEvent>) -> Message {
        match event {
            Some(event) => Message::Event(event),
            None => {
                self.ended = true;
                Message::Ended("the connection was given up".to_owned())
            }
        }
    }
}

fn of_terminal(event: TerminalEvent) -> Option<Message> {
    Some(match event {
        TerminalEvent::Key(key) => Message::Key(key),
        TerminalEvent::Mouse(mouse) => Message::Mouse(mouse),
        TerminalEvent::Paste(text) => Message::Paste(text),
        TerminalEvent::Resize(columns, rows) => Message::Resize(columns, rows),
        TerminalEvent::FocusGained => Message::Focus(true),
        TerminalEvent::FocusLost => Message::Focus(false),
    })
}

/// What the operating system says.
struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    stop: Signal,
    told_to_end: bool,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let of = |kind| signal(kind).map_err(|error| Failure::new(Kind::Other, "signals", error.to_string()));
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            hang_up: of(SignalKind::hangup())?,
            interrupt: of(SignalKind::interrupt())?,
            stop: of(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            told_to_end: false,
        })
    }

    async fn next(&mut self) -> Option<Message> {
        tokio::select! {
            _ = self.terminate.recv() => self.told_to_end = true,
            _ = self.hang_up.recv() => self.told_to_end = true,
            _ = self.interrupt.recv() => self.told_to_end = true,
            // As if the key had been pressed.
            _ = self.stop.recv() => {
                let key = crossterm::event::KeyEvent::new(
                    crossterm::event::KeyCode::Char('z'),
                    crossterm::event::KeyModifiers::CONTROL,
                );
                return Some(Message::Key(key));
            }
        }
        None
    }
}
