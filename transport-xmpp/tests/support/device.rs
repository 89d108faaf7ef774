//! Devices of accounts on a real server.
#![allow(dead_code, reason = "each test program uses a part of it")]

use core::time::Duration;

use o2tr::transport::{Address, Delivery, PeerId, SendToken, Transport, TransportEvent};
use tokio::time::{Instant, timeout_at};
use transport_xmpp::{Config, HostPort, Password, Roots, Security, Xmpp};
use xtask::proxy::Proxy;
use xtask::servers::{Kind, Server, Setup};

/// How long something that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a server; `None`: it is not installed, and that has been said.
pub(crate) fn server(kind: Kind, setup: Setup) -> Option<Server> {
    Server::require(kind, setup).unwrap()
}

/// How a device of an account connects, straight to the server or through a proxy.
pub(crate) fn config(server: &Server, account: &str, resource: &str, link: Option<&Proxy>) -> Config {
    let account_id = transport_xmpp::address(&server.jid(account)).unwrap();
    let mut config = Config::new(account_id, Password::new(server.password(account)));
    config.resource = Some(resource.to_owned());
    let (_, port) = link.map_or(server.host_port(), Proxy::host_port);
    config.server = Some(format!("127.0.0.1:{port}").parse::<HostPort>().unwrap());
    config.security = Security::StartTls;
    config.roots = Roots::Pem(server.ca_file());
    config.timing.retry_first = Duration::from_millis(100);
    config.timing.retry_most = Duration::from_millis(500);
    config.timing.connect_patience = PATIENCE;
    config.timing.ping_patience = PATIENCE;
    config
}

/// A device and what it has reported.
pub(crate) struct Device {
    pub(crate) transport: Xmpp,
    pub(crate) others: Vec<TransportEvent>,
    pub(crate) deliveries: Vec<Delivery>,
    tokens: u64,
}

impl Device {
    pub(crate) fn start(config: Config) -> Self {
        Self { transport: Xmpp::start(config), others: Vec::new(), deliveries: Vec::new(), tokens: 0 }
    }

    /// Starts, announces itself and waits until the backlog is there.
    pub(crate) async fn available(config: Config) -> Self {
        let mut device = Self::start(config);
        device.transport.set_presence(true).await;
        device.event(|event| matches!(event, TransportEvent::Online { .. }).then_some(())).await;
        device.event(|event| matches!(event, TransportEvent::CaughtUp).then_some(())).await;
        device
    }

    pub(crate) async fn send(&mut self, to: &Address, line: &str) -> SendToken {
        self.tokens += 1;
        let token = SendToken(self.tokens);
        self.transport.send(to, line.as_bytes(), token).await;
        token
    }

    /// Sends and waits until the server has taken it.
    pub(crate) async fn send_accepted(&mut self, to: &Address, line: &str) {
        let token = self.send(to, line).await;
        self.event(|event| match event {
            TransportEvent::Accepted { token: taken } if *taken == token => Some(()),
            TransportEvent::Refused { token: refused, reason } if *refused == token => panic!("refused: {reason}"),
            _ => None,
        })
        .await;
    }

    /// Waits for an event other than a delivery; takes it.
    pub(crate) async fn event<T>(&mut self, mut wanted: impl FnMut(&TransportEvent) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut seen = 0;
        loop {
            if let Some((index, found)) =
                self.others.iter().enumerate().skip(seen).find_map(|(index, event)| Some((index, wanted(event)?)))
            {
                self.others.remove(index);
                return found;
            }
            seen = self.others.len();
            self.take(until).await;
        }
    }

    /// Waits for this many deliveries; takes them.
    pub(crate) async fn receive(&mut self, count: usize) -> Vec<Delivery> {
        let until = Instant::now() + PATIENCE;
        while self.deliveries.len() < count {
            self.take(until).await;
        }
        self.deliveries.drain(..count).collect()
    }

    /// Waits for a while in which nothing is expected and returns the deliveries that came nevertheless.
    pub(crate) async fn quiet(&mut self, time: Duration) -> Vec<Delivery> {
        let until = Instant::now() + time;
        while let Ok(event) = timeout_at(until, self.transport.next_event()).await {
            self.file(event.expect("the transport ended"));
        }
        self.deliveries.drain(..).collect()
    }

    async fn take(&mut self, until: Instant) {
        match timeout_at(until, self.transport.next_event()).await {
            Ok(Some(event)) => self.file(event),
            Ok(None) => panic!("the transport ended; it reported {:?} {:?}", self.others, self.deliveries),
            Err(_) => panic!("waited in vain; it reported {:?} {:?}", self.others, self.deliveries),
        }
    }

    fn file(&mut self, event: TransportEvent) {
        match event {
            TransportEvent::Delivery(delivery) => self.deliveries.push(delivery),
            other => self.others.push(other),
        }
    }
}

/// The lines of deliveries.
pub(crate) fn texts(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| String::from_utf8(delivery.line.clone()).unwrap()).collect()
}

/// An account as an address.
pub(crate) fn bare(server: &Server, account: &str) -> Address {
    Address::bare(PeerId::new(&server.jid(account)))
}

/// A device as an address.
pub(crate) fn full(server: &Server, account: &str, resource: &str) -> Address {
    Address::full(PeerId::new(&server.jid(account)), resource)
}
