//! Deliveries that cannot be handled now: stored raw, then acknowledged, so that one peer never holds up another.
//!
//! A transport may have to count acknowledgements (XEP-0198): one that is left out would make everything behind it come
//! again, and text in clear would be shown twice. So what is sent to a conversation that cannot be read, that waits for its
//! store, or whose application takes nothing, goes here. One row per account, in order.

use std::collections::VecDeque;

use o2tr_ekm::record::{JournalItem, JournalRecord, MessageText};
use o2tr_ekm::{Batch, Change, Loaded, RowName, StoreError, codec};

use super::store::Job;
use crate::transport::{Address, Carbon, Delivery, DeliveryId, Evidence, PeerId};

/// Lines of one peer that are put aside; more stay with the server.
const MAX_OF_PEER: usize = 256;
/// Lines of all peers.
const MAX_LINES: usize = 4096;
/// Bytes of all lines.
const MAX_BYTES: usize = 4 << 20;
/// The row's name in place of a peer's address.
const NAME: &[u8] = b"\0journal";

/// The journal of one account.
pub(super) struct Journal {
    name: RowName,
    lines: VecDeque<(u64, JournalItem)>,
    last_id: u64,
    bytes: usize,
    generation: u64,
    loaded: bool,
    /// It has changed since it was last given to the store.
    changed: bool,
    saving: bool,
    /// To be acknowledged once they are stored: those in the store's hands, and later ones.
    in_store: Vec<DeliveryId>,
    later: Vec<DeliveryId>,
}

impl Journal {
    pub(super) fn new(account: &PeerId) -> Self {
        Self {
            name: RowName::conversation(account.as_str().as_bytes(), NAME),
            lines: VecDeque::new(),
            last_id: 0,
            bytes: 0,
            generation: 0,
            loaded: false,
            changed: false,
            saving: false,
            in_store: Vec::new(),
            later: Vec::new(),
        }
    }

    /// To be called first.
    pub(super) fn load(&self) -> Job {
        Job::LoadJournal(self.name.clone())
    }

    /// What an earlier run has put aside stands before what this one has. Returns whom it is from;
    /// `None`: it cannot be read, and is replaced with the next change.
    pub(super) fn loaded(
        &mut self,
        result: Result<Option<Loaded>, StoreError>,
    ) -> Result<Option<Vec<PeerId>>, StoreError> {
        self.loaded = true;
        let items = match result {
            Ok(None) => Vec::new(),
            Ok(Some(loaded)) => {
                self.generation = loaded.generation;
                let Ok(record) = codec::decode::<JournalRecord>(&loaded.record) else { return Ok(None) };
                record.items
            }
            Err(StoreError::Unsealable { generation, .. }) => {
                self.generation = generation;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let peers = items.iter().map(|item| PeerId::new(&item.peer)).collect();
        for item in items.into_iter().rev() {
            self.last_id += 1;
            self.bytes += item.line.as_bytes().len();
            self.lines.push_front((self.last_id, item));
        }
        Ok(Some(peers))
    }

    /// Whether anything of a peer is here: what comes later must queue behind it.
    pub(super) fn holds(&self, peer: &PeerId) -> bool {
        self.lines.iter().any(|(_, item)| item.peer == peer.as_str())
    }

    /// Puts a delivery aside; false if there is no room.
    pub(super) fn put(&mut self, delivery: &Delivery) -> bool {
        let Delivery { id, from, line, evidence } = delivery;
        let of_peer = self.lines.iter().filter(|(_, item)| item.peer == from.peer.as_str()).count();
        if of_peer >= MAX_OF_PEER || self.lines.len() >= MAX_LINES || self.bytes + line.len() > MAX_BYTES {
            return false;
        }
        self.last_id += 1;
        self.bytes += line.len();
        self.lines.push_back((
            self.last_id,
            JournalItem {
                peer: from.peer.as_str().to_owned(),
                resource: from.resource.as_deref().map(str::to_owned),
                line: MessageText::new(line.clone()),
                delayed: evidence.delayed,
                archived: evidence.archived,
                offline: evidence.offline,
                copy: evidence.carbon == Some(Carbon::Received),
                error: evidence.error,
            },
        ));
        self.later.push(*id);
        self.changed = true;
        true
    }

    /// The oldest line of a peer.
    pub(super) fn first_of(&self, peer: &PeerId) -> Option<(u64, Address, Vec<u8>, Evidence)> {
        let (id, item) = self.lines.iter().find(|(_, item)| item.peer == peer.as_str())?;
        let JournalItem { peer: _, resource, line, delayed, archived, offline, copy, error } = item;
        let from = Address { peer: peer.clone(), resource: resource.as_deref().map(Into::into) };
        let carbon = copy.then_some(Carbon::Received);
        let evidence = Evidence { delayed: *delayed, archived: *archived, carbon, offline: *offline, error: *error };
        Some((*id, from, line.as_bytes().to_vec(), evidence))
    }

    /// A line has been handled.
    pub(super) fn remove(&mut self, id: u64) {
        if let Some(index) = self.lines.iter().position(|(known, _)| *known == id)
            && let Some((_, item)) = self.lines.remove(index)
        {
            self.bytes = self.bytes.saturating_sub(item.line.as_bytes().len());
            self.changed = true;
        }
    }

    /// Nothing that is still to be acknowledged can be.
    pub(super) fn forget_acknowledgements(&mut self) {
        self.in_store.clear();
        self.later.clear();
    }

    /// The next write, if one is due.
    pub(super) fn save(&mut self) -> Option<Job> {
        if !self.loaded || !self.changed || self.saving {
            return None;
        }
        let record = JournalRecord { items: self.lines.iter().map(|(_, item)| item.clone()).collect() };
        // The caps keep it far below the codec's limit.
        let bytes = codec::encode(&record).ok()?;
        self.changed = false;
        self.saving = true;
        self.in_store.append(&mut self.later);
        let change = Change::put(self.name.clone(), self.generation, bytes).retiring_secret();
        Some(Job::SaveJournal(Batch::from(change)))
    }

    /// A write is done. Returns what may be acknowledged now.
    pub(super) fn saved(&mut self, result: Result<(), StoreError>) -> Result<Vec<DeliveryId>, StoreError> {
        self.saving = false;
        result?;
        self.generation += 1;
        Ok(core::mem::take(&mut self.in_store))
    }

    pub(super) const fn is_quiet(&self) -> bool {
        !(self.saving || self.loaded && self.changed)
    }
}
