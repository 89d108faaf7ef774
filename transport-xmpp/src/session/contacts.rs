//! Contacts and their presence (RFC 6121).

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;
use xmpp_parsers::jid::{BareJid, Jid};
use xmpp_parsers::presence::{Presence, Type};
use xmpp_parsers::roster::{Ask, Item, Roster, Subscription as Standing};
use xmpp_parsers::stanza::Stanza;

use o2tr::transport::{Address, PeerId, Subscription, TransportEvent};

use super::Session;
use crate::stanza;

/// Contacts that are remembered.
const MAX_CONTACTS: usize = 10_000;
/// Requests of strangers that are remembered.
const MAX_REQUESTS: usize = 1_000;
/// Devices that are remembered as there.
const MAX_DEVICES: usize = 50_000;

/// Who is a contact, and who is there.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    /// As the server says.
    roster: HashMap<PeerId, Contact>,
    /// Who asks to become one.
    requests: HashSet<PeerId>,
    /// Whom the user has made one in this run: their requests need no further word.
    wanted: HashSet<PeerId>,
    /// What the user wants and the server was not told.
    wishes: HashMap<PeerId, bool>,
    there: HashSet<Address>,
}

/// A contact in the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Contact {
    /// It sees when we are there.
    sees_us: bool,
    /// We see, or asked to see, when it is there.
    seen: bool,
}

impl Contacts {
    /// A new stream: nobody is there until told.
    pub(super) fn restart(&mut self) {
        self.there.clear();
        self.requests.clear();
    }

    /// Whether a peer may know that we are there.
    pub(super) fn sees_us(&self, peer: &PeerId) -> bool {
        self.roster.get(peer).is_some_and(|contact| contact.sees_us)
    }

    pub(super) fn wish(&mut self, peer: &PeerId, contact: bool) {
        if self.wishes.len() < MAX_CONTACTS || self.wishes.contains_key(peer) {
            self.wishes.insert(peer.clone(), contact);
        }
    }

    /// Takes the server's word on a contact. Returns its standing if that is news.
    fn learn(&mut self, item: &Item) -> Option<(PeerId, Subscription)> {
        let peer = PeerId::new(item.jid.as_str());
        let news = if item.subscription == Standing::Remove {
            self.roster.remove(&peer).map(|_| Subscription::None)
        } else {
            let sees_us = matches!(item.subscription, Standing::From | Standing::Both);
            let seen = matches!(item.subscription, Standing::To | Standing::Both) || item.ask == Ask::Subscribe;
            if !self.roster.contains_key(&peer) && self.roster.len() >= MAX_CONTACTS {
                return None;
            }
            if sees_us {
                self.requests.remove(&peer);
            }
            let known = self.roster.insert(peer.clone(), Contact { sees_us, seen });
            (known.map(|known| known.sees_us) != Some(sees_us)).then_some(if sees_us {
                Subscription::Granted
            } else if self.requests.contains(&peer) {
                Subscription::Requested
            } else {
                Subscription::None
            })
        };
        news.map(|news| (peer, news))
    }
}

impl Session {
    /// The whole roster has come (section 2.1.4).
    pub(super) fn roster_came(&mut self, roster: Roster) {
        let listed: HashSet<_> = roster.items.iter().map(|item| PeerId::new(item.jid.as_str())).collect();
        let gone: Vec<_> = self.contacts.roster.keys().filter(|peer| !listed.contains(*peer)).cloned().collect();
        for peer in gone {
            self.contacts.roster.remove(&peer);
            self.events.push_back(TransportEvent::Subscription { peer, subscription: Subscription::None });
        }
        self.roster_changed(roster);
    }

    /// Some of it has changed (section 2.1.6).
    pub(super) fn roster_changed(&mut self, roster: Roster) {
        for item in &roster.items {
            if let Some((peer, subscription)) = self.contacts.learn(item) {
                self.events.push_back(TransportEvent::Subscription { peer, subscription });
            }
        }
    }

    pub(super) fn handle_presence(&mut self, presence: Presence) {
        let Some(from) = presence.from else { return };
        let peer = PeerId::new(from.to_bare().as_str());
        if from.to_bare() == self.account {
            return;
        }
        match presence.type_ {
            Type::None => self.seen(stanza::address(&from), true),
            Type::Unavailable | Type::Error => self.seen(stanza::address(&from), false),
            Type::Subscribe => self.requested(peer, from),
            // The roster tells what follows from these, and the server answers probes.
            Type::Subscribed | Type::Unsubscribe | Type::Unsubscribed | Type::Probe => {}
        }
    }

    fn seen(&mut self, from: Address, available: bool) {
        let there = &mut self.contacts.there;
        let news = if available {
            there.len() >= MAX_DEVICES || there.insert(from.clone())
        } else if from.resource.is_none() {
            let before = there.len();
            there.retain(|device| device.peer != from.peer);
            there.len() != before
        } else {
            there.remove(&from) || there.len() >= MAX_DEVICES
        };
        if news {
            self.events.push_back(TransportEvent::Presence { from, available });
        }
    }

    /// A peer asks to see when we are there (section 3.1.3).
    fn requested(&mut self, peer: PeerId, from: Jid) {
        if self.contacts.sees_us(&peer) || self.contacts.wanted.contains(&peer) {
            return self.subscription(from.to_bare(), Type::Subscribed);
        }
        if self.contacts.requests.len() < MAX_REQUESTS && self.contacts.requests.insert(peer.clone()) {
            self.events.push_back(TransportEvent::Subscription { peer, subscription: Subscription::Requested });
        }
    }

    /// Tells the server what the user wants of contacts (sections 3.1.1, 3.1.5 and 2.5).
    pub(super) fn carry_out_wishes(&mut self, now: Instant) {
        for (peer, contact) in core::mem::take(&mut self.contacts.wishes) {
            let Ok(jid) = BareJid::new(peer.as_str()) else { continue };
            if contact {
                if self.contacts.requests.remove(&peer) {
                    self.subscription(jid.clone(), Type::Subscribed);
                }
                if self.contacts.roster.get(&peer).is_none_or(|contact| !contact.seen) {
                    self.subscription(jid, Type::Subscribe);
                }
                if self.contacts.wanted.len() < MAX_CONTACTS {
                    self.contacts.wanted.insert(peer);
                }
            } else {
                self.contacts.wanted.remove(&peer);
                if self.contacts.requests.remove(&peer) {
                    self.subscription(jid.clone(), Type::Unsubscribed);
                }
                if self.contacts.roster.contains_key(&peer) {
                    self.remove_from_roster(jid, now);
                }
            }
        }
    }

    fn subscription(&mut self, to: BareJid, type_: Type) {
        self.push(Stanza::Presence(Presence::new(type_).with_to(to)), None);
    }
}
