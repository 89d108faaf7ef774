//! The transport is told which deliveries have been read, and the application which lines came back.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "client_support/shop.rs"]
mod shop;
#[path = "client_support/world.rs"]
mod world;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use o2tr::client::ClientEvent;
use o2tr::conversation::Event;
use o2tr::settings::AbsentPolicy;
use o2tr::transport::{Address, DeliveryId, Limits, PeerId, Refusal, SendToken, Transport, TransportEvent};
use tokio::sync::mpsc;
use transport_mem::{Config, Endpoint};
use world::{Account, Running, World};

/// What the client said about a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Read(DeliveryId),
    Safe(DeliveryId),
}

/// A device of the hub, overheard, into which events can be slipped.
struct Overheard {
    endpoint: Endpoint,
    said: Arc<Mutex<Vec<Said>>>,
    slipped: mpsc::UnboundedReceiver<TransportEvent>,
}

impl Overheard {
    fn say(&self, said: Said) {
        self.said.lock().unwrap().push(said);
    }
}

#[async_trait]
impl Transport for Overheard {
    fn local(&self) -> Address {
        self.endpoint.local()
    }

    fn limits(&self) -> Limits {
        self.endpoint.limits()
    }

    async fn next_event(&mut self) -> Option<TransportEvent> {
        tokio::select! {
            Some(event) = self.slipped.recv() => Some(event),
            event = self.endpoint.next_event() => event,
        }
    }

    async fn send(&mut self, to: &Address, line: &[u8], token: SendToken) {
        self.endpoint.send(to, line, token).await;
    }

    async fn acknowledge(&mut self, id: DeliveryId) {
        self.say(Said::Safe(id));
        self.endpoint.acknowledge(id).await;
    }

    async fn confirm(&mut self, id: DeliveryId) {
        self.say(Said::Read(id));
    }

    async fn set_presence(&mut self, available: bool) {
        self.endpoint.set_presence(available).await;
    }

    async fn set_contact(&mut self, peer: &PeerId, contact: bool) {
        self.endpoint.set_contact(peer, contact).await;
    }

    async fn close(&mut self) {
        self.endpoint.close().await;
    }
}

type Slip = mpsc::UnboundedSender<TransportEvent>;

fn start(world: &World, account: &Account) -> (Running, Arc<Mutex<Vec<Said>>>, Slip) {
    let endpoint = world.hub.start(&account.peer, "device");
    let device = endpoint.device();
    let said = Arc::new(Mutex::new(Vec::new()));
    let (slip, slipped) = mpsc::unbounded_channel();
    let transport = Overheard { endpoint, said: Arc::clone(&said), slipped };
    (account.start_over(transport, device), said, slip)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gave_a_text_is_confirmed_and_then_acknowledged() {
    let world = World::new(Config::default());
    let (ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    world.hub.with(|server| server.befriend(&ada.peer, &bob.peer));
    let mut a = ada.start();
    let (mut b, said, _slip) = start(&world, &bob);
    a.encrypt(&ada, &mut b, &bob).await;
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    let handshake = std::mem::take(&mut *said.lock().unwrap());
    assert!(!handshake.is_empty() && handshake.iter().all(|said| matches!(said, Said::Safe(_))), "{handshake:?}");
    a.send(&bob, "read me").await;
    assert_eq!(b.text().await.1, "read me");
    assert_eq!(b.more_texts().await, Vec::<String>::new());
    let said = said.lock().unwrap().clone();
    let read: Vec<_> = said.iter().filter(|said| matches!(said, Said::Read(_))).collect();
    let [Said::Read(id)] = read[..] else { panic!("{said:?}") };
    let position = |wanted| said.iter().position(|said| *said == wanted).unwrap();
    assert!(position(Said::Read(*id)) < position(Said::Safe(*id)), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_comes_back_is_told_and_its_text_kept() {
    let world = World::new(Config::default());
    let (mut ada, bob) = (world.account("ada", 0, 0x1000), world.account("bob", 1, 0x2000));
    ada.config.settings.absent = AbsentPolicy::Send;
    world.hub.with(|server| server.befriend(&ada.peer, &bob.peer));
    let (mut a, _said, slip) = start(&world, &ada);
    let mut b = bob.start();
    a.encrypt(&ada, &mut b, &bob).await;
    b.kill().await;
    let id = a.send(&bob, "are you there?").await;
    a.wait(|_, event| matches!(event, Event::Sent { id: sent } if *sent == id).then_some(())).await;
    let to = Address::full(bob.peer.clone(), "device");
    slip.send(TransportEvent::Bounced { to, reason: Refusal::Undeliverable }).unwrap();
    let (peer, reason) = a
        .wait_outside(|event| match event {
            ClientEvent::Bounced { peer, reason } => Some((peer.clone(), *reason)),
            _ => None,
        })
        .await;
    assert_eq!((peer, reason), (bob.peer.clone(), Refusal::Undeliverable));
    assert!(a.client.outbox(&bob.peer).await.unwrap().iter().any(|text| text.id == id));
}
