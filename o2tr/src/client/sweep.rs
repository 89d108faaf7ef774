//! The search of the store for what is due in conversations that are not in memory.
//!
//! A client may know a million conversations. It loads none of them until it is touched, but three things must happen
//! without a touch: what a crash has left behind goes on, records expire, receiving keys that were kept are given up.
//! So the store is read through, a page at a time between other work, at the start and then on a coarse schedule; only
//! conversations for which something is due are loaded.

use core::time::Duration;

use o2tr_ekm::record::{ConversationRecord, TextState};
use o2tr_ekm::{EkmStore, RowId, StoreError, UnsealReason, codec};
use otr_core::Timestamp;

use crate::transport::PeerId;

/// Rows read in one go: a few milliseconds during which commits wait.
const PAGE: usize = 64;
/// A record that was found to have expired is looked at again then, as the engine does.
const SECOND_LOOK: Duration = Duration::from_secs(3600);

/// Which rows to read, and what counts as due.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) account: PeerId,
    pub(super) after: Option<RowId>,
    pub(super) now: Timestamp,
    pub(super) time_to_live: Duration,
}

/// What was found in a page.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Where to go on; `None` at the end.
    pub(super) next: Option<RowId>,
    /// Conversations, and when something is due in them.
    pub(super) due: Vec<(PeerId, Timestamp)>,
    /// Conversations with texts that wait for the peer.
    pub(super) waiting: Vec<PeerId>,
    /// Rows that cannot be read.
    pub(super) unreadable: Vec<(RowId, UnsealReason)>,
}

/// Reads one page, on the store's thread.
pub(super) fn page(store: &mut dyn EkmStore, search: &Search) -> Result<Page, StoreError> {
    let rows = store.scan(search.after, PAGE)?;
    let mut page = Page { next: rows.last().map(|(row, _)| *row), ..Page::default() };
    for (row, _) in rows {
        let loaded = match store.load_by_id(row) {
            Ok(Some(loaded)) => loaded,
            Ok(None) => continue,
            Err(StoreError::Unsealable { reason, .. }) => {
                page.unreadable.push((row, reason));
                continue;
            }
            Err(error) => return Err(error),
        };
        let peer = (loaded.name.account() == search.account.as_str().as_bytes())
            .then(|| loaded.name.peer().and_then(|peer| core::str::from_utf8(peer).ok()))
            .flatten();
        let Some(peer) = peer.filter(|peer| is_peer(peer)).map(PeerId::new) else { continue };
        // One that cannot be decoded tells so when it is loaded.
        let Ok(record) = codec::decode::<ConversationRecord>(&loaded.record) else { continue };
        if record.outbox.iter().any(|text| matches!(text.state, TextState::Queued)) {
            page.waiting.push(peer.clone());
        }
        if let Some(due) = due(&record, search) {
            page.due.push((peer, due));
        }
    }
    Ok(page)
}

/// Whether a conversation can have this address: the names of other rows begin with a NUL.
pub(super) fn is_peer(peer: &str) -> bool {
    !peer.is_empty() && !peer.starts_with('\0') && peer.len() <= o2tr_ekm::MAX_NAME
}

/// When a record has to be looked at without a touch.
fn due(record: &ConversationRecord, search: &Search) -> Option<Timestamp> {
    let interrupted = record.lines.iter().any(|line| !line.transmitted)
        || !record.inbox.is_empty()
        || record.sessions.iter().any(|session| session.refresh_owed);
    if interrupted {
        return Some(search.now);
    }
    let expiry = record.last_activity.filter(|_| !record.sessions.is_empty()).map(|active| {
        let expires = active.after(search.time_to_live);
        record.expiry_noticed.map_or(expires, |noticed| expires.max(noticed.after(SECOND_LOOK)))
    });
    record.retained.iter().map(|retained| retained.expires).chain(expiry).min()
}
