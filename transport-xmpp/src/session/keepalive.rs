//! Is the server still there? Asked when nothing came for a while, and behind every burst that wants an answer.

use tokio::time::Instant;
use tokio_xmpp::xmlstream::XmppStreamElement;
use xmpp_parsers::sm;

use super::questions::Question;
use super::{Ended, Session};

/// When something last came, and what is awaited.
#[derive(Debug)]
pub(super) struct Keepalive {
    heard: Instant,
    /// Since when a sign of life is awaited.
    asked: Option<Instant>,
    /// A count was requested and has not come.
    requested: bool,
    /// Something was sent since the last request.
    unrequested: bool,
}

impl Keepalive {
    pub(super) const fn new(now: Instant) -> Self {
        Self { heard: now, asked: None, requested: false, unrequested: false }
    }

    /// Something was sent that the server is to answer for.
    pub(super) const fn sent(&mut self) {
        self.unrequested = true;
    }

    /// The server has told its count.
    pub(super) const fn counted(&mut self) {
        self.requested = false;
    }
}

impl Session {
    /// Something came from the server, or the server was not read for a while.
    pub(crate) const fn heard(&mut self, now: Instant) {
        self.keepalive.heard = now;
        self.keepalive.asked = None;
    }

    /// A burst has been queued completely: asks the server what it got of it, and tells our own count.
    pub(crate) fn conclude(&mut self, now: Instant) {
        if core::mem::take(&mut self.count_due) && self.managed {
            let h = self.inbound.handled();
            self.elements.push_back(XmppStreamElement::SM(sm::Nonza::Ack(sm::A::new(h))));
        }
        if self.keepalive.unrequested && !self.keepalive.requested {
            self.keepalive.unrequested = false;
            self.keepalive.requested = true;
            self.ask_for_count(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Instant {
        let silence = match self.keepalive.asked {
            Some(asked) => asked + self.settings.patience,
            None => self.keepalive.heard + self.settings.ping_after,
        };
        self.questions.next_due().map_or(silence, |due| due.min(silence))
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), Ended> {
        match self.keepalive.asked {
            Some(asked) if now >= asked + self.settings.patience => return Err(Ended::Silent),
            None if now >= self.keepalive.heard + self.settings.ping_after => {
                self.keepalive.requested = true;
                self.ask_for_count(now);
            }
            Some(_) | None => {}
        }
        for question in self.questions.expired(now) {
            self.unanswered(question, now)?;
        }
        Ok(())
    }

    /// With XEP-0198 by `<r/>`, otherwise by a ping (XEP-0199): its answer stands behind what was sent.
    fn ask_for_count(&mut self, now: Instant) {
        self.keepalive.asked.get_or_insert(now);
        if self.managed {
            self.elements.push_back(XmppStreamElement::SM(sm::Nonza::Req(sm::R)));
        } else {
            self.ping(Question::Count(self.outbound.sent()), now);
        }
    }
}
