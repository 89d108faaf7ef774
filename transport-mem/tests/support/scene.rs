//! A server with `alice` and `bob`, and short ways to use it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use o2tr::transport::Timestamp;
use o2tr::transport::{Address, Delivery, PeerId, SendToken, TransportEvent};
use transport_mem::{Config, DeviceId, Server};

pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) alice: DeviceId,
    pub(crate) bob: DeviceId,
    sent: u64,
}

impl Scene {
    /// Both have a device, `alice/desk` and `bob/phone`, running and available.
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        let mut server = Server::new(config, seed, START);
        let alice = server.add_device(&PeerId::new("alice"), "desk");
        let bob = server.add_device(&PeerId::new("bob"), "phone");
        let mut scene = Self { server, alice, bob, sent: 0 };
        scene.come(alice);
        scene.come(bob);
        scene
    }

    /// A further device of bob's, not running.
    pub(crate) fn device(&mut self, resource: &str) -> DeviceId {
        self.server.add_device(&PeerId::new("bob"), resource)
    }

    /// A program starts and becomes available.
    pub(crate) fn come(&mut self, device: DeviceId) {
        self.server.start(device);
        self.server.set_presence(device, true);
    }

    /// Alice sends a line to bob.
    pub(crate) fn say(&mut self, line: &str) {
        self.send(self.alice, &bob(), line.as_bytes());
    }

    pub(crate) fn send(&mut self, from: DeviceId, to: &Address, line: &[u8]) -> SendToken {
        self.sent += 1;
        self.server.send(from, to, line, SendToken(self.sent));
        SendToken(self.sent)
    }

    /// Lets everything happen that is under way.
    pub(crate) fn settle(&mut self) {
        while self.server.step() {}
    }

    /// Takes what a device has learned so far.
    pub(crate) fn events(&mut self, device: DeviceId) -> Vec<TransportEvent> {
        self.server.take_events(device).into_iter().flatten().collect()
    }

    /// Lets everything happen and takes what a device received.
    pub(crate) fn received(&mut self, device: DeviceId) -> Vec<Delivery> {
        self.settle();
        deliveries(self.events(device))
    }

    /// Lets everything happen and takes what a device learned besides lines.
    pub(crate) fn others(&mut self, device: DeviceId) -> Vec<TransportEvent> {
        self.settle();
        self.events(device).into_iter().filter(|event| !matches!(event, TransportEvent::Delivery(_))).collect()
    }

    /// The same as [`Scene::received`], and acknowledges it.
    pub(crate) fn taken(&mut self, device: DeviceId) -> Vec<Delivery> {
        let received = self.received(device);
        for delivery in &received {
            self.server.acknowledge(device, delivery.id);
        }
        received
    }
}

pub(crate) fn bob() -> Address {
    Address::bare(PeerId::new("bob"))
}

pub(crate) fn deliveries(events: impl IntoIterator<Item = TransportEvent>) -> Vec<Delivery> {
    let delivery = |event| match event {
        TransportEvent::Delivery(delivery) => Some(delivery),
        _ => None,
    };
    events.into_iter().filter_map(delivery).collect()
}

pub(crate) fn texts(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| String::from_utf8_lossy(&delivery.line).into_owned()).collect()
}
