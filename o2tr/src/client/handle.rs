//! What an application can do.

use o2tr_ekm::record::{TrustLevel, TrustRecord};
use otr_core::Timestamp;
use otr_core::dsa::Fingerprint;
use rand_core::CryptoRng;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::ClientError;
use super::sweep::is_peer;
use super::wish::{Ask, Command, WishKind};
use crate::conversation::{Conversation, OutboxView, View};
use crate::settings::Settings;
use crate::transport::PeerId;

/// The application's end of a running client. Cheap to clone; when the last one is dropped the client stops as after
/// [`stop`](Self::stop).
///
/// Each method returns when what it brought about is durable. Dropping the future does not take the wish back. Besides the
/// errors of its own, each can fail with [`ClientError::Store`], [`ClientError::Locked`], [`ClientError::Busy`],
/// [`ClientError::NoPeer`] and [`ClientError::Stopped`].
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) commands: mpsc::Sender<Command>,
}

impl Client {
    /// Sends a text: encrypted if there is a session, in clear only where nothing was ever private and the policy allows
    /// it; otherwise it waits in the outbox. Returns its name: `id`, or one that is made.
    ///
    /// # Errors
    /// [`ClientError::Send`]; the text stays the caller's.
    pub async fn send(&self, peer: &PeerId, text: &str, id: Option<String>) -> Result<String, ClientError> {
        let text = Zeroizing::new(text.as_bytes().to_vec());
        self.ask(peer, WishKind::Address, move |conversation, now, rng| Ok(conversation.send(&text, id, now, rng)?))
            .await
    }

    /// Sends this one text unencrypted, although the conversation was private: the user has said so.
    ///
    /// # Errors
    /// [`ClientError::Send`].
    pub async fn send_clear(&self, peer: &PeerId, text: &str) -> Result<(), ClientError> {
        let text = Zeroizing::new(text.as_bytes().to_vec());
        self.ask(peer, WishKind::Other, move |conversation, now, rng| Ok(conversation.send_clear(&text, now, rng)?))
            .await
    }

    /// Withdraws a text that has not left.
    ///
    /// # Errors
    /// [`ClientError::Send`]: it is unknown or has left.
    pub async fn cancel(&self, peer: &PeerId, id: &str) -> Result<(), ClientError> {
        let id = id.to_owned();
        self.ask(peer, WishKind::Other, move |conversation, now, rng| Ok(conversation.cancel(&id, now, rng)?)).await
    }

    /// Asks for a private conversation, or for a new handshake in one.
    ///
    /// # Errors
    /// Those of every method.
    pub async fn start(&self, peer: &PeerId) -> Result<(), ClientError> {
        self.tell(peer, WishKind::Address, Conversation::start).await
    }

    /// Ends the private conversation: the peer is told, the keys are forgotten.
    ///
    /// # Errors
    /// Those of every method.
    pub async fn end(&self, peer: &PeerId) -> Result<(), ClientError> {
        self.tell(peer, WishKind::Other, Conversation::end).await
    }

    /// Starts SMP, with or without a question.
    ///
    /// # Errors
    /// [`ClientError::Control`].
    pub async fn start_smp(&self, peer: &PeerId, secret: &str, question: Option<&str>) -> Result<(), ClientError> {
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        let question = question.map(|question| question.as_bytes().to_vec());
        self.ask(peer, WishKind::Other, move |conversation, now, rng| {
            Ok(conversation.start_smp(&secret, question.as_deref(), now, rng)?)
        })
        .await
    }

    /// Answers the peer's SMP.
    ///
    /// # Errors
    /// [`ClientError::Control`].
    pub async fn respond_smp(&self, peer: &PeerId, secret: &str) -> Result<(), ClientError> {
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        self.ask(peer, WishKind::Other, move |conversation, now, rng| Ok(conversation.respond_smp(&secret, now, rng)?))
            .await
    }

    /// Ends the SMP run.
    ///
    /// # Errors
    /// [`ClientError::Control`].
    pub async fn abort_smp(&self, peer: &PeerId) -> Result<(), ClientError> {
        self.ask(peer, WishKind::Other, |conversation, now, rng| Ok(conversation.abort_smp(now, rng)?)).await
    }

    /// Tells the peer that the extra symmetric key will be used; an event brings it.
    ///
    /// # Errors
    /// [`ClientError::Control`].
    pub async fn use_extra_key(&self, peer: &PeerId, usage: u32, data: &[u8]) -> Result<(), ClientError> {
        let data = data.to_vec();
        self.ask(peer, WishKind::Other, move |conversation, now, rng| {
            Ok(conversation.use_extra_key(usage, &data, now, rng)?)
        })
        .await
    }

    /// Stores what the user thinks of a key.
    ///
    /// # Errors
    /// Those of every method.
    pub async fn set_trust(&self, peer: &PeerId, key: Fingerprint, level: TrustLevel) -> Result<(), ClientError> {
        self.tell(peer, WishKind::Other, move |conversation, now, rng| conversation.set_trust(key, level, now, rng))
            .await
    }

    /// All keys of the peer that were ever seen.
    ///
    /// # Errors
    /// Those of every method.
    pub async fn trust(&self, peer: &PeerId) -> Result<Vec<TrustRecord>, ClientError> {
        self.ask(peer, WishKind::Other, |conversation, _, _| Ok(conversation.trust().to_vec())).await
    }

