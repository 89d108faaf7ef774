//! The two ways a line goes, and what happens to it there.

use core::time::Duration;
use std::sync::Arc;

use o2tr::transport::Timestamp;
use o2tr::transport::{Address, Delivery, DeliveryId, Refusal, SendToken, TransportEvent};

use super::{Place, Server, Session, What};
use crate::{DeviceId, Direction, LineId, Step};

/// A line on its way to the server.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(super) from: DeviceId,
    pub(super) to: Address,
    pub(super) line: LineId,
    pub(super) bytes: Arc<[u8]>,
    /// The token to answer; none on a second copy.
    pub(super) token: Option<SendToken>,
    /// The server says that it has the line, and loses it.
    pub(super) lost: bool,
}

/// What the way does to one line.
struct Passage {
    due: Timestamp,
    dropped: bool,
    /// The changed bytes.
    bytes: Option<Arc<[u8]>>,
    /// When a second copy arrives.
    again: Option<Timestamp>,
}

impl Server {
    /// A device hands a line over; the outcome follows as an event with this token.
    pub fn send(&mut self, device: DeviceId, to: &Address, bytes: &[u8], token: SendToken) {
        let Some(sender) = self.devices.get_mut(device.index()) else { return };
        if !sender.alive {
            return;
        }
        let max = self.config.max_message_len;
        let refused = if sender.session != Session::Online {
            Some(Refusal::Offline)
        } else if bytes.len() > max {
            Some(Refusal::TooLong { len: bytes.len(), max })
        } else {
            None
        };
        if let Some(reason) = refused {
            sender.events.push_back(TransportEvent::Refused { token, reason });
            self.trace.note(self.now, Step::Refused(device, reason));
            return;
        }
        sender.in_flight.push_back(token);
        let line = self.next_line();
        self.trace.note(self.now, Step::Sent(device, line, bytes.len()));
        let bytes = Arc::from(bytes);
        let passage = self.passage(device, Direction::Up, line, &bytes);
        let bytes = passage.bytes.unwrap_or(bytes);
        let arrival = Arrival { from: device, to: to.clone(), line, bytes, token: Some(token), lost: passage.dropped };
        if let Some(due) = passage.again {
            self.schedule(passage.due, What::Arrive(arrival.clone()));
            self.schedule(due, What::Arrive(Arrival { token: None, ..arrival }));
        } else {
            self.schedule(passage.due, What::Arrive(arrival));
        }
    }

    /// A device says that a delivery is safe with it.
    pub fn acknowledge(&mut self, device: DeviceId, id: DeliveryId) {
        let Some(receiver) = self.devices.get_mut(device.index()) else { return };
        if receiver.session != Session::Online || !receiver.alive {
            return;
        }
        if let Some(index) = receiver.find_owed(id) {
            receiver.owed.remove(index);
            self.trace.note(self.now, Step::Acknowledged(device, id));
        }
    }

    /// Sends an owed line down to its device.
    pub(super) fn dispatch(&mut self, device: DeviceId, id: DeliveryId) {
        let Some(receiver) = self.devices.get_mut(device.index()) else { return };
        let connection = receiver.connection;
        let era = receiver.era;
        let Some(owed) = receiver.find_owed(id).and_then(|index| receiver.owed.get_mut(index)) else { return };
        owed.place = Place::Flying;
        let line = owed.item.line;
        let original = Arc::clone(&owed.item.bytes);
        let passage = self.passage(device, Direction::Down, line, &original);
        if passage.dropped {
            return;
        }
        if let Some(due) = passage.again
            && let Some(delivery) = self.delivery(device, id, passage.bytes.as_deref())
        {
            let event = Box::new(TransportEvent::Delivery(delivery));
            self.schedule(passage.due, What::Hand { device, connection, id, bytes: passage.bytes });
            self.schedule(due, What::Tell { device, era, connection, event });
        } else {
            self.schedule(passage.due, What::Hand { device, connection, id, bytes: passage.bytes });
        }
    }

    /// An owed line reaches its device, unless the connection it was on is gone.
    pub(super) fn hand(&mut self, device: DeviceId, connection: u32, id: DeliveryId, bytes: Option<Arc<[u8]>>) {
        let Some(delivery) = self.delivery(device, id, bytes.as_deref()) else { return };
        let Some(receiver) = self.devices.get_mut(device.index()) else { return };
        if receiver.session != Session::Online || receiver.connection != connection {
            return;
        }
        let Some(owed) = receiver.find_owed(id).and_then(|index| receiver.owed.get_mut(index)) else { return };
        owed.place = Place::Handed;
        self.trace.note(self.now, Step::Delivered(owed.item.line, device, id));
        receiver.events.push_back(TransportEvent::Delivery(delivery));
    }

