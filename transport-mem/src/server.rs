//! The server itself: accounts, devices, the queue of what is to happen, and the clock.

mod link;
mod presence;
mod routing;
mod session;
mod state;

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, BinaryHeap, VecDeque, vec_deque};

use o2tr::transport::Timestamp;
use o2tr::transport::{Address, PeerId, TransportEvent};

use crate::hostile::{Filter, Recorded};
use crate::rng::Rng;
use crate::trace::Trace;
use crate::{Config, LineId, TraceEvent};

use state::{Account, Device, Owed, Place, Scheduled, Session};
pub(crate) use state::{Item, What};

/// Names an account of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(u32);

/// Names a device of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(u32);

impl AccountId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl DeviceId {
    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which way a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a device to the server.
    Up,
    /// From the server to a device.
    Down,
}

/// A message server without input or output, driven by calls and a virtual clock.
///
/// A call changes the state at once or puts something into the future; [`step`](Self::step) and
/// [`advance`](Self::advance) let the future happen; [`poll_event`](Self::poll_event) takes what a device learns.
/// An id of another server is ignored. Cloning copies the whole state, the randomness included, for searches that branch.
#[derive(Clone)]
pub struct Server {
    pub(crate) config: Config,
    pub(crate) rng: Rng,
    pub(crate) now: Timestamp,
    pub(crate) accounts: Vec<Account>,
    pub(crate) names: BTreeMap<PeerId, AccountId>,
    devices: Vec<Device>,
    queue: BinaryHeap<Scheduled>,
    /// Breaks ties in the queue, and orders what arrived.
    serials: u64,
    lines: u64,
    deliveries: u64,
    pub(crate) history: Vec<Recorded>,
    pub(crate) filter: Option<Filter>,
    pub(crate) trace: Trace,
}

impl Server {
    /// An empty server whose clock stands at `now`.
    #[must_use]
    pub fn new(config: Config, seed: u64, now: Timestamp) -> Self {
        let trace = Trace { on: config.trace, events: Vec::new() };
        Self {
            config,
            rng: Rng::new(seed),
            now,
            accounts: Vec::new(),
            names: BTreeMap::new(),
            devices: Vec::new(),
            queue: BinaryHeap::new(),
            serials: 0,
            lines: 0,
            deliveries: 0,
            history: Vec::new(),
            filter: None,
            trace,
        }
    }

    /// The account with this address, made if there is none.
    pub fn add_account(&mut self, peer: &PeerId) -> AccountId {
        if let Some(&id) = self.names.get(peer) {
            return id;
        }
        let id = AccountId(u32::try_from(self.accounts.len()).unwrap_or(u32::MAX));
        self.accounts.push(Account {
            peer: peer.clone(),
            devices: Vec::new(),
            mailbox: VecDeque::new(),
            roster: Vec::new(),
            history: Vec::new(),
        });
        self.names.insert(peer.clone(), id);
        id
    }

    /// The device with this address, made if there is none, and its account too. It is not running yet.
    pub fn add_device(&mut self, peer: &PeerId, resource: &str) -> DeviceId {
        let account = self.add_account(peer);
        let address = Address::full(peer.clone(), resource);
        if let Some(known) = self.devices.iter().position(|device| device.address == address) {
            return DeviceId(u32::try_from(known).unwrap_or(u32::MAX));
        }
        let id = DeviceId(u32::try_from(self.devices.len()).unwrap_or(u32::MAX));
        self.devices.push(Device::new(account, address));
        if let Some(account) = self.accounts.get_mut(account.index()) {
            account.devices.push(id);
        }
        id
    }

    /// How the server behaves now.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Changes how the server behaves from now on.
    pub fn set_config(&mut self, config: Config) {
        self.trace.on = config.trace;
        self.config = config;
    }

