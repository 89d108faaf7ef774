//! Messages that we send.

use xmpp_parsers::carbons::Private;
use xmpp_parsers::eme::ExplicitMessageEncryption;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::message::{Id, Lang, Message, MessageType};
use xmpp_parsers::minidom::Element;
use xmpp_parsers::receipts;

use super::HINTS;

/// Names OTR for clients that do not look into bodies (XEP-0380).
const EME_OTR: &str = "urn:xmpp:otr:0";

/// The message that carries a line.
///
/// A line for one device is for no other: carbon copies are switched off for it (XEP-0280, section 9, and XEP-0334). An
/// OTR line is marked as such, and need not be archived if the user wishes so. `no-store` is never asked for: it would keep
/// the line out of the offline store.
pub(crate) fn line_message(to: Jid, id: String, line: &str, no_permanent_store: bool) -> Message {
    let to_device = to.resource().is_some();
    let mut message = Message::chat(Some(to)).with_body(Lang::new(), line.to_owned());
    message.id = Some(Id(id));
    if to_device {
        message.payloads.push(Element::bare("no-copy", HINTS));
        message.payloads.push(Private.into());
    }
    if no_permanent_store && line.starts_with("?OTR") {
        message.payloads.push(Element::bare("no-permanent-store", HINTS));
    }
    if is_otr(line) {
        let otr = ExplicitMessageEncryption { namespace: EME_OTR.to_owned(), name: None };
        message.payloads.push(otr.into());
    }
    message
}

/// Whether a line is an encoded OTR message or a piece of one, rather than text or a query.
pub(crate) fn is_otr(line: &str) -> bool {
    line.strip_prefix("?OTR").is_some_and(|rest| rest.starts_with([':', ',', '|']))
}

/// How many bytes a line takes within XML; `None` if XML cannot carry it (XML 1.0, section 2.2).
pub(crate) fn weigh(line: &[u8]) -> Option<usize> {
    let text = core::str::from_utf8(line).ok()?;
    text.chars().try_fold(0_usize, |sum, char| {
        let bytes = match char {
            '&' | '<' | '>' | '\'' | '"' | '\r' => 6,
            '\t' | '\n' => 1,
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => return None,
            other => other.len_utf8(),
        };
        Some(sum.saturating_add(bytes))
    })
}

/// The receipt for a message that was read (XEP-0184, section 5.3).
pub(crate) fn receipt(to: Jid, of: &str, type_: MessageType, id: String) -> Message {
    let mut message = Message::new_with_type(type_, Some(to));
    message.id = Some(Id(id));
    message.payloads.push(receipts::Received { id: of.to_owned() }.into());
    // Kept for a sender that is away, but worth no copy.
    message.payloads.push(Element::bare("store", HINTS));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads(to: &str, line: &str, no_permanent_store: bool) -> Vec<String> {
        let message = line_message(Jid::new(to).unwrap(), "1".to_owned(), line, no_permanent_store);
        assert_eq!(message.type_, MessageType::Chat);
        assert_eq!(message.bodies.values().collect::<Vec<_>>(), [line]);
        message.payloads.iter().map(|element| element.name().to_owned()).collect()
    }

    #[test]
    fn hints_follow_the_address_and_the_line() {
        assert!(payloads("bob@example.org", "hello", true).is_empty());
        assert_eq!(payloads("bob@example.org", "?OTRv23?", true), ["no-permanent-store"]);
        assert_eq!(payloads("bob@example.org", "?OTR:AAMD.", true), ["no-permanent-store", "encryption"]);
        assert_eq!(payloads("bob@example.org", "?OTR|1|2,1,2,x,", false), ["encryption"]);
        assert_eq!(payloads("bob@example.org/phone", "hello", true), ["no-copy", "private"]);
        assert_eq!(
            payloads("bob@example.org/phone", "?OTR,1,2,x,", true),
            ["no-copy", "private", "no-permanent-store", "encryption"]
        );
    }

    #[test]
    fn never_no_store() {
        for to in ["bob@example.org", "bob@example.org/phone"] {
            for line in ["hello", "?OTR:AAMD.", "?OTRv3?"] {
                assert!(!payloads(to, line, true).contains(&"no-store".to_owned()));
            }
        }
        let receipt = receipt(Jid::new("bob@example.org/phone").unwrap(), "7", MessageType::Chat, "8".to_owned());
        assert!(receipt.payloads.iter().all(|element| element.name() != "no-store"));
    }

    #[test]
    fn weighed_as_xml() {
        assert_eq!(weigh(b"abc\t\n"), Some(5));
        assert_eq!(weigh(b"<&>"), Some(18));
        assert_eq!(weigh("\u{20ac}".as_bytes()), Some(3));
        assert_eq!(weigh(b"\x07"), None);
        assert_eq!(weigh(&[0xff]), None);
    }
}
