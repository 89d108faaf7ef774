//! A transport that delivers what it was given, as fast as it is read, and notes when each delivery was durable.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use o2tr::transport::{Address, Delivery, DeliveryId, Evidence, Limits, PeerId, SendToken, Transport, TransportEvent};
use tokio::sync::Notify;

use super::measure::wall_us;

/// What has become of the deliveries.
#[derive(Default)]
pub(crate) struct Log {
    /// Microseconds from handing a delivery out to its acknowledgement.
    pub(crate) latencies: Vec<f64>,
    pub(crate) first: f64,
    pub(crate) last: f64,
}

pub(crate) struct Feed {
    lines: VecDeque<(PeerId, Vec<u8>)>,
    total: usize,
    ready: VecDeque<TransportEvent>,
    handed_out: HashMap<DeliveryId, f64>,
    next: u64,
    log: Arc<Mutex<Log>>,
    /// Everything is durable.
    done: Arc<Notify>,
}

impl Feed {
    pub(crate) fn new(lines: VecDeque<(PeerId, Vec<u8>)>) -> (Self, Arc<Mutex<Log>>, Arc<Notify>) {
        let (log, done) = (Arc::<Mutex<Log>>::default(), Arc::<Notify>::default());
        let feed = Self {
            total: lines.len(),
            lines,
            ready: VecDeque::new(),
            handed_out: HashMap::new(),
            next: 0,
            log: Arc::clone(&log),
            done: Arc::clone(&done),
        };
        (feed, log, done)
    }
}

#[async_trait::async_trait]
impl Transport for Feed {
    fn local(&self) -> Address {
        Address::bare(PeerId::new(super::stock::ACCOUNT))
    }

    fn limits(&self) -> Limits {
        Limits { max_message_len: 65_536 }
    }

    async fn next_event(&mut self) -> Option<TransportEvent> {
        if let Some(event) = self.ready.pop_front() {
            return Some(event);
        }
        let Some((from, line)) = self.lines.pop_front() else {
            return core::future::pending().await;
        };
        self.next += 1;
        let id = DeliveryId(self.next);
        let now = wall_us();
        if self.next == 1 {
            self.log.lock().unwrap().first = now;
        }
        self.handed_out.insert(id, now);
        Some(TransportEvent::Delivery(Delivery { id, from: Address::bare(from), line, evidence: Evidence::LIVE }))
    }

    async fn send(&mut self, _to: &Address, _line: &[u8], token: SendToken) {
        self.ready.push_back(TransportEvent::Accepted { token });
    }

    async fn acknowledge(&mut self, id: DeliveryId) {
        let Some(since) = self.handed_out.remove(&id) else { return };
        let mut log = self.log.lock().unwrap();
        log.last = wall_us();
        let latency = log.last - since;
        log.latencies.push(latency);
        if log.latencies.len() == self.total {
            self.done.notify_one();
        }
    }

    async fn set_presence(&mut self, _available: bool) {
        self.ready.extend([TransportEvent::Online { resumed: false }, TransportEvent::CaughtUp]);
    }

    async fn close(&mut self) {}
}
