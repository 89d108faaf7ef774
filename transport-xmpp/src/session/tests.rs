//! The session against a server that is played by hand.

use o2tr::transport::Subscription;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::stanza_error::DefinedCondition;

use super::*;

const SETTINGS: Settings = Settings {
    receipts: true,
    no_permanent_store: true,
    archive: true,
    carbons: true,
    ping_after: Duration::from_secs(60),
    patience: Duration::from_secs(20),
};
const LIMITS: Limits = Limits { max_message_len: 1000 };

/// A session and what came of it.
struct Played {
    session: Session,
    now: Instant,
}

impl Played {
    fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let account = BareJid::new("alice@example.org").unwrap();
        Self { session: Session::new(account, settings, LIMITS, now), now }
    }

    /// A session on its first stream, announced, with bob as a contact, and nothing left to read.
    fn online() -> Self {
        let mut played = Self::new(SETTINGS);
        played.session.set_presence(true, played.now);
        played.bind(true);
        let roster = played.elements().into_iter().find(|xml| xml.contains("jabber:iq:roster")).unwrap();
        played.server(&format!(
            "<iq type='result' id='{}'><query xmlns='jabber:iq:roster'><item jid='bob@example.net' \
             subscription='both'/></query></iq>",
            id(&roster)
        ));
        let sent = u32::try_from(played.session.outbound.sent()).unwrap();
        played.counts(sent).unwrap();
        played.elements();
        played.events();
        played
    }

    fn bind(&mut self, managed: bool) {
        let jid = FullJid::new("alice@example.org/desk").unwrap();
        let resumption = managed.then(|| sm::StreamId("stream".to_owned()));
        self.session.bound(Bound { jid, managed, resumption }, None, self.now);
    }

    /// The server sends a stanza or an element of XEP-0198.
    fn server(&mut self, xml: &str) {
        self.try_server(xml).unwrap();
    }

    fn try_server(&mut self, xml: &str) -> Result<(), Ended> {
        let element = xml.replacen('>', " xmlns='jabber:client'>", usize::from(!xml.contains("xmlns='urn:xmpp:sm:3'")));
        let element = if element.contains("/ xmlns='jabber:client'>") {
            element.replacen("/ xmlns='jabber:client'>", " xmlns='jabber:client'/>", 1)
        } else {
            element
        };
        let element = XmppStreamElement::try_from(element.parse::<Element>().unwrap()).unwrap();
        self.session.handle(element, self.now)
    }

    fn counts(&mut self, h: u32) -> Result<(), Ended> {
        self.try_server(&format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>"))
    }

    /// What goes to the server, up to the end of the burst.
    fn elements(&mut self) -> Vec<String> {
        let mut elements = Vec::new();
        loop {
            match self.session.poll_element() {
                Some(element) => elements.push(shown(element)),
                None => {
                    self.session.conclude(self.now);
                    let Some(element) = self.session.poll_element() else { return elements };
                    elements.push(shown(element));
                }
            }
        }
    }

    fn events(&mut self) -> Vec<TransportEvent> {
        core::iter::from_fn(|| self.session.poll_event()).collect()
    }

    fn send(&mut self, line: &str, token: u64) {
        let to = Address::bare(PeerId::new("bob@example.net"));
        self.session.send(&to, line.as_bytes(), SendToken(token));
    }

    fn line(&mut self, content: &str) -> Delivery {
        self.server(&format!("<message type='chat' id='m' from='bob@example.net/phone'>{content}</message>"));
        match self.events().as_slice() {
            [TransportEvent::Delivery(delivery)] => delivery.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn handled(&self) -> u32 {
        self.session.inbound.handled()
    }
}

fn shown(element: XmppStreamElement) -> String {
    String::from(&Element::from(element)).replace('\'', "\"")
}

fn id(xml: &str) -> String {
    xml.parse::<Element>().unwrap().attr("id").unwrap().to_owned()
}

fn accepted(token: u64) -> TransportEvent {
    TransportEvent::Accepted { token: SendToken(token) }
}

fn refused(token: u64, reason: Refusal) -> TransportEvent {
    TransportEvent::Refused { token: SendToken(token), reason }
}

#[test]
fn a_login_asks_for_the_contacts_and_announces_itself() {
    let mut played = Played::new(SETTINGS);
    played.bind(true);
    let quiet = played.elements();
    assert!(quiet.iter().any(|xml| xml.contains("jabber:iq:roster")));
    assert!(quiet.iter().any(|xml| xml.contains("urn:xmpp:carbons:2")));
    assert!(!quiet.iter().any(|xml| xml.starts_with("<presence")), "not before the application says so");
    assert_eq!(played.events(), [TransportEvent::Online { resumed: false }]);
    played.session.set_presence(true, played.now);
    let loud = played.elements();
    assert!(loud[0].starts_with("<presence") && loud[0].contains("http://jabber.org/protocol/caps"));
    assert!(loud[1].contains("urn:xmpp:ping"));
    played.server(&format!("<iq type='result' from='example.org' id='{}'/>", id(&loud[1])));
    assert_eq!(played.events(), [TransportEvent::CaughtUp]);
    played.session.set_presence(true, played.now);
    assert!(played.elements().iter().all(|xml| !xml.starts_with("<presence")), "told already");
}

#[test]
fn accepted_when_the_server_has_counted_it() {
    let mut played = Played::online();
    let before = u32::try_from(played.session.outbound.sent()).unwrap();
    played.send("one", 1);
    played.send("two", 2);
    let burst = played.elements();
    assert_eq!(burst.iter().filter(|xml| xml.starts_with("<r")).count(), 1, "asked once for both: {burst:?}");
    assert_eq!(played.events(), []);
    played.counts(before + 1).unwrap();
    assert_eq!(played.events(), [accepted(1)]);
    assert!(matches!(played.counts(before + 3), Err(Ended::CountTooHigh)));
    assert_eq!(played.events(), []);
}

#[test]
fn without_counting_a_ping_answers() {
    let mut played = Played::new(SETTINGS);
    played.bind(false);
    played.elements();
    played.events();
    played.send("one", 1);
    let burst = played.elements();
    assert!(burst[0].starts_with("<message") && burst[1].contains("urn:xmpp:ping"));
    played.send("two", 2);
    let forged = format!("<iq type='result' from='bob@example.net/phone' id='{}'/>", id(&burst[1]));
    played.server(&forged);
    assert_eq!(played.events(), []);
    played.server(&format!("<iq type='result' from='example.org' id='{}'/>", id(&burst[1])));
    assert_eq!(played.events(), [accepted(1)]);
    played.session.lost(OfflineReason::Lost, Some(Duration::ZERO));
    assert_eq!(played.events()[0], refused(2, Refusal::Unconfirmed), "a stream that nobody resumes is settled");
}

#[test]
fn a_resumed_stream_sends_the_same_bytes_again() {
    let mut played = Played::online();
    played.send("one", 1);
    played.send("two", 2);
    let first = played.elements();
    let counted = u32::try_from(played.session.outbound.sent()).unwrap() - 1;
    played.session.lost(OfflineReason::Lost, Some(Duration::ZERO));
    played.send("three", 3);
    assert_eq!(played.events()[1], refused(3, Refusal::Offline));
    assert_eq!(played.session.resumption().unwrap().previd.0, "stream");
    played.session.resumed(counted, played.now).unwrap();
    assert_eq!(played.events(), [TransportEvent::Online { resumed: true }, accepted(1)]);
    let again = played.elements();
    assert_eq!(again[0], *first.iter().rfind(|xml| xml.starts_with("<message")).unwrap());
    assert!(again[1].starts_with("<r"));
    played.counts(counted + 1).unwrap();
    assert_eq!(played.events(), [accepted(2)]);
}

#[test]
fn what_comes_again_over_a_resumption_is_not_delivered_again() {
    let mut played = Played::online();
    let line = played.line("<body>one</body>");
    played.session.lost(OfflineReason::Lost, Some(Duration::ZERO));
    played.session.resumption().unwrap();
    played.session.resumed(u32::try_from(played.session.outbound.sent()).unwrap(), played.now).unwrap();
    played.events();
    played.server("<message type='chat' id='m' from='bob@example.net/phone'><body>one</body></message>");
    assert_eq!(played.events(), []);
    let before = played.handled();
    played.session.acknowledge(line.id);
    assert_eq!(played.handled(), before + 1);
    assert_eq!(played.line("<body>two</body>").line, b"two");
}

#[test]
fn a_lost_stream_leaves_no_token_unanswered() {
    let mut played = Played::online();
    played.send("one", 1);
    played.send("two", 2);
    played.elements();
    let counted = u32::try_from(played.session.outbound.sent()).unwrap() - 1;
    played.session.lost(OfflineReason::Lost, Some(Duration::ZERO));
    played.events();
    let jid = FullJid::new("alice@example.org/desk").unwrap();
    let bound = Bound { jid, managed: true, resumption: None };
    played.session.bound(bound, Some(counted), played.now);
    let events = played.events();
    assert_eq!(events, [accepted(1), refused(2, Refusal::Unconfirmed), TransportEvent::Online { resumed: false }]);
}

#[test]
fn the_server_learns_our_count_when_lines_are_durable() {
    let mut played = Played::online();
    let before = played.handled();
    let first = played.line("<body>one</body>");
    let second = played.line("<body>two</body>");
    played.server("<presence from='bob@example.net/phone'/>");
    played.elements();
    assert_eq!(played.handled(), before);
    played.server("<r xmlns='urn:xmpp:sm:3'/>");
    let answer = format!("h=\"{before}\"");
    assert!(played.elements().iter().any(|xml| xml.starts_with("<a") && xml.contains(&answer)));
    played.session.acknowledge(second.id);
    assert!(played.elements().is_empty(), "the first one is missing");
    played.session.acknowledge(first.id);
    let answer = format!("h=\"{}\"", before + 3);
    assert!(played.elements().iter().any(|xml| xml.starts_with("<a") && xml.contains(&answer)));
    played.session.acknowledge(first.id);
    played.session.acknowledge(DeliveryId(999));
    played.session.handle_unreadable_stanza(played.now);
    assert_eq!(played.handled(), before + 4);
}

#[test]
fn lines_from_before_stream_management_are_delivered_and_not_counted() {
    let mut played = Played::online();
    let counted = played.handled();
    let xml = "<message xmlns='jabber:client' type='chat' from='bob@example.net/phone'><body>early</body></message>";
    let stanza = Stanza::try_from(xml.parse::<Element>().unwrap()).unwrap();
    played.session.handle_early(stanza, played.now);
    let events = played.events();
    let [TransportEvent::Delivery(delivery)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(delivery.line, b"early");
    played.session.acknowledge(delivery.id);
    assert_eq!(played.handled(), counted);
    let late = played.line("<body>late</body>");
    played.session.acknowledge(late.id);
    assert_eq!(played.handled(), counted + 1);
}

#[test]
fn what_comes_back_is_told_before_and_after_the_server_took_it() {
    let mut played = Played::online();
    let bounce = |id: &str, from: &str| {
        format!(
            "<message type='error' id='{id}' from='{from}'><error type='cancel'><service-unavailable \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        )
    };
    played.send("one", 1);
    played.send("two", 2);
    let messages: Vec<_> =
        played.elements().iter().filter(|xml| xml.starts_with("<message")).map(|xml| id(xml)).collect();
    played.server(&bounce(&messages[0], "bob@example.net"));
    assert_eq!(played.events(), [refused(1, Refusal::Undeliverable)]);
    let counted = u32::try_from(played.session.outbound.sent()).unwrap();
    played.counts(counted).unwrap();
    assert_eq!(played.events(), [accepted(2)]);
    played.server(&bounce(&messages[1], "mallory@example.com"));
    assert_eq!(played.events(), [], "nobody else can say so");
    played.server(&bounce(&messages[1], "bob@example.net"));
    let to = Address::bare(PeerId::new("bob@example.net"));
    assert_eq!(played.events(), [TransportEvent::Bounced { to, reason: Refusal::Undeliverable }]);
    played.server(&bounce(&messages[1], "bob@example.net"));
    assert_eq!(played.events(), []);
}

#[test]
fn lines_that_do_not_fit_are_refused() {
    let mut played = Played::online();
    played.send(&"x".repeat(1001), 1);
    played.send("bell \u{7}", 2);
    let nobody = Address::bare(PeerId::new("@"));
    played.session.send(&nobody, b"x", SendToken(3));
    assert_eq!(
        played.events(),
        [
            refused(1, Refusal::TooLong { len: 1001, max: 1000 }),
            refused(2, Refusal::Unsuitable),
            refused(3, Refusal::Undeliverable)
        ]
    );
}

#[test]
fn silence_is_asked_about_and_then_ends_the_stream() {
    let mut played = Played::online();
    played.elements();
    let sent = u32::try_from(played.session.outbound.sent()).unwrap();
    played.counts(sent).unwrap();
    // The ping behind the presence stays open.
    played.now += SETTINGS.patience;
    played.session.handle_timeout(played.now).unwrap();
    assert_eq!(played.events(), [TransportEvent::CaughtUp], "a ping that is not answered delays nothing for ever");
    played.now += SETTINGS.ping_after;
    assert!(played.session.poll_timeout() <= played.now);
    played.session.handle_timeout(played.now).unwrap();
    assert!(played.elements().iter().any(|xml| xml.starts_with("<r")));
    assert_eq!(played.session.poll_timeout(), played.now + SETTINGS.patience);
    played.now += SETTINGS.patience;
    assert!(matches!(played.session.handle_timeout(played.now), Err(Ended::Silent)));
}

#[test]
fn receipts_follow_reading_and_only_for_contacts() {
    let mut played = Played::online();
    played.elements();
    let request = "<body>x</body><request xmlns='urn:xmpp:receipts'/>";
    let delivery = played.line(request);
    assert!(played.elements().iter().all(|xml| !xml.contains("receipts")));
    played.session.confirm(delivery.id);
    played.session.confirm(delivery.id);
    let receipts: Vec<_> = played.elements().into_iter().filter(|xml| xml.contains("urn:xmpp:receipts")).collect();
    assert_eq!(receipts.len(), 1, "{receipts:?}");
    assert!(receipts[0].contains("bob@example.net/phone") && receipts[0].contains("id=\"m\""));
    let unread = played.line(request);
    played.session.acknowledge(unread.id);
    played.session.confirm(unread.id);
    assert!(played.elements().iter().all(|xml| !xml.contains("receipts")), "not after the acknowledgement");
    played.server(&format!("<message type='chat' id='s' from='stranger@example.net/x'>{request}</message>"));
    let [TransportEvent::Delivery(delivery)] = &played.events()[..] else { panic!() };
    played.session.confirm(delivery.id);
    assert!(
        played.elements().iter().all(|xml| !xml.contains("receipts")),
        "it would tell a stranger that we are there"
    );
}

#[test]
fn only_our_account_changes_the_roster() {
    let mut played = Played::online();
    played.elements();
    let push = |from: &str| {
        format!(
            "<iq type='set' id='p' {from}><query xmlns='jabber:iq:roster'><item jid='eve@example.net' \
             subscription='from'/></query></iq>"
        )
    };
    for from in ["from='eve@example.net/x'", "from='alice@example.net'", "from='example.net'"] {
        played.server(&push(from));
        assert_eq!(played.events(), []);
        let reply = played.elements().remove(0);
        assert!(reply.contains("service-unavailable"), "{reply}");
    }
    played.server(&push("from='alice@example.org'"));
    let eve = PeerId::new("eve@example.net");
    let granted = TransportEvent::Subscription { peer: eve, subscription: Subscription::Granted };
    assert_eq!(played.events(), [granted]);
    assert!(played.elements()[0].contains("type=\"result\""));
}

#[test]
fn requests_are_told_and_answered_when_the_user_says_so() {
    let mut played = Played::online();
    played.elements();
    let eve = PeerId::new("eve@example.net");
    played.server("<presence type='subscribe' from='eve@example.net'/>");
    played.server("<presence type='subscribe' from='eve@example.net'/>");
    let asked = TransportEvent::Subscription { peer: eve.clone(), subscription: Subscription::Requested };
    assert_eq!(played.events(), [asked]);
    played.session.set_contact(&eve, true, played.now);
    let words = played.elements().concat();
    assert!(words.contains("type=\"subscribed\"") && words.contains("type=\"subscribe\""), "{words}");
    // Somebody whom the user has made a contact need not be approved once more.
    let dan = PeerId::new("dan@example.net");
    played.session.set_contact(&dan, true, played.now);
    played.elements();
    played.server("<presence type='subscribe' from='dan@example.net'/>");
    assert!(played.elements().concat().contains("type=\"subscribed\""));
    assert_eq!(played.events(), []);
    played.session.set_contact(&PeerId::new("bob@example.net"), false, played.now);
    assert!(played.elements().concat().contains("subscription=\"remove\""));
}

#[test]
fn devices_come_and_go_once() {
    let mut played = Played::online();
    let bob = || Address::full(PeerId::new("bob@example.net"), "phone");
    let seen = |available| TransportEvent::Presence { from: bob(), available };
    played.server("<presence from='bob@example.net/phone'/>");
    played.server("<presence from='bob@example.net/phone'><show>away</show></presence>");
    played.server("<presence from='alice@example.org/tablet'/>");
    played.server("<presence type='unavailable' from='bob@example.net/phone'/>");
    played.server("<presence type='unavailable' from='bob@example.net/phone'/>");
    assert_eq!(played.events(), [seen(true), seen(false)]);
}

#[test]
fn strangers_learn_nothing_by_asking() {
    let mut played = Played::online();
    played.elements();
    for payload in ["<ping xmlns='urn:xmpp:ping'/>", "<query xmlns='http://jabber.org/protocol/disco#info'/>"] {
        for (from, answered) in [("bob@example.net/phone", true), ("example.org", true), ("eve@example.net/x", false)] {
            played.server(&format!("<iq type='get' id='q' from='{from}'>{payload}</iq>"));
            let reply = Iq::try_from(played.elements().remove(0).parse::<Element>().unwrap()).unwrap();
            match reply {
                Iq::Result { .. } => assert!(answered, "{from}"),
                Iq::Error { error, .. } => {
                    assert!(!answered, "{from}");
                    assert_eq!(error.defined_condition, DefinedCondition::ServiceUnavailable);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn after_a_new_login_the_archive_is_read_from_the_last_line_that_is_safe() {
    let mut played = Played::online();
    let kept = |id: &str| format!("<body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='alice@example.org' id='{id}'/>");
    let first = played.line(&kept("s1"));
    let _unsafe = played.line(&kept("s2"));
    played.session.acknowledge(first.id);
    played.session.lost(OfflineReason::Lost, Some(Duration::ZERO));
    played.bind(true);
    played.events();
    let ping = played.elements().into_iter().find(|xml| xml.contains("urn:xmpp:ping")).unwrap();
    played.server(&format!("<iq type='result' id='{}'/>", id(&ping)));
    assert_eq!(played.events(), [], "not caught up before the archive is read");
    let query = played.elements().into_iter().find(|xml| xml.contains("urn:xmpp:mam:2")).unwrap();
    assert!(query.contains("<after>s1</after>"), "{query}");
    let result = |id: &str| {
        format!(
            "<message from='alice@example.org'><result xmlns='urn:xmpp:mam:2' queryid='q1' id='{id}'><forwarded \
             xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/><message \
             xmlns='jabber:client' type='chat' from='bob@example.net/phone'><body>{id}</body></message></forwarded>\
             </result></message>"
        )
    };
    for id in ["s2", "s3", "s3"] {
        played.server(&result(id));
    }
    let lines: Vec<_> = played
        .events()
        .into_iter()
        .map(|event| match event {
            TransportEvent::Delivery(Delivery { line, evidence, .. }) => {
                assert!(evidence.archived);
                String::from_utf8(line).unwrap()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lines, ["s2", "s3"]);
    played.server(&format!(
        "<iq type='result' id='{}'><fin xmlns='urn:xmpp:mam:2' complete='true'><set \
         xmlns='http://jabber.org/protocol/rsm'><last>s3</last></set></fin></iq>",
        id(&query)
    ));
    assert_eq!(played.events(), [TransportEvent::CaughtUp]);
}

#[test]
fn nothing_is_delivered_before_we_are_announced() {
    let mut played = Played::new(SETTINGS);
    played.bind(true);
    played.events();
    played.server("<message type='chat' from='bob@example.net/phone'><body>early</body></message>");
    assert_eq!(played.events(), []);
    played.session.set_presence(true, played.now);
    assert!(matches!(&played.events()[..], [TransportEvent::Delivery(delivery)] if delivery.line == b"early"));
}
