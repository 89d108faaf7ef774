//! What the client tells the application.

use core::time::Duration;

use o2tr_ekm::{RowId, StoreError, UnsealReason};
use tokio::sync::mpsc;

use super::Unreadable;
use crate::conversation;
use crate::transport::{Address, OfflineReason, PeerId, Refusal, Subscription};

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// In a conversation. Events with an `id` are to be [acknowledged](super::Client::acknowledge): until then they come
    /// again with the next run, under the same id.
    Conversation {
        /// With whom.
        peer: PeerId,
        /// What.
        event: conversation::Event,
    },
    /// The connection stands.
    Online {
        /// The former connection goes on: the presence of peers is as last told. Otherwise nobody is there until told.
        resumed: bool,
    },
    /// The connection is gone. Texts can be written all the same.
    Offline {
        /// Why.
        reason: OfflineReason,
        /// When the transport tries again by itself.
        retry_in: Option<Duration>,
    },
    /// What had waited at the server has been read.
    CaughtUp,
    /// A device of a peer came or went.
    Presence {
        /// Which.
        from: Address,
        /// Whether it is there.
        available: bool,
    },
    /// The standing of a peer as a contact changed.
    Subscription {
        /// The peer.
        peer: PeerId,
        /// Its standing now.
        subscription: Subscription,
    },
    /// The server did not take a line; it is kept, and tried again with the next connection, when the peer comes, when
    /// something else is sent to it, and after a while if the server asked to wait.
    Refused {
        /// For whom it was.
        peer: PeerId,
        /// Why.
        reason: Refusal,
    },
    /// A line that the server had taken came back. What it carried stays in the [outbox](super::Client::outbox) until the
    /// peer has shown that it read it.
    Bounced {
        /// For whom it was.
        peer: PeerId,
        /// Why it came back.
        reason: Refusal,
    },
    /// A stranger asks for a private conversation; nothing was answered. [`Client::allow`](super::Client::allow) and
    /// [`Client::start`](super::Client::start) answer.
    Stranger {
        /// Who.
        peer: PeerId,
    },
    /// The stored conversation cannot be read. What the peer sends is put aside, up to a limit, until the user decides:
    /// [`Client::forget`](super::Client::forget).
    Locked {
        /// With whom.
        peer: PeerId,
        /// Why.
        reason: Unreadable,
    },
    /// A row of the store cannot be read, and nobody knows whose it is.
    UnreadableRow {
        /// Its name in the store.
        row: RowId,
        /// Why.
        reason: UnsealReason,
    },
    /// Lines that an earlier run had put aside cannot be read any more.
    JournalLost,
    /// The store failed for one conversation. It is loaded again and goes on from what is durable.
    StoreFailed {
        /// With whom.
        peer: PeerId,
        /// How.
        error: StoreError,
    },
    /// Everything that had happened when [`Client::mark`](super::Client::mark) was called has been told.
    Mark {
        /// The number of that call.
        number: u64,
    },
    /// A received line was given up for this run, after the store had failed on it several times. It was not
    /// acknowledged to the server, so it comes again.
    GivenUp {
        /// From whom.
        peer: PeerId,
    },
}

/// The events of a client, in order. Slow reading slows down the receiving of messages, not the rest; dropping it
/// leaves what was not acknowledged to the next run.
#[derive(Debug)]
pub struct Events(pub(super) mpsc::Receiver<ClientEvent>);

impl Events {
    /// The next event; `None` when the client has stopped. Cancel-safe.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        self.0.recv().await
    }

    /// The next event if there is one.
    pub fn try_next(&mut self) -> Option<ClientEvent> {
        self.0.try_recv().ok()
    }
}
