//! Messages that we get: what line do they carry, and under which circumstances?

use o2tr::transport::{Address, Carbon, Evidence, PeerId, Refusal, Timestamp};
use xmpp_parsers::date::DateTime;
use xmpp_parsers::delay::Delay;
use xmpp_parsers::forwarding::Forwarded;
use xmpp_parsers::jid::{BareJid, Jid};
use xmpp_parsers::message::{Message, MessageType};
use xmpp_parsers::minidom::Element;
use xmpp_parsers::stanza_error::StanzaError;
use xmpp_parsers::stanza_id::StanzaId;
use xmpp_parsers::{carbons, mam, ns, receipts};

use super::refusal;
use crate::archive::ArchiveId;

/// What a message is judged by.
pub(crate) struct Context<'a> {
    /// Our account.
    pub(crate) account: &'a BareJid,
    /// Whether results of this archive query are awaited.
    pub(crate) expects: &'a dyn Fn(Option<&str>) -> bool,
}

/// What a message is.
#[derive(Debug, PartialEq)]
pub(crate) enum Read {
    /// Nothing for the layers above; what it is in the archive, if it stands there.
    Nothing(Option<ArchiveId>),
    Line(Box<Received>),
    /// A message of ours came back (RFC 6120, section 8.3).
    Bounced {
        id: String,
        from: Option<Jid>,
        reason: Refusal,
    },
}

/// A line with its circumstances.
#[derive(Debug, PartialEq)]
pub(crate) struct Received {
    pub(crate) from: Address,
    pub(crate) line: String,
    pub(crate) evidence: Evidence,
    pub(crate) archive_id: Option<ArchiveId>,
    /// The id of the message, if a receipt was asked for.
    pub(crate) receipt_for: Option<(Jid, String, MessageType)>,
}

/// Judges a message. Copies and results of an archive count only if they come from our own account (XEP-0280, section 11;
/// XEP-0313, section 3.2): anybody could put such an element into a message.
pub(crate) fn read(mut message: Message, context: &Context<'_>) -> Read {
    if message.type_ == MessageType::Error {
        let error = take(&mut message, "error", ns::DEFAULT_NS).and_then(|error| StanzaError::try_from(error).ok());
        let Some(id) = message.id else { return Read::Nothing(None) };
        return Read::Bounced { id: id.0, from: message.from, reason: refusal(error.as_ref()) };
    }
    let from_account = message.from.as_ref().is_none_or(|from| from == context.account);
    if let Some(element) = take(&mut message, "result", ns::MAM) {
        return match mam::Result_::try_from(element) {
            Ok(result) if from_account => archived(result, context),
            Ok(_) | Err(_) => Read::Nothing(None),
        };
    }
    for (name, way) in [("received", Carbon::Received), ("sent", Carbon::Sent)] {
        if let Some(element) = take(&mut message, name, ns::CARBONS) {
            return if from_account { copied(element, way, context) } else { Read::Nothing(None) };
        }
    }
    let archive_id = archive_id(&message, context.account);
    line_of(message, context, Evidence::LIVE, archive_id)
}

/// A result of our query (XEP-0313, section 4.2).
fn archived(result: mam::Result_, context: &Context<'_>) -> Read {
    if !(context.expects)(result.queryid.as_ref().map(|id| id.0.as_str())) {
        return Read::Nothing(None);
    }
    let Forwarded { delay, message } = result.forwarded;
    let archive_id = Some(ArchiveId::new(&result.id));
    let own = message.from.as_ref().is_some_and(|from| from.to_bare() == *context.account);
    if own || message.type_ == MessageType::Error {
        return Read::Nothing(archive_id);
    }
    let delayed = delay.map(|delay| timestamp(&delay.stamp));
    without_receipt(line_of(message, context, Evidence { archived: true, delayed, ..Evidence::LIVE }, archive_id))
}

/// A copy of what another device of ours got or sent (XEP-0280, section 6).
fn copied(element: Element, way: Carbon, context: &Context<'_>) -> Read {
    let forwarded = match way {
        Carbon::Received => carbons::Received::try_from(element).map(|copy| copy.forwarded),
        Carbon::Sent => carbons::Sent::try_from(element).map(|copy| copy.forwarded),
    };
    let Ok(Forwarded { message, .. }) = forwarded else { return Read::Nothing(None) };
    let archive_id = archive_id(&message, context.account);
    let own = message.from.as_ref().is_some_and(|from| from.to_bare() == *context.account);
    if message.type_ == MessageType::Error || own != (way == Carbon::Sent) {
        return Read::Nothing(archive_id);
    }
    without_receipt(line_of(message, context, Evidence { carbon: Some(way), ..Evidence::LIVE }, archive_id))
}