    /// What the virtual clock shows.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// When the next thing happens; `None` if nothing will without a further call.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.queue.peek().map(|next| next.due)
    }

    /// Lets the next thing happen, moving the clock up to it. False if there is none.
    pub fn step(&mut self) -> bool {
        let Some(next) = self.queue.pop() else { return false };
        self.now = self.now.max(next.due);
        match next.what {
            What::Arrive(arrival) => self.handle_arrival(arrival),
            What::Route { item, to } => self.route(item, &to),
            What::Hand { device, connection, id, bytes } => self.hand(device, connection, id, bytes),
            What::Tell { device, era, connection, event } => self.told(device, era, connection, *event),
            What::Plant { to, item, evidence } => self.owe(to, item, evidence, true),
            What::Expire { device, connection } => self.expire(device, connection),
            What::Reconnect { device, connection } => self.reconnect(device, connection),
        }
        true
    }

    /// Lets happen everything that is due until `to` and puts the clock there; it never goes back. Returns the
    /// number of steps.
    pub fn advance(&mut self, to: Timestamp) -> usize {
        let mut steps = 0;
        while self.next_due().is_some_and(|due| due <= to) {
            self.step();
            steps += 1;
        }
        self.now = self.now.max(to);
        steps
    }

    /// Lets happen everything that is due within this time. Returns the number of steps.
    pub fn advance_by(&mut self, time: Duration) -> usize {
        self.advance(self.now.after(time))
    }

    /// The next event for the program on a device.
    pub fn poll_event(&mut self, device: DeviceId) -> Option<TransportEvent> {
        self.devices.get_mut(device.index())?.events.pop_front()
    }

    /// All events for the program on a device, the deliveries among them, in order.
    pub fn take_events(&mut self, device: DeviceId) -> Option<vec_deque::Drain<'_, TransportEvent>> {
        Some(self.devices.get_mut(device.index())?.events.drain(..))
    }

    /// Whether a device has events to take.
    #[must_use]
    pub fn has_events(&self, device: DeviceId) -> bool {
        self.device(device).is_some_and(|device| !device.events.is_empty())
    }

    /// The address of a device.
    #[must_use]
    pub fn address(&self, device: DeviceId) -> Option<&Address> {
        self.device(device).map(|device| &device.address)
    }

    /// Whether a device's program runs.
    #[must_use]
    pub fn is_running(&self, device: DeviceId) -> bool {
        self.device(device).is_some_and(|device| device.alive)
    }

    /// Whether a device has a connection.
    #[must_use]
    pub fn is_online(&self, device: DeviceId) -> bool {
        self.device(device).is_some_and(|device| device.session == Session::Online)
    }

    /// How many lines of a device have not been answered yet.
    #[must_use]
    pub fn unanswered(&self, device: DeviceId) -> usize {
        self.device(device).map_or(0, |device| device.in_flight.len())
    }

    /// How many lines wait in the mailbox of an account, not counting those owed to a device already.
    #[must_use]
    pub fn mailbox_len(&self, account: AccountId) -> usize {
        self.accounts.get(account.index()).map_or(0, |account| account.mailbox.len())
    }

    /// How many lines a device has not acknowledged.
    #[must_use]
    pub fn owed_len(&self, device: DeviceId) -> usize {
        self.device(device).map_or(0, |device| device.owed.len())
    }

    /// What happened so far, if [`Config::trace`] is on.
    #[must_use]
    pub fn trace(&self) -> &[TraceEvent] {
        &self.trace.events
    }

    /// Takes the trace and begins a new one.
    pub fn take_trace(&mut self) -> Vec<TraceEvent> {
        core::mem::take(&mut self.trace.events)
    }

    /// Counts the programs that ran on a device.
    pub(crate) fn process(&self, device: DeviceId) -> u32 {
        self.device(device).map_or(0, |device| device.process)
    }

    pub(crate) fn next_line(&mut self) -> LineId {
        self.lines += 1;
        LineId(self.lines)
    }

    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }

    pub(crate) fn schedule(&mut self, due: Timestamp, what: What) {
        let serial = self.next_serial();
        self.queue.push(Scheduled { due, serial, what });
    }

    fn device(&self, device: DeviceId) -> Option<&Device> {
        self.devices.get(device.index())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("now", &self.now)
            .field("accounts", &self.accounts.len())
            .field("devices", &self.devices.len())
            .field("due", &self.queue.len())
            .finish_non_exhaustive()
    }
}
