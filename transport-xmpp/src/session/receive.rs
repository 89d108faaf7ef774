//! What the server sends.

use tokio::time::Instant;
use tokio_xmpp::xmlstream::XmppStreamElement;
use xmpp_parsers::iq::IqPayload;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::message::Message;
use xmpp_parsers::sm;
use xmpp_parsers::stanza::Stanza;

use o2tr::transport::{DeliveryId, Refusal, TransportEvent};

use super::{Ended, Session};
use crate::archive::ArchiveId;
use crate::stanza::{self, Context, Read};

impl Session {
    /// Takes an element of the stream.
    pub(crate) fn handle(&mut self, element: XmppStreamElement, now: Instant) -> Result<(), Ended> {
        self.heard(now);
        match element {
            XmppStreamElement::Stanza(_) if self.inbound.is_repeat() => {}
            XmppStreamElement::Stanza(stanza) => {
                let carried = self.handle_stanza(stanza, now);
                self.count(carried);
            }
            XmppStreamElement::SM(sm::Nonza::Ack(sm::A { h })) => {
                let sent = self.outbound.acknowledge(h).map_err(|_| Ended::CountTooHigh)?;
                self.keepalive.counted();
                self.accepted(sent);
            }
            XmppStreamElement::SM(sm::Nonza::Req(sm::R)) => self.count_due = true,
            XmppStreamElement::StreamError(error) => return Err(Ended::Error(error.0)),
            // Nothing of it belongs into a negotiated stream.
            XmppStreamElement::SM(
                sm::Nonza::Enable(_)
                | sm::Nonza::Enabled(_)
                | sm::Nonza::Resume(_)
                | sm::Nonza::Resumed(_)
                | sm::Nonza::Failed(_),
            )
            | XmppStreamElement::Sasl(_)
            | XmppStreamElement::Starttls(_)
            | XmppStreamElement::ComponentHandshake(_) => {}
        }
        Ok(())
    }

    /// Takes a stanza that came before stream management was on: neither side counts it (XEP-0198, section 3). Should we
    /// die before it is durable, only an archive has it still.
    pub(crate) fn handle_early(&mut self, stanza: Stanza, now: Instant) {
        self.heard(now);
        self.handle_stanza(stanza, now);
    }

    /// A stanza has come that could not be parsed: it counts, and that is all.
    pub(crate) fn handle_unreadable_stanza(&mut self, now: Instant) {
        self.heard(now);
        if !self.inbound.is_repeat() {
            self.count((None, None));
        }
    }

    fn count(&mut self, (delivery, archive_id): (Option<DeliveryId>, Option<ArchiveId>)) {
        let done = self.inbound.push(delivery, archive_id);
        self.archive.done(done);
    }

    /// Returns the delivery that waits for its acknowledgement, and what the stanza is in the archive.
    fn handle_stanza(&mut self, stanza: Stanza, now: Instant) -> (Option<DeliveryId>, Option<ArchiveId>) {
        match stanza {
            Stanza::Message(message) => return self.handle_message(message),
            Stanza::Presence(presence) => self.handle_presence(presence),
            Stanza::Iq(iq) => {
                let (header, payload) = iq.split();
                match payload {
                    IqPayload::Get(payload) => self.asked(header.from, header.id, payload),
                    IqPayload::Set(payload) => self.ordered(header.from, header.id, payload),
                    IqPayload::Result(_) | IqPayload::Error(_) => {
                        self.answered(header.from.as_ref(), &header.id, payload, now);
                    }
                }
            }
        }
        (None, None)
    }

    fn handle_message(&mut self, message: Message) -> (Option<DeliveryId>, Option<ArchiveId>) {
        let archive = &self.archive;
        let context = Context { account: &self.account, expects: &|query| archive.expects(query) };
        match stanza::read(message, &context) {
            Read::Nothing(archive_id) => {
                if let Some(id) = &archive_id {
                    self.archive.see(id, true);
                }
                (None, archive_id)
            }
            Read::Bounced { id, from, reason } => {
                self.bounced(&id, from.as_ref(), reason);
                (None, None)
            }
            Read::Line(received) => {
                let archive_id = received.archive_id.clone();
                let archived = received.evidence.archived;
                let new = archive_id.as_ref().is_none_or(|id| self.archive.see(id, archived));
                if archived && !new {
                    return (None, archive_id);
                }
                (self.deliver(*received), archive_id)
            }
        }
    }

    /// A message of ours came back: its token is answered, or if that has been, the caller is told.
    fn bounced(&mut self, id: &str, from: Option<&Jid>, reason: Refusal) {
        if let Some(token) = self.outbound.take_token(id) {
            return self.events.push_back(TransportEvent::Refused { token, reason });
        }
        let Some(index) = self.recent.iter().position(|(known, _)| known == id) else { return };
        let by_peer_or_server = self.recent.get(index).is_some_and(|(_, to)| {
            from.is_none_or(|from| {
                from.to_bare().as_str() == to.peer.as_str()
                    || from.domain() == self.account.domain()
                    || to.peer.as_str().ends_with(&format!("@{}", from.domain()))
            })
        });
        if by_peer_or_server && let Some((_, to)) = self.recent.remove(index) {
            self.events.push_back(TransportEvent::Bounced { to, reason });
        }
    }
}
