//! Emergency key management (EKM): the newest session keys, sealed and durable.
//!
//! A [`Vault`] keeps one row per conversation, sealed under a data key of its own, over one of several backends. It
//! commits by compare-and-swap, durably; it forgets what a commit retires by overwriting keys in place; it notices
//! when files were copied or set back, and quarantines what they hold. A [`Writer`] puts it on a thread and commits in
//! groups. What a row means is not known here: the engine gives and gets bytes ([`codec`] makes them from types).
//!
//! What is absent: networks, clocks, the life and death of records, any way to turn durability down. Locking memory
//! and disabling core dumps is up to the program.
//!
//! ```
//! use o2tr_ekm::{Change, EkmStore, KdfCost, Options, RowName, Unlock, open_files};
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! # let unlock = Unlock::Passphrase("passphrase".to_owned().into(), KdfCost::for_tests());
//! let mut store = open_files(directory, &unlock, &Options::default())?.vault;
//! let name = RowName::conversation(b"me@example.org", b"ada@example.org");
//! store.commit(Change::put(name.clone(), 0, b"a record".to_vec().into()).into())?;
//! let loaded = store.load(&name)?.ok_or("absent")?;
//! assert_eq!((loaded.generation, loaded.record.as_slice()), (1, b"a record".as_slice()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed"))]

pub mod codec;
pub mod record;
mod row;

mod error;
mod random;

mod key;
mod seal;

pub mod media;

mod cells;

pub mod backend;
mod home;

mod store;
mod vault;
mod writer;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use error::{BackendError, OpenError, StoreError, UnsealReason};
pub use home::{Holder, Warning};
pub use key::{KdfCost, Unlock};
pub use row::{MAX_NAME, RowId, RowName, SubRowId, SubRowKey};
pub use seal::{MAX_RECORD, MAX_SUB_ROW};
pub use store::{Batch, Change, EkmStore, Loaded, Quarantine, Rows, rows, sub_row_key};
#[cfg(feature = "sqlite")]
pub use vault::open_sqlite;
pub use vault::{Anchor, Flush, Opened, Options, Vault, open_files, open_files_on, open_in_memory};
pub use writer::{MAX_GROUP, QueueFull, Writer};
