//! What a conversation asks of its driver, in order, and what it tells the application.

use core::fmt;

use o2tr_ekm::record::{Provenance, TrustLevel};
use otr_core::dsa::Fingerprint;
use otr_core::smp::SmpEvent;
use otr_core::wire::Route;
use otr_core::{SecretBytes, SessionId, Timestamp};
use zeroize::Zeroizing;

/// One output. The driver carries them out in this order, and none behind a [`Output::Commit`] before the store
/// has made that durable.
#[derive(Clone, Debug)]
pub enum Output {
    /// Make this durable, then call [`commit_done`](super::Conversation::commit_done) or
    /// [`commit_failed`](super::Conversation::commit_failed).
    Commit(Commit),
    /// Put this line on the wire, then call [`transmitted`](super::Conversation::transmitted).
    Transmit(Transmission),
    /// Tell the application.
    Event(Event),
}

/// The new content of the conversation's row.
#[derive(Clone)]
pub struct Commit {
    /// The generation that the row must have now.
    pub expected: u64,
    /// The record, encoded; holds secrets.
    pub record: Zeroizing<Vec<u8>>,
    /// It leaves out a secret that the row held before: the old content must become unreadable.
    pub retires_secret: bool,
    /// A new AKE has ended the quarantine of the row.
    pub lifts_quarantine: bool,
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, record, retires_secret, lifts_quarantine } = self;
        f.debug_struct("Commit")
            .field("expected", expected)
            .field("record", &format_args!("{} bytes", record.len()))
            .field("retires_secret", retires_secret)
            .field("lifts_quarantine", lifts_quarantine)
            .finish()
    }
}

/// A line for the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmission {
    /// The name to report it by.
    pub id: u64,
    /// The bytes, not cut.
    pub line: Vec<u8>,
    /// Between which devices, for fragments and for the address.
    pub route: Option<Route>,
}

impl Transmission {
    /// Cuts the line for a network that carries at most `mtu` bytes at a time; 0: any number.
    ///
    /// # Errors
    /// [`otr_core::fragment::SplitError`] if the network carries too little for a header.
    pub fn split(&self, mtu: usize) -> Result<Vec<Vec<u8>>, otr_core::fragment::SplitError> {
        otr_core::Line { bytes: self.line.clone(), route: self.route }.split(mtu)
    }
}

