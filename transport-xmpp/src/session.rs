//! One account's session with its server, over as many streams as it takes. Sans-IO.
//!
//! The [worker](crate::worker) brings what the server sent, the calls of the application and the time; it takes
//! elements for the server and events for the application. What a stream leaves unanswered is settled here.

mod answers;
mod contacts;
mod keepalive;
mod questions;
mod receive;

use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use o2tr::transport::{
    Address, Delivery, DeliveryId, Limits, OfflineReason, PeerId, Refusal, SendToken, TransportEvent,
};
use tokio::time::Instant;
use tokio_xmpp::xmlstream::XmppStreamElement;
use xmpp_parsers::jid::{BareJid, FullJid, Jid};
use xmpp_parsers::message::{Message, MessageType};
use xmpp_parsers::presence::{Presence, Type};
use xmpp_parsers::sm;
use xmpp_parsers::stanza::Stanza;
use xmpp_parsers::stream_error::StreamError;

use crate::archive::{Archive, ArchiveId};
use crate::ids::Ids;
use crate::management::{Inbound, Outbound, Sent, copy};
use crate::stanza::{self, Received};
use contacts::Contacts;
use keepalive::Keepalive;
use questions::{Question, Questions};

/// Stanzas from the server that may wait for an acknowledgement by the application: beyond it the server is not read.
const MAX_OPEN: usize = 4096;
/// Lines that came before the first presence; more stay with the server.
const MAX_HELD: usize = 256;
/// Accepted messages that are remembered in case they come back.
const MAX_RECENT: usize = 512;
/// Receipts that may be asked of us at a time.
const MAX_RECEIPTS: usize = 4096;

/// What of the configuration matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) receipts: bool,
    pub(crate) no_permanent_store: bool,
    pub(crate) archive: bool,
    pub(crate) carbons: bool,
    pub(crate) ping_after: Duration,
    pub(crate) patience: Duration,
}

/// Why a stream is over.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Nothing comes any more.
    Silent,
    /// The server counts stanzas that were never sent.
    CountTooHigh,
    /// The server said so (RFC 6120, section 4.9).
    Error(StreamError),
}

/// What the server granted to a new stream.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) jid: FullJid,
    /// The server counts stanzas (XEP-0198).
    pub(crate) managed: bool,
    /// And goes on with the stream under this name, should the connection break.
    pub(crate) resumption: Option<sm::StreamId>,
}

/// The session of one run of the program.
#[derive(Debug)]
pub(crate) struct Session {
    settings: Settings,
    account: BareJid,
    jid: Option<FullJid>,
    ids: Ids,
    connected: bool,
    managed: bool,
    resumption: Option<sm::StreamId>,
    limits: Limits,

    outbound: Outbound,
    inbound: Inbound,
    /// The server is to be told our count.
    count_due: bool,
    questions: Questions,
    keepalive: Keepalive,

    archive: Archive,
    contacts: Contacts,
    /// What the application wants, and what this stream was told.
    available: bool,
    told: Option<bool>,
    /// Lines that came before the server was told.
    held: VecDeque<Delivery>,
    deliveries: u64,
    receipts: HashMap<DeliveryId, (Jid, String, MessageType)>,
    /// What the server took lately, by the message's id.
    recent: VecDeque<(String, Address)>,

    elements: VecDeque<XmppStreamElement>,
    events: VecDeque<TransportEvent>,
}

impl Session {
    pub(crate) fn new(account: BareJid, settings: Settings, limits: Limits, now: Instant) -> Self {
        Self {
            account,
            jid: None,
            ids: Ids::new(),
            connected: false,
            managed: false,
            resumption: None,
            limits,
            outbound: Outbound::default(),
            inbound: Inbound::default(),
            count_due: false,
            questions: Questions::default(),
            keepalive: Keepalive::new(now),
            archive: Archive::default(),
            contacts: Contacts::default(),
            available: false,
            told: None,
            held: VecDeque::new(),
            deliveries: 0,
            receipts: HashMap::new(),
            recent: VecDeque::new(),
            elements: VecDeque::new(),
            events: VecDeque::new(),
            settings,
        }
    }

    /// Goes on reading the archive from where an earlier run of the program was.
    pub(crate) fn read_archive_from(&mut self, position: Option<ArchiveId>) {
        self.archive.resume_from(position);
    }

    /// How far the archive has been read.
    pub(crate) const fn archive_position(&self) -> Option<&ArchiveId> {
        self.archive.position()
    }

    /// The device that the server knows us as.
    pub(crate) const fn jid(&self) -> Option<&FullJid> {
        self.jid.as_ref()
    }

