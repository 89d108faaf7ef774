//! Wishes on their way to the client.

use core::time::Duration;
use std::collections::HashMap;

use o2tr::client::{Client, ClientError};
use o2tr::transport::PeerId;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::chat::model::Standing;
use crate::chat::wish::{Ask, Reply};

/// How long the last wishes may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A task for each conversation: its wishes are carried out in order, and none of them waits for another conversation.
pub(in crate::chat) struct Workers {
    client: Client,
    replies: UnboundedSender<Reply>,
    of: HashMap<PeerId, UnboundedSender<Ask>>,
    tasks: JoinSet<()>,
}

impl Workers {
    pub(in crate::chat) fn new(client: Client, replies: UnboundedSender<Reply>) -> Self {
        Self { client, replies, of: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Has something done.
    pub(in crate::chat) fn ask(&mut self, peer: PeerId, ask: Ask) {
        let queue = self.of.entry(peer.clone()).or_insert_with(|| {
            let (sender, asks) = unbounded_channel();
            self.tasks.spawn(work(self.client.clone(), peer, asks, self.replies.clone()));
            sender
        });
        // A task ends only with us.
        let _ = queue.send(ask);
    }

    /// Waits, for a limited time, until what was asked for is done: acknowledgements above all.
    pub(in crate::chat) async fn finish(self) {
        let Self { of, mut tasks, .. } = self;
        drop(of);
        // What takes longer is taken up with the next start.
        let _ = timeout(PATIENCE, async { while tasks.join_next().await.is_some() {} }).await;
    }
}

async fn work(client: Client, peer: PeerId, mut asks: UnboundedReceiver<Ask>, replies: UnboundedSender<Reply>) {
    while let Some(ask) = asks.recv().await {
        if let Some(reply) = carry_out(&client, &peer, ask).await {
            // At the end nobody listens any more.
            let _ = replies.send(reply);
        }
    }
}

async fn carry_out(client: &Client, peer: &PeerId, ask: Ask) -> Option<Reply> {
    let to = peer.clone();
    let result = match ask {
        Ask::Send { id, text } => {
            return Some(match client.send(peer, &text, Some(id.clone())).await {
                Ok(_) => Reply::Taken { peer: to, id, clear: false },
                Err(error) => Reply::NotTaken { peer: to, id, error: error.to_string() },
            });
        }
        Ask::SendClear { id, text } => {
            return Some(match client.send_clear(peer, &text).await {
                Ok(()) => Reply::Taken { peer: to, id, clear: true },
                Err(error) => Reply::NotTaken { peer: to, id, error: error.to_string() },
            });
        }
        Ask::Cancel { id } => match client.cancel(peer, &id).await {
            Ok(()) => return Some(Reply::Cancelled { peer: to, id }),
            Err(error) => Err(error),
        },
        Ask::Acknowledge(id) => {
            // If that fails, it comes again with the next run.
            let _ = client.acknowledge(peer, id).await;
            return None;
        }
        Ask::Look => {
            let standing = look(client, peer).await.map(Box::new).map_err(|error| error.to_string());
            return Some(Reply::Looked { peer: to, standing });
        }
        Ask::Start => client.start(peer).await.map(|()| None),
        Ask::End => client.end(peer).await.map(|()| Some("The private conversation is over; its keys are forgotten.")),
        Ask::StartSmp { secret, question } => client.start_smp(peer, &secret, question.as_deref()).await.map(|()| None),
        Ask::RespondSmp { secret } => client.respond_smp(peer, &secret).await.map(|()| None),
        Ask::AbortSmp => client.abort_smp(peer).await.map(|()| None),
        Ask::Trust { key, level } => client.set_trust(peer, key, level).await.map(|()| None),
        Ask::Release => client.release(peer).await.map(|()| None),
        Ask::Allow(allowed) => client.allow(peer, allowed).await.map(|()| None),
        Ask::Contact(contact) => client.set_contact(peer, contact).await.map(|()| None),
        Ask::Forget => client.forget(peer).await.map(|()| Some("Forgotten: keys, trust and waiting texts.")),
    };
    Some(match result {
        Ok(what) => Reply::Done { peer: to, what: what.map(str::to_owned) },
        Err(error) => Reply::Failed { peer: to, error: sentence(&error) },
    })
}

async fn look(client: &Client, peer: &PeerId) -> Result<Standing, ClientError> {
    Ok(Standing { view: client.view(peer).await?, outbox: client.outbox(peer).await?, keys: client.trust(peer).await? })
}

fn sentence(error: &ClientError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
