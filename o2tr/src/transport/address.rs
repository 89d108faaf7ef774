//! Who sends and who receives.

use core::fmt;
use std::sync::Arc;

/// A peer's address without a device: the key of a conversation.
///
/// The transport normalises it, so that two spellings of one peer give equal values (an XMPP
/// transport prepares both halves of the JID, RFC 7622). Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(Arc<str>);

impl PeerId {
    /// Takes an address that is normalised already.
    #[must_use]
    pub fn new(normalised: &str) -> Self {
        Self(Arc::from(normalised))
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PeerId {
    fn from(normalised: &str) -> Self {
        Self::new(normalised)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({})", self.0)
    }
}

/// A peer, and the device of the peer where one is meant.
///
/// Sessions are told apart by instance tags, never by resource: a resource only steers a line
/// to a device, and a server may lie about it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The account.
    pub peer: PeerId,
    /// The device (an XMPP resource); `None` leaves the choice to the server.
    pub resource: Option<Arc<str>>,
}

impl Address {
    /// The account as a whole.
    #[must_use]
    pub fn bare(peer: PeerId) -> Self {
        Self { peer, resource: None }
    }

    /// One device of the account.
    #[must_use]
    pub fn full(peer: PeerId, resource: &str) -> Self {
        Self { peer, resource: Some(Arc::from(resource)) }
    }
}

impl From<PeerId> for Address {
    fn from(peer: PeerId) -> Self {
        Self::bare(peer)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.resource {
            Some(resource) => write!(f, "{}/{resource}", self.peer),
            None => write!(f, "{}", self.peer),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_device_after_a_slash() {
        let peer = PeerId::new("bob@example.org");
        assert_eq!(Address::bare(peer.clone()).to_string(), "bob@example.org");
        assert_eq!(Address::full(peer.clone(), "phone").to_string(), "bob@example.org/phone");
        assert_eq!(
            format!("{:?} {:?}", peer, Address::from(peer.clone())),
            "PeerId(bob@example.org) Address(bob@example.org)"
        );
    }
}
