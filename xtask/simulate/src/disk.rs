//! The disk of a device, and the store on it: real sealing, cells and rows over a medium that can fail.

use std::sync::Arc;

use o2tr_ekm::media::{Aftermath, Fault, Simulated};
use o2tr_ekm::{EkmStore, Flush, OpenError, Options, RowName, Unlock, open_files_on, open_in_memory};
use otr_core::SecretBytes;
use serde::{Deserialize, Serialize};

/// Where the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rows {
    /// In a database whose transactions are atomic.
    Database,
    /// In plain files with a journal.
    Files,
}

/// What a crash leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// Only the process died.
    Nothing,
    /// The power failed.
    Everything,
    /// Some of it, by this seed, sectors torn.
    Some(u64),
}

impl From<Loss> for Aftermath {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Nothing => Self::Killed,
            Loss::Everything => Self::PowerCut,
            Loss::Some(seed) => Self::Mixed(seed),
        }
    }
}

/// A store's medium.
#[derive(Clone)]
pub(crate) struct Disk {
    media: Simulated,
    rows: Rows,
    /// A fault was armed since it was last found in order.
    fault: bool,
}

impl Disk {
    pub(crate) fn new(rows: Rows) -> Self {
        Self { media: Simulated::new(), rows, fault: false }
    }

    pub(crate) fn open(&self) -> Result<Box<dyn EkmStore>, OpenError> {
        let unlock = Unlock::Key(SecretBytes::new([7; 32]));
        let options =
            Options { create: true, flush: Flush::Manually, anchor: None, cached_rows: 4, required: Vec::new() };
        Ok(match self.rows {
            Rows::Database => Box::new(open_in_memory(&self.media, &unlock, &options)?.vault),
            Rows::Files => Box::new(open_files_on(Arc::new(self.media.clone()), &unlock, &options)?.vault),
        })
    }

    /// The one row that is used.
    pub(crate) fn row() -> RowName {
        RowName::conversation(b"own", b"peer")
    }

    pub(crate) fn fail(&mut self, fault: Option<Fault>) {
        self.fault = fault.is_some();
        self.media.set_fault(fault);
    }

    /// Whether it may fail.
    pub(crate) const fn has_fault(&self) -> bool {
        self.fault
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.media.has_crashed()
    }

    /// The process that uses it dies: what it holds of the disk is cut off.
    pub(crate) fn after_crash(&self, loss: Loss) -> Self {
        let after = Self { media: self.media.after_crash(loss.into()), rows: self.rows, fault: false };
        self.media.set_fault(Some(Fault::Crash(1)));
        after
    }

    /// As `cp -r` makes it.
    pub(crate) fn copied(&self) -> Self {
        Self { media: self.media.copied(), rows: self.rows, fault: false }
    }

    /// As the snapshot of a virtual machine has it: nothing tells it from the original.
    pub(crate) fn twin(&self) -> Self {
        Self { media: self.media.after_crash(Aftermath::Killed), rows: self.rows, fault: false }
    }

    /// Puts the rows of a backup in place of those that are here; the cells stay.
    pub(crate) fn restore_rows(&self, backup: &Self) {
        match self.rows {
            Rows::Database => self.media.restore_rows_from(&backup.media),
            Rows::Files => {
                let inside = |name: &String| name != "cells";
                let gone = self.media.files().into_keys().filter(inside);
                let back = backup.media.files().into_keys().filter(inside);
                for name in gone.chain(back).collect::<std::collections::BTreeSet<_>>() {
                    self.media.restore_from(&backup.media, &name);
                }
            }
        }
    }

    /// The bytes of the cells.
    pub(crate) fn cells(&self) -> Vec<u8> {
        self.media.bytes("cells").unwrap_or_default()
    }

    /// The id of the data key of the row, as it stands in its header; `None` without a row.
    pub(crate) fn data_key(&self) -> Option<[u8; 16]> {
        const KEY: core::ops::Range<usize> = 21..37;
        // A row file begins with 13 bytes of its own.
        const FILE: core::ops::Range<usize> = 13 + KEY.start..13 + KEY.end;
        let of = |bytes: &[u8], place| bytes.get::<core::ops::Range<usize>>(place).and_then(|id| id.try_into().ok());
        match self.rows {
            Rows::Database => {
                let mut id = None;
                self.media.edit_rows(|_, _, bytes| id = of(bytes, KEY));
                id
            }
            Rows::Files => {
                let rows = self.media.files().into_iter().find(|(name, _)| name.len() == "rows/".len() + 64);
                rows.and_then(|(_, bytes)| of(&bytes, FILE))
            }
        }
    }
}
