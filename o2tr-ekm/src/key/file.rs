//! Key files: 32 random bytes that only their owner may read.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use otr_core::SecretBytes;
use zeroize::Zeroizing;

use crate::error::{BackendError, OpenError};
use crate::random;

/// Reads a key file, or makes it if `create` is set and there is none.
pub(super) fn read(path: &Path, create: bool) -> Result<SecretBytes<32>, OpenError> {
    match File::open(path) {
        Ok(file) => read_open(&file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && create => make(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(OpenError::KeyFile("missing")),
        Err(error) => Err(BackendError::io("opening the key file")(error).into()),
    }
}

fn read_open(mut file: &File) -> Result<SecretBytes<32>, OpenError> {
    let metadata = file.metadata().map_err(BackendError::io("inspecting the key file"))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(OpenError::KeyFile("others may read it: its mode must be 0600"));
    }
    if metadata.len() != 32 {
        return Err(OpenError::KeyFile("it must hold 32 bytes"));
    }
    let mut key = Zeroizing::new([0; 32]);
    file.read_exact(&mut *key).map_err(BackendError::io("reading the key file"))?;
    Ok(SecretBytes::new(*key))
}

fn make(path: &Path) -> Result<SecretBytes<32>, OpenError> {
    let key = random::secret::<32>()?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(BackendError::io("creating the key file"))?;
    file.write_all(key.expose())
        .and_then(|()| file.sync_all())
        .and_then(|()| File::open(path.parent().unwrap_or(Path::new("."))))
        .and_then(|directory| directory.sync_all())
        .map_err(BackendError::io("writing the key file"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn made_once_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        assert_eq!(read(&path, false).unwrap_err(), OpenError::KeyFile("missing"));
        let key = read(&path, true).unwrap();
        assert_eq!(read(&path, true).unwrap().expose(), key.expose());
        assert_eq!(File::open(&path).unwrap().metadata().unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        read(&path, true).unwrap();
        set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read(&path, true), Err(OpenError::KeyFile(_))));
    }

    #[test]
    fn a_wrong_size_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, [1; 31]).unwrap();
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path, false).unwrap_err(), OpenError::KeyFile("it must hold 32 bytes"));
    }
}
