//! [`Media`] in memory, which can fail at any operation and lose what was not synced.

mod image;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::image::{Image, NameChange};
use super::splitmix::SplitMix;
use super::{Identity, Media, MediaFile};
use crate::backend::Tables;
use crate::row::RowId;

/// A directory in memory that keeps apart what is written and what is durable.
///
/// Clones share the directory. Also the medium of throw-away stores.
#[derive(Clone, Default)]
pub struct Simulated(Arc<Mutex<State>>);

/// What goes wrong, and from which operation on. Only operations that change something are counted, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operation is torn (half of a write happens) and everything after it fails: the process is gone.
    Crash(u64),
    /// From this operation on writes fail with [`io::ErrorKind::StorageFull`].
    Full(u64),
    /// From this operation on synchronising fails: what was written can be read, and nothing more becomes durable.
    Sync(u64),
}

/// What a crash leaves of the bytes and names that were written and not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aftermath {
    /// All of them: only the process died.
    Killed,
    /// None of them: the power failed before anything was written back.
    PowerCut,
    /// Some, by this seed: each write whole, torn, or not at all; names in order up to some point.
    Mixed(u64),
}

#[derive(Default)]
struct State {
    live: Image,
    durable: Image,
    /// Writes not yet durable, per inode.
    writes: Vec<(u64, u64, Vec<u8>)>,
    /// Changes of names not yet durable, with the directory they are in.
    names: Vec<(String, NameChange)>,
    next_inode: u64,
    /// Stands for the inode of the directory itself.
    directory: u64,
    operations: u64,
    fault: Option<Fault>,
    crashed: bool,
}

impl Simulated {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Arms or disarms a fault and begins counting operations anew.
    pub fn set_fault(&self, fault: Option<Fault>) {
        let mut state = self.state();
        state.operations = 0;
        state.fault = fault;
    }

    /// Operations that changed something since [`set_fault`](Self::set_fault).
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Whether an armed crash has happened.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// The directory as it is found after a crash: another one, so that what the dead process still holds is cut off.
    #[must_use]
    pub fn after_crash(&self, aftermath: Aftermath) -> Self {
        let state = self.state();
        let image = match aftermath {
            Aftermath::Killed => state.live.clone(),
            Aftermath::PowerCut => state.durable.clone(),
            Aftermath::Mixed(seed) => state.mixed(seed),
        };
        let (next_inode, directory) = (state.next_inode, state.directory);
        let after = State { live: image.clone(), durable: image, next_inode, directory, ..State::default() };
        Self(Arc::new(Mutex::new(after)))
    }

    /// A copy as `cp` would make it: the same bytes, other identities.
    #[must_use]
    pub fn copied(&self) -> Self {
        let copy = self.after_crash(Aftermath::Killed);
        let names: Vec<String> = copy.state().live.names.keys().cloned().collect();
        for name in names {
            copy.restore_from(self, &name);
        }
        copy.state().directory += 1;
        copy
    }

    /// Replaces one file by the one of that name in another directory, as restoring a backup would (other identity).
    pub fn restore_from(&self, backup: &Self, name: &str) {
        let bytes = backup.bytes(name);
        let mut state = self.state();
        state.next_inode += 1_000_000;
        let inode = state.next_inode;
        let State { live, durable, .. } = &mut *state;
        for image in [live, durable] {
            match &bytes {
                Some(bytes) => {
                    image.names.insert(name.to_owned(), inode);
                    image.inodes.insert(inode, bytes.clone());
                }
                None => {
                    image.names.remove(name);
                }
            }
        }
    }

    /// Replaces the bytes of a file and keeps its identity, as `cp backup file` over an existing file would.
    pub fn overwrite(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state();
        let Some(inode) = state.live.names.get(name).copied() else { return };
        state.live.inodes.insert(inode, bytes.to_vec());
        state.durable.inodes.insert(inode, bytes.to_vec());
    }

