//! Who is there, and who is a contact, as the transport tells it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::transport::{Address, PeerId, Subscription};

/// Devices of one peer that are remembered.
const MAX_DEVICES: usize = 32;
/// Peers that are remembered although the transport never spoke of them, because something came from them.
const MAX_HEARD: usize = 1 << 16;

/// What is known of the account's connection and of the peers' presence.
#[derive(Debug, Default)]
pub(super) struct Presence {
    assume: bool,
    online: bool,
    there: HashMap<PeerId, HashSet<Option<Arc<str>>>>,
    /// As the transport says.
    contacts: HashSet<PeerId>,
    /// As the user says, or shows by writing to them.
    allowed: HashSet<PeerId>,
}

impl Presence {
    pub(super) fn new(assume: bool) -> Self {
        Self { assume, ..Self::default() }
    }

    /// Whether the connection stands.
    pub(super) const fn is_online(&self) -> bool {
        self.online
    }

    /// The connection stands. Without a resumption nobody is there until told.
    pub(super) fn set_online(&mut self, resumed: bool) {
        self.online = true;
        if !resumed {
            self.there.clear();
        }
    }

    pub(super) const fn set_offline(&mut self) {
        self.online = false;
    }

    /// Whether a peer counts as there: a plain OTR client that is not would lose what is sent to it.
    pub(super) fn is_there(&self, peer: &PeerId) -> bool {
        self.assume || (self.online && self.there.contains_key(peer))
    }

    /// A device came or went. Without a resource the account went as a whole.
    pub(super) fn tell(&mut self, from: &Address, available: bool) {
        if available {
            let devices = self.there.entry(from.peer.clone()).or_default();
            if devices.len() < MAX_DEVICES {
                devices.insert(from.resource.clone());
            }
        } else if let Some(devices) = self.there.get_mut(&from.peer) {
            devices.remove(&from.resource);
            if from.resource.is_none() || devices.is_empty() {
                self.there.remove(&from.peer);
            }
        }
    }

    /// A line came live: the peer is there, also if its presence is not shown to us. True if that is news.
    pub(super) fn heard(&mut self, from: &Address) -> bool {
        if self.there.contains_key(&from.peer) || self.there.len() >= MAX_HEARD {
            return false;
        }
        self.tell(from, true);
        true
    }

    pub(super) fn set_subscription(&mut self, peer: &PeerId, subscription: Subscription) {
        match subscription {
            Subscription::Granted => self.contacts.insert(peer.clone()),
            Subscription::None | Subscription::Requested => self.contacts.remove(peer),
        };
    }

    pub(super) fn allow(&mut self, peer: &PeerId, allowed: bool) {
        if allowed {
            self.allowed.insert(peer.clone());
        } else {
            self.allowed.remove(peer);
            self.contacts.remove(peer);
        }
    }

    pub(super) fn is_contact(&self, peer: &PeerId) -> bool {
        self.contacts.contains(peer) || self.is_allowed(peer)
    }

    pub(super) fn is_allowed(&self, peer: &PeerId) -> bool {
        self.allowed.contains(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(resource: &str) -> Address {
        Address::full(PeerId::new("bob"), resource)
    }

    #[test]
    fn there_while_one_device_is() {
        let bob = PeerId::new("bob");
        let mut presence = Presence::new(false);
        presence.set_online(false);
        assert!(!presence.is_there(&bob));
        presence.tell(&full("phone"), true);
        presence.tell(&full("desk"), true);
        presence.tell(&full("phone"), false);
        assert!(presence.is_there(&bob));
        presence.set_offline();
        assert!(!presence.is_there(&bob));
        presence.set_online(true);
        assert!(presence.is_there(&bob), "a resumed connection knows what it knew");
        presence.tell(&Address::bare(bob.clone()), false);
        assert!(!presence.is_there(&bob));
        assert!(presence.heard(&full("desk")) && !presence.heard(&full("desk")));
        assert!(presence.is_there(&bob));
        presence.set_online(false);
        assert!(!presence.is_there(&bob));
        assert!(Presence::new(true).is_there(&bob));
    }
}
