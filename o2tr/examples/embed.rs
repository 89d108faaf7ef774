//! A complete program over a transport of its own: two clients in one process, joined by a wire.
//!
//! Run with `cargo run -p o2tr --features client --example embed`. `docs/embedding.md` explains it.

use std::collections::VecDeque;
use std::error::Error;

use getrandom::SysRng;
use o2tr::client::{Client, ClientConfig, ClientEvent, Events};
use o2tr::conversation::Event;
use o2tr::transport::{Address, Delivery, DeliveryId, Evidence, Limits, PeerId, SendToken, Transport, TransportEvent};
use o2tr_ekm::media::Simulated;
use o2tr_ekm::{Options, Unlock, open_in_memory, sub_row_key};
use otr_core::dsa::PrivateKey;
use otr_core::{Identity, InstanceTag, Policy};
use rand_core::UnwrapErr;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// One end of the wire. Nothing gets lost on it, so there is nothing to acknowledge and nobody is ever offline.
struct Wire {
    local: Address,
    outgoing: UnboundedSender<Vec<u8>>,
    incoming: UnboundedReceiver<Vec<u8>>,
    other: Address,
    ready: VecDeque<TransportEvent>,
    deliveries: u64,
}

#[async_trait::async_trait]
impl Transport for Wire {
    fn local(&self) -> Address {
        self.local.clone()
    }

    fn limits(&self) -> Limits {
        Limits { max_message_len: 65_536 }
    }

    async fn next_event(&mut self) -> Option<TransportEvent> {
        if let Some(event) = self.ready.pop_front() {
            return Some(event);
        }
        let line = self.incoming.recv().await?;
        self.deliveries += 1;
        let id = DeliveryId(self.deliveries);
        Some(TransportEvent::Delivery(Delivery { id, from: self.other.clone(), line, evidence: Evidence::LIVE }))
    }

    async fn send(&mut self, _to: &Address, line: &[u8], token: SendToken) {
        // Once the other end has gone, the line goes nowhere.
        let _ = self.outgoing.send(line.to_vec());
        self.ready.push_back(TransportEvent::Accepted { token });
    }

    async fn acknowledge(&mut self, _id: DeliveryId) {}

    async fn set_presence(&mut self, _available: bool) {
        self.ready.extend([TransportEvent::Online { resumed: false }, TransportEvent::CaughtUp]);
    }

    async fn close(&mut self) {
        self.incoming.close();
    }
}

/// Starts the program of one account. A real one loads its identity and opens its store in a directory.
fn start(name: &str, wire: Wire) -> Result<(Client, Events), Box<dyn Error>> {
    let mut rng = UnwrapErr(SysRng);
    let identity = Identity::new(PrivateKey::generate(&mut rng), InstanceTag::random(&mut rng));
    let store = open_in_memory(&Simulated::new(), &Unlock::Key(sub_row_key()?), &Options::default())?.vault;
    let mut config = ClientConfig::new(PeerId::new(name));
    // Nothing leaves in clear: a text waits for the handshake that it starts.
    config.settings.policy |= Policy::REQUIRE_ENCRYPTION;
    // The wire knows nothing of presence.
    config.assume_present = true;
    let (client, events, driver) = Client::open(config, wire, store, identity)?;
    tokio::spawn(driver.run());
    Ok((client, events))
}

/// Two talk in private; returns what was read.
pub(crate) async fn run() -> Result<String, Box<dyn Error>> {
    let (ada, bob) = (PeerId::new("ada"), PeerId::new("bob"));
    let ((to_bob, from_ada), (to_ada, from_bob)) = (unbounded_channel(), unbounded_channel());
    let wire = |local: &PeerId, other: &PeerId, outgoing, incoming| Wire {
        local: Address::full(local.clone(), "here"),
        other: Address::full(other.clone(), "there"),
        outgoing,
        incoming,
        ready: VecDeque::new(),
        deliveries: 0,
    };
    let (ada_client, _ada_events) = start("ada", wire(&ada, &bob, to_bob, from_bob))?;
    let (bob_client, mut bob_events) = start("bob", wire(&bob, &ada, to_ada, from_ada))?;

    bob_client.allow(&ada, true).await?;
    ada_client.send(&bob, "Hello, and nobody else reads this.", None).await?;
    while let Some(event) = bob_events.next().await {
        let ClientEvent::Conversation { peer, event: Event::Text(text) } = event else {
            println!("{event:?}");
            continue;
        };
        // First make it safe, then say so: until then it comes again after a restart.
        let read = String::from_utf8_lossy(&text.text).into_owned();
        bob_client.acknowledge(&peer, text.id).await?;
        assert!(text.session.is_some(), "a text in clear has none");
        ada_client.stop().await;
        bob_client.stop().await;
        return Ok(read);
    }
    Err("the client has stopped".into())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("bob read: {}", run().await?);
    Ok(())
}