    /// Puts something other than an owed line on the way to a device; these are never lost within a session.
    pub(super) fn tell(&mut self, device: DeviceId, event: TransportEvent) {
        let latency = self.config.down.latency;
        let due = self.now.after(latency);
        let Some(receiver) = self.devices.get_mut(device.index()) else { return };
        match receiver.session {
            Session::Offline => {}
            Session::Hibernating => receiver.missed.push(event),
            Session::Online => {
                let due = due.max(receiver.down_floor);
                receiver.down_floor = due;
                let (era, connection) = (receiver.era, receiver.connection);
                self.schedule(due, What::Tell { device, era, connection, event: Box::new(event) });
            }
        }
    }

    /// Something other than an owed line reaches a device. After a resumption it queues up once more, so that it
    /// stays behind the lines that were sent again.
    pub(super) fn told(&mut self, device: DeviceId, era: u32, connection: u32, event: TransportEvent) {
        let Some(receiver) = self.devices.get_mut(device.index()) else { return };
        if receiver.era != era {
            return;
        }
        if receiver.session == Session::Online && receiver.connection == connection {
            receiver.events.push_back(event);
        } else {
            self.tell(device, event);
        }
    }

    /// Decides what happens to a line on its way.
    fn passage(&mut self, device: DeviceId, way: Direction, line: LineId, bytes: &Arc<[u8]>) -> Passage {
        let faults = match way {
            Direction::Up => self.config.up,
            Direction::Down => self.config.down,
        };
        let Some(end) = self.devices.get_mut(device.index()) else {
            return Passage { due: self.now, dropped: true, bytes: None, again: None };
        };
        let floor = match way {
            Direction::Up => &mut end.up_floor,
            Direction::Down => &mut end.down_floor,
        };
        let dropped = self.rng.chance(faults.drop);
        let mut due = self.now.after(faults.latency).after(self.rng.up_to(faults.jitter)).max(*floor);
        if self.rng.chance(faults.delay) {
            let by = self.rng.up_to(faults.delay_by);
            due = due.after(by);
            self.trace.note(self.now, Step::Delayed(line, way, by));
        }
        *floor = due;
        if self.rng.chance(faults.reorder) {
            let by = self.rng.up_to(faults.reorder_by);
            due = due.after(by);
            self.trace.note(self.now, Step::Reordered(line, way, by));
        }
        let mut changed = None;
        if self.rng.chance(faults.modify) {
            changed = Some(self.mutilate(bytes));
            self.trace.note(self.now, Step::Modified(line, way));
        }
        if dropped {
            self.trace.note(self.now, Step::Dropped(line, way));
        }
        let mut again = None;
        if !dropped && self.rng.chance(faults.duplicate) {
            again = Some(due.after(self.rng.up_to(faults.reorder_by)));
            self.trace.note(self.now, Step::Duplicated(line, way));
        }
        Passage { due, dropped, bytes: changed, again }
    }

    /// Bytes that differ from these.
    fn mutilate(&mut self, bytes: &[u8]) -> Arc<[u8]> {
        let mut changed = bytes.to_vec();
        let place = self.rng.index(bytes.len());
        match self.rng.below(4) {
            0 if !bytes.is_empty() => changed.truncate(place),
            1 => changed.push(b'A'),
            _ => match changed.get_mut(place) {
                // Flipping the lowest bit keeps text text.
                Some(byte) => *byte ^= 1,
                None => changed.push(b'A'),
            },
        }
        Arc::from(changed)
    }

    fn delivery(&self, device: DeviceId, id: DeliveryId, changed: Option<&[u8]>) -> Option<Delivery> {
        let device = self.device(device)?;
        let owed = device.owed.get(device.find_owed(id)?)?;
        Some(Delivery {
            id,
            from: owed.item.from.clone(),
            line: changed.unwrap_or(&owed.item.bytes).to_vec(),
            evidence: owed.evidence,
        })
    }

    /// Answers a token, if the device still waits for it.
    pub(super) fn settle(&mut self, device: DeviceId, token: SendToken, refused: Option<Refusal>) {
        let Some(sender) = self.devices.get_mut(device.index()) else { return };
        let Some(index) = sender.in_flight.iter().position(|waiting| *waiting == token) else { return };
        sender.in_flight.remove(index);
        sender.events.push_back(match refused {
            Some(reason) => {
                self.trace.note(self.now, Step::Refused(device, reason));
                TransportEvent::Refused { token, reason }
            }
            None => TransportEvent::Accepted { token },
        });
    }

    /// Between one day and thirty.
    pub(super) fn some_days(&mut self) -> Duration {
        Duration::from_secs(86_400 * (1 + self.rng.below(30)))
    }
}