/// What happened.
#[derive(Clone)]
#[non_exhaustive]
pub enum Event {
    /// A text arrived. [Acknowledge](super::Conversation::acknowledge) `id` when it is safe: until then it comes
    /// again after a restart, under the same id.
    Text(Text),
    /// A private conversation has begun or was renewed.
    Encrypted(Encrypted),
    /// The peer has ended the private conversation; texts are held until the user ends it too or starts a new one.
    Finished {
        /// To be acknowledged.
        id: u64,
        /// Which one.
        session: SessionId,
    },
    /// A key of the peer that was never seen before.
    NewFingerprint {
        /// To be acknowledged.
        id: u64,
        /// The key.
        fingerprint: Fingerprint,
    },
    /// The peer speaks a lower version than it did before with this key: somebody may have cut the offer.
    VersionLowered {
        /// The key.
        fingerprint: Fingerprint,
        /// The highest version seen.
        highest: u16,
    },
    /// A session came back from the store by a message that was read with it.
    Recovered {
        /// Which one.
        session: SessionId,
        /// How long ago it was alive.
        age: core::time::Duration,
        /// How many messages under the same key of the peer were read, this one included.
        messages_under_key: u32,
    },
    /// Fresh keys have replaced those from the store.
    Refreshed {
        /// Which session.
        session: SessionId,
        /// By what.
        how: Refresh,
    },
    /// A text waits in the outbox.
    Paused {
        /// How many wait.
        queued: usize,
        /// Why.
        reason: Hold,
    },
    /// Nothing waits any more.
    Resumed,
    /// A text was handed to the network.
    Sent {
        /// Its name.
        id: String,
    },
    /// The peer has proven that it read a text (O2TR peers).
    Acknowledged {
        /// Its name.
        id: String,
    },
    /// Nobody knows whether a text was read; its content is dropped.
    Unconfirmed {
        /// Its name.
        id: String,
    },
    /// SMP wants something of the user or goes on; results come as [`Event::SmpResult`].
    Smp {
        /// In which session.
        session: SessionId,
        /// What.
        event: SmpEvent,
    },
    /// SMP has come to an end.
    SmpResult {
        /// To be acknowledged.
        id: u64,
        /// In which session.
        session: SessionId,
        /// Whether both users knew the same secret.
        equal: bool,
    },
    /// The peer will use the extra symmetric key.
    ExtraKey {
        /// To be acknowledged.
        id: u64,
        /// In which session.
        session: SessionId,
        /// What for.
        usage: u32,
        /// Data of that use.
        data: Vec<u8>,
        /// The key.
        key: SecretBytes<32>,
    },
    /// We have told the peer that we will use the extra symmetric key.
    ExtraKeySent {
        /// In which session.
        session: SessionId,
        /// What for.
        usage: u32,
        /// The key.
        key: SecretBytes<32>,
    },
    /// An error message of the peer's client, not authenticated.
    PeerError {
        /// Its human text.
        text: Vec<u8>,
    },
    /// A private conversation was asked for while we were away; it is not started by itself.
    LateOffer {
        /// When the server had it.
        sent_at: Option<Timestamp>,
    },
    /// A line was refused; nothing changed.
    Rejected(Rejection),
    /// A record has reached its time-to-live; its keys are gone, and nothing leaves in clear because of it.
    Expired {
        /// Which session.
        session: SessionId,
    },
    /// The store looks rolled back or copied: texts are read as unverified, nothing is sent before a new AKE.
    Quarantined,
}

impl Event {
    /// The name under which it is to be [acknowledged](super::Conversation::acknowledge), if it is: such an event comes
    /// again after a restart.
    #[must_use]
    pub const fn id(&self) -> Option<u64> {
        match self {
            Self::Text(Text { id, .. })
            | Self::Finished { id, .. }
            | Self::NewFingerprint { id, .. }
            | Self::SmpResult { id, .. }
            | Self::ExtraKey { id, .. } => Some(*id),
            Self::Encrypted(_)
            | Self::VersionLowered { .. }
            | Self::Recovered { .. }
            | Self::Refreshed { .. }
            | Self::Paused { .. }
            | Self::Resumed
            | Self::Sent { .. }
            | Self::Acknowledged { .. }
            | Self::Unconfirmed { .. }
            | Self::Smp { .. }
            | Self::ExtraKeySent { .. }
            | Self::PeerError { .. }
            | Self::LateOffer { .. }
            | Self::Rejected(_)
            | Self::Expired { .. }
            | Self::Quarantined => None,
        }
    }
}

/// A text that arrived.
#[derive(Clone)]
pub struct Text {
    /// To be acknowledged.
    pub id: u64,
    /// What it says: bytes, usually UTF-8, perhaps HTML; never trust it to a terminal as it is.
    pub text: Zeroizing<Vec<u8>>,
    /// In which session; `None`: unencrypted.
    pub session: Option<SessionId>,
    /// How it was read.
    pub provenance: Provenance,
    /// When the server first had it, if it said so.
    pub sent_at: Option<Timestamp>,
    /// The peer has sent it before.
    pub resent: bool,
}

