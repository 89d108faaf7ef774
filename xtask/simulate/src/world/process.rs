//! Programs that start and die, and their stores.

use core::time::Duration;
use std::sync::Arc;

use o2tr::conversation::{Commit, Conversation, Opening};
use o2tr_ekm::record::ConversationRecord;
use o2tr_ekm::{Change, EkmStore, Loaded, StoreError, codec};
use otr_core::{Leap, Peer};

use super::{FLUSH_AFTER, World};
use crate::device::{Device, Kind, Program};
use crate::disk::{Disk, Loss};
use crate::invariants::{Check, Violation, ensure};

/// A store that could be opened, and what it held.
type Opened = (Box<dyn EkmStore>, Found);

impl World {
    /// Starts the program of a device: store first, then the connection.
    pub(crate) fn start(&mut self, index: usize) -> Check {
        let now = self.now;
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        if device.program.is_some() || device.gone {
            return Ok(());
        }
        device.up_at = None;
        if device.legacy {
            let peer = Peer::new(Arc::clone(&device.identity), otr_core::Settings::default());
            device.program = Some(Program::new(Kind::Plain(Box::new(peer))));
        } else {
            match device.open()? {
                Some((vault, row)) => {
                    let conversation = device.load(row, now)?;
                    device.started_at = device.generation;
                    let kind = Kind::O2tr { vault, conversation: Box::new(conversation) };
                    device.program = Some(Program::new(kind));
                }
                None => {
                    // The disk failed: somebody repairs it.
                    let (loss, down) = device.disk_fuse;
                    device.disk = device.disk.after_crash(loss);
                    device.up_at = Some(now.after(Duration::from_millis(down.max(1000))));
                    return Ok(());
                }
            }
        }
        self.tell(|| format!("{index} starts"));
        let Some(device) = self.devices.get(index) else { return Ok(()) };
        let id = device.id;
        self.server.start(id);
        // Lines that may not have left come out again, however many they are.
        let survived = self.drain(index, None, usize::MAX)?;
        if survived {
            self.server.set_presence(id, true);
        }
        Ok(())
    }

    /// The program of a device dies.
    pub(crate) fn die(&mut self, index: usize, loss: Loss, down: u64) {
        self.tell(|| format!("{index} dies, {loss:?}"));
        let now = self.now;
        let Some(device) = self.devices.get_mut(index) else { return };
        self.server.kill(device.id);
        device.fuse = None;
        device.up_at = Some(now.after(Duration::from_millis(down)));
        device.flush_at = None;
        device.smp_asked = false;
        device.untaken.clear();
        if device.legacy {
            device.program = None;
            return;
        }
        if device.program.is_some() {
            let after = device.disk.after_crash(loss);
            device.program = None;
            device.disk = after;
            device.retired.clear();
            device.watch.died();
        }
    }

    /// The store failed under a program that goes on: it is started anew.
    pub(super) fn store_failed(&mut self, index: usize) {
        let Some(device) = self.devices.get(index) else { return };
        let (loss, down) = if device.disk.has_crashed() { device.disk_fuse } else { (Loss::Nothing, 0) };
        self.tell(|| format!("the store of {index} fails"));
        self.die(index, loss, down);
    }

    /// Makes a commit durable. `false`: it failed, and the program is gone.
    pub(super) fn commit(&mut self, index: usize, commit: Commit) -> Result<bool, Violation> {
        let now = self.now;
        let Some(device) = self.devices.get_mut(index) else { return Ok(false) };
        let before = if commit.retires_secret { device.disk.data_key() } else { None };
        let Some(Program { kind: Kind::O2tr { vault, conversation }, .. }) = &mut device.program else {
            return Ok(false);
        };
        match vault.commit(change_of(&commit).into()) {
            Ok(()) => {
                device.watch.commit(device.generation, &commit)?;
                device.generation += 1;
                device.retired.extend(before);
                device.doubted &= !commit.lifts_quarantine;
                device.tampered &= !commit.lifts_quarantine;
                device.flush_at = device.flush_at.or(Some(now.after(FLUSH_AFTER)));
                conversation.commit_done();
                Ok(true)
            }
            Err(error @ (StoreError::Backend(_) | StoreError::Poisoned)) => {
                let _ = error;
                conversation.commit_failed();
                device.pending = Some(commit);
                self.store_failed(index);
                Ok(false)
            }
            Err(error) => Err(Violation::new(20, format!("the store refuses a commit: {error}"))),
        }
    }

