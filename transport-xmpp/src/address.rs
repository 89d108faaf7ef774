//! Addresses in their one spelling.

use o2tr::transport::PeerId;
use xmpp_parsers::jid::{self, BareJid};

/// Reads a bare JID, `name@domain`, and prepares both halves (RFC 7622), so that two spellings of one account give
/// equal values.
///
/// # Errors
/// Not a JID, or one with a resource.
pub fn address(text: &str) -> Result<PeerId, BadAddress> {
    match BareJid::new(text.trim()) {
        Ok(jid) => Ok(PeerId::new(jid.as_str())),
        Err(jid::Error::ResourceInBareJid | jid::Error::ResourceEmpty) => Err(BadAddress::Resource),
        Err(jid::Error::NodeEmpty | jid::Error::NodeTooLong | jid::Error::NodePrep) => Err(BadAddress::Name),
        Err(jid::Error::NamePrep | jid::Error::Idna) => Err(BadAddress::Domain),
        Err(_) => Err(BadAddress::Form),
    }
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAddress {
    /// There are too many parts.
    #[error("an address is written name@domain")]
    Form,
    /// A device was named too.
    #[error("an address is written name@domain, without a device behind a slash")]
    Resource,
    /// The part before `@`.
    #[error("the name before the @ has characters that no account has, or is empty or too long")]
    Name,
    /// The part behind `@`.
    #[error("the domain behind the @ is not one")]
    Domain,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_are_one_address() {
        for (text, normal) in [
            ("alice@example.org", "alice@example.org"),
            (" Alice@Example.ORG\n", "alice@example.org"),
            ("STRAßE@example.org", "strasse@example.org"),
            ("alice@localhost", "alice@localhost"),
            ("alice@127.0.0.1", "alice@127.0.0.1"),
        ] {
            assert_eq!(address(text).unwrap().as_str(), normal, "{text}");
        }
        assert_eq!(address("alice@BÜCHER.example"), address("alice@bücher.example"));
    }

    #[test]
    fn refuses_what_is_none() {
        for (text, why) in [
            ("alice@example.org/phone", BadAddress::Resource),
            ("alice@example.org/", BadAddress::Resource),
            ("@example.org", BadAddress::Name),
            ("al ice@example.org", BadAddress::Name),
            ("al@ice@example.org", BadAddress::Form),
            ("alice@", BadAddress::Domain),
            ("", BadAddress::Domain),
        ] {
            assert_eq!(address(text), Err(why), "{text}");
        }
        assert_eq!(address(&format!("{}@example.org", "a".repeat(1024))), Err(BadAddress::Name));
    }
}