    /// The connection broke but the stream may go on: what to ask of the server, with our count.
    pub(crate) fn resumption(&mut self) -> Option<sm::Resume> {
        let previd = self.resumption.clone()?;
        Some(sm::Resume { h: self.inbound.resume(), previd })
    }

    /// What a line may weigh from now on.
    pub(crate) const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether more may be read from the server.
    pub(crate) fn accepts(&self) -> bool {
        self.inbound.open() < MAX_OPEN
    }

    /// Whether the application waits for the server's word on a line.
    pub(crate) fn awaits_answers(&self) -> bool {
        self.outbound.awaits_answers()
    }

    /// The longest message that the server has not answered for, in bytes of its body.
    pub(crate) fn longest_unanswered(&self) -> usize {
        let body = |stanza: &Stanza| match stanza {
            Stanza::Message(message) => message.bodies.values().map(String::len).sum(),
            Stanza::Iq(_) | Stanza::Presence(_) => 0,
        };
        self.outbound.unacknowledged().map(body).max().unwrap_or(0)
    }

    /// The next element for the server. What concludes a burst comes by [`conclude`](Self::conclude).
    pub(crate) fn poll_element(&mut self) -> Option<XmppStreamElement> {
        self.elements.pop_front()
    }

    /// The next event for the application.
    pub(crate) fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// A new stream begins. What the former one left is settled; `counted` is what the server says it got of that.
    pub(crate) fn bound(&mut self, bound: Bound, counted: Option<u32>, now: Instant) {
        self.settle(counted);
        self.archive.restart(&self.inbound.restart());
        self.contacts.restart();
        self.questions = Questions::default();
        self.receipts.clear();
        self.held.clear();
        self.count_due = false;
        self.told = None;
        self.connected = true;
        self.managed = bound.managed;
        self.resumption = bound.resumption;
        self.jid = Some(bound.jid);
        self.keepalive = Keepalive::new(now);
        self.elements.clear();
        self.events.push_back(TransportEvent::Online { resumed: false });
        self.ask_for_roster(now);
        if self.settings.carbons {
            self.ask_for_carbons(now);
        }
        self.announce(now);
        self.carry_out_wishes(now);
    }

    /// The former stream goes on; the server has `h` stanzas of it.
    pub(crate) fn resumed(&mut self, h: u32, now: Instant) -> Result<(), Ended> {
        let sent = self.outbound.acknowledge(h).map_err(|_| Ended::CountTooHigh)?;
        self.inbound.resumed();
        self.connected = true;
        self.keepalive = Keepalive::new(now);
        self.questions.postpone(now + self.settings.patience);
        self.elements.clear();
        self.events.push_back(TransportEvent::Online { resumed: true });
        self.accepted(sent);
        self.elements.extend(self.outbound.unacknowledged().map(copy).map(XmppStreamElement::Stanza));
        if !self.outbound.is_empty() {
            self.keepalive.sent();
        }
        self.announce(now);
        self.carry_out_wishes(now);
        Ok(())
    }

    /// The connection is gone. What cannot be answered any more is settled.
    pub(crate) fn lost(&mut self, reason: OfflineReason, retry_in: Option<Duration>) {
        self.connected = false;
        self.elements.clear();
        if retry_in.is_none() {
            self.resumption = None;
        }
        if self.resumption.is_none() {
            self.settle(None);
        }
        self.events.push_back(TransportEvent::Offline { reason, retry_in });
    }

    /// The stream cannot be resumed.
    pub(crate) fn forget_stream(&mut self) {
        self.resumption = None;
        self.settle(None);
    }

    /// The program ends: nothing stays unanswered.
    pub(crate) fn finish(&mut self) {
        self.connected = false;
        self.resumption = None;
        self.elements.clear();
        self.settle(None);
    }

    /// Queues the last word on a stream: our final count.
    pub(crate) const fn take_leave(&mut self) {
        self.count_due = true;
    }

    /// The application sends a line.
    pub(crate) fn send(&mut self, to: &Address, line: &[u8], token: SendToken) {
        match self.prepare(to, line) {
            Ok(message) => {
                self.push(Stanza::Message(message), Some(token));
            }
            Err(reason) => self.events.push_back(TransportEvent::Refused { token, reason }),
        }
    }

    /// The application has made a delivery durable.
    pub(crate) fn acknowledge(&mut self, id: DeliveryId) {
        self.receipts.remove(&id);
        let before = self.inbound.handled();
        let done = self.inbound.acknowledge(id);
        self.archive.done(done);
        self.count_due |= self.inbound.handled() != before;
    }

