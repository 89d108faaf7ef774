//! The in-memory transport keeps the contract, with and without resumption, latency and jitter.

use core::time::Duration;

use async_trait::async_trait;
use o2tr::transport::Timestamp;
use o2tr::transport::contract::{Harness, Rule, Violation};
use o2tr::transport::{PeerId, Transport};
use transport_mem::{Config, DeviceId, Faults, Hub};

struct Memory {
    hub: Hub,
    resumption: Duration,
}

impl Memory {
    fn new(config: Config) -> Self {
        let resumption = config.resumption;
        let hub = Hub::new(config, 1, Timestamp::from_secs(1_700_000_000));
        hub.with(|server| {
            let [alice, bob, carol] = ["alice", "bob", "carol"].map(PeerId::new);
            server.befriend(&alice, &bob);
            server.befriend(&alice, &carol);
            server.befriend(&bob, &carol);
        });
        Self { hub, resumption }
    }

    fn device(&self, account: &str, resource: &str) -> DeviceId {
        self.hub.with(|server| server.add_device(&PeerId::new(account), resource))
    }
}

#[async_trait]
impl Harness for Memory {
    fn peer(&self, account: &str) -> PeerId {
        PeerId::new(account)
    }

    async fn start(&mut self, account: &str, resource: &str) -> Box<dyn Transport> {
        Box::new(self.hub.start(&PeerId::new(account), resource))
    }

    async fn kill(&mut self, program: Box<dyn Transport>) {
        drop(program);
        tokio::time::sleep(self.resumption).await;
        self.hub.with(|_| ());
    }

    async fn cut(&mut self, account: &str, resource: &str) {
        let device = self.device(account, resource);
        self.hub.with(|server| server.cut(device, None));
    }

    async fn mend(&mut self, account: &str, resource: &str) {
        let device = self.device(account, resource);
        self.hub.with(|server| server.connect(device));
    }
}

async fn keeps_all_rules(config: Config) -> Result<(), Violation> {
    for rule in Rule::ALL {
        rule.check(&mut Memory::new(config.clone())).await?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn at_once() -> Result<(), Violation> {
    keeps_all_rules(Config::default()).await
}

#[tokio::test(start_paused = true)]
async fn with_latency_and_jitter() -> Result<(), Violation> {
    let way = Faults { latency: Duration::from_millis(40), jitter: Duration::from_millis(30), ..Faults::NONE };
    keeps_all_rules(Config { up: way, down: way, ..Config::default() }).await
}

#[tokio::test(start_paused = true)]
async fn with_resumption() -> Result<(), Violation> {
    keeps_all_rules(Config { resumption: Duration::from_secs(60), ..Config::default() }).await
}

#[tokio::test(start_paused = true)]
async fn with_resumption_and_latency() -> Result<(), Violation> {
    let way = Faults { latency: Duration::from_millis(40), jitter: Duration::from_millis(30), ..Faults::NONE };
    let config = Config { up: way, down: way, resumption: Duration::from_secs(60), ..Config::default() };
    keeps_all_rules(config).await
}

/// The rules are sharp: a server that breaks one is caught.
#[tokio::test(start_paused = true)]
async fn broken_servers_are_caught() {
    let lossy = Config { up: Faults { drop: 1_000_000, ..Faults::NONE }, ..Config::default() };
    let doubling = Config { down: Faults { duplicate: 1_000_000, ..Faults::NONE }, ..Config::default() };
    let changing = Config { down: Faults { modify: 1_000_000, ..Faults::NONE }, ..Config::default() };
    let disorderly = Config {
        down: Faults { reorder: 500_000, reorder_by: Duration::from_millis(100), ..Faults::NONE },
        ..Config::default()
    };
    let forgetful = Config { offline: false, ..Config::default() };
    for (config, rule) in [
        (lossy, Rule::OfflineInOrder),
        (doubling, Rule::AcknowledgedStaysAway),
        (changing, Rule::LongestLineArrives),
        (disorderly, Rule::OrderPerSender),
        (forgetful, Rule::SilentBeforePresence),
    ] {
        let violation = rule.check(&mut Memory::new(config)).await;
        assert!(violation.is_err_and(|violation| violation.rule == rule), "{rule:?} did not notice");
    }
}
