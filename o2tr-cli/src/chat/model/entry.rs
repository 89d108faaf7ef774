//! What stands in a conversation.

use otr_core::Timestamp;

use o2tr::conversation::Hold;
use o2tr_ekm::record::Provenance;

/// A message or a notice.
#[derive(Clone, Debug)]
pub(in crate::chat) struct Entry {
    /// Rises within a conversation.
    pub(in crate::chat) serial: u64,
    /// When it came or was written, here.
    pub(in crate::chat) at: Timestamp,
    pub(in crate::chat) kind: Kind,
}

#[derive(Clone)]
pub(in crate::chat) enum Kind {
    /// From the peer.
    Received {
        text: String,
        mark: Mark,
        resent: bool,
        /// When it was written, if it came later.
        sent_at: Option<Timestamp>,
        /// The engine's name of it, until it was looked at.
        unread: Option<u64>,
    },
    /// From us.
    Sent { id: String, text: String, progress: Progress },
    /// From the program.
    Notice {
        text: String,
        tone: Tone,
        /// How often in a row.
        count: u32,
        /// The engine's name of the event, until it was looked at.
        unread: Option<u64>,
    },
}

/// How a text was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chat) enum Mark {
    Live,
    Offline,
    Retained,
    Unverified,
    Clear,
}

/// How far a text of ours has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::chat) enum Progress {
    /// It has not left, and why not if that is known.
    Waiting(Option<Hold>),
    Sent,
    /// It left unencrypted, as the user said.
    Clear,
    /// The peer has proven that it read it.
    Read,
    /// Nobody knows, and nobody will.
    Unconfirmed,
    Cancelled,
    /// It was not taken.
    Failed,
}

/// How something is said; words say it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chat) enum Tone {
    Plain,
    Dim,
    Strong,
    Good,
    Warning,
    Danger,
    Peer,
    Own,
    /// Bars.
    Bar,
    Found,
}

impl Entry {
    /// Bytes of its text.
    pub(in crate::chat) fn len(&self) -> usize {
        self.text().len()
    }

    pub(in crate::chat) fn text(&self) -> &str {
        match &self.kind {
            Kind::Received { text, .. } | Kind::Sent { text, .. } | Kind::Notice { text, .. } => text,
        }
    }

    /// Whether it is a text that nobody has looked at.
    pub(in crate::chat) const fn is_unread(&self) -> bool {
        matches!(self.kind, Kind::Received { unread: Some(_), .. })
    }

    /// It was looked at: the name to acknowledge.
    pub(in crate::chat) fn look(&mut self) -> Option<u64> {
        match &mut self.kind {
            Kind::Received { unread, .. } | Kind::Notice { unread, .. } => unread.take(),
            Kind::Sent { .. } => None,
        }
    }
}

/// Shows sizes, no texts.
impl core::fmt::Debug for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Received { text, mark, resent, sent_at, unread } => {
                write!(f, "Received({} bytes, {mark:?}, {resent}, {sent_at:?}, {unread:?})", text.len())
            }
            Self::Sent { id, text, progress } => write!(f, "Sent({id}, {} bytes, {progress:?})", text.len()),
            Self::Notice { text, tone, count, unread } => {
                write!(f, "Notice({text:?}, {tone:?}, {count}, {unread:?})")
            }
        }
    }
}

impl Mark {
    /// The word beside the text.
    pub(in crate::chat) const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Offline => "offline",
            Self::Retained => "retained",
            Self::Unverified => "UNVERIF.",
            Self::Clear => "CLEAR",
        }
    }

    pub(in crate::chat) const fn tone(self) -> Tone {
        match self {
            Self::Live => Tone::Dim,
            Self::Offline | Self::Retained => Tone::Good,
            Self::Unverified => Tone::Warning,
            Self::Clear => Tone::Danger,
        }
    }
}

impl From<Provenance> for Mark {
    fn from(provenance: Provenance) -> Self {
        match provenance {
            Provenance::Live => Self::Live,
            Provenance::Offline => Self::Offline,
            Provenance::Retained => Self::Retained,
            Provenance::Unverified => Self::Unverified,
            Provenance::Clear => Self::Clear,
        }
    }
}

impl Progress {
    /// The word beside the text.
    pub(in crate::chat) const fn word(&self) -> &'static str {
        match self {
            Self::Waiting(_) => "queued",
            Self::Sent => "sent",
            Self::Clear => "CLEAR",
            Self::Read => "read",
            Self::Unconfirmed => "unconf.",
            Self::Cancelled => "cancelled",
            Self::Failed => "NOT SENT",
        }
    }

    pub(in crate::chat) const fn tone(&self) -> Tone {
        match self {
            Self::Waiting(_) | Self::Unconfirmed => Tone::Warning,
            Self::Sent | Self::Cancelled => Tone::Dim,
            Self::Read => Tone::Good,
            Self::Clear | Self::Failed => Tone::Danger,
        }
    }
}
