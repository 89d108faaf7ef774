//! Where accounts' files are, for their owner only.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::file::AccountFile;
use crate::failure::Failure;
use crate::state::private_file;

/// The longest name of an account in bytes.
const MAX_NAME: usize = 64;
const EXTENSION: &str = "toml";

/// Checks the name of an account: it becomes a file's.
///
/// # Errors
/// Why it cannot.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(format!("a name has between 1 and {MAX_NAME} bytes"));
    }
    if name.starts_with(['.', '-']) || !name.chars().all(good) {
        return Err("a name has letters and digits of ASCII, and - _ . @ + but not . or - at its begin".to_owned());
    }
    Ok(())
}

/// The directory of the accounts' files.
///
/// # Errors
/// Nobody says where the user's configuration is.
pub(crate) fn directory() -> Result<PathBuf, Failure> {
    Ok(base("XDG_CONFIG_HOME", ".config")?.join("o2tr/accounts"))
}

/// Where an account keeps its state unless its file says otherwise.
///
/// # Errors
/// Nobody says where the user's data is.
pub(crate) fn default_state(name: &str) -> Result<PathBuf, Failure> {
    Ok(base("XDG_DATA_HOME", ".local/share")?.join("o2tr").join(name))
}

/// The file of an account.
///
/// # Errors
/// The name cannot be one.
pub(crate) fn path(name: &str) -> Result<PathBuf, Failure> {
    check_name(name).map_err(|fault| Failure::usage(format!("{name:?}: {fault}")))?;
    Ok(directory()?.join(format!("{name}.{EXTENSION}")))
}

/// Reads the file of an account.
///
/// # Errors
/// It is not there, can be read by others, or is wrong.
pub(crate) fn load(name: &str) -> Result<AccountFile, Failure> {
    let path = path(name)?;
    let Some(text) = read_private(&path)? else {
        return Err(Failure::usage(format!(
            "there is no account {name:?}; `o2tr account list` lists them, `o2tr account add` makes one"
        )));
    };
    let text = std::str::from_utf8(&text).map_err(|_| Failure::usage(format!("{} is not UTF-8", path.display())))?;
    AccountFile::parse(text).map_err(|fault| Failure::usage(format!("{}: {fault}", path.display())))
}

/// Writes the file of an account, whole or not at all.
///
/// # Errors
/// It cannot be written, or is there and `replace` is false; then it is as it was.
pub(crate) fn save(name: &str, file: &AccountFile, replace: bool) -> Result<PathBuf, Failure> {
    let path = path(name)?;
    if !replace && path.exists() {
        return Err(Failure::usage(format!(
            "there is an account {name:?} already. Nothing was changed; `o2tr account remove` removes it."
        )));
    }
    let failed = |error: io::Error| Failure::file(&path, "write", &error);
    let directory = directory()?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(failed)?;
    let text = file.render().map_err(|fault| Failure::usage(format!("{}: {fault}", path.display())))?;
    private_file::write(&path, text.as_bytes()).map_err(failed)?;
    Ok(path)
}

/// Removes the file of an account.
///
/// # Errors
/// It is not there or cannot be removed.
pub(crate) fn remove(name: &str) -> Result<(), Failure> {
    let path = path(name)?;
    std::fs::remove_file(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::usage(format!("there is no account {name:?}")),
        _ => Failure::file(&path, "remove", &error),
    })
}

/// The names of all accounts, in order.
///
/// # Errors
/// The directory cannot be read.
pub(crate) fn names() -> Result<Vec<String>, Failure> {
    let directory = directory()?;
    let failed = |error: io::Error| Failure::file(&directory, "read", &error);
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    names.retain(|name| check_name(name).is_ok());
    names.sort();
    Ok(names)
}

/// The name of the only account there is.
///
/// # Errors
/// There is none, or there are several.
pub(crate) fn only() -> Result<String, Failure> {
    let mut names = names()?;
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        (Some(_), false) => Err(Failure::usage("there are several accounts: choose one with --account")),
        (None, _) => Err(Failure::usage("there is no account yet: `o2tr account add` makes one")),
    }
}

/// Reads a file that holds a secret or leads to one: it must be its owner's alone.
///
/// # Errors
/// It cannot be read, or by others as well.
pub(crate) fn read_private(path: &Path) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, Failure> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(path, "read", &error)),
    };
    let own = metadata.uid() == rustix::process::geteuid().as_raw() || metadata.uid() == 0;
    if metadata.permissions().mode() & 0o077 != 0 || !own {
        return Err(Failure::usage(format!(
            "{} belongs to others or can be read by them. Nothing was done; `chmod 600` it, and change a password that \
             was in it.",
            path.display()
        )));
    }
    private_file::read(path).map_err(|error| Failure::file(path, "read", &error))
}

fn base(variable: &str, otherwise: &str) -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable)
        .or_else(|| Some(absolute("HOME")?.join(otherwise)))
        .ok_or_else(|| Failure::usage(format!("neither {variable} nor HOME is set")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_directory() {
        for good in ["work", "a@example.org", "x_1.y-z"] {
            assert_eq!(check_name(good), Ok(()));
        }
        for bad in ["", ".", "..", ".hidden", "a/b", "-x", "ä", "a b", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
