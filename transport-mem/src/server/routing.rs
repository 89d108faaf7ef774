//! What the server does with a line that has reached it: judge, route, store.

use std::sync::Arc;

use o2tr::transport::{Address, Carbon, DeliveryId, Evidence, Refusal};

use super::link::Arrival;
use super::{AccountId, Item, Owed, Place, Server, Session, What};
use crate::hostile::{Line, Recorded, Ruling};
use crate::{Config, DeviceId, PPM, Routing, Step};

impl Server {
    /// A line reaches the server: it is answered, judged, and routed.
    pub(super) fn handle_arrival(&mut self, arrival: Arrival) {
        let Arrival { from: sender, to, line, bytes, token, lost } = arrival;
        let refused = if lost {
            None
        } else if !self.can_take(&to) {
            Some(Refusal::Undeliverable)
        } else if self.rng.chance(self.config.unconfirmed) {
            Some(Refusal::Unconfirmed)
        } else {
            None
        };
        if let Some(token) = token {
            self.settle(sender, token, refused);
        }
        if lost || refused == Some(Refusal::Undeliverable) {
            return;
        }
        let Some(from) = self.address(sender).cloned() else { return };
        let item = Item { line, serial: self.next_serial(), from, sender: Some(sender), bytes, at: self.now };
        self.record(&item, &to);
        if let Some(item) = self.judge(item, &to) {
            self.route(item, &to);
        }
    }

    /// Brings a line to the devices it is for, or keeps it.
    pub(super) fn route(&mut self, item: Item, to: &Address) {
        let Some(&account) = self.names.get(&to.peer) else { return };
        let direct = self.device_of(account, to);
        let latest = self.latest(account);
        let all = direct.is_none() && self.config.routing == Routing::All;
        let Config { archive, carbons, .. } = self.config;
        let copies = carbons && direct.is_none();
        let shared = archive || (all && self.available_count(account) > 1);
        let delayed = Some(item.at).filter(|at| *at < self.now);
        let live = Evidence { delayed, ..Evidence::LIVE };
        let stored = Evidence { delayed: Some(item.at), archived: true, ..Evidence::LIVE };

        if latest.is_none() && !(archive && self.device_count(account) > 0) {
            self.store(account, item.clone());
        }
        for index in 0..self.device_count(account) {
            let Some(device) = self.device_at(account, index) else { continue };
            let available = self.is_available(device);
            if available && (all || direct.or(latest) == Some(device)) {
                self.owe(device, item.clone(), live, shared);
            } else if available && copies {
                self.owe(device, item.clone(), Evidence { carbon: Some(Carbon::Received), ..live }, true);
            } else if archive {
                self.keep(device, item.clone(), stored);
            }
        }
        let Some(sender) = item.sender else { return };
        let Some(own) = self.device(sender).map(|device| device.account).filter(|own| *own != account) else { return };
        for index in 0..self.device_count(own) {
            let Some(device) = self.device_at(own, index).filter(|device| *device != sender) else { continue };
            if copies && self.is_available(device) {
                self.owe(device, item.clone(), Evidence { carbon: Some(Carbon::Sent), ..live }, true);
            } else if archive {
                self.keep(device, item.clone(), stored);
            }
        }
    }

    /// Makes a line owed to a device and sends it down, if there is a connection.
    pub(super) fn owe(&mut self, device: DeviceId, item: Item, evidence: Evidence, stays: bool) {
        let Some(id) = self.put(device, item, evidence, stays) else { return };
        let ready = self.device(device).is_some_and(|to| to.session == Session::Online && to.available.is_some());
        if ready {
            self.dispatch(device, id);
        }
    }

    /// Sends down all that waits for a device, under the ids it has.
    pub(super) fn dispatch_waiting(&mut self, device: DeviceId) {
        let Some(receiver) = self.device(device) else { return };
        let waiting: Vec<DeliveryId> =
            receiver.owed.iter().filter(|owed| owed.place == Place::Waiting).map(|owed| owed.id).collect();
        for id in waiting {
            self.dispatch(device, id);
        }
    }

    /// Makes a device that has become available get all that waited for it or its account, in the order in which it
    /// arrived and under new ids.
    pub(super) fn hand_over_backlog(&mut self, device: DeviceId) {
        let Some(receiver) = self.devices.get_mut(device.index()) else { return };
        let Some(account) = self.accounts.get_mut(receiver.account.index()) else { return };
        let (waiting, under_way) = receiver.owed.drain(..).partition::<Vec<_>, _>(|owed| owed.place == Place::Waiting);
        receiver.owed = under_way.into();
        let stored = account.mailbox.drain(..).map(|item| {
            let evidence = Evidence { delayed: Some(item.at), offline: true, ..Evidence::LIVE };
            (item, evidence, false)
        });
        let mut backlog: Vec<_> =
            waiting.into_iter().map(|owed| (owed.item, owed.evidence, owed.stays)).chain(stored).collect();
        backlog.sort_by_key(|(item, ..)| item.serial);
        for (item, evidence, stays) in backlog {
            self.owe(device, item, evidence, stays);
        }
    }

    /// Takes back from a device whose session has ended what it did not acknowledge and others do not have.
    pub(super) fn reclaim(&mut self, device: DeviceId) {
        let Some(holder) = self.devices.get_mut(device.index()) else { return };
        let account = holder.account;
        let address = Address::bare(holder.address.peer.clone());
        let mut taken = Vec::new();
        for mut owed in core::mem::take(&mut holder.owed) {
            if owed.stays {
                owed.place = Place::Waiting;
                owed.evidence.delayed = owed.evidence.delayed.or(Some(owed.item.at));
                holder.owed.push_back(owed);
            } else {
                taken.push(owed.item);
            }
        }
        taken.sort_by_key(|item| item.serial);
        if self.latest(account).is_some() {
            for item in taken {
                self.route(Item { sender: None, ..item }, &address);
            }
        } else if let Some(account) = self.accounts.get_mut(account.index()) {
            account.mailbox.extend(taken);
        }
    }

