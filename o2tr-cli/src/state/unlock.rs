//! What opens the store: a passphrase from a file, or the key file beside it.

use std::io::Read as _;
use std::path::Path;

use o2tr_ekm::{KdfCost, Unlock};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The longest passphrase in bytes.
const MAX_PASSPHRASE: u64 = 4096;

/// The key file's name in a state directory.
const KEY_FILE: &str = "key";

/// What opens the store in a directory.
///
/// # Errors
/// A passphrase file that cannot be read.
pub(crate) fn unlock_with(directory: &Path, passphrase_file: Option<&Path>) -> Result<Unlock, Failure> {
    match passphrase_file {
        Some(file) => Ok(Unlock::Passphrase(read_passphrase(file)?, KdfCost::DEFAULT)),
        None => Ok(Unlock::KeyFile(directory.join(KEY_FILE))),
    }
}

/// Reads a passphrase; a line break at its end does not belong to it.
///
/// # Errors
/// The file cannot be read, is empty, too long or no UTF-8.
pub(crate) fn read_passphrase(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error| Failure::file(file, "read the passphrase from", &error);
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE as usize + 1));
    let opened = std::fs::File::open(file).map_err(failed)?;
    opened.take(MAX_PASSPHRASE + 1).read_to_end(&mut bytes).map_err(failed)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::usage(format!("the passphrase in {} is not UTF-8", file.display())))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() || bytes.len() as u64 > MAX_PASSPHRASE {
        return Err(Failure::usage(format!(
            "the passphrase in {} must have between 1 and {MAX_PASSPHRASE} bytes",
            file.display()
        )));
    }
    Ok(Zeroizing::new(text.to_owned()))
}
