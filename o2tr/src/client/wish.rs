//! A wish of the application on its way through the client.

use otr_core::Timestamp;
use rand_core::CryptoRng;
use tokio::sync::oneshot;

use super::ClientError;
use crate::conversation::Conversation;
use crate::settings::Settings;
use crate::transport::PeerId;

/// What a handle asks of the driver.
pub(super) enum Command {
    /// Something with one conversation.
    Wish {
        peer: PeerId,
        wish: Box<dyn Wish>,
        kind: WishKind,
    },
    /// The application has taken an item of the inbox.
    Taken {
        peer: PeerId,
        id: u64,
        reply: oneshot::Sender<Result<(), ClientError>>,
    },
    /// Remove a conversation's row, whether it can be read or not.
    Forget {
        peer: PeerId,
        reply: oneshot::Sender<Result<(), ClientError>>,
    },
    /// Answer a peer's handshakes, or no longer.
    Allow(PeerId, bool),
    SetAvailable(bool),
    SetContact(PeerId, bool),
    SetSettings(Settings),
    /// Tell the application when all that has happened was told.
    Mark(u64),
    Stop,
}

/// What else a wish means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WishKind {
    Other,
    /// The user turns to the peer: its handshakes may be answered.
    Address,
}

/// Something to do with a conversation, and somebody who waits for the result.
pub(super) trait Wish: Send {
    /// Does it.
    fn fulfil(&mut self, conversation: &mut Conversation, now: Timestamp, rng: &mut dyn CryptoRng);

    /// What it brought about is durable, or it was not done.
    fn settle(self: Box<Self>, result: Result<(), ClientError>);
}

/// The wish `F` with a result `R`.
pub(super) struct Ask<R, F> {
    wish: Option<F>,
    result: Option<Result<R, ClientError>>,
    reply: oneshot::Sender<Result<R, ClientError>>,
}

impl<R, F> Ask<R, F>
where
    F: FnOnce(&mut Conversation, Timestamp, &mut dyn CryptoRng) -> Result<R, ClientError>,
{
    pub(super) fn new(wish: F) -> (Self, oneshot::Receiver<Result<R, ClientError>>) {
        let (reply, receiver) = oneshot::channel();
        (Self { wish: Some(wish), result: None, reply }, receiver)
    }
}

impl<R, F> Wish for Ask<R, F>
where
    R: Send,
    F: FnOnce(&mut Conversation, Timestamp, &mut dyn CryptoRng) -> Result<R, ClientError> + Send,
{
    fn fulfil(&mut self, conversation: &mut Conversation, now: Timestamp, rng: &mut dyn CryptoRng) {
        if let Some(wish) = self.wish.take() {
            self.result = Some(wish(conversation, now, rng));
        }
    }

    fn settle(self: Box<Self>, result: Result<(), ClientError>) {
        let Self { wish: _, result: brought, reply } = *self;
        let result = result.and_then(|()| brought.unwrap_or(Err(ClientError::Stopped)));
        // Whoever asked may have gone.
        let _ = reply.send(result);
    }
}