    /// Whether the device is available, also while its connection may be resumed.
    pub(super) fn is_available(&self, device: DeviceId) -> bool {
        self.device(device).is_some_and(|device| device.available.is_some())
    }

    pub(super) fn device_count(&self, account: AccountId) -> usize {
        self.accounts.get(account.index()).map_or(0, |account| account.devices.len())
    }

    pub(super) fn device_at(&self, account: AccountId, index: usize) -> Option<DeviceId> {
        self.accounts.get(account.index())?.devices.get(index).copied()
    }

    fn can_take(&self, to: &Address) -> bool {
        let Some(&account) = self.names.get(&to.peer) else { return false };
        self.latest(account).is_some()
            || (self.config.archive && self.device_count(account) > 0)
            || (self.config.offline && self.mailbox_len(account) < self.config.mailbox)
    }

    fn record(&mut self, item: &Item, to: &Address) {
        if !self.config.history {
            return;
        }
        if let Some(account) = self.names.get(&to.peer).and_then(|id| self.accounts.get_mut(id.index())) {
            account.history.push(self.history.len());
        }
        self.history.push(Recorded {
            line: item.line,
            at: item.at,
            from: item.from.clone(),
            to: to.clone(),
            bytes: Arc::clone(&item.bytes),
        });
    }

    /// What a hostile server makes of a line; `None` if it is not to be routed now.
    fn judge(&mut self, mut item: Item, to: &Address) -> Option<Item> {
        let ruling = match &self.filter {
            Some(filter) => filter(&Line { at: item.at, from: &item.from, to, bytes: &item.bytes }),
            None => Ruling::Pass,
        };
        let malice = self.config.malice;
        if self.rng.chance(malice.replay) {
            let devices = self.names.get(&to.peer).and_then(|id| self.accounts.get(id.index()));
            let devices = devices.map(|account| account.devices.clone()).unwrap_or_default();
            self.replay_by_chance(to, &devices);
        }
        let ruling = if ruling != Ruling::Pass {
            ruling
        } else if self.rng.chance(malice.forge_resource) {
            Ruling::Forge { resource: Some(format!("forged-{}", self.rng.below(4))) }
        } else if self.rng.chance(malice.hold_days) {
            Ruling::Hold { by: self.some_days(), stamped: self.rng.chance(PPM / 2) }
        } else {
            Ruling::Pass
        };
        match ruling {
            Ruling::Pass => {}
            Ruling::Drop => {
                self.trace.note(self.now, Step::Filtered(item.line));
                return None;
            }
            Ruling::Replace(bytes) => {
                self.trace.note(self.now, Step::Replaced(item.line));
                item.bytes = Arc::from(bytes);
            }
            Ruling::Forge { resource } => {
                self.trace.note(self.now, Step::Forged(item.line));
                item.from.resource = resource.map(Arc::from);
            }
            Ruling::Hold { by, stamped } => {
                self.trace.note(self.now, Step::Held(item.line, by));
                let due = self.now.after(by);
                if !stamped {
                    item.at = due;
                }
                self.schedule(due, What::Route { item, to: to.clone() });
                return None;
            }
        }
        Some(item)
    }

    /// Keeps a line for the account, whichever device comes first.
    fn store(&mut self, account: AccountId, item: Item) {
        self.trace.note(self.now, Step::Stored(item.line, account));
        if let Some(account) = self.accounts.get_mut(account.index()) {
            account.mailbox.push_back(item);
        }
    }

    /// Keeps a line in the archive for one device.
    fn keep(&mut self, device: DeviceId, item: Item, evidence: Evidence) {
        if self.owed_len(device) >= self.config.mailbox {
            self.trace.note(self.now, Step::Evicted(item.line, device));
        } else {
            self.put(device, item, evidence, true);
        }
    }

    fn put(&mut self, device: DeviceId, item: Item, evidence: Evidence, stays: bool) -> Option<DeliveryId> {
        let receiver = self.devices.get_mut(device.index())?;
        self.deliveries += 1;
        let id = DeliveryId(self.deliveries);
        self.trace.note(self.now, Step::Routed(item.line, device, id));
        receiver.owed.push_back(Owed { id, item, evidence, place: Place::Waiting, stays });
        Some(id)
    }

    /// The available device that an address names.
    fn device_of(&self, account: AccountId, to: &Address) -> Option<DeviceId> {
        let resource = to.resource.as_ref()?;
        let account = self.accounts.get(account.index())?;
        account.devices.iter().copied().find(|id| {
            self.device(*id)
                .is_some_and(|device| device.available.is_some() && device.address.resource.as_ref() == Some(resource))
        })
    }

    /// The device that became available last.
    fn latest(&self, account: AccountId) -> Option<DeviceId> {
        let account = self.accounts.get(account.index())?;
        let since = |id: &DeviceId| self.device(*id).and_then(|device| device.available);
        account.devices.iter().copied().filter(|id| since(id).is_some()).max_by_key(since)
    }

    fn available_count(&self, account: AccountId) -> usize {
        let account = self.accounts.get(account.index());
        account.map_or(0, |account| account.devices.iter().filter(|id| self.is_available(**id)).count())
    }
}