    /// Overwrites retired keys. `false` if the store failed.
    pub(super) fn flush(&mut self, index: usize) -> Result<bool, Violation> {
        let Some(device) = self.devices.get_mut(index) else { return Ok(true) };
        device.flush_at = None;
        let Some(Program { kind: Kind::O2tr { vault, .. }, .. }) = &mut device.program else { return Ok(true) };
        if vault.flush().is_err() {
            self.store_failed(index);
            return Ok(false);
        }
        device.no_retired_key_is_left()?;
        Ok(true)
    }
}

impl Device {
    /// Opens the store and reads the row; `None` if the disk fails.
    fn open(&mut self) -> Result<Option<Opened>, Violation> {
        let opened = self.disk.open();
        let mut vault = match opened {
            Ok(vault) => vault,
            Err(o2tr_ekm::OpenError::Backend(_)) if self.disk.has_fault() => return Ok(None),
            Err(error) => return Err(Violation::new(18, format!("the store does not open: {error}"))),
        };
        match vault.load(&Disk::row()) {
            Ok(row) => Ok(Some((vault, Found::Row(row)))),
            Err(StoreError::Unsealable { generation, .. }) if self.tampered => {
                Ok(Some((vault, Found::Lost(generation))))
            }
            Err(StoreError::Backend(_)) if self.disk.has_fault() => Ok(None),
            Err(error) => Err(Violation::new(18, format!("the row cannot be read: {error}"))),
        }
    }

    /// The conversation as it is in the store, after a look at whether that is what must be there.
    fn load(&mut self, found: Found, now: otr_core::Timestamp) -> Result<Conversation, Violation> {
        let (identity, settings) = (Arc::clone(&self.identity), self.settings.clone());
        let now = self.shows(now);
        let loaded = match found {
            Found::Row(None) => {
                // The first commit may have been lost; nothing later may.
                ensure(18, self.generation == 0, || format!("the row of generation {} is gone", self.generation))?;
                self.pending = None;
                return Ok(Conversation::new(identity, settings));
            }
            Found::Lost(generation) => {
                self.generation = generation;
                self.pending = None;
                self.doubted = true;
                self.watch.set_back(ConversationRecord { quarantined: true, ..ConversationRecord::default() });
                return Ok(Conversation::lost(identity, settings, generation, now, &mut self.rng));
            }
            Found::Row(Some(loaded)) => loaded,
        };
        self.recognise(&loaded)?;
        self.doubted = loaded.quarantine.is_some();
        let opening = Opening {
            record: &loaded.record,
            generation: loaded.generation,
            quarantine: loaded.quarantine.is_some(),
            leap: Leap::random(&mut self.rng),
        };
        Conversation::open(identity, settings, &opening, now, &mut self.rng)
            .map_err(|error| Violation::new(18, format!("the row cannot be continued: {error}")))
    }

    /// Is it the row that was written last, or one in whose place somebody has put it and the store knows?
    fn recognise(&mut self, loaded: &Loaded) -> Check {
        let pending = self.pending.take();
        let doubt = loaded.quarantine;
        ensure(19, doubt.is_none() || self.tampered, || format!("the store doubts a sound row: {doubt:?}"))?;
        let found = loaded.generation;
        if found == self.generation + 1
            && let Some(commit) = pending.filter(|commit| commit.expected == self.generation)
        {
            self.watch.commit(self.generation, &commit)?;
            // What was to be said behind it died with the process.
            self.watch.died();
            self.tampered &= !commit.lifts_quarantine;
            self.generation += 1;
        }
        if found != self.generation {
            let expected = self.generation;
            ensure(19, doubt.is_some(), || {
                format!("generation {found} in place of {expected}, and the store has not noticed")
            })?;
            self.generation = found;
        }
        // As of now nothing but the row itself says which texts there are.
        let is_new_doubt = !self.watch.row.as_ref().is_some_and(|row| row.quarantined);
        if doubt.is_some() && (self.moved || is_new_doubt) {
            let row = codec::decode(&loaded.record).map_err(|error| Violation::new(18, error.to_string()))?;
            self.watch.set_back(row);
        }
        self.moved = false;
        Ok(())
    }

    /// A flush is over: of retired data keys nothing is left.
    fn no_retired_key_is_left(&mut self) -> Check {
        if self.retired.is_empty() {
            return Ok(());
        }
        let cells = self.disk.cells();
        let retired = core::mem::take(&mut self.retired);
        let left = cells.windows(16).any(|part| retired.iter().any(|key| key == part));
        ensure(18, !left, || "a retired data key is still in its cell".to_owned())
    }
}

enum Found {
    Row(Option<Loaded>),
    /// There is a row and it cannot be read.
    Lost(u64),
}

fn change_of(commit: &Commit) -> Change {
    let change = Change::put(Disk::row(), commit.expected, commit.record.clone());
    let change = if commit.retires_secret { change.retiring_secret() } else { change };
    if commit.lifts_quarantine { change.lifting_quarantine() } else { change }
}
