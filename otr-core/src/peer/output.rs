//! What a [`Peer`](super::Peer) gives to its embedder, in order.

use core::fmt;

use crate::ratchet::{GapClosed, RetainedPair, SessionId};
use crate::smp::SmpEvent;
use crate::wire::{Content, DataFlags, Route};
use crate::{SecretBytes, Version};

/// One output. Outputs are to be carried out in the order in which they come.
#[derive(Clone, Debug)]
pub enum Output {
    /// Put this line on the wire, cut into fragments where the network wants it.
    Send(Line),
    /// Tell the application.
    Event(Event),
    /// Keep this pair as long as a message for it may be under way, then
    /// [give it up](super::Peer::give_up). Only under [`ReceivePolicy::Window`](crate::ReceivePolicy::Window).
    Retired(Box<RetainedPair>),
}

/// A whole line for the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The bytes, not cut.
    pub bytes: Vec<u8>,
    /// Between which devices; `None` for text that every device reads (queries, errors, plaintext).
    pub route: Option<Route>,
}

/// What happened.
#[derive(Clone)]
#[non_exhaustive]
pub enum Event {
    /// An unencrypted text arrived.
    Plaintext {
        /// The text; a whitespace tag was cut out.
        text: Vec<u8>,
        /// Show it with a warning: a private conversation was under way, or encryption is required.
        unexpected: bool,
    },
    /// A data message was read. Text that is empty is not to be shown.
    Message(Message),
    /// An AKE is complete.
    Established(Established),
    /// The peer has ended the session; until the user ends it too, nothing is sent.
    Finished {
        /// Which session.
        session: SessionId,
    },
    /// A line of the peer was refused. Nothing changed.
    Rejected(Rejected),
    /// An error message arrived. It is not authenticated.
    ErrorReceived {
        /// The human text behind the marker.
        text: Vec<u8>,
    },
    /// Something happened in SMP.
    Smp {
        /// In which session.
        session: SessionId,
        /// What.
        event: SmpEvent,
        /// What the result makes of the trust in the peer's key; `None`: nothing. An answer to a question proves
        /// something to the asker only.
        trust: Option<bool>,
    },
    /// The peer will use the extra symmetric key.
    ExtraKey {
        /// In which session.
        session: SessionId,
        /// What for: a number from outside this protocol.
        usage: u32,
        /// Data of that use.
        data: Vec<u8>,
        /// The key.
        key: SecretBytes<32>,
    },
    /// Policy REQUIRE_ENCRYPTION held a text back, and a query was sent.
    EncryptionRequired,
    /// A text was sent again, marked, in a new session.
    Resent {
        /// In which session.
        session: SessionId,
    },
    /// An empty message was sent, so that keys rotate.
    HeartbeatSent {
        /// In which session.
        session: SessionId,
    },
    /// Counters were given up because a server reordered too wildly; their messages will be refused.
    GapClosed {
        /// In which session.
        session: SessionId,
        /// Which counters.
        gap: GapClosed,
    },
    /// The keyids of a session are used up; only a new AKE brings new keys.
    KeyidsExhausted {
        /// Which session.
        session: SessionId,
    },
    /// An AKE stood still and is repeated or restarted.
    AkeRetried {
        /// 1 for the first time.
        attempt: u32,
    },
}

/// Shows how much text and data there is, never what; each field is named, so that a new one asks the question.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_session = |f: &mut fmt::Formatter<'_>, name, session: &SessionId| {
            f.debug_struct(name).field("session", session).finish()
        };
        match self {
            Self::Plaintext { text, unexpected } => {
                write!(f, "Plaintext({} bytes, unexpected: {unexpected})", text.len())
            }
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::Established(established) => f.debug_tuple("Established").field(established).finish(),
            Self::Finished { session } => in_session(f, "Finished", session),
            Self::Rejected(rejected) => f.debug_tuple("Rejected").field(rejected).finish(),
            Self::ErrorReceived { text } => write!(f, "ErrorReceived({} bytes)", text.len()),
            Self::Smp { session, event, .. } => {
                f.debug_struct("Smp").field("session", session).field("event", event).finish_non_exhaustive()
            }
            Self::ExtraKey { session, usage, data, key } => f
                .debug_struct("ExtraKey")
                .field("session", session)
                .field("usage", usage)
                .field("data", &format_args!("{} bytes", data.len()))
                .field("key", key)
                .finish(),
            Self::EncryptionRequired => f.write_str("EncryptionRequired"),
            Self::Resent { session } => in_session(f, "Resent", session),
            Self::HeartbeatSent { session } => in_session(f, "HeartbeatSent", session),
            Self::GapClosed { session, gap } => {
                f.debug_struct("GapClosed").field("session", session).field("gap", gap).finish()
            }
            Self::KeyidsExhausted { session } => in_session(f, "KeyidsExhausted", session),
            Self::AkeRetried { attempt } => write!(f, "AkeRetried({attempt})"),
        }
    }
}

/// A data message that was read.
#[derive(Clone, Debug)]
pub struct Message {
    /// In which session.
    pub session: SessionId,
    /// The flags that it carried.
    pub flags: DataFlags,
    /// Text and TLVs, all of them.
    pub content: Content,
    /// The sender's keyid, ours, and the counter: together with the ssid they name the message.
    pub place: (u32, u32, u64),
    /// Our sending key changed with it, so its use count starts again.
    pub advanced: bool,
}

/// A completed AKE.
#[derive(Clone, Debug)]
pub struct Established {
    /// The session.
    pub session: SessionId,
    /// The id that both users may compare.
    pub ssid: [u8; 8],
    /// Whether we sent the Reveal Signature: then the first half of the id is shown bold, else the second.
    pub revealed: bool,
    /// The session was encrypted before, with the same key of the peer.
    pub renewed: bool,
    /// A secret that both sides can derive from this AKE alone, for use outside this protocol:
    /// SHA-256 over 0xfe and the MPI of s.
    pub exporter: SecretBytes<32>,
}

/// A refused line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub reason: Rejection,
    /// The sender asked to be silent about it (flag IGNORE_UNREADABLE): a user need not see it.
    pub ignorable: bool,
    /// The way it came, if it was readable that far.
    pub route: Option<Route>,
}

/// Why a line was refused. Faults of the peer never end a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// A data message whose keys are not here, or whose authenticator does not verify.
    Unreadable {
        /// The keys are here, so somebody has changed or made it up, or an old AKE has been overtaken.
        forged: bool,
    },
    /// A data message whose counter was accepted before.
    Replay {
        /// As far as is remembered, it is the same message.
        same: bool,
    },
    /// A message that has not the structure it should have.
    Malformed,
    /// A data message although there is no session.
    NotInPrivate,
    /// A message of the AKE with a wrong MAC, signature, keyid or value.
    AkeFailed,
    /// A message of the AKE that does not fit the state: late, repeated, or replayed.
    AkeStray,
    /// A D-H Commit that has led to a session before, or a D-H Key that our commit was answered with before.
    AkeReplay,
    /// Our own message came back.
    Reflected,
    /// For another device of ours.
    OtherInstance,
    /// From a device of the peer that has not shown itself by an AKE.
    UnknownInstance,
    /// A version that the policy forbids or that is not spoken here.
    Version(Option<Version>),
    /// A fragment that is not legal, or more fragments than are kept.
    Fragment,
    /// A line that begins like OTR and is nothing.
    Unrecognised,
}
