//! Stands where the connection will.

use o2tr::transport::{Address, DeliveryId, Limits, OfflineReason, SendToken, Transport, TransportEvent};
use transport_xmpp::Config;

pub(crate) struct Xmpp(Config, bool);

impl Xmpp {
    pub(crate) fn start(config: Config) -> Self {
        Self(config, false)
    }
}

#[async_trait::async_trait]
impl Transport for Xmpp {
    fn local(&self) -> Address {
        Address::bare(self.0.account.clone())
    }

    fn limits(&self) -> Limits {
        Limits { max_message_len: 10_000 }
    }

    async fn next_event(&mut self) -> Option<TransportEvent> {
        let told = core::mem::replace(&mut self.1, true);
        (!told).then_some(TransportEvent::Offline { reason: OfflineReason::Unreachable, retry_in: None })
    }

    async fn send(&mut self, _to: &Address, _line: &[u8], _token: SendToken) {}

    async fn acknowledge(&mut self, _id: DeliveryId) {}

    async fn set_presence(&mut self, _available: bool) {}

    async fn close(&mut self) {}
}
