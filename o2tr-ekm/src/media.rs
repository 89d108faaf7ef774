//! The few file operations beneath cells and plain files, so that tests can fail any one of them.

mod disk;
mod simulated;
mod splitmix;

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::disk::Disk;
#[cfg(feature = "sqlite")]
pub(crate) use self::disk::identity_of;
pub(crate) use self::disk::make_directory;
pub use self::simulated::{Aftermath, Fault, Simulated};
#[cfg(feature = "conformance")]
pub(crate) use self::splitmix::SplitMix;

/// A directory of files, with `/` in names for one level of subdirectories.
///
/// Durability is as POSIX gives it and not more: bytes last after [`MediaFile::sync`], names after
/// [`sync_names`](Media::sync_names).
pub trait Media: Send + Sync {
    /// Opens a file for reading and writing in place; with `create` an absent one is made (mode 0600).
    ///
    /// # Errors
    ///
    /// Any failure but absence, which is `None`.
    fn open(&self, name: &str, create: bool) -> io::Result<Option<Arc<dyn MediaFile>>>;

    /// Gives a file another name, in one step replacing whatever had that name.
    ///
    /// # Errors
    ///
    /// Any failure.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; an absent one is no failure.
    ///
    /// # Errors
    ///
    /// Any failure but absence.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names in a subdirectory (`""` for the directory itself), without its own name, in any order.
    ///
    /// # Errors
    ///
    /// Any failure.
    fn list(&self, directory: &str) -> io::Result<Vec<String>>;

    /// Makes names given and taken in a subdirectory durable.
    ///
    /// # Errors
    ///
    /// Any failure.
    fn sync_names(&self, directory: &str) -> io::Result<()>;

    /// What a copy does not share with its original.
    ///
    /// # Errors
    ///
    /// Any failure.
    fn identity(&self, name: &str) -> io::Result<Identity>;

    /// Writes a whole new file and makes its bytes, not yet its name, durable.
    ///
    /// # Errors
    ///
    /// Any failure; a part of the file may then exist.
    fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.remove(name)?;
        let file = self.open(name, true)?.ok_or(io::ErrorKind::NotFound)?;
        file.write_at(0, bytes)?;
        file.sync()
    }

    /// Reads a whole file; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Any failure but absence.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open(name, false)? else { return Ok(None) };
        let len = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; len];
        file.read_at(0, &mut bytes)?;
        Ok(Some(bytes))
    }
}

/// An open file.
pub trait MediaFile: Send + Sync {
    /// Bytes in the file.
    ///
    /// # Errors
    ///
    /// Any failure.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    ///
    /// Any failure.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buffer` from `offset` on; what lies past the end reads as zeros.
    ///
    /// # Errors
    ///
    /// Any failure.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes in place, growing the file if need be.
    ///
    /// # Errors
    ///
    /// Any failure; any part may then have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written durable.
    ///
    /// # Errors
    ///
    /// Any failure; nothing may then be assumed about what is durable.
    fn sync(&self) -> io::Result<()>;
}

/// Tells a file from its copies: file system, inode number, time of birth.
///
/// The device number is left out (it changes when disks are found in another order), as are times that every write
/// changes. The time of birth is 0 where the file system keeps none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identity {
    /// The file system's own id.
    pub filesystem: u64,
    /// The inode number.
    pub inode: u64,
    /// When the inode was made (nanoseconds since 1970).
    pub born: u64,
}
