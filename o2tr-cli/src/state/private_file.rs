//! Files that hold secrets: read with a limit, written whole or not at all, for their owner only.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::Failure;

/// The largest file that is read, in bytes: a key file of a thousand accounts.
const MAX_FILE: u64 = 4 << 20;

/// Reads a file; `None` if it is not there.
///
/// # Errors
/// It cannot be read, or is too large.
pub(crate) fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    if size > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{size} bytes are too many")));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Writes a file beside its place and moves it there, durably, with mode 0600.
///
/// # Errors
/// It cannot be written; what was there is still there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file name"))?;
    let mut temporary = name.to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = directory.join(temporary);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(directory)?.sync_all()
    })();
    if written.is_err() {
        // The name is ours alone; if it is not there, there is nothing to remove.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// Writes a file that is not there yet, with mode 0600.
///
/// # Errors
/// It is there, or cannot be written.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| Failure::file(path, "write", &error))
}

/// Overwrites a file that holds a key, and removes it. Nothing happens if it is not there.
///
/// # Errors
/// It cannot be overwritten or removed.
pub(crate) fn remove_secret(path: &Path) -> Result<(), Failure> {
    let removed = (|| {
        let mut file = match OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let mut left = file.metadata()?.len();
        while left > 0 {
            let piece = left.min(ZEROS.len() as u64);
            file.write_all(ZEROS.get(..usize::try_from(piece).unwrap_or(0)).unwrap_or_default())?;
            left -= piece;
        }
        file.sync_all()?;
        std::fs::remove_file(path)
    })();
    removed.map_err(|error| Failure::file(path, "destroy", &error))
}

/// Destroys a state directory: first the files without which nothing else can be read.
///
/// # Errors
/// It is no state directory, or something cannot be overwritten or removed.
pub(crate) fn destroy(directory: &Path) -> Result<(), Failure> {
    if !directory.join("cells").is_file() {
        return Err(Failure::usage(format!("{} is no state directory. Nothing was changed.", directory.display())));
    }
    for name in ["cells", super::KEY_FILE] {
        remove_secret(&directory.join(name))?;
    }
    std::fs::remove_dir_all(directory).map_err(|error| Failure::file(directory, "remove", &error))
}

const ZEROS: [u8; 4096] = [0; 4096];

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn written_files_are_private_and_replace_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        assert!(read(&path).unwrap().is_none());
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().unwrap().as_slice(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
