//! What `update` takes and what it asks for.

use crossterm::event::{KeyEvent, MouseEvent};
use o2tr::client::ClientEvent;
use o2tr::transport::PeerId;
use o2tr_ekm::record::TrustLevel;
use otr_core::Timestamp;
use otr_core::dsa::Fingerprint;
use zeroize::Zeroizing;

use super::model::Standing;

/// Something that happened.
#[derive(Debug)]
pub(super) enum Message {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste(String),
    Resize(u16, u16),
    Focus(bool),
    /// Time has passed.
    Tick(Timestamp),
    /// The model as it is stands on the screen.
    Drawn,
    Event(ClientEvent),
    Reply(Reply),
    /// The client has ended: why.
    Ended(String),
}

/// Something for the client or the terminal to do.
#[derive(Debug)]
pub(super) enum Wish {
    /// For one conversation; those of one are carried out in order.
    Peer(PeerId, Ask),
    /// Draw everything anew.
    Redraw,
    /// Stop until the shell continues us.
    Suspend,
    Quit,
}

/// What is asked of a conversation.
pub(super) enum Ask {
    Send {
        id: String,
        text: Zeroizing<String>,
    },
    SendClear {
        id: String,
        text: Zeroizing<String>,
    },
    Cancel {
        id: String,
    },
    Start,
    End,
    StartSmp {
        secret: Zeroizing<String>,
        question: Option<String>,
    },
    RespondSmp {
        secret: Zeroizing<String>,
    },
    AbortSmp,
    Trust {
        key: Fingerprint,
        level: TrustLevel,
    },
    Release,
    Acknowledge(u64),
    /// How does it stand?
    Look,
    Allow(bool),
    Contact(bool),
    Forget,
}

/// The answer to an [`Ask`].
#[derive(Debug)]
pub(super) enum Reply {
    Looked {
        peer: PeerId,
        standing: Result<Box<Standing>, String>,
    },
    /// A text was taken.
    Taken {
        peer: PeerId,
        id: String,
        clear: bool,
    },
    /// A text was not taken.
    NotTaken {
        peer: PeerId,
        id: String,
        error: String,
    },
    Cancelled {
        peer: PeerId,
        id: String,
    },
    /// Something else was done: a sentence about it.
    Done {
        peer: PeerId,
        what: Option<String>,
    },
    Failed {
        peer: PeerId,
        error: String,
    },
}

/// Names the wish, shows no text.
impl core::fmt::Debug for Ask {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Send { id, text } => write!(f, "Send({id}, {} bytes)", text.len()),
            Self::SendClear { id, text } => write!(f, "SendClear({id}, {} bytes)", text.len()),
            Self::Cancel { id } => write!(f, "Cancel({id})"),
            Self::Start => f.write_str("Start"),
            Self::End => f.write_str("End"),
            Self::StartSmp { secret: _, question } => write!(f, "StartSmp(.., {})", question.is_some()),
            Self::RespondSmp { secret: _ } => f.write_str("RespondSmp(..)"),
            Self::AbortSmp => f.write_str("AbortSmp"),
            Self::Trust { key, level } => write!(f, "Trust({key:?}, {level:?})"),
            Self::Release => f.write_str("Release"),
            Self::Acknowledge(id) => write!(f, "Acknowledge({id})"),
            Self::Look => f.write_str("Look"),
            Self::Allow(allowed) => write!(f, "Allow({allowed})"),
            Self::Contact(contact) => write!(f, "Contact({contact})"),
            Self::Forget => f.write_str("Forget"),
        }
    }
}