    /// The application has read what a delivery carried. A receipt shows that we are there, so only those get one who may
    /// see that anyway (XEP-0184, section 8).
    pub(crate) fn confirm(&mut self, id: DeliveryId) {
        if let Some((to, of, type_)) = self.receipts.remove(&id)
            && self.connected
            && self.contacts.sees_us(&PeerId::new(to.to_bare().as_str()))
        {
            let id = self.ids.next();
            self.push(Stanza::Message(stanza::receipt(to, &of, type_, id)), None);
        }
    }

    /// The application wants messages, or no longer.
    pub(crate) fn set_presence(&mut self, available: bool, now: Instant) {
        self.available = available;
        if self.connected {
            self.announce(now);
        }
    }

    /// The application makes a peer a contact, or gives it up.
    pub(crate) fn set_contact(&mut self, peer: &PeerId, contact: bool, now: Instant) {
        self.contacts.wish(peer, contact);
        if self.connected {
            self.carry_out_wishes(now);
        }
    }

    /// Tells the server what it does not know yet of our presence (RFC 6121, section 4). Its answer to the ping behind the
    /// initial presence stands behind all that had waited.
    fn announce(&mut self, now: Instant) {
        if self.told.unwrap_or(false) == self.available {
            return;
        }
        self.told = Some(self.available);
        if self.available {
            let mut presence = Presence::available();
            if let Some(capabilities) = stanza::capabilities(self.settings.receipts) {
                presence.payloads.push(capabilities.into());
            }
            self.push(Stanza::Presence(presence), None);
            self.events.extend(self.held.drain(..).map(TransportEvent::Delivery));
            self.ping(Question::Backlog, now);
        } else {
            self.push(Stanza::Presence(Presence::new(Type::Unavailable)), None);
        }
    }

    fn prepare(&mut self, to: &Address, line: &[u8]) -> Result<Message, Refusal> {
        if !self.connected {
            return Err(Refusal::Offline);
        }
        let len = stanza::weigh(line).ok_or(Refusal::Unsuitable)?;
        let max = self.limits.max_message_len;
        if len > max {
            return Err(Refusal::TooLong { len, max });
        }
        let text = core::str::from_utf8(line).map_err(|_| Refusal::Unsuitable)?;
        let to = Jid::new(&to.to_string()).map_err(|_| Refusal::Undeliverable)?;
        Ok(stanza::line_message(to, self.ids.next(), text, self.settings.no_permanent_store))
    }

    /// Queues a stanza for the server. Without counting only what somebody waits for is kept.
    fn push(&mut self, stanza: Stanza, token: Option<SendToken>) {
        if self.managed || token.is_some() {
            self.outbound.push(copy(&stanza), token);
            self.keepalive.sent();
        }
        self.elements.push_back(XmppStreamElement::Stanza(stanza));
    }

    fn accepted(&mut self, sent: Vec<Sent>) {
        for Sent { stanza, token } in sent {
            let (Some(token), Stanza::Message(message)) = (token, stanza) else { continue };
            if let (Some(id), Some(to)) = (message.id, message.to) {
                if self.recent.len() >= MAX_RECENT {
                    self.recent.pop_front();
                }
                self.recent.push_back((id.0, stanza::address(&to)));
            }
            self.events.push_back(TransportEvent::Accepted { token });
        }
    }

    /// Answers every token of a stream that is over.
    fn settle(&mut self, counted: Option<u32>) {
        if let Some(sent) = counted.and_then(|h| self.outbound.acknowledge(h).ok()) {
            self.accepted(sent);
        }
        for token in self.outbound.restart().into_iter().filter_map(|sent| sent.token) {
            self.events.push_back(TransportEvent::Refused { token, reason: Refusal::Unconfirmed });
        }
    }

    /// Hands a line to the application. Returns under which id, or nothing if it stays with the server.
    fn deliver(&mut self, received: Received) -> Option<DeliveryId> {
        let Received { from, line, evidence, archive_id: _, receipt_for } = received;
        if self.told.is_none() && self.held.len() >= MAX_HELD {
            return None;
        }
        self.deliveries += 1;
        let id = DeliveryId(self.deliveries);
        if let Some(asked) = receipt_for
            && self.settings.receipts
            && self.receipts.len() < MAX_RECEIPTS
        {
            self.receipts.insert(id, asked);
        }
        let delivery = Delivery { id, from, line: line.into_bytes(), evidence };
        match self.told {
            None => self.held.push_back(delivery),
            Some(_) => self.events.push_back(TransportEvent::Delivery(delivery)),
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests;