fn line_of(mut message: Message, context: &Context<'_>, mut evidence: Evidence, archive_id: Option<ArchiveId>) -> Read {
    if !matches!(message.type_, MessageType::Chat | MessageType::Normal) {
        return Read::Nothing(archive_id);
    }
    while let Some(element) = take(&mut message, "delay", ns::DELAY) {
        let Ok(delay) = Delay::try_from(element) else { continue };
        let stamp = timestamp(&delay.stamp);
        evidence.delayed = Some(evidence.delayed.map_or(stamp, |known| known.min(stamp)));
        let by_our_server = delay.from.is_some_and(|by| {
            by.domain() == context.account.domain()
                && by.resource().is_none()
                && by.node().is_none_or(|node| Some(node) == context.account.node())
        });
        evidence.offline |= by_our_server && !evidence.archived;
    }
    let wants_receipt =
        take(&mut message, "request", ns::RECEIPTS).is_some_and(|element| receipts::Request::try_from(element).is_ok());
    let Some(from) = message.from.clone() else { return Read::Nothing(archive_id) };
    let receipt_for = match &message.id {
        Some(id) if wants_receipt => Some((from.clone(), id.0.clone(), message.type_.clone())),
        Some(_) | None => None,
    };
    let Some(line) = best_body(message) else { return Read::Nothing(archive_id) };
    let from = address(&from);
    Read::Line(Box::new(Received { from, line, evidence, archive_id, receipt_for }))
}

/// Copies and archived messages are never answered by a receipt (XEP-0184, section 5.3 and 7).
fn without_receipt(read: Read) -> Read {
    match read {
        Read::Line(received) => Read::Line(Box::new(Received { receipt_for: None, ..*received })),
        other => other,
    }
}

/// The body to read: an OTR line if there is one, else the one without a language or the first.
fn best_body(mut message: Message) -> Option<String> {
    let key = message
        .bodies
        .iter()
        .find(|(_, body)| body.starts_with("?OTR"))
        .or_else(|| message.bodies.iter().next())
        .map(|(lang, _)| lang.clone())?;
    message.bodies.remove(&key)
}

/// The id that our own account's archive gave (XEP-0359); what others claim counts nothing.
fn archive_id(message: &Message, account: &BareJid) -> Option<ArchiveId> {
    message
        .payloads
        .iter()
        .filter(|element| element.is("stanza-id", ns::SID))
        .filter_map(|element| StanzaId::try_from(element.clone()).ok())
        .find(|stanza_id| stanza_id.by == *account)
        .map(|stanza_id| ArchiveId::new(&stanza_id.id))
}

/// Takes the first payload with this name out of a message.
fn take(message: &mut Message, name: &str, namespace: &str) -> Option<Element> {
    let index = message.payloads.iter().position(|element| element.is(name, namespace))?;
    Some(message.payloads.remove(index))
}

fn timestamp(stamp: &DateTime) -> Timestamp {
    Timestamp::from_millis(u64::try_from(stamp.0.timestamp_millis()).unwrap_or(0))
}