    /// Lets texts that are held because another key answered go to the key of the present session.
    ///
    /// # Errors
    /// Those of every method.
    pub async fn release(&self, peer: &PeerId) -> Result<(), ClientError> {
        self.tell(peer, WishKind::Address, Conversation::release).await
    }

    /// The application has taken what came under `id` for good. Unknown ids are ignored.
    ///
    /// It shares its commit with whatever else waits for the conversation, so many are best acknowledged without waiting
    /// for each.
    ///
    /// # Errors
    /// Those of every method.
    pub async fn acknowledge(&self, peer: &PeerId, id: u64) -> Result<(), ClientError> {
        check(peer)?;
        let (reply, result) = oneshot::channel();
        self.command(Command::Taken { peer: peer.clone(), id, reply }).await?;
        result.await.unwrap_or(Err(ClientError::Stopped))
    }

    /// Texts that wait, and those that left and are not known to have arrived, in order.
    ///
    /// # Errors
    /// Those of every method.
    pub async fn outbox(&self, peer: &PeerId) -> Result<Vec<OutboxView>, ClientError> {
        self.ask(peer, WishKind::Other, |conversation, _, _| Ok(conversation.outbox())).await
    }

    /// A look at a conversation.
    ///
    /// # Errors
    /// Those of every method.
    pub async fn view(&self, peer: &PeerId) -> Result<View, ClientError> {
        self.ask(peer, WishKind::Other, |conversation, _, _| Ok(conversation.view())).await
    }

    /// Forgets everything about a peer, trust and texts included, also if it cannot be read. What was put aside
    /// meanwhile is read as from a stranger.
    ///
    /// # Errors
    /// Those of every method.
    pub async fn forget(&self, peer: &PeerId) -> Result<(), ClientError> {
        check(peer)?;
        let (reply, result) = oneshot::channel();
        self.command(Command::Forget { peer: peer.clone(), reply }).await?;
        result.await.unwrap_or(Err(ClientError::Stopped))
    }

    /// Answers the handshakes of a peer in this run, or no longer.
    ///
    /// # Errors
    /// [`ClientError::Stopped`].
    pub async fn allow(&self, peer: &PeerId, allowed: bool) -> Result<(), ClientError> {
        self.command(Command::Allow(peer.clone(), allowed)).await
    }

    /// Announces whether messages are wanted.
    ///
    /// # Errors
    /// [`ClientError::Stopped`].
    pub async fn set_available(&self, available: bool) -> Result<(), ClientError> {
        self.command(Command::SetAvailable(available)).await
    }

    /// Makes a peer a contact, or gives it up.
    ///
    /// # Errors
    /// [`ClientError::Stopped`].
    pub async fn set_contact(&self, peer: &PeerId, contact: bool) -> Result<(), ClientError> {
        self.command(Command::SetContact(peer.clone(), contact)).await
    }

    /// Changes how conversations behave; what is under way goes on.
    ///
    /// # Errors
    /// [`ClientError::Stopped`].
    pub async fn set_settings(&self, settings: Settings) -> Result<(), ClientError> {
        self.command(Command::SetSettings(settings)).await
    }

    /// Asks for [`ClientEvent::Mark`](super::ClientEvent::Mark) with this number behind the events of all that has happened,
    /// that of finished calls included.
    ///
    /// # Errors
    /// [`ClientError::Stopped`].
    pub async fn mark(&self, number: u64) -> Result<(), ClientError> {
        self.command(Command::Mark(number)).await
    }

    /// Stops: what is under way is finished, the server is taken leave of, sessions and texts stay in the store.
    /// Returns when that is done.
    pub async fn stop(&self) {
        // A client that has stopped already does not mind.
        let _ = self.command(Command::Stop).await;
        self.commands.closed().await;
    }

    async fn tell(
        &self,
        peer: &PeerId,
        kind: WishKind,
        wish: impl FnOnce(&mut Conversation, Timestamp, &mut dyn CryptoRng) + Send + 'static,
    ) -> Result<(), ClientError> {
        let wish = move |conversation: &mut Conversation, now: Timestamp, rng: &mut dyn CryptoRng| {
            wish(conversation, now, rng);
            Ok(())
        };
        self.ask(peer, kind, wish).await
    }

    async fn ask<R: Send + 'static>(
        &self,
        peer: &PeerId,
        kind: WishKind,
        wish: impl FnOnce(&mut Conversation, Timestamp, &mut dyn CryptoRng) -> Result<R, ClientError> + Send + 'static,
    ) -> Result<R, ClientError> {
        check(peer)?;
        let (ask, result) = Ask::new(wish);
        self.command(Command::Wish { peer: peer.clone(), wish: Box::new(ask), kind }).await?;
        result.await.unwrap_or(Err(ClientError::Stopped))
    }

    async fn command(&self, command: Command) -> Result<(), ClientError> {
        self.commands.send(command).await.map_err(|_| ClientError::Stopped)
    }
}

fn check(peer: &PeerId) -> Result<(), ClientError> {
    if is_peer(peer.as_str()) { Ok(()) } else { Err(ClientError::NoPeer) }
}
