//! The server behind the asynchronous transport, for tests and demonstrations.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use o2tr::transport::Timestamp;
use o2tr::transport::{Address, DeliveryId, Limits, PeerId, SendToken, Transport, TransportEvent};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Config, DeviceId, Server};

/// A server shared by its endpoints. Its clock is tokio's, so that a paused runtime makes a virtual one; time can be
/// skipped as well. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    server: Server,
    /// What the server's clock showed at this moment of tokio's.
    base: (Timestamp, Instant),
}

/// One run of a program on a device. Dropping it is a crash of that program; [`Transport::close`] ends it well.
#[derive(Debug)]
pub struct Endpoint {
    hub: Hub,
    device: DeviceId,
    process: u32,
    local: Address,
}

impl Hub {
    /// A server whose clock shows `now` and goes on from there. Must be called within a tokio runtime with a clock.
    #[must_use]
    pub fn new(config: Config, seed: u64, now: Timestamp) -> Self {
        let state = State { server: Server::new(config, seed, now), base: (now, Instant::now()) };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }) }
    }

    /// Starts a program on a device, made if there is none, in place of any former program there.
    #[must_use]
    pub fn start(&self, peer: &PeerId, resource: &str) -> Endpoint {
        self.with(|server| {
            let device = server.add_device(peer, resource);
            server.start(device);
            Endpoint {
                hub: self.clone(),
                device,
                process: server.process(device),
                local: Address::full(peer.clone(), resource),
            }
        })
    }

    /// Calls the server, after it has done what was due, and wakes the endpoints.
    pub fn with<T>(&self, call: impl FnOnce(&mut Server) -> T) -> T {
        let result = call(&mut self.current().server);
        self.shared.changed.notify_waiters();
        result
    }

    /// Makes this much time pass at once.
    pub fn skip(&self, time: Duration) {
        {
            let mut state = self.lock();
            state.base.0 = state.base.0.after(time);
        }
        self.with(|_| ());
    }

    /// The state with its clock brought up to now.
    fn current(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        let (shown, then) = state.base;
        let now = shown.after(then.elapsed());
        if state.server.advance(now) > 0 {
            self.shared.changed.notify_waiters();
        }
        state
    }

    /// A panic of another endpoint's task does not concern this one: the server keeps no half-made state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Endpoint {
    /// The device, for calls to the server.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// Calls the server unless another program has taken this one's place.
    fn with<T>(&self, call: impl FnOnce(&mut Server, DeviceId) -> T) -> Option<T> {
        self.hub.with(|server| (server.process(self.device) == self.process).then(|| call(server, self.device)))
    }

    /// Waits until something changed or is due.
    async fn wait(&self, changed: impl Future<Output = ()>, due: Option<Duration>) {
        match due {
            Some(due) => tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(due) => {}
            },
            None => changed.await,
        }
    }
}

#[async_trait]
impl Transport for Endpoint {
    fn local(&self) -> Address {
        self.local.clone()
    }

    fn limits(&self) -> Limits {
        Limits { max_message_len: self.hub.lock().server.config().max_message_len }
    }

    async fn next_event(&mut self) -> Option<TransportEvent> {
        loop {
            // Made before the look at the server: it counts every change from here on.
            let changed = self.hub.shared.changed.notified();
            let due = {
                let server = &mut self.hub.current().server;
                if server.process(self.device) != self.process {
                    return None;
                }
                if let Some(event) = server.poll_event(self.device) {
                    return Some(event);
                }
                if !server.is_running(self.device) {
                    return None;
                }
                server.next_due().map(|due| due.since(server.now()))
            };
            self.wait(changed, due).await;
        }
    }

    async fn send(&mut self, to: &Address, line: &[u8], token: SendToken) {
        self.with(|server, device| server.send(device, to, line, token));
    }

    async fn acknowledge(&mut self, id: DeliveryId) {
        self.with(|server, device| server.acknowledge(device, id));
    }

    async fn set_presence(&mut self, available: bool) {
        self.with(|server, device| server.set_presence(device, available));
    }

    async fn set_contact(&mut self, peer: &PeerId, contact: bool) {
        self.with(|server, device| server.set_contact(device, peer, contact));
    }

    async fn close(&mut self) {
        loop {
            let changed = self.hub.shared.changed.notified();
            let due = {
                let server = &mut self.hub.current().server;
                if server.process(self.device) != self.process || server.unanswered(self.device) == 0 {
                    break;
                }
                server.next_due().map(|due| due.since(server.now()))
            };
            self.wait(changed, due).await;
        }
        self.with(|server, device| server.close(device));
    }
}

/// A crash, unless the program has been closed before.
impl Drop for Endpoint {
    fn drop(&mut self) {
        self.with(|server, device| server.kill(device));
    }
}
