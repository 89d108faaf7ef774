//! What we ask of the server (RFC 6120, section 8.2.3), and what follows from its answers.

use std::collections::BTreeMap;

use tokio::time::Instant;
use xmpp_parsers::iq::{Iq, IqPayload, IqSetPayload};
use xmpp_parsers::jid::{BareJid, Jid};
use xmpp_parsers::mam::{self, Fin};
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ping::Ping;
use xmpp_parsers::roster::Roster;
use xmpp_parsers::rsm::SetQuery;
use xmpp_parsers::stanza::Stanza;
use xmpp_parsers::stanza_error::{DefinedCondition, StanzaError};
use xmpp_parsers::{carbons, roster};

use o2tr::transport::TransportEvent;

use super::{Ended, Session};
use crate::archive::{self, Step};

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Who our contacts are.
    Roster,
    /// Whether this many stanzas have been handled.
    Count(u64),
    /// Whether all that had waited for us has been handed over.
    Backlog,
    /// A page of the archive.
    Page,
    /// Something whose outcome shows elsewhere, or does not matter.
    Other,
}

/// Questions without an answer yet.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: BTreeMap<String, (Question, Instant)>,
}

impl Questions {
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.open.values().map(|(_, due)| *due).min()
    }

    /// Takes those whose time is up.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Question> {
        let mut expired = Vec::new();
        self.open.retain(|_, (question, due)| {
            let over = *due <= now;
            if over {
                expired.push(*question);
            }
            !over
        });
        expired
    }

    /// None is due before this time: the server could not answer for a while.
    pub(super) fn postpone(&mut self, until: Instant) {
        for (_, due) in self.open.values_mut() {
            *due = until.max(*due);
        }
    }
}

impl Session {
    pub(super) fn ask_for_roster(&mut self, now: Instant) {
        let id = self.ids.next();
        let iq = Iq::from_get(id.clone(), Roster { ver: None, items: Vec::new() });
        self.ask(id, iq, Question::Roster, now);
    }

    pub(super) fn ask_for_carbons(&mut self, now: Instant) {
        self.order(carbons::Enable, now);
    }

    pub(super) fn remove_from_roster(&mut self, jid: BareJid, now: Instant) {
        let item = roster::Item {
            jid,
            name: None,
            subscription: roster::Subscription::Remove,
            ask: roster::Ask::None,
            groups: Vec::new(),
            approved: None,
        };
        self.order(Roster { ver: None, items: vec![item] }, now);
    }

    /// Pings our own server (XEP-0199, section 4.2).
    pub(super) fn ping(&mut self, question: Question, now: Instant) {
        let id = self.ids.next();
        let iq = Iq::from_get(id.clone(), Ping).with_to(Jid::from(self.account.domain().to_owned()));
        self.ask(id, iq, question, now);
    }

    /// An answer has come. Only our server and our account are ever asked.
    pub(super) fn answered(&mut self, from: Option<&Jid>, id: &str, payload: IqPayload, now: Instant) {
        if !self.is_our_server(from) {
            return;
        }
        let Some((question, _)) = self.questions.open.remove(id) else { return };
        let answer = match payload {
            IqPayload::Result(payload) => Ok(payload),
            IqPayload::Error(error) => Err(error),
            IqPayload::Get(_) | IqPayload::Set(_) => return,
        };
        match question {
            Question::Roster => {
                if let Ok(Some(payload)) = answer
                    && let Ok(roster) = Roster::try_from(payload)
                {
                    self.roster_came(roster);
                }
            }
            Question::Count(sent) => {
                self.keepalive.counted();
                let sent = self.outbound.settle(sent);
                self.accepted(sent);
            }
            Question::Backlog => self.backlog_read(now),
            Question::Page => self.page_read(answer, now),
            Question::Other => {}
        }
    }

    /// No answer has come in time.
    pub(super) fn unanswered(&mut self, question: Question, now: Instant) -> Result<(), Ended> {
        match question {
            // Lines depend on it.
            Question::Count(_) => return Err(Ended::Silent),
            Question::Backlog => self.backlog_read(now),
            Question::Page => {
                self.archive.end();
                self.caught_up();
            }
            Question::Roster | Question::Other => {}
        }
        Ok(())
    }

    /// What had waited has come; what another device took meanwhile is in the archive (XEP-0313).
    fn backlog_read(&mut self, now: Instant) {
        let step = if self.settings.archive { self.archive.begin() } else { self.archive.end() };
        self.go_on_reading(step, now);
    }

    fn page_read(&mut self, answer: Result<Option<Element>, StanzaError>, now: Instant) {
        let step = match answer {
            Ok(payload) => match payload.and_then(|payload| Fin::try_from(payload).ok()) {
                Some(fin) => self.archive.page_read(fin.complete, fin.set.last.as_deref()),
                None => self.archive.end(),
            },
            Err(error) if error.defined_condition == DefinedCondition::ItemNotFound => self.archive.position_lost(),
            Err(_) => self.archive.end(),
        };
        self.go_on_reading(step, now);
    }

    fn go_on_reading(&mut self, step: Step, now: Instant) {
        let Step::Page { after, query } = step else { return self.caught_up() };
        let after = after.map(|id| id.as_str().to_owned());
        let set = SetQuery { max: Some(archive::PAGE), after, before: None, index: None };
        let query =
            mam::Query { queryid: Some(mam::QueryId(query)), node: None, form: None, set: Some(set), flip_page: false };
        let id = self.ids.next();
        let iq = Iq::from_set(id.clone(), query);
        self.ask(id, iq, Question::Page, now);
    }

    fn caught_up(&mut self) {
        if self.told == Some(true) {
            self.events.push_back(TransportEvent::CaughtUp);
        }
    }

    fn order(&mut self, payload: impl IqSetPayload, now: Instant) {
        let id = self.ids.next();
        let iq = Iq::from_set(id.clone(), payload);
        self.ask(id, iq, Question::Other, now);
    }

    fn ask(&mut self, id: String, iq: Iq, question: Question, now: Instant) {
        self.questions.open.insert(id, (question, now + self.settings.patience));
        self.push(Stanza::Iq(iq), None);
    }

    /// Whether a stanza is our server's or our account's own word (RFC 6120, section 8.1.2.1).
    pub(super) fn is_our_server(&self, from: Option<&Jid>) -> bool {
        let Some(from) = from else { return true };
        let ours = self.jid.as_ref().is_some_and(|own| *own == *from);
        let domain = from.node().is_none() && from.resource().is_none() && from.domain() == self.account.domain();
        ours || domain || *from == self.account
    }
}