/// Shows how much text and data there is, never what; each field is named, so that a new one asks the question.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Encrypted(encrypted) => f.debug_tuple("Encrypted").field(encrypted).finish(),
            Self::Finished { id, session } => write!(f, "Finished({id}, {session:?})"),
            Self::NewFingerprint { id, fingerprint } => write!(f, "NewFingerprint({id}, {fingerprint:?})"),
            Self::VersionLowered { fingerprint, highest } => write!(f, "VersionLowered({fingerprint:?}, {highest})"),
            Self::Recovered { session, age, messages_under_key } => {
                write!(f, "Recovered({session:?}, {age:?}, {messages_under_key} under the key)")
            }
            Self::Refreshed { session, how } => write!(f, "Refreshed({session:?}, {how:?})"),
            Self::Paused { queued, reason } => write!(f, "Paused({queued}, {reason:?})"),
            Self::Resumed => f.write_str("Resumed"),
            Self::Sent { id } => write!(f, "Sent({id:?})"),
            Self::Acknowledged { id } => write!(f, "Acknowledged({id:?})"),
            Self::Unconfirmed { id } => write!(f, "Unconfirmed({id:?})"),
            Self::Smp { session, event } => write!(f, "Smp({session:?}, {event:?})"),
            Self::SmpResult { id, session, equal } => write!(f, "SmpResult({id}, {session:?}, equal: {equal})"),
            Self::ExtraKey { id, session, usage, data, key } => {
                write!(f, "ExtraKey({id}, {session:?}, {usage}, {} bytes, {key:?})", data.len())
            }
            Self::ExtraKeySent { session, usage, key } => write!(f, "ExtraKeySent({session:?}, {usage}, {key:?})"),
            Self::PeerError { text } => write!(f, "PeerError({} bytes)", text.len()),
            Self::LateOffer { sent_at } => write!(f, "LateOffer({sent_at:?})"),
            Self::Rejected(reason) => write!(f, "Rejected({reason:?})"),
            Self::Expired { session } => write!(f, "Expired({session:?})"),
            Self::Quarantined => f.write_str("Quarantined"),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, text, session, provenance, sent_at, resent } = self;
        f.debug_struct("Text")
            .field("id", id)
            .field("text", &format_args!("{} bytes", text.len()))
            .field("session", session)
            .field("provenance", provenance)
            .field("sent_at", sent_at)
            .field("resent", resent)
            .finish()
    }
}

/// A private conversation that began.
#[derive(Clone, Debug)]
pub struct Encrypted {
    /// The session.
    pub session: SessionId,
    /// What both users may compare.
    pub ssid: [u8; 8],
    /// Whether the first half of the ssid is shown bold, else the second.
    pub revealed: bool,
    /// The conversation was private before, with the same key.
    pub renewed: bool,
    /// What the user thinks of the key.
    pub trust: TrustLevel,
}

/// How fresh keys came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// The peer has used a key that was made after the restart.
    Ratchet,
    /// A new AKE.
    Ake,
}

/// Why texts wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The key has encrypted as many messages as it may; the peer must answer.
    Threshold,
    /// There is no session.
    NoSession,
    /// The peer is away and is not known to keep keys.
    PeerAway,
    /// Another key answered than the one the text was written for.
    Trust,
}

/// Why a line was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// It was read before.
    Duplicate,
    /// No key for it is here.
    Unreadable,
    /// The key is here, the authenticator does not verify.
    Forged,
    /// It has not the structure it should have.
    Malformed,
    /// It is for another device of ours.
    OtherInstance,
    /// It is our own.
    Echo,
    /// What it asks for is not allowed, or not now.
    Policy,
    /// More than is kept.
    OverLimit,
    /// Two different messages under one counter: there are two of the peer, or two of us.
    CloneSuspected,
    /// A message of an AKE that failed or fits nothing.
    Handshake,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_text() {
        let text = Text {
            id: 1,
            text: Zeroizing::new(b"swordfish".to_vec()),
            session: None,
            provenance: Provenance::Clear,
            sent_at: None,
            resent: false,
        };
        let shown = format!("{:?}", Output::Event(Event::Text(text)));
        assert!(shown.contains("text: 9 bytes"), "{shown}");
        assert_eq!(format!("{:?}", Event::PeerError { text: b"swordfish".to_vec() }), "PeerError(9 bytes)");
    }
}
