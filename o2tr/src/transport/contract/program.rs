//! A program under test: a transport with what it has reported so far.

use core::time::Duration;
use std::collections::VecDeque;

use tokio::time::{Instant, timeout_at};

use super::Harness;
use crate::transport::{Address, Delivery, Refusal, SendToken, Transport, TransportEvent};

/// What went wrong, in words.
pub(super) type Outcome<T = ()> = Result<T, String>;

/// Fails with these words unless the condition holds.
pub(super) fn ensure(condition: bool, words: impl FnOnce() -> String) -> Outcome {
    if condition { Ok(()) } else { Err(words()) }
}

/// The answer to a sent line.
pub(super) type Answer = Result<(), Refusal>;

/// A transport that is being watched.
pub(super) struct Program {
    pub(super) transport: Box<dyn Transport>,
    name: String,
    patience: Duration,
    quiet: Duration,
    tokens: u64,
    /// Deliveries that came while something else was awaited.
    deliveries: VecDeque<Delivery>,
    /// All other events that came while something else was awaited.
    others: VecDeque<TransportEvent>,
}

impl Program {
    /// Starts a program and waits until it is connected.
    pub(super) async fn start(harness: &mut dyn Harness, account: &str, resource: &str) -> Outcome<Self> {
        let transport = harness.start(account, resource).await;
        let mut program = Self {
            transport,
            name: format!("{account}/{resource}"),
            patience: harness.patience(),
            quiet: harness.quiet(),
            tokens: 0,
            deliveries: VecDeque::new(),
            others: VecDeque::new(),
        };
        program.online().await?;
        Ok(program)
    }

    /// Starts a program, announces it, and returns it with what had waited for it.
    pub(super) async fn start_available(
        harness: &mut dyn Harness,
        account: &str,
        resource: &str,
    ) -> Outcome<(Self, Vec<Delivery>)> {
        let mut program = Self::start(harness, account, resource).await?;
        let backlog = program.become_available().await?;
        Ok((program, backlog))
    }

    /// Announces the program and returns what had waited for it.
    pub(super) async fn become_available(&mut self) -> Outcome<Vec<Delivery>> {
        self.transport.set_presence(true).await;
        self.caught_up().await
    }

    /// Waits for `CaughtUp` and returns the deliveries before it.
    pub(super) async fn caught_up(&mut self) -> Outcome<Vec<Delivery>> {
        self.other("CaughtUp", |event| matches!(event, TransportEvent::CaughtUp).then_some(())).await?;
        Ok(self.deliveries.drain(..).collect())
    }

    /// Waits for the connection; returns whether it was resumed.
    pub(super) async fn online(&mut self) -> Outcome<bool> {
        self.other("Online", |event| match event {
            TransportEvent::Online { resumed } => Some(*resumed),
            _ => None,
        })
        .await
    }

    /// Waits for the loss of the connection.
    pub(super) async fn offline(&mut self) -> Outcome {
        self.other("Offline", |event| matches!(event, TransportEvent::Offline { .. }).then_some(())).await
    }

    /// Sends without waiting for the answer.
    pub(super) async fn send(&mut self, to: &Address, line: &[u8]) -> SendToken {
        self.tokens += 1;
        let token = SendToken(self.tokens);
        self.transport.send(to, line, token).await;
        token
    }

    /// Waits for the answer to a token.
    pub(super) async fn answer(&mut self, token: SendToken) -> Outcome<Answer> {
        self.other("an answer to a token", |event| match event {
            TransportEvent::Accepted { token: answered } if *answered == token => Some(Ok(())),
            TransportEvent::Refused { token: answered, reason } if *answered == token => Some(Err(*reason)),
            _ => None,
        })
        .await
    }

    /// Sends lines and waits until all are accepted.
    pub(super) async fn send_all(&mut self, to: &Address, lines: &[String]) -> Outcome {
        let mut tokens = Vec::new();
        for line in lines {
            tokens.push(self.send(to, line.as_bytes()).await);
        }
        for token in tokens {
            let answer = self.answer(token).await?;
            ensure(answer == Ok(()), || format!("{} was refused: {answer:?}", self.name))?;
        }
        Ok(())
    }

    /// Waits for this many deliveries.
    pub(super) async fn receive(&mut self, count: usize) -> Outcome<Vec<Delivery>> {
        let until = Instant::now() + self.patience;
        while self.deliveries.len() < count {
            let event = timeout_at(until, self.transport.next_event()).await;
            match event {
                Ok(Some(event)) => self.file(event),
                Ok(None) => return Err(format!("{} ended", self.name)),
                Err(_) => {
                    return Err(format!("{} got {} deliveries of {count}", self.name, self.deliveries.len()));
                }
            }
        }
        Ok(self.deliveries.drain(..count).collect())
    }

    /// Makes sure that no delivery comes.
    pub(super) async fn receive_nothing(&mut self) -> Outcome {
        self.listen().await;
        ensure(self.deliveries.is_empty(), || format!("{} got {:?}", self.name, self.deliveries))
    }

    /// Collects whatever comes until it has been quiet for a while; returns the events that are no deliveries.
    pub(super) async fn listen(&mut self) -> Vec<TransportEvent> {
        loop {
            let until = Instant::now() + self.quiet;
            match timeout_at(until, self.transport.next_event()).await {
                Ok(Some(event)) => self.file(event),
                Ok(None) | Err(_) => return self.others.drain(..).collect(),
            }
        }
    }

    /// Acknowledges all these.
    pub(super) async fn acknowledge(&mut self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            self.transport.acknowledge(delivery.id).await;
        }
    }

    /// Waits for an event that is no delivery.
    pub(super) async fn other<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&TransportEvent) -> Option<T>,
    ) -> Outcome<T> {
        let until = Instant::now() + self.patience;
        let mut passed = VecDeque::new();
        loop {
            while let Some(event) = self.others.pop_front() {
                if let Some(found) = wanted(&event) {
                    passed.append(&mut self.others);
                    self.others = passed;
                    return Ok(found);
                }
                passed.push_back(event);
            }
            match timeout_at(until, self.transport.next_event()).await {
                Ok(Some(event)) => self.file(event),
                Ok(None) => return Err(format!("{} ended before {what}", self.name)),
                Err(_) => return Err(format!("{} waited in vain for {what}; it saw {passed:?}", self.name)),
            }
        }
    }

    fn file(&mut self, event: TransportEvent) {
        match event {
            TransportEvent::Delivery(delivery) => self.deliveries.push_back(delivery),
            other => self.others.push_back(other),
        }
    }
}

/// Numbered lines of text.
pub(super) fn lines(prefix: &str, count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{prefix} {number}")).collect()
}

/// Fails unless the deliveries carry exactly these lines in this order.
pub(super) fn ensure_lines(deliveries: &[Delivery], lines: &[String]) -> Outcome {
    let got = texts(deliveries);
    ensure(got == lines, || format!("got {got:?} instead of {lines:?}"))
}

/// The lines of these deliveries as text.
pub(super) fn texts(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| String::from_utf8_lossy(&delivery.line).into_owned()).collect()
}
