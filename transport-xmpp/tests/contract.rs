//! The XMPP transport keeps the contract, over real servers.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "the helpers of a test")]

#[path = "support/device.rs"]
mod device;

use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use device::{PATIENCE, config};
use futures::stream::{self, StreamExt};
use o2tr::transport::contract::{Harness, Rule};
use o2tr::transport::{PeerId, Transport};
use transport_xmpp::Xmpp;
use xtask::proxy::Proxy;
use xtask::servers::{Kind, Server, Setup};

/// For how many seconds the servers keep a broken stream.
const RESUMPTION: u32 = 6;
/// How much later they may act on its end.
const SLACK: Duration = Duration::from_secs(3);
/// Rules that are checked at a time, each with a server of its own.
const AT_A_TIME: usize = 4;

struct Real {
    server: Server,
    /// One for each device.
    links: HashMap<String, Proxy>,
}

#[async_trait]
impl Harness for Real {
    fn peer(&self, account: &str) -> PeerId {
        // The contract makes up addresses from ours.
        PeerId::new(&self.server.jid(account))
    }

    async fn start(&mut self, account: &str, resource: &str) -> Box<dyn Transport> {
        let device = format!("{account}/{resource}");
        let target = self.server.host_port();
        let link = self.links.entry(device).or_insert_with(|| Proxy::start(target).unwrap());
        Box::new(Xmpp::start(config(&self.server, account, resource, Some(link))))
    }

    async fn kill(&mut self, program: Box<dyn Transport>) {
        drop(program);
        // No server says when it gives a stream up, but the time is set.
        tokio::time::sleep(Duration::from_secs(RESUMPTION.into()) + SLACK).await;
    }

    async fn cut(&mut self, account: &str, resource: &str) {
        let link = &self.links[&format!("{account}/{resource}")];
        link.refuse();
        link.drop_connections();
    }

    async fn mend(&mut self, account: &str, resource: &str) {
        self.links[&format!("{account}/{resource}")].accept().unwrap();
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn quiet(&self) -> Duration {
        Duration::from_secs(3)
    }
}

/// Checks the rules, several at a time.
async fn keeps(kind: Kind, setup: Setup, rules: &[Rule]) {
    let setup = Arc::new(setup);
    let broken: Vec<_> = stream::iter(rules.iter().copied())
        .map(|rule| {
            let setup = Arc::clone(&setup);
            async move {
                let start = tokio::task::spawn_blocking(move || device::server(kind, (*setup).clone()));
                let server = start.await.unwrap()?;
                let mut real = Real { server, links: HashMap::new() };
                let violation = rule.check(&mut real).await.err()?;
                eprintln!("{violation}; the server's log ends with:\n{}", real.server.log());
                Some(violation.to_string())
            }
        })
        .buffer_unordered(AT_A_TIME)
        .filter_map(async |violation| violation)
        .collect()
        .await;
    assert!(broken.is_empty(), "{broken:#?}");
}

fn resumable(archive: bool) -> Setup {
    Setup { archive, resumption: RESUMPTION, ..Setup::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_an_archive() {
    keeps(Kind::Prosody, resumable(true), &Rule::ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_without_an_archive() {
    keeps(Kind::Prosody, resumable(false), &Rule::ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd_with_an_archive() {
    keeps(Kind::Ejabberd, resumable(true), &Rule::ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd_without_an_archive() {
    keeps(Kind::Ejabberd, resumable(false), &Rule::ALL).await;
}

/// A server that counts no stanzas does not notice that a client crashed before it had read: the rest holds.
#[tokio::test(flavor = "multi_thread")]
async fn prosody_without_stream_management() {
    let setup = Setup { stream_management: false, ..Setup::default() };
    let needs_counting = [Rule::UnacknowledgedComesAgain, Rule::NothingLostOverCut];
    let rules: Vec<_> = Rule::ALL.into_iter().filter(|rule| !needs_counting.contains(rule)).collect();
    keeps(Kind::Prosody, setup, &rules).await;
}
