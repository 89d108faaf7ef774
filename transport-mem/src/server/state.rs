//! What the server keeps: accounts, devices, lines, and things in the future.

use core::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use o2tr::transport::Timestamp;
use o2tr::transport::{Address, DeliveryId, Evidence, PeerId, SendToken, Subscription, TransportEvent};

use super::link::Arrival;
use super::{AccountId, DeviceId};
use crate::LineId;

/// An account and what waits for it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(super) peer: PeerId,
    pub(super) devices: Vec<DeviceId>,
    /// Lines that no device has been given, or that one gave back; sorted when they are handed over.
    pub(super) mailbox: VecDeque<Item>,
    /// The standing of other accounts with this one.
    pub(super) roster: Vec<(AccountId, Subscription)>,
    /// Indices into the server's history of lines for this account.
    pub(crate) history: Vec<usize>,
}

/// A device, its program and its connection.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) account: AccountId,
    pub(super) address: Address,
    /// Whether its program runs.
    pub(super) alive: bool,
    /// Counts the programs.
    pub(super) process: u32,
    pub(super) session: Session,
    /// Counts the connections, resumed ones too.
    pub(super) connection: u32,
    /// Counts the sessions.
    pub(super) era: u32,
    /// Whether the program wants messages, connected or not.
    pub(super) wanted: bool,
    /// When it became available for the server, as a serial number.
    pub(super) available: Option<u64>,
    /// No later line may arrive before this on the way up, and down.
    pub(super) up_floor: Timestamp,
    pub(super) down_floor: Timestamp,
    /// What is owed to it until it acknowledges, by rising id.
    pub(super) owed: VecDeque<Owed>,
    /// Tokens without an answer, the oldest first.
    pub(super) in_flight: VecDeque<SendToken>,
    /// What is to be told after a resumption.
    pub(super) missed: Vec<TransportEvent>,
    /// What the program has not taken yet.
    pub(super) events: VecDeque<TransportEvent>,
}

/// The state of a connection at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    Offline,
    Online,
    /// The connection is lost; the server waits for its resumption.
    Hibernating,
}

/// A line at the server.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) line: LineId,
    /// Orders the lines as they arrived.
    pub(crate) serial: u64,
    pub(crate) from: Address,
    /// The device that sent it; none for what the server planted.
    pub(crate) sender: Option<DeviceId>,
    pub(crate) bytes: Arc<[u8]>,
    /// When it arrived.
    pub(crate) at: Timestamp,
}

/// A line that a device is to get.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    pub(super) id: DeliveryId,
    pub(super) item: Item,
    pub(super) evidence: Evidence,
    pub(super) place: Place,
    /// Whether it is for this device alone to take, even if that means waiting for it: a copy that others also get.
    pub(super) stays: bool,
}

/// How far an owed line has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the server, until the device is available or back.
    Waiting,
    /// On its way, or lost there.
    Flying,
    /// With the program, not acknowledged.
    Handed,
}

/// Something in the future.
#[derive(Clone, Debug)]
pub(super) struct Scheduled {
    pub(super) due: Timestamp,
    pub(super) serial: u64,
    pub(super) what: What,
}

/// What may lie in the future.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A line reaches the server.
    Arrive(Arrival),
    /// A line that was held back is routed.
    Route { item: Item, to: Address },
    /// An owed line reaches its device; `bytes` if it was changed on its way.
    Hand { device: DeviceId, connection: u32, id: DeliveryId, bytes: Option<Arc<[u8]>> },
    /// Something other than an owed line reaches a device.
    Tell { device: DeviceId, era: u32, connection: u32, event: Box<TransportEvent> },
    /// A line of the server's own making becomes owed.
    Plant { to: DeviceId, item: Item, evidence: Evidence },
    /// The server stops waiting for a resumption.
    Expire { device: DeviceId, connection: u32 },
    /// A program connects again by itself.
    Reconnect { device: DeviceId, connection: u32 },
}

impl Device {
    pub(super) fn new(account: AccountId, address: Address) -> Self {
        Self {
            account,
            address,
            alive: false,
            process: 0,
            session: Session::Offline,
            connection: 0,
            era: 0,
            wanted: false,
            available: None,
            up_floor: Timestamp::default(),
            down_floor: Timestamp::default(),
            owed: VecDeque::new(),
            in_flight: VecDeque::new(),
            missed: Vec::new(),
            events: VecDeque::new(),
        }
    }

    pub(super) fn find_owed(&self, id: DeliveryId) -> Option<usize> {
        self.owed.binary_search_by_key(&id, |owed| owed.id).ok()
    }
}

/// The queue is a heap with the greatest on top: the earliest counts as the greatest.
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.serial).cmp(&(self.due, self.serial))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scheduled {}
