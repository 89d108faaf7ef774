//! Somebody with a plain OTR client, as there are many: no store, no O2TR.

#![allow(dead_code, reason = "each scenario uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::Arc;

use o2tr::transport::{Address, PeerId, SendToken, TransportEvent};
use otr_core::{Event, Identity, InstanceTag, Output, Peer, Settings, Timestamp};
use rand_chacha::ChaCha20Rng;
use transport_mem::{DeviceId, Hub, Server};

use super::world::key;

/// One conversation of a plain client, attached to the server without any task.
pub(crate) struct Friend {
    pub(crate) id: PeerId,
    pub(crate) otr: Peer,
    device: DeviceId,
    to: PeerId,
    tokens: u64,
    pub(crate) encrypted: bool,
    pub(crate) read: Vec<String>,
    /// What happened, for the message of a test that fails.
    pub(crate) log: Vec<String>,
    /// Every data line that was sent.
    pub(crate) sent: Vec<Vec<u8>>,
}

impl Friend {
    pub(crate) fn new(hub: &Hub, number: u32, to: &PeerId) -> Self {
        let id = PeerId::new(&format!("friend{number}"));
        let device = hub.with(|server| {
            let device = server.add_device(&id, "old");
            server.start(device);
            server.set_presence(device, true);
            device
        });
        let identity: Arc<Identity> = Identity::new(key(0), InstanceTag::new(0x10_0000 + number).unwrap());
        let otr = Peer::new(identity, Settings::default());
        Self {
            id,
            otr,
            device,
            to: to.clone(),
            tokens: 0,
            encrypted: false,
            read: Vec::new(),
            sent: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Asks for a private conversation.
    pub(crate) fn start(&mut self, hub: &Hub) {
        self.otr.start();
        hub.with(|server| self.drain(server));
    }

    pub(crate) fn say(&mut self, hub: &Hub, text: &str, now: Timestamp) {
        self.otr.send(text.as_bytes(), now).unwrap();
        hub.with(|server| self.drain(server));
    }

    /// Reads what has arrived and answers.
    pub(crate) fn pump(&mut self, hub: &Hub, now: Timestamp, rng: &mut ChaCha20Rng) {
        let events: Vec<_> = hub.with(|server| server.take_events(self.device).into_iter().flatten().collect());
        for event in events {
            if let TransportEvent::Delivery(delivery) = event {
                self.log.push(String::from_utf8_lossy(&delivery.line).chars().take(24).collect());
                self.otr.handle_line(&delivery.line, now, rng);
                hub.with(|server| {
                    server.acknowledge(self.device, delivery.id);
                    self.drain(server);
                });
            }
        }
    }

    fn drain(&mut self, server: &mut Server) {
        while let Some(output) = self.otr.poll_output() {
            match output {
                Output::Send(line) => {
                    self.tokens += 1;
                    if otr_core::decode_data(&line.bytes).is_some() {
                        self.sent.push(line.bytes.clone());
                    }
                    server.send(self.device, &Address::bare(self.to.clone()), &line.bytes, SendToken(self.tokens));
                }
                Output::Event(Event::Established(_)) => self.encrypted = true,
                Output::Event(Event::Message(message)) if !message.content.text.is_empty() => {
                    self.read.push(String::from_utf8_lossy(&message.content.text).into_owned());
                }
                Output::Event(event) => self.log.push(format!("{event:?}")),
                Output::Retired(_) => {}
            }
        }
    }
}

/// Lets all friends read and answer until `done`.
pub(crate) async fn pump_until(
    friends: &mut [Friend],
    hub: &Hub,
    now: Timestamp,
    rng: &mut ChaCha20Rng,
    done: impl Fn(&[Friend]) -> bool,
) {
    let began = std::time::Instant::now();
    while !done(friends) {
        let patient = began.elapsed() < super::world::PATIENCE * 2;
        assert!(
            patient,
            "the friends wait in vain: {:?}",
            friends.iter().map(|friend| &friend.log).collect::<Vec<_>>()
        );
        friends.iter_mut().for_each(|friend| friend.pump(hub, now, rng));
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}
