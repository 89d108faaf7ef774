//! Accounts on a server in memory, each with a client and a store that outlives it.

#![allow(dead_code, reason = "each scenario uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use o2tr::client::{Client, ClientConfig, ClientEvent, Clock, Events, RunError};
use o2tr::conversation::{Event, Privacy, Text};
use o2tr::transport::{PeerId, Transport};
use o2tr_ekm::EkmStore;
use o2tr_ekm::media::Simulated;
use otr_core::dsa::PrivateKey;
use otr_core::{Identity, InstanceTag, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use transport_mem::{Config, DeviceId, Hub};

use super::shop::Shop;

/// How long something that must happen may take, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing must be seen to be sure that nothing comes.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

/// Tokio's time and what was skipped.
pub(crate) struct TestClock {
    base: Instant,
    skipped: AtomicU64,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let skipped = Duration::from_millis(self.skipped.load(Ordering::SeqCst));
        Timestamp::from_secs(1_700_000_000).after(self.base.elapsed() + skipped)
    }
}

/// The server and the time.
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) clock: Arc<TestClock>,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let clock = Arc::new(TestClock { base: Instant::now(), skipped: AtomicU64::new(0) });
        Self { hub: Hub::new(config, 7, clock.now()), clock }
    }

    /// Makes time pass at once, for the server and the clients.
    pub(crate) async fn skip(&self, time: Duration, clients: &[&Running]) {
        self.clock.skipped.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
        self.hub.skip(time);
        for running in clients {
            // Any wish makes a client look at the clock.
            running.client.allow(&PeerId::new("nobody"), false).await.unwrap();
        }
    }

    /// Adds an account.
    pub(crate) fn account(&self, name: &str, key_index: usize, tag: u32) -> Account {
        let peer = PeerId::new(name);
        let mut config = ClientConfig::new(peer.clone());
        config.clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Account {
            hub: self.hub.clone(),
            peer,
            identity: Identity::new(key(key_index), InstanceTag::new(tag).unwrap()),
            config,
            shop: Shop::new(Simulated::new()),
        }
    }
}

/// Keys are expensive: a few are made once.
pub(crate) fn key(index: usize) -> PrivateKey {
    static KEYS: OnceLock<Vec<PrivateKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        (0..2).map(|_| PrivateKey::generate(&mut rng)).collect()
    });
    keys[index % keys.len()].clone()
}

/// An account with its store, whether its program runs or not.
pub(crate) struct Account {
    hub: Hub,
    pub(crate) peer: PeerId,
    pub(crate) identity: Arc<Identity>,
    pub(crate) config: ClientConfig,
    pub(crate) shop: Shop,
}

impl Account {
    pub(crate) fn start(&self) -> Running {
        let endpoint = self.hub.start(&self.peer, "device");
        let device = endpoint.device();
        self.start_over(endpoint, device)
    }

    /// Starts over a transport that leads to this device of the hub.
    pub(crate) fn start_over<T: Transport + 'static>(&self, transport: T, device: DeviceId) -> Running {
        let (client, events, driver) =
            Client::open(self.config.clone(), transport, self.shop.open(), Arc::clone(&self.identity)).unwrap();
        let task = tokio::spawn(async move {
            let store = driver.run().await?;
            Ok(Box::new(store) as Box<dyn EkmStore>)
        });
        Running { client, events, task, device, auto_acknowledge: true, is_caught_up: false, seen: VecDeque::new() }
    }
}

/// A program of an account.
pub(crate) struct Running {
    pub(crate) client: Client,
    pub(crate) events: Events,
    pub(crate) task: JoinHandle<Result<Box<dyn EkmStore>, RunError>>,
    pub(crate) device: DeviceId,
    /// Whether texts are acknowledged when they are read here.
    pub(crate) auto_acknowledge: bool,
    is_caught_up: bool,
    /// The last events, for the message of a test that fails.
    seen: VecDeque<String>,
}

impl Running {
    /// The program dies.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }

    /// It ends well.
    pub(crate) async fn stop(self) -> Result<(), RunError> {
        self.client.stop().await;
        self.task.await.unwrap().map(drop)
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> ClientEvent {
        match timeout(PATIENCE, self.events.next()).await {
            Ok(Some(event)) => {
                if self.seen.len() == 64 {
                    self.seen.pop_front();
                }
                self.seen.push_back(format!("{event:?}"));
                self.is_caught_up |= matches!(event, ClientEvent::CaughtUp);
                event
            }
            Ok(None) => panic!("the client has stopped"),
            Err(_) => panic!("no event came; the last ones were {:#?}", self.seen),
        }
    }

    /// Waits for an event that fits.
    pub(crate) async fn wait<R>(&mut self, mut wanted: impl FnMut(&PeerId, &Event) -> Option<R>) -> R {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "what was wanted did not come among {:#?}", self.seen);
            if let ClientEvent::Conversation { peer, event } = self.event().await
                && let Some(found) = wanted(&peer, &event)
            {
                return found;
            }
        }
    }

    /// Waits for an event that is not of a conversation.
    pub(crate) async fn wait_outside<R>(&mut self, mut wanted: impl FnMut(&ClientEvent) -> Option<R>) -> R {
        loop {
            if let Some(found) = wanted(&self.event().await) {
                return found;
            }
        }
    }

    /// Waits until what was at the server has been read: from then on, what is sent comes live.
    pub(crate) async fn caught_up(&mut self) {
        while !self.is_caught_up {
            self.event().await;
        }
    }

    /// The next text, from whom and which.
    pub(crate) async fn text(&mut self) -> (PeerId, String) {
        let (peer, id, text) = self.wait(|peer, event| text_of(event).map(|(id, text)| (peer.clone(), id, text))).await;
        if self.auto_acknowledge {
            self.client.acknowledge(&peer, id).await.unwrap();
        }
        (peer, text)
    }

    pub(crate) async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            texts.push(self.text().await.1);
        }
        texts
    }

    /// Texts that come until it has been quiet for a while.
    pub(crate) async fn more_texts(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        while let Ok(Some(event)) = timeout(QUIET, self.events.next()).await {
            if let ClientEvent::Conversation { event, .. } = event {
                texts.extend(text_of(&event).map(|(_, text)| text));
            }
        }
        texts
    }

    pub(crate) async fn send(&self, to: &Account, text: &str) -> String {
        self.client.send(&to.peer, text, None).await.unwrap()
    }

    pub(crate) async fn privacy(&self, with: &Account) -> Privacy {
        self.client.view(&with.peer).await.unwrap().privacy
    }

    /// Starts a private conversation and waits until both have it.
    pub(crate) async fn encrypt(&mut self, us: &Account, other: &mut Self, them: &Account) {
        self.client.allow(&them.peer, true).await.unwrap();
        self.caught_up().await;
        other.caught_up().await;
        other.client.allow(&us.peer, true).await.unwrap();
        self.client.start(&them.peer).await.unwrap();
        self.wait(|_, event| matches!(event, Event::Encrypted(_)).then_some(())).await;
        other.wait(|_, event| matches!(event, Event::Encrypted(_)).then_some(())).await;
    }
}

pub(crate) fn text_of(event: &Event) -> Option<(u64, String)> {
    match event {
        Event::Text(Text { id, text, .. }) => Some((*id, String::from_utf8_lossy(text).into_owned())),
        _ => None,
    }
}
