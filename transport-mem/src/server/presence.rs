//! Who is there, and who may know.

use o2tr::transport::{PeerId, Subscription, TransportEvent};

use super::{AccountId, Server, Session};
use crate::{DeviceId, Step};

impl Server {
    /// A program says whether it wants messages; remembered while it runs.
    pub fn set_presence(&mut self, device: DeviceId, available: bool) {
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        if !program.alive {
            return;
        }
        program.wanted = available;
        if program.session != Session::Online {
            return;
        }
        if available {
            self.make_available(device);
        } else {
            self.make_unavailable(device);
        }
    }

    /// The user of a device makes somebody a contact, or gives them up.
    pub fn set_contact(&mut self, device: DeviceId, peer: &PeerId, contact: bool) {
        let Some(own) = self.device(device).filter(|device| device.alive).map(|device| device.account) else { return };
        let Some(&other) = self.names.get(peer) else { return };
        if own == other {
            return;
        }
        let before = self.standing(own, other);
        if contact {
            self.change_standing(own, other, Subscription::Granted);
            if self.standing(other, own) == Subscription::None {
                self.change_standing(other, own, Subscription::Requested);
            }
            if before != Subscription::Granted {
                self.introduce(own, other, true);
            }
        } else {
            if before == Subscription::Granted {
                self.introduce(own, other, false);
            }
            self.change_standing(own, other, Subscription::None);
            if self.standing(other, own) == Subscription::Requested {
                self.change_standing(other, own, Subscription::None);
            }
        }
    }

    /// Makes two accounts contacts of each other, without a word to anybody: for setting a scene.
    pub fn befriend(&mut self, one: &PeerId, other: &PeerId) {
        let (one, other) = (self.add_account(one), self.add_account(other));
        if one != other {
            self.set_standing(one, other, Subscription::Granted);
            self.set_standing(other, one, Subscription::Granted);
        }
    }

    /// How `peer` stands with `account`.
    #[must_use]
    pub fn standing(&self, account: AccountId, peer: AccountId) -> Subscription {
        self.accounts
            .get(account.index())
            .and_then(|account| account.roster.iter().find(|(other, _)| *other == peer))
            .map_or(Subscription::None, |(_, standing)| *standing)
    }

    /// A device becomes available: it learns who is there and gets what waited, then it has caught up.
    pub(super) fn make_available(&mut self, device: DeviceId) {
        let since = self.next_serial();
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        if program.available.is_some() {
            return;
        }
        program.available = Some(since);
        let own = program.account;
        self.trace.note(self.now, Step::Available(device, true));
        self.announce(device, true);
        for index in 0..self.accounts.get(own.index()).map_or(0, |account| account.roster.len()) {
            let Some((other, subscription)) = self.contact_at(own, index) else { continue };
            if subscription != Subscription::None
                && let Some(peer) = self.peer(other)
            {
                self.tell(device, TransportEvent::Subscription { peer, subscription });
            }
            if self.standing(other, own) != Subscription::Granted {
                continue;
            }
            for index in 0..self.device_count(other) {
                if let Some(there) = self.device_at(other, index).filter(|there| self.is_available(*there))
                    && let Some(from) = self.address(there).cloned()
                {
                    self.tell(device, TransportEvent::Presence { from, available: true });
                }
            }
        }
        self.hand_over_backlog(device);
        self.tell(device, TransportEvent::CaughtUp);
    }

    /// A device goes away, for the server and for its contacts.
    pub(super) fn make_unavailable(&mut self, device: DeviceId) {
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        if program.available.take().is_none() {
            return;
        }
        self.trace.note(self.now, Step::Available(device, false));
        self.announce(device, false);
    }

    /// Tells all who may know that a device came or went.
    fn announce(&mut self, device: DeviceId, available: bool) {
        let Some(own) = self.device(device).map(|device| device.account) else { return };
        for index in 0..self.accounts.get(own.index()).map_or(0, |account| account.roster.len()) {
            if let Some((other, Subscription::Granted)) = self.contact_at(own, index) {
                self.announce_to(device, other, available);
            }
        }
    }

    /// Tells one account that all available devices of another came or went, when it may know or no longer.
    fn introduce(&mut self, own: AccountId, other: AccountId, available: bool) {
        for index in 0..self.device_count(own) {
            if let Some(device) = self.device_at(own, index).filter(|device| self.is_available(*device)) {
                self.announce_to(device, other, available);
            }
        }
    }

    fn announce_to(&mut self, device: DeviceId, other: AccountId, available: bool) {
        let Some(from) = self.address(device).cloned() else { return };
        self.tell_all(other, &TransportEvent::Presence { from, available });
    }

    fn change_standing(&mut self, own: AccountId, other: AccountId, subscription: Subscription) {
        if self.standing(own, other) == subscription {
            return;
        }
        self.set_standing(own, other, subscription);
        if let Some(peer) = self.peer(other) {
            self.tell_all(own, &TransportEvent::Subscription { peer, subscription });
        }
    }

    fn set_standing(&mut self, own: AccountId, other: AccountId, subscription: Subscription) {
        let Some(account) = self.accounts.get_mut(own.index()) else { return };
        match account.roster.iter_mut().find(|(known, _)| *known == other) {
            Some((_, standing)) => *standing = subscription,
            None => account.roster.push((other, subscription)),
        }
    }

    /// Tells every available device of an account.
    fn tell_all(&mut self, account: AccountId, event: &TransportEvent) {
        for index in 0..self.device_count(account) {
            if let Some(device) = self.device_at(account, index).filter(|device| self.is_available(*device)) {
                self.tell(device, event.clone());
            }
        }
    }

    fn contact_at(&self, account: AccountId, index: usize) -> Option<(AccountId, Subscription)> {
        self.accounts.get(account.index())?.roster.get(index).copied()
    }

    fn peer(&self, account: AccountId) -> Option<PeerId> {
        self.accounts.get(account.index()).map(|account| account.peer.clone())
    }
}
