//! What the program knows and shows: plain data, changed by `update`, drawn by `view`.

mod contact;
mod dialog;
mod entry;

use std::collections::VecDeque;

use jiff::tz::TimeZone;
use o2tr::transport::PeerId;
use otr_core::Timestamp;

pub(super) use self::contact::{Anchor, Contact, KeyChange, Smp, Standing};
pub(super) use self::dialog::{Dialog, Quiet};
pub(super) use self::entry::{Entry, Kind, Mark, Progress, Tone};
use super::editor::{Editor, History};
use super::text::clean_line;

/// Everything.
#[derive(Debug)]
pub(super) struct Model {
    /// Our address.
    pub(super) account: PeerId,
    /// Our key, in groups as users compare it.
    pub(super) fingerprint: String,
    /// For local times.
    pub(super) zone: TimeZone,
    pub(super) now: Timestamp,
    /// Columns and rows of the terminal.
    pub(super) size: (u16, u16),
    pub(super) connection: Connection,
    /// In the order of the list: by address.
    pub(super) contacts: Vec<Contact>,
    /// Whose conversation is open.
    pub(super) open: Option<PeerId>,
    /// Where there is room for one pane only: whether it is the list.
    pub(super) shows_list: bool,
    /// What is written while no conversation is open.
    pub(super) loose: Editor,
    pub(super) history: History,
    /// The first one is shown and has the keys.
    pub(super) dialogs: VecDeque<Dialog>,
    pub(super) search: Option<Search>,
    /// One line that the next key removes.
    pub(super) flash: Option<Flash>,
    /// Whether somebody looks at the terminal, as far as it says.
    pub(super) focused: bool,
    pub(super) quitting: bool,
    /// Names for texts: what they begin with in this run, and how many there are.
    ids: (String, u64),
}

/// The way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    Connecting,
    Online {
        /// What had waited has been read.
        caught_up: bool,
    },
    Offline {
        reason: String,
        retry_at: Option<Timestamp>,
    },
    /// The client has ended; nothing can be sent any more.
    Ended {
        reason: String,
    },
}

/// A search in the open conversation.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    pub(super) words: Editor,
    /// Serial of the entry that is shown.
    pub(super) found: Option<u64>,
}

/// A word to the user that passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flash {
    pub(super) text: String,
    pub(super) bad: bool,
}

/// What a model begins with.
#[derive(Clone, Debug)]
pub(super) struct Beginning {
    pub(super) account: PeerId,
    pub(super) fingerprint: String,
    pub(super) zone: TimeZone,
    pub(super) now: Timestamp,
    pub(super) size: (u16, u16),
    /// What names of texts begin with; unique to this run.
    pub(super) run: String,
    /// Peers with a stored conversation.
    pub(super) peers: Vec<PeerId>,
}

impl Model {
    pub(super) fn new(beginning: Beginning) -> Self {
        let Beginning { account, fingerprint, zone, now, size, run, peers } = beginning;
        let mut model = Self {
            account,
            fingerprint,
            zone,
            now,
            size,
            connection: Connection::Connecting,
            contacts: Vec::new(),
            open: None,
            shows_list: true,
            loose: Editor::default(),
            history: History::default(),
            dialogs: VecDeque::new(),
            search: None,
            flash: None,
            focused: true,
            quitting: false,
            ids: (run, 0),
        };
        for peer in peers {
            model.contact(&peer).stale = true;
        }
        model
    }

    /// The contact with this address, made if there is none.
    pub(super) fn contact(&mut self, peer: &PeerId) -> &mut Contact {
        let index = match self.contacts.binary_search_by(|contact| contact.peer.cmp(peer)) {
            Ok(index) => index,
            Err(index) => {
                self.contacts.insert(index, Contact::new(peer.clone(), clean_line(peer.as_str())));
                index
            }
        };
        // It is there: found or just put in.
        #[expect(clippy::indexing_slicing, reason = "the index was found or just filled")]
        &mut self.contacts[index]
    }

    pub(super) fn find(&self, peer: &PeerId) -> Option<&Contact> {
        self.contacts.iter().find(|contact| contact.peer == *peer)
    }

    /// The contact whose conversation is open.
    pub(super) fn current(&self) -> Option<&Contact> {
        self.open.as_ref().and_then(|peer| self.find(peer))
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut Contact> {
        let peer = self.open.as_ref()?;
        self.contacts.iter_mut().find(|contact| contact.peer == *peer)
    }

    pub(super) fn editor(&self) -> &Editor {
        self.current().map_or(&self.loose, |contact| &contact.editor)
    }

    pub(super) fn editor_mut(&mut self) -> &mut Editor {
        let Some(peer) = self.open.clone() else { return &mut self.loose };
        &mut self.contact(&peer).editor
    }

    /// A name for a text.
    pub(super) fn next_id(&mut self) -> String {
        self.ids.1 += 1;
        format!("{}-{}", self.ids.0, self.ids.1)
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.flash = Some(Flash { text: text.into(), bad: false });
    }

    pub(super) fn complain(&mut self, text: impl Into<String>) {
        self.flash = Some(Flash { text: text.into(), bad: true });
    }

    /// Texts that nobody has looked at, of contacts other than the open one.
    pub(super) fn unread_elsewhere(&self) -> usize {
        let open = self.open.as_ref();
        self.contacts.iter().filter(|contact| Some(&contact.peer) != open).map(Contact::unread).sum()
    }

    pub(super) fn is_online(&self) -> bool {
        matches!(self.connection, Connection::Online { .. })
    }
}
