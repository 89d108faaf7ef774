//! Programs that start and end, connections that come and go.

use core::time::Duration;

use o2tr::transport::{OfflineReason, Refusal, TransportEvent};

use super::{Place, Server, Session, What};
use crate::{DeviceId, Step};

impl Server {
    /// Starts a program on a device, in place of any former one, and connects it.
    pub fn start(&mut self, device: DeviceId) {
        self.end_session(device);
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        program.alive = true;
        program.process = program.process.wrapping_add(1);
        program.wanted = false;
        program.events.clear();
        program.in_flight.clear();
        self.connect(device);
    }

    /// Connects a running program again, resuming its former connection if the server still waits for it.
    pub fn connect(&mut self, device: DeviceId) {
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        if !program.alive || program.session == Session::Online {
            return;
        }
        let resumed = program.session == Session::Hibernating;
        program.session = Session::Online;
        program.connection = program.connection.wrapping_add(1);
        program.events.push_back(TransportEvent::Online { resumed });
        self.trace.note(self.now, Step::Connected(device, resumed));
        if resumed {
            self.resume(device);
        } else {
            program.era = program.era.wrapping_add(1);
            if program.wanted {
                self.make_available(device);
            }
        }
    }

    /// Breaks a connection; the program goes on, and connects again by itself after `retry_in`, or when
    /// [`connect`](Self::connect) is called. What it has sent without an answer arrives, but it is not told.
    pub fn cut(&mut self, device: DeviceId, retry_in: Option<Duration>) {
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        if program.session != Session::Online || !program.alive {
            return;
        }
        self.trace.note(self.now, Step::Cut(device));
        for token in program.in_flight.drain(..) {
            program.events.push_back(TransportEvent::Refused { token, reason: Refusal::Unconfirmed });
        }
        program.events.push_back(TransportEvent::Offline { reason: OfflineReason::Lost, retry_in });
        let connection = program.connection;
        self.hibernate(device);
        if let Some(after) = retry_in {
            self.schedule(self.now.after(after), What::Reconnect { device, connection });
        }
    }

    /// Ends a program as a crash does. The server notices when it has waited [`Config::resumption`](crate::Config::resumption).
    pub fn kill(&mut self, device: DeviceId) {
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        if !program.alive {
            return;
        }
        self.trace.note(self.now, Step::Killed(device));
        program.alive = false;
        program.events.clear();
        program.in_flight.clear();
        if program.session == Session::Online {
            self.hibernate(device);
        }
    }

    /// Ends a program in good order. Its last events can still be taken.
    pub fn close(&mut self, device: DeviceId) {
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        if !program.alive {
            return;
        }
        self.trace.note(self.now, Step::Closed(device));
        program.alive = false;
        for token in program.in_flight.drain(..) {
            program.events.push_back(TransportEvent::Refused { token, reason: Refusal::Unconfirmed });
        }
        program.events.push_back(TransportEvent::Offline { reason: OfflineReason::Closed, retry_in: None });
        self.end_session(device);
    }

    /// The server stops waiting for a connection to be resumed.
    pub(super) fn expire(&mut self, device: DeviceId, connection: u32) {
        let waits = self
            .device(device)
            .is_some_and(|device| device.session == Session::Hibernating && device.connection == connection);
        if waits {
            self.end_session(device);
        }
    }

    /// A program connects by itself, unless it has been connected since.
    pub(super) fn reconnect(&mut self, device: DeviceId, connection: u32) {
        if self.device(device).is_some_and(|device| device.connection == connection) {
            self.connect(device);
        }
    }

    /// The server lost a connection: lines that were under way to the device go back to waiting.
    fn hibernate(&mut self, device: DeviceId) {
        let wait = self.config.resumption;
        if wait.is_zero() {
            self.end_session(device);
            return;
        }
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        program.session = Session::Hibernating;
        for owed in program.owed.iter_mut().filter(|owed| owed.place == Place::Flying) {
            owed.place = Place::Waiting;
        }
        let connection = program.connection;
        self.schedule(self.now.after(wait), What::Expire { device, connection });
    }

    /// A connection goes on: first the lines that had been under way, then what else there was to tell.
    fn resume(&mut self, device: DeviceId) {
        if self.is_available(device) {
            self.dispatch_waiting(device);
        }
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        for event in core::mem::take(&mut program.missed) {
            self.tell(device, event);
        }
    }

    /// The server gives a session up: the device is gone, and what it did not acknowledge is owed anew.
    fn end_session(&mut self, device: DeviceId) {
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        if program.session == Session::Offline {
            return;
        }
        self.trace.note(self.now, Step::Ended(device));
        self.make_unavailable(device);
        let Some(program) = self.devices.get_mut(device.index()) else { return };
        program.session = Session::Offline;
        program.missed.clear();
        self.reclaim(device);
    }
}
