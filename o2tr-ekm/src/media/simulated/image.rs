//! The content of a simulated directory at one moment.

use std::collections::BTreeMap;

use crate::backend::Tables;

/// Names, files and a database.
#[derive(Clone, Default)]
pub(super) struct Image {
    pub(super) names: BTreeMap<String, u64>,
    pub(super) inodes: BTreeMap<u64, Vec<u8>>,
    /// A database beside the files ([`crate::backend::Memory`]).
    pub(super) tables: Tables,
}

/// What can happen to a name.
#[derive(Clone)]
pub(super) enum NameChange {
    Create(String, u64),
    Rename(String, String),
    Remove(String),
}

impl Image {
    pub(super) fn write(&mut self, inode: u64, offset: u64, bytes: &[u8]) {
        let Ok(offset) = usize::try_from(offset) else { return };
        let file = self.inodes.entry(inode).or_default();
        let end = offset.saturating_add(bytes.len());
        if !bytes.is_empty() && file.len() < end {
            file.resize(end, 0);
        }
        file.iter_mut().skip(offset).zip(bytes).for_each(|(to, from)| *to = *from);
    }

    pub(super) fn change(&mut self, change: &NameChange) {
        match change {
            NameChange::Create(name, inode) => {
                self.names.insert(name.clone(), *inode);
                self.inodes.entry(*inode).or_default();
            }
            NameChange::Rename(from, to) => {
                if let Some(inode) = self.names.remove(from) {
                    self.names.insert(to.clone(), inode);
                }
            }
            NameChange::Remove(name) => {
                self.names.remove(name);
            }
        }
    }
}