    /// The bytes of a file, as written so far.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state.live.inodes.get(state.live.names.get(name)?).cloned()
    }

    /// All files with their bytes: for searching them, and for comparing before and after.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let bytes = |inode| state.live.inodes.get(inode).cloned().unwrap_or_default();
        state.live.names.iter().map(|(name, inode)| (name.clone(), bytes(inode))).collect()
    }

    /// Replaces the database by the one of another directory, as restoring a backup in place would.
    pub fn restore_rows_from(&self, backup: &Self) {
        let tables = backup.state().live.tables.clone();
        let mut state = self.state();
        state.durable.tables = tables.clone();
        state.live.tables = tables;
    }

    /// Calls `edit` with generation and bytes of every row of the database, as somebody with access to it could.
    pub fn edit_rows(&self, mut edit: impl FnMut(RowId, &mut u64, &mut Vec<u8>)) {
        let mut state = self.state();
        for (row, (generation, bytes)) in &mut state.live.tables.rows {
            edit(*row, generation, bytes);
        }
        state.durable.tables = state.live.tables.clone();
    }

    /// Reads the database.
    pub(crate) fn tables<T>(&self, read: impl FnOnce(&Tables) -> T) -> io::Result<T> {
        let state = self.state();
        if state.crashed { Err(gone()) } else { Ok(read(&state.live.tables)) }
    }

    /// Changes the database at once and durably. Counts as two operations: a crash at the first loses the
    /// transaction, a crash at the second only its acknowledgement.
    pub(crate) fn transaction<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> io::Result<T> {
        let mut state = self.state();
        if !state.operation(true)? {
            return Err(gone());
        }
        state.synchronises()?;
        let result = change(&mut state.live.tables);
        state.durable.tables = state.live.tables.clone();
        if state.operation(false)? { Ok(result) } else { Err(gone()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts an operation. `Ok(true)`: do it; `Ok(false)`: do half of it, then fail.
    fn operation(&mut self, grows: bool) -> io::Result<bool> {
        if self.crashed {
            return Err(gone());
        }
        self.operations += 1;
        match self.fault {
            Some(Fault::Crash(at)) if self.operations >= at => {
                self.crashed = true;
                Ok(false)
            }
            Some(Fault::Full(from)) if grows && self.operations >= from => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(true),
        }
    }

    /// Whether what was written can be made durable now.
    fn synchronises(&self) -> io::Result<()> {
        match self.fault {
            Some(Fault::Sync(from)) if self.operations >= from => Err(io::Error::other("synchronising failed")),
            _ => Ok(()),
        }
    }

    fn change_names(&mut self, directory: String, change: NameChange) -> io::Result<()> {
        if !self.operation(false)? {
            return Err(gone());
        }
        self.live.change(&change);
        self.names.push((directory, change));
        Ok(())
    }

    fn mixed(&self, seed: u64) -> Image {
        let mut random = SplitMix(seed);
        let mut image = self.durable.clone();
        for (inode, offset, bytes) in &self.writes {
            let kept = match random.below(4) {
                0 => 0,
                1 => random.below(bytes.len().saturating_add(1)),
                _ => bytes.len(),
            };
            image.write(*inode, *offset, bytes.get(..kept).unwrap_or_default());
        }
        let kept = random.below(self.names.len().saturating_add(1));
        for (_, change) in self.names.iter().take(kept) {
            image.change(change);
        }
        image
    }
}

impl Media for Simulated {
    fn open(&self, name: &str, create: bool) -> io::Result<Option<Arc<dyn MediaFile>>> {
        let mut state = self.state();
        if state.crashed {
            return Err(gone());
        }
        let inode = match state.live.names.get(name).copied() {
            Some(inode) => inode,
            None if create => {
                state.next_inode += 1;
                let inode = state.next_inode;
                state.change_names(directory_of(name), NameChange::Create(name.to_owned(), inode))?;
                inode
            }
            None => return Ok(None),
        };
        Ok(Some(Arc::new(SimulatedFile { media: self.clone(), inode })))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state().change_names(directory_of(to), NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        if !state.crashed && !state.live.names.contains_key(name) {
            return Ok(());
        }
        state.change_names(directory_of(name), NameChange::Remove(name.to_owned()))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let state = self.state();
        if state.crashed {
            return Err(gone());
        }
        let inside = |name: &&String| directory_of(name) == directory;
        let names = state.live.names.keys().filter(inside);
        Ok(names.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()).collect())
    }

    fn sync_names(&self, directory: &str) -> io::Result<()> {
        let mut state = self.state();
        if !state.operation(false)? {
            return Err(gone());
        }
        state.synchronises()?;
        let state = &mut *state;
        let (now, later) = std::mem::take(&mut state.names).into_iter().partition(|(of, _)| of == directory);
        state.names = later;
        for (_, change) in now {
            state.durable.change(&change);
        }
        Ok(())
    }

    fn identity(&self, name: &str) -> io::Result<Identity> {
        let state = self.state();
        let inode = state.live.names.get(name).copied().unwrap_or(state.directory);
        Ok(Identity { filesystem: 1, inode, born: inode })
    }
}

struct SimulatedFile {
    media: Simulated,
    inode: u64,
}

impl MediaFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        let state = self.media.state();
        Ok(state.live.inodes.get(&self.inode).map_or(0, Vec::len) as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let state = self.media.state();
        if state.crashed {
            return Err(gone());
        }
        let bytes = state.live.inodes.get(&self.inode).map_or(&[][..], Vec::as_slice);
        let bytes = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        buffer.fill(0);
        buffer.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.media.state();
        let whole = state.operation(true)?;
        let written = if whole { bytes } else { bytes.get(..bytes.len() / 2).unwrap_or_default() };
        state.live.write(self.inode, offset, written);
        state.writes.push((self.inode, offset, written.to_vec()));
        if whole { Ok(()) } else { Err(gone()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.media.state();
        if !state.operation(false)? {
            return Err(gone());
        }
        state.synchronises()?;
        let state = &mut *state;
        let (now, later) = std::mem::take(&mut state.writes).into_iter().partition(|(of, ..)| *of == self.inode);
        state.writes = later;
        for (inode, offset, bytes) in now {
            state.durable.write(inode, offset, &bytes);
        }
        Ok(())
    }
}

fn gone() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

fn directory_of(name: &str) -> String {
    name.rsplit_once('/').map_or(String::new(), |(directory, _)| directory.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_synced_bytes_and_names_survive_a_power_cut() {
        let media = Simulated::new();
        let file = media.open("a", true).unwrap().unwrap();
        file.write_at(0, b"one").unwrap();
        file.sync().unwrap();
        assert!(media.after_crash(Aftermath::PowerCut).bytes("a").is_none());
        media.sync_names("").unwrap();
        file.write_at(0, b"two").unwrap();
        assert_eq!(media.after_crash(Aftermath::PowerCut).bytes("a").unwrap(), b"one");
        assert_eq!(media.after_crash(Aftermath::Killed).bytes("a").unwrap(), b"two");
    }

    #[test]
    fn a_crash_tears_one_write_and_ends_everything() {
        let media = Simulated::new();
        let file = media.open("a", true).unwrap().unwrap();
        media.set_fault(Some(Fault::Crash(2)));
        file.write_at(0, b"1234").unwrap();
        assert!(file.write_at(0, b"abcd").is_err());
        assert!(file.sync().is_err());
        assert!(media.open("a", false).is_err());
        assert_eq!(media.after_crash(Aftermath::Killed).bytes("a").unwrap(), b"ab34");
    }

    #[test]
    fn what_fails_to_be_synchronised_is_lost_with_the_power() {
        let media = Simulated::new();
        let file = media.open("a", true).unwrap().unwrap();
        media.sync_names("").unwrap();
        media.set_fault(Some(Fault::Sync(2)));
        file.write_at(0, b"one").unwrap();
        assert!(file.sync().is_err());
        assert_eq!(media.bytes("a").unwrap(), b"one");
        assert_eq!(media.after_crash(Aftermath::PowerCut).bytes("a").unwrap(), b"");
        media.set_fault(None);
        file.sync().unwrap();
        assert_eq!(media.after_crash(Aftermath::PowerCut).bytes("a").unwrap(), b"one");
    }

    #[test]
    fn a_full_disk_refuses_writes_only() {
        let media = Simulated::new();
        let file = media.open("a", true).unwrap().unwrap();
        media.set_fault(Some(Fault::Full(1)));
        assert_eq!(file.write_at(0, b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
        file.sync().unwrap();
        media.set_fault(None);
        file.write_at(0, b"x").unwrap();
    }
}
