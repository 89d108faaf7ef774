//! What has happened and what was asked for, in the words of the pipe.

use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use o2tr::client::{Client, ClientEvent, Events};
use o2tr::conversation::Event;
use o2tr::transport::{OfflineReason, PeerId, Subscription};

use super::Endpoint;
use super::obey::{Answer, is_for_a_peer, obey};
use super::presence::Present;
use crate::failure::{Failure, Kind};
use crate::fault;
use crate::pipe::command::{self, Command, Malformed, Order};
use crate::pipe::input::Line;
use crate::pipe::report::{Report, Reporter};
use crate::pipe::translate::{self, Circumstances};

/// How it goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// With what comes next.
    Next,
    /// Leave; the command that asked for it.
    Leave(Option<String>),
    /// The client has ended by itself.
    Ended,
}

/// The talk with whoever reads and writes us.
pub(super) struct Session<'a> {
    endpoint: &'a Endpoint,
    client: Client,
    reporter: Reporter,
    present: Present,
    /// Acknowledgements of received items that are not durable yet.
    acknowledging: FuturesUnordered<BoxFuture<'static, ()>>,
    marks: u64,
    /// Why the connection has ended for good.
    given_up: Option<OfflineReason>,
    reader_is_gone: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(endpoint: &'a Endpoint, client: Client, reporter: Reporter) -> Self {
        Self {
            endpoint,
            client,
            reporter,
            present: Present::default(),
            acknowledging: FuturesUnordered::new(),
            marks: 0,
            given_up: None,
            reader_is_gone: false,
        }
    }

    /// Whether nobody reads what we write.
    pub(super) const fn reader_is_gone(&self) -> bool {
        self.reader_is_gone
    }

    /// Waits until an acknowledgement is durable. Cancel-safe.
    pub(super) async fn acknowledged(&mut self) {
        if self.acknowledging.next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes a line of the caller, and answers it.
    pub(super) async fn line(&mut self, line: Line, events: &mut Events) -> Step {
        let line = match line {
            Line::Text(line) => line,
            Line::TooLong => {
                return self.malformed(&Malformed { name: String::new(), fault: "the line is too long".to_owned() });
            }
            Line::End => return Step::Leave(None),
        };
        match command::parse(&line) {
            Ok(Order { name, command: Command::Quit, .. }) => Step::Leave(Some(name)),
            Ok(Order { name, to, command }) => {
                let to = if is_for_a_peer(&command) {
                    match self.endpoint.addressee(to.as_deref()) {
                        Ok(peer) => peer,
                        Err(fault) => return self.malformed(&Malformed { name, fault }),
                    }
                } else {
                    PeerId::new("")
                };
                self.carry_out(&name, command, &to, events).await
            }
            Err(malformed) => self.malformed(&malformed),
        }
    }

    async fn carry_out(&mut self, name: &str, command: Command, to: &PeerId, events: &mut Events) -> Step {
        let endpoint = self.endpoint;
        let client = self.client.clone();
        let work = obey(&client, &endpoint.clock, command, to, &endpoint.peers);
        tokio::pin!(work);
        let answer = loop {
            let event = tokio::select! {
                answer = &mut work => break answer,
                event = events.next() => event,
            };
            if self.note(event).await == Step::Ended {
                return Step::Ended;
            }
        };
        if self.settle(events).await == Step::Ended {
            return Step::Ended;
        }
        self.answer(to, answer);
        self.done(name);
        Step::Next
    }

    /// Tells everything that has happened up to now, and waits until what was told is acknowledged.
    pub(super) async fn settle(&mut self, events: &mut Events) -> Step {
        self.marks += 1;
        if self.client.mark(self.marks).await.is_err() {
            return Step::Ended;
        }
        loop {
            match events.next().await {
                Some(ClientEvent::Mark { number }) if number == self.marks => break,
                event => {
                    if self.note(event).await == Step::Ended {
                        return Step::Ended;
                    }
                }
            }
        }
        while self.acknowledging.next().await.is_some() {}
        Step::Next
    }

    /// Says that a command is done.
    pub(super) fn done(&mut self, cmd: &str) {
        self.report(&Report::Done { cmd });
    }

    fn malformed(&mut self, malformed: &Malformed) -> Step {
        self.report(&Report::Error { code: "usage", msg: &malformed.fault });
        self.done(&malformed.name);
        Step::Next
    }

    fn answer(&mut self, to: &PeerId, answer: Answer) {
        match answer {
            Answer::Done => {}
            Answer::Refused { code, message } => self.report_of(to, &Report::Error { code, msg: &message }),
            Answer::Ended => self.report_of(to, &Report::Insecure),
            Answer::Outbox(items) => {
                let items = items.into_iter().map(translate::outbox_item).collect();
                self.report_of(to, &Report::Outbox { items });
            }
            Answer::State(view) => {
                let state = translate::state(&view, self.endpoint.identity.instance());
                self.report_of(to, &Report::State(state));
            }
        }
    }

    /// Says an event of the client; `None` is the end.
    pub(super) async fn note(&mut self, event: Option<ClientEvent>) -> Step {
        match event {
            None => return Step::Ended,
            Some(ClientEvent::Conversation { peer, event }) => {
                let mut now = Circumstances { quarantine: self.quarantine(&peer), ..Circumstances::default() };
                if translate::needs_view(&event)
                    && let Ok(view) = self.client.view(&peer).await
                {
                    now = Circumstances::of(&view, now.quarantine);
                }
                self.tell(&peer, &event, &now);
                if self.endpoint.auto_ack
                    && !self.reader_is_gone
                    && let Some(id) = event.id()
                {
                    self.acknowledge(peer, id);
                }
            }
            Some(event) => self.outside(event),
        }
        Step::Next
    }

    /// Says what comes while the client stops. What is to be acknowledged is left to the next run.
    pub(super) fn note_at_the_end(&mut self, event: &ClientEvent) {
        if let ClientEvent::Conversation { peer, event } = event
            && event.id().is_none()
        {
            let now = Circumstances { quarantine: self.quarantine(peer), ..Circumstances::default() };
            self.tell(peer, event, &now);
        }
    }

    /// What the end of the client means.
    ///
    /// # Errors
    /// [`Failure`]: the connection was given up.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        match self.given_up {
            None | Some(OfflineReason::Closed) => Ok(()),
            Some(reason) => Err(Failure::new(Kind::Network, "login", reason.to_string())),
        }
    }

    fn quarantine(&self, peer: &PeerId) -> Option<o2tr_ekm::Quarantine> {
        self.endpoint.quarantines.get(peer).copied()
    }

    fn acknowledge(&mut self, peer: PeerId, id: u64) {
        let client = self.client.clone();
        // What cannot be acknowledged comes again with the next run.
        let work = async move { drop(client.acknowledge(&peer, id).await) };
        self.acknowledging.push(work.boxed());
    }

    fn tell(&mut self, peer: &PeerId, event: &Event, now: &Circumstances) {
        fault::pass("before-event");
        let reporter = &mut self.reporter;
        let told = translate::tell(event, now, |report| reporter.report_of(peer.as_str(), report));
        self.reader_is_gone |= told.is_err();
        fault::pass("after-event");
    }

    fn outside(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Online { resumed } => {
                self.report(&Report::Online { resumed });
                if !resumed {
                    for peer in self.present.forget() {
                        self.report_of(&peer, &Report::Presence { online: false });
                    }
                }
            }
            ClientEvent::Offline { reason, retry_in } => {
                if retry_in.is_none() {
                    self.given_up = Some(reason);
                }
                let retry_in_s = retry_in.map(|wait| (wait.as_secs_f64() * 1000.0).round() / 1000.0);
                self.report(&Report::Offline { reason: reason.to_string(), retry_in_s });
            }
            ClientEvent::CaughtUp => self.report(&Report::CaughtUp),
            ClientEvent::Presence { from, available } if self.present.tell(&from, available) => {
                self.report_of(&from.peer, &Report::Presence { online: available });
            }
            ClientEvent::Subscription { peer, subscription } => {
                let report = match subscription {
                    Subscription::Requested => Report::Subscribe,
                    Subscription::Granted => Report::Contact { contact: true },
                    Subscription::None => Report::Contact { contact: false },
                };
                self.report_of(&peer, &report);
            }
            ClientEvent::Stranger { peer } => self.report_of(&peer, &Report::Stranger),
            ClientEvent::Refused { peer, reason } => {
                let report = Report::Refused { reason: translate::refusal_word(reason), msg: reason.to_string() };
                self.report_of(&peer, &report);
            }
            ClientEvent::Bounced { peer, reason } => {
                let report = Report::Bounced { reason: translate::refusal_word(reason), msg: reason.to_string() };
                self.report_of(&peer, &report);
            }
            ClientEvent::Locked { peer, reason } => self.error_of(&peer, "damaged", &reason.to_string()),
            ClientEvent::StoreFailed { peer, error } => self.error_of(&peer, "store", &error.to_string()),
            ClientEvent::GivenUp { peer } => {
                self.error_of(&peer, "store", "a received line could not be stored; it comes again");
            }
            ClientEvent::UnreadableRow { reason, .. } => {
                self.report(&Report::Error { code: "damaged", msg: &format!("a stored row: {reason}") });
            }
            ClientEvent::JournalLost => {
                self.report(&Report::Error {
                    code: "damaged",
                    msg: "lines that were put aside cannot be read any more",
                });
            }
            // Ours are taken where they are awaited.
            _ => {}
        }
    }

    fn error_of(&mut self, peer: &PeerId, code: &str, msg: &str) {
        self.report_of(peer, &Report::Error { code, msg });
    }

    fn report(&mut self, report: &Report<'_>) {
        self.reader_is_gone |= self.reporter.report(report).is_err();
    }

    fn report_of(&mut self, peer: &PeerId, report: &Report<'_>) {
        self.reader_is_gone |= self.reporter.report_of(peer.as_str(), report).is_err();
    }
}
