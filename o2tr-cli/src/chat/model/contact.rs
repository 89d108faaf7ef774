//! One contact and the conversation with it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use o2tr::conversation::{Hold, OutboxView, Privacy, View};
use o2tr::transport::{PeerId, Subscription};
use o2tr_ekm::record::TrustRecord;
use otr_core::Timestamp;
use otr_core::dsa::Fingerprint;

use super::entry::{Entry, Kind, Progress};
use crate::chat::editor::Editor;

/// Entries of one conversation that can be scrolled back to.
const MAX_ENTRIES: usize = 2000;
/// Bytes of them. What falls out unread comes again with the next run.
const MAX_BYTES: usize = 4 << 20;

/// A contact, or a stranger who has written.
#[derive(Debug)]
pub(in crate::chat) struct Contact {
    pub(in crate::chat) peer: PeerId,
    /// The address, harmless.
    pub(in crate::chat) name: String,
    pub(in crate::chat) subscription: Subscription,
    /// Devices that are there.
    pub(in crate::chat) there: BTreeSet<Option<Arc<str>>>,
    pub(in crate::chat) entries: VecDeque<Entry>,
    serials: u64,
    bytes: usize,
    /// The last look at the conversation.
    pub(in crate::chat) standing: Option<Standing>,
    /// Something may have changed since.
    pub(in crate::chat) stale: bool,
    /// A look is under way.
    pub(in crate::chat) looking: bool,
    /// The first row on the screen; `None`: the newest is the last row.
    pub(in crate::chat) anchor: Option<Anchor>,
    /// The first entry that was unread when the conversation was opened.
    pub(in crate::chat) news: Option<u64>,
    pub(in crate::chat) editor: Editor,
    pub(in crate::chat) smp: Smp,
    /// New keys that were announced and are still to be compared with those known: the name of the event, the key.
    pub(in crate::chat) new_keys: Vec<(u64, Fingerprint)>,
    /// A key that the user has not decided on.
    pub(in crate::chat) key_change: Option<KeyChange>,
    /// Since when texts wait for a handshake although the other side is there.
    pub(in crate::chat) unanswered_since: Option<Timestamp>,
    /// It was asked for once more since the other side came.
    pub(in crate::chat) asked_again: bool,
    /// Why the server does not take what is sent.
    pub(in crate::chat) refused: Option<String>,
    /// Why the stored conversation cannot be read.
    pub(in crate::chat) locked: Option<String>,
}

/// A row of a conversation: which entry, and which row of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chat) struct Anchor {
    pub(in crate::chat) serial: u64,
    pub(in crate::chat) row: usize,
}

/// The engine's view of a conversation.
#[derive(Clone, Debug)]
pub(in crate::chat) struct Standing {
    pub(in crate::chat) view: View,
    pub(in crate::chat) outbox: Vec<OutboxView>,
    pub(in crate::chat) keys: Vec<TrustRecord>,
}

/// Another key than those known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chat) struct KeyChange {
    /// The name of the event, for its acknowledgement.
    pub(in crate::chat) id: u64,
    pub(in crate::chat) key: Fingerprint,
}

/// How far SMP is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::chat) enum Smp {
    #[default]
    Idle,
    /// We have asked.
    Asked,
    /// The peer asks; the answer is the user's.
    Asks { question: Option<String> },
    /// Both have said their secret. Success makes the key verified, unless it was the peer's question that we answered:
    /// then only the peer knows what the answer is worth.
    Running { verifies: bool },
}

impl Contact {
    pub(super) fn new(peer: PeerId, name: String) -> Self {
        Self {
            peer,
            name,
            subscription: Subscription::None,
            there: BTreeSet::new(),
            entries: VecDeque::new(),
            serials: 0,
            bytes: 0,
            standing: None,
            stale: false,
            looking: false,
            anchor: None,
            news: None,
            editor: Editor::default(),
            smp: Smp::Idle,
            new_keys: Vec::new(),
            key_change: None,
            unanswered_since: None,
            asked_again: false,
            refused: None,
            locked: None,
        }
    }

    /// What the list calls it: the part before the `@`, if there is one.
    pub(in crate::chat) fn short(&self) -> &str {
        self.name.split_once('@').map_or(&self.name, |(local, _)| local)
    }

    pub(in crate::chat) fn is_there(&self) -> bool {
        !self.there.is_empty()
    }

    /// Adds an entry and returns its serial number.
    pub(in crate::chat) fn push(&mut self, at: Timestamp, kind: Kind) -> u64 {
        if let Kind::Notice { text, .. } = &kind
            && let Some(Entry { kind: Kind::Notice { text: last, count, .. }, serial, .. }) = self.entries.back_mut()
            && last == text
        {
            *count += 1;
            return *serial;
        }
        self.serials += 1;
        let entry = Entry { serial: self.serials, at, kind };
        self.bytes += entry.len();
        self.entries.push_back(entry);
        while self.entries.len() > MAX_ENTRIES || (self.bytes > MAX_BYTES && self.entries.len() > 1) {
            let Some(gone) = self.entries.pop_front() else { break };
            self.bytes -= gone.len();
            if self.anchor.is_some_and(|anchor| anchor.serial == gone.serial) {
                self.anchor = self.entries.front().map(|first| Anchor { serial: first.serial, row: 0 });
            }
        }
        self.serials
    }

    /// The index of the entry with this serial number.
    pub(in crate::chat) fn index_of(&self, serial: u64) -> Option<usize> {
        self.entries.binary_search_by(|entry| entry.serial.cmp(&serial)).ok()
    }

    /// Texts that nobody has looked at.
    pub(in crate::chat) fn unread(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_unread()).count()
    }

    /// Changes how far a text of ours has come; `false` if it is none of this run.
    pub(in crate::chat) fn set_progress(&mut self, id: &str, to: Progress) -> bool {
        for entry in self.entries.iter_mut().rev() {
            if let Kind::Sent { id: known, progress, .. } = &mut entry.kind
                && known == id
            {
                *progress = to;
                return true;
            }
        }
        false
    }

    pub(in crate::chat) fn progress(&self, id: &str) -> Option<&Progress> {
        self.entries.iter().rev().find_map(|entry| match &entry.kind {
            Kind::Sent { id: known, progress, .. } if known == id => Some(progress),
            _ => None,
        })
    }

    /// The text of ours with this name.
    pub(in crate::chat) fn own_text(&self, id: &str) -> Option<&str> {
        self.entries.iter().rev().find_map(|entry| match &entry.kind {
            Kind::Sent { id: known, text, .. } if known == id => Some(text.as_str()),
            _ => None,
        })
    }

    pub(in crate::chat) fn privacy(&self) -> Option<Privacy> {
        self.standing.as_ref().map(|standing| standing.view.privacy)
    }

    /// Texts that wait, and why the first of them does.
    pub(in crate::chat) fn waiting(&self) -> (usize, Option<Hold>) {
        let waiting = || self.standing.iter().flat_map(|standing| &standing.outbox).filter(|text| !text.in_flight);
        (waiting().count(), waiting().find_map(|text| text.reason))
    }
}
