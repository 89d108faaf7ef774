//! The way to the server: the contract an embedder's transport fulfils.
//!
//! The sans-IO engine uses the plain types of this module; only [`Transport`] is asynchronous, and only the
//! client that drives conversations calls it. Deliberately absent: crypto, storage, fragmentation (the
//! client splits a line that exceeds [`Limits::max_message_len`]).

mod address;
mod event;

#[cfg(feature = "contract-tests")]
pub mod contract;

use async_trait::async_trait;

pub use address::{Address, PeerId};
pub use event::{Delivery, DeliveryId, OfflineReason, Refusal, SendToken, Subscription, TransportEvent};
pub use o2tr_omd::{Carbon, Evidence};
pub use otr_core::Timestamp;

/// A connection of one device of one account to its message server.
///
/// An object stands for one run of the program: it is made connecting, reconnects by itself where it can, and ends
/// with [`close`](Self::close) or by being dropped, which is what a crash looks like to the server.
///
/// # The contract
///
/// *Receiving.* A line that was routed to this device comes as a [`Delivery`] at least once, and again after every
/// reconnection without resumption and every restart, until it is acknowledged. After the acknowledgement has reached the
/// server it does not come again; one that was on its way when the connection broke may not have reached it. Within one
/// connection the lines of one sender come in the order in which the server took them, save those that another device of
/// the account was given first and did not acknowledge. Nothing comes before the
/// first `set_presence(true)`.
///
/// *Sending.* Lines to one peer leave in the order of the calls. Each token is answered by exactly one
/// [`Accepted`](TransportEvent::Accepted) or [`Refused`](TransportEvent::Refused); the transport keeps no queue of its own
/// while it is offline but refuses with [`Refusal::Offline`]. So no line is lost silently, and the
/// caller, who keeps the exact bytes, decides what is sent again.
///
/// *The server is an adversary.* It can break all of this without being noticed, and the layers above expect it to:
/// the contract is about the transport's own conduct.
///
/// The tests of the contract are in the module `contract` behind the feature `contract-tests`.
///
/// # Example
///
/// A transport over two channels; the task behind them keeps each line until it is acknowledged and reports
/// `Online`, `CaughtUp` and the deliveries.
///
/// ```
/// use std::collections::VecDeque;
///
/// use o2tr::transport::{
///     Address, DeliveryId, Limits, Refusal, SendToken, Transport, TransportEvent,
/// };
/// use tokio::sync::mpsc::{Receiver, Sender};
///
/// enum Request {
///     Line(Address, Vec<u8>),
///     Acknowledge(DeliveryId),
///     Available(bool),
/// }
///
/// struct Channels {
///     local: Address,
///     incoming: Receiver<TransportEvent>,
///     outgoing: Sender<Request>,
///     ready: VecDeque<TransportEvent>,
/// }
///
/// #[async_trait::async_trait]
/// impl Transport for Channels {
///     fn local(&self) -> Address {
///         self.local.clone()
///     }
///
///     fn limits(&self) -> Limits {
///         Limits { max_message_len: 8192 }
///     }
///
///     async fn next_event(&mut self) -> Option<TransportEvent> {
///         match self.ready.pop_front() {
///             Some(event) => Some(event),
///             None => self.incoming.recv().await,
///         }
///     }
///
///     async fn send(&mut self, to: &Address, line: &[u8], token: SendToken) {
///         let max = self.limits().max_message_len;
///         let refused = if line.len() > max {
///             Some(Refusal::TooLong { len: line.len(), max })
///         } else {
///             let request = Request::Line(to.clone(), line.to_vec());
///             self.outgoing.send(request).await.is_err().then_some(Refusal::Offline)
///         };
///         self.ready.push_back(match refused {
///             Some(reason) => TransportEvent::Refused { token, reason },
///             None => TransportEvent::Accepted { token },
///         });
///     }
///
///     async fn acknowledge(&mut self, id: DeliveryId) {
///         let _ = self.outgoing.send(Request::Acknowledge(id)).await;
///     }
///
///     async fn set_presence(&mut self, available: bool) {
///         let _ = self.outgoing.send(Request::Available(available)).await;
///     }
///
///     async fn close(&mut self) {
///         self.incoming.close();
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: Send {
    /// Our own address; the resource is the one the server granted, `None` before the first `Online` if it chooses.
    fn local(&self) -> Address;

    /// What the connection carries now; may change with each `Online`.
    fn limits(&self) -> Limits;

    /// Waits for the next event; `None` after the last one, when the transport has ended for good.
    ///
    /// Cancel-safe: dropping the future loses no event, so it may stand in a `select!`.
    async fn next_event(&mut self) -> Option<TransportEvent>;

    /// Hands over one line for a peer, or for the device of the peer that `to` names; a device that is gone counts as
    /// the account.
    ///
    /// Returns as soon as the line is queued for writing; the outcome follows as an event with this token. A call
    /// after the end is answered by nothing and has sent nothing.
    async fn send(&mut self, to: &Address, line: &[u8], token: SendToken);

    /// Says that a delivery is durable here and need not come again.
    ///
    /// Any order is allowed: a transport whose server counts (XEP-0198) holds an acknowledgement back until all
    /// earlier ones are there. An id that is void or already acknowledged is ignored.
    async fn acknowledge(&mut self, id: DeliveryId);

    /// Says that what a delivery carried has been read: its text is durable here. To be called before the delivery is
    /// [acknowledged](Self::acknowledge), if at all.
    ///
    /// A network with receipts tells the sender, where the sender asked for it and may know (XEP-0184). The default does
    /// nothing.
    async fn confirm(&mut self, id: DeliveryId) {
        let _ = id;
    }

    /// Announces whether messages are wanted; remembered, and announced again after a reconnection.
    ///
    /// The first call with `true` starts the deliveries, those that waited at the server first; until then a program
    /// may open its store.
    async fn set_presence(&mut self, available: bool);

    /// Makes a peer a contact, accepting its request if there is one, or gives it up.
    ///
    /// The default does nothing, for networks without contacts.
    async fn set_contact(&mut self, peer: &PeerId, contact: bool) {
        let _ = (peer, contact);
    }

    /// Takes leave of the server after what was sent and acknowledged has been written.
    ///
    /// Further events may still be fetched; then [`next_event`](Self::next_event) returns `None`.
    async fn close(&mut self);
}

/// What a connection can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The longest line in bytes that [`Transport::send`] accepts.
    pub max_message_len: usize,
}
