//! Keys and instance tags in the files of libotr's clients, which may hold other accounts as well.

use std::path::Path;

use otr_core::InstanceTag;
use otr_core::dsa::PrivateKey;
use otr_core::libotr::{Account, InstanceTags, OwnInstanceTag, PrivateKeys};

use super::private_file;
use crate::failure::Failure;

/// The protocol that a new file gets, in the words of libotr's clients.
pub(super) const PROTOCOL: &str = "prpl-jabber";

/// Where identity and instance tag are kept instead of in the store.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Files<'a> {
    /// A private-key file.
    pub(crate) key: Option<&'a Path>,
    /// A file of instance tags.
    pub(crate) instance: Option<&'a Path>,
}

/// The key of an account in a file, and the protocol it stands under; `None` if the file or the account is not there.
///
/// # Errors
/// The file cannot be read or is damaged.
pub(super) fn read_key(path: &Path, name: &str) -> Result<Option<(PrivateKey, String)>, Failure> {
    let found = read_keys(path)?.accounts.into_iter().find(|account| account.name == name);
    Ok(found.map(|account| (account.key, account.protocol)))
}

/// Adds an account to a file, which is made if it is not there. Returns the protocol it stands under.
///
/// # Errors
/// The file cannot be read or written, or is damaged; it is as it was.
pub(super) fn add_key(path: &Path, name: &str, key: &PrivateKey) -> Result<String, Failure> {
    let mut keys = read_keys(path)?;
    let protocol = keys.accounts.first().map_or(PROTOCOL, |account| account.protocol.as_str()).to_owned();
    keys.accounts.push(Account { name: name.to_owned(), protocol: protocol.clone(), key: key.clone() });
    private_file::write(path, &keys.write()).map_err(|error| Failure::file(path, "write the key file", &error))?;
    Ok(protocol)
}

/// The instance tag of an account in a file.
///
/// # Errors
/// The file cannot be read or is damaged.
pub(super) fn read_instance(path: &Path, name: &str) -> Result<Option<InstanceTag>, Failure> {
    let found = read_instances(path)?.entries.into_iter().find(|entry| entry.account == name);
    Ok(found.map(|entry| entry.tag))
}

/// Adds an account's tag to a file, which is made if it is not there.
///
/// # Errors
/// The file cannot be read or written, or is damaged; it is as it was.
pub(super) fn add_instance(path: &Path, name: &str, protocol: &str, tag: InstanceTag) -> Result<(), Failure> {
    let mut tags = read_instances(path)?;
    tags.entries.push(OwnInstanceTag { account: name.to_owned(), protocol: protocol.to_owned(), tag });
    let bytes = tags.write().map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    private_file::write(path, &bytes).map_err(|error| Failure::file(path, "write the instance tags", &error))
}

fn read_keys(path: &Path) -> Result<PrivateKeys, Failure> {
    let bytes = private_file::read(path).map_err(|error| Failure::file(path, "read the key file", &error))?;
    let Some(bytes) = bytes else { return Ok(PrivateKeys::default()) };
    PrivateKeys::parse(&bytes).map_err(|error| Failure::damaged(path, &format!("not a private-key file: {error}")))
}

fn read_instances(path: &Path) -> Result<InstanceTags, Failure> {
    let bytes = private_file::read(path).map_err(|error| Failure::file(path, "read the instance tags", &error))?;
    let Some(bytes) = bytes else { return Ok(InstanceTags::default()) };
    let parsed = InstanceTags::parse(&bytes);
    match parsed.skipped.first() {
        // Perhaps the line of this very account: a new tag would disturb every session of its peers.
        Some(line) => Err(Failure::damaged(path, &format!("line {line} is no instance tag"))),
        None => Ok(parsed.file),
    }
}
