//! What can be seen of a conversation.

use o2tr_ekm::record::TrustLevel;
use otr_core::SessionId;

use super::Conversation;
use super::flush::keeps_keys;

/// How private a text would be that is typed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// It would leave in clear, or wait if the policy says so.
    Plaintext,
    /// It leaves encrypted.
    Encrypted,
    /// The peer has ended the session: it waits.
    Finished,
    /// There was a session and there is none: it waits for a new one.
    WasPrivate,
}

/// A look at a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// How private it is.
    pub privacy: Privacy,
    /// The session that texts leave in.
    pub session: Option<SessionId>,
    /// Its id.
    pub ssid: Option<[u8; 8]>,
    /// Keyid of our newest key, of the peer's newest.
    pub keyids: (u32, u32),
    /// How many messages the present key has encrypted.
    pub uses_of_key: u32,
    /// The threshold k.
    pub threshold: Option<u32>,
    /// How many texts wait.
    pub queued: usize,
    /// What the user thinks of the peer's key.
    pub trust: TrustLevel,
    /// The peer has shown that it keeps keys, too.
    pub peer_keeps_keys: bool,
    /// The session came from the store and was not refreshed since.
    pub restored: bool,
    /// The store is in doubt.
    pub quarantined: bool,
    /// The generation of the row.
    pub generation: u64,
}

impl Conversation {
    /// A look at the conversation.
    #[must_use]
    pub fn view(&self) -> View {
        let session = self.peer.current().and_then(|id| self.peer.view(id));
        let privacy = match &session {
            Some(view) if view.encrypted => Privacy::Encrypted,
            Some(_) => Privacy::Finished,
            None if self.was_private.is_some() || self.quarantined => Privacy::WasPrivate,
            None => Privacy::Plaintext,
        };
        let record = session.as_ref().and_then(|view| self.session_record(view.id));
        View {
            privacy,
            session: session.map(|view| view.id),
            ssid: session.map(|view| view.ssid),
            keyids: session.map_or((0, 0), |view| view.keyids),
            uses_of_key: session.map_or(0, |view| view.uses_of_key),
            threshold: self.settings.threshold,
            queued: self.waiting(),
            trust: session.map_or_else(TrustLevel::default, |view| self.trust_in(&view.id.fingerprint)),
            peer_keeps_keys: record.is_some_and(keeps_keys),
            restored: record.is_some_and(|record| record.restored.is_some()),
            quarantined: self.quarantined,
            generation: self.generation,
        }
    }
}
