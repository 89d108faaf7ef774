//! [`Media`] on a real directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::{Identity, Media, MediaFile};

/// A directory on disk. Directories are made with mode 0700, files with 0600.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// The directory `root`, made if absent, together with the named subdirectories.
    ///
    /// # Errors
    ///
    /// Any failure to make or sync a directory.
    pub fn new(root: &Path, subdirectories: &[&str]) -> io::Result<Self> {
        make_directory(root)?;
        for name in subdirectories {
            make_directory(&root.join(name))?;
        }
        File::open(root)?.sync_all()?;
        Ok(Self { root: root.to_owned() })
    }

    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.root.clone() } else { self.root.join(name) }
    }
}

impl Media for Disk {
    fn open(&self, name: &str, create: bool) -> io::Result<Option<Arc<dyn MediaFile>>> {
        let opened = OpenOptions::new().read(true).write(true).create(create).mode(0o600).open(self.path(name));
        match opened {
            Ok(file) => Ok(Some(Arc::new(DiskFile(file)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !create => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(directory))? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn sync_names(&self, directory: &str) -> io::Result<()> {
        File::open(self.path(directory))?.sync_all()
    }

    fn identity(&self, name: &str) -> io::Result<Identity> {
        identity_of(&File::open(self.path(name))?)
    }
}

/// The identity of an open file or directory.
pub(crate) fn identity_of(file: &File) -> io::Result<Identity> {
    let metadata = file.metadata()?;
    let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(Identity {
        filesystem: rustix::fs::fstatvfs(file)?.f_fsid,
        inode: metadata.ino(),
        born: born.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0),
    })
}

/// Makes a directory that only its owner may enter, and its parents; an existing one is left as it is.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

struct DiskFile(File);

impl MediaFile for DiskFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.0.read_at(buffer, offset) {
                Ok(0) => {
                    buffer.fill(0);
                    return Ok(());
                }
                Ok(read) => {
                    buffer = buffer.get_mut(read..).unwrap_or_default();
                    offset = offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_another_identity_and_a_rename_keeps_it() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::new(directory.path(), &["rows"]).unwrap();
        disk.write_new("cells", b"abc").unwrap();
        let original = disk.identity("cells").unwrap();
        fs::copy(directory.path().join("cells"), directory.path().join("copy")).unwrap();
        assert_ne!(disk.identity("copy").unwrap(), original);

        // Deleting the original and renaming the copy must not hide it, even if the inode number comes back.
        let saved = disk.read("cells").unwrap().unwrap();
        disk.remove("cells").unwrap();
        disk.write_new("cells", &saved).unwrap();
        assert_ne!(disk.identity("cells").unwrap(), original);

        let moved = disk.identity("cells").unwrap();
        disk.rename("cells", "elsewhere").unwrap();
        assert_eq!(disk.identity("elsewhere").unwrap(), moved);
        assert!(disk.identity("rows").is_ok());
    }

    #[test]
    fn past_the_end_reads_as_zeros() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::new(directory.path(), &[]).unwrap();
        let file = disk.open("f", true).unwrap().unwrap();
        file.write_at(2, b"ab").unwrap();
        let mut buffer = [9; 6];
        file.read_at(0, &mut buffer).unwrap();
        assert_eq!(&buffer, b"\0\0ab\0\0");
        assert!(disk.open("absent", false).unwrap().is_none());
    }
}