/// A JID as an address: the account, and the device if it is a full one.
pub(crate) fn address(jid: &Jid) -> Address {
    let peer = PeerId::new(jid.to_bare().as_str());
    match jid.resource() {
        Some(resource) => Address::full(peer, resource.as_str()),
        None => Address::bare(peer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT_AT: &str = "<delay xmlns='urn:xmpp:delay' from='bob@example.net' stamp='2002-09-10T23:08:25Z'/>";
    const STORED_AT: &str = "<delay xmlns='urn:xmpp:delay' from='example.org' stamp='2002-09-10T23:08:27Z'/>";

    fn read_xml(attributes: &str, content: &str) -> Read {
        let xml =
            format!("<message xmlns='jabber:client' to='alice@example.org/desk' {attributes}>{content}</message>");
        let message = Message::try_from(xml.parse::<Element>().unwrap()).unwrap();
        let account = BareJid::new("alice@example.org").unwrap();
        read(message, &Context { account: &account, expects: &|query| query == Some("q1") })
    }

    fn line(read: Read) -> Received {
        match read {
            Read::Line(received) => *received,
            other => panic!("{other:?} is no line"),
        }
    }

    fn bob() -> Address {
        Address::full(PeerId::new("bob@example.net"), "phone")
    }

    #[test]
    fn a_live_line() {
        let read = read_xml("type='chat' from='bob@example.net/phone' id='7'", "<body>hello</body>");
        let received = line(read);
        assert_eq!((received.from, received.line.as_str()), (bob(), "hello"));
        assert_eq!((received.evidence, received.archive_id, received.receipt_for), (Evidence::LIVE, None, None));
    }

    #[test]
    fn the_oldest_stamp_dates_and_our_server_says_that_it_stored() {
        let content = format!("<body>late</body>{STORED_AT}{SENT_AT}");
        let evidence = line(read_xml("type='chat' from='bob@example.net/phone'", &content)).evidence;
        assert_eq!(evidence.delayed, Some(Timestamp::from_secs(1_031_699_305)));
        assert!(evidence.offline && !evidence.archived);
        let evidence = line(read_xml("from='bob@example.net/phone'", &format!("<body>x</body>{SENT_AT}"))).evidence;
        assert!(evidence.delayed.is_some() && !evidence.offline);
    }

    #[test]
    fn bodies_groups_and_headlines() {
        let two = "<body xml:lang='de'>?OTR:AAMD.</body><body>hello</body>";
        assert_eq!(line(read_xml("type='chat' from='bob@example.net/phone'", two)).line, "?OTR:AAMD.");
        for attributes in ["type='groupchat' from='room@example.net/bob'", "type='headline' from='example.org'"] {
            assert_eq!(read_xml(attributes, "<body>hello</body>"), Read::Nothing(None));
        }
        assert_eq!(read_xml("type='chat' from='bob@example.net/phone'", ""), Read::Nothing(None));
    }

    #[test]
    fn our_own_message_came_back() {
        let error = "<body>hello</body><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                     </error>";
        match read_xml("type='error' from='bob@example.net' id='7'", error) {
            Read::Bounced { id, from, reason } => {
                assert_eq!((id.as_str(), reason), ("7", Refusal::Undeliverable));
                assert_eq!(from.unwrap().to_string(), "bob@example.net");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(read_xml("type='error' from='bob@example.net'", ""), Read::Nothing(None));
    }

    fn copy(way: &str, from: &str) -> String {
        format!(
            "<{way} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' \
             type='chat' from='{from}' to='x@example.org'><body>copy</body><request xmlns='urn:xmpp:receipts'/>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='alice@example.org' id='s1'/></message></forwarded></{way}>"
        )
    }

    #[test]
    fn copies_come_from_our_own_account_only() {
        let received = line(read_xml("from='alice@example.org'", &copy("received", "bob@example.net/phone")));
        assert_eq!((received.from, received.evidence.carbon), (bob(), Some(Carbon::Received)));
        assert_eq!((received.archive_id, received.receipt_for), (Some(ArchiveId::new("s1")), None));
        let sent = line(read_xml("", &copy("sent", "alice@example.org/tablet")));
        assert_eq!(sent.evidence.carbon, Some(Carbon::Sent));
        assert_eq!(sent.from, Address::full(PeerId::new("alice@example.org"), "tablet"));
        for from in ["mallory@example.net/x", "alice@example.org/desk", "example.org"] {
            let forged = read_xml(&format!("from='{from}'"), &copy("received", "bob@example.net/phone"));
            assert_eq!(forged, Read::Nothing(None), "{from}");
        }
        // A copy of what we are said to have sent has to be ours.
        let odd = read_xml("from='alice@example.org'", &copy("sent", "bob@example.net/phone"));
        assert_eq!(odd, Read::Nothing(Some(ArchiveId::new("s1"))));
    }

    fn result(query: &str, from: &str) -> String {
        format!(
            "<result xmlns='urn:xmpp:mam:2' queryid='{query}' id='s2'><forwarded xmlns='urn:xmpp:forward:0'>\
             <delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/><message xmlns='jabber:client' type='chat' \
             id='1' from='{from}' to='alice@example.org'><body>kept</body><request xmlns='urn:xmpp:receipts'/></message>\
             </forwarded></result>"
        )
    }

    #[test]
    fn results_come_from_our_own_archive_and_were_asked_for() {
        let received = line(read_xml("from='alice@example.org'", &result("q1", "bob@example.net/phone")));
        let evidence = received.evidence;
        assert!(
            evidence.archived && !evidence.offline && evidence.delayed == Some(Timestamp::from_secs(1_031_699_305))
        );
        assert_eq!((received.from, received.receipt_for), (bob(), None));
        assert_eq!(received.archive_id, Some(ArchiveId::new("s2")));
        let own = read_xml("", &result("q1", "alice@example.org/tablet"));
        assert_eq!(own, Read::Nothing(Some(ArchiveId::new("s2"))));
        assert_eq!(read_xml("", &result("q2", "bob@example.net/phone")), Read::Nothing(None));
        let forged = read_xml("from='mallory@example.net'", &result("q1", "bob@example.net/phone"));
        assert_eq!(forged, Read::Nothing(None));
    }

    #[test]
    fn ids_of_strangers_name_nothing_in_our_archive() {
        let content = "<body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='bob@example.net' id='evil'/>\
                       <stanza-id xmlns='urn:xmpp:sid:0' by='alice@example.org' id='good'/>";
        let received = line(read_xml("from='bob@example.net/phone'", content));
        assert_eq!(received.archive_id, Some(ArchiveId::new("good")));
    }

    #[test]
    fn receipts_are_asked_for_with_an_id() {
        let request = "<body>x</body><request xmlns='urn:xmpp:receipts'/>";
        let received = line(read_xml("type='chat' from='bob@example.net/phone' id='9'", request));
        let (to, id, type_) = received.receipt_for.unwrap();
        assert_eq!((to.to_string().as_str(), id.as_str(), type_), ("bob@example.net/phone", "9", MessageType::Chat));
        assert!(line(read_xml("from='bob@example.net/phone'", request)).receipt_for.is_none());
    }
}
