//! Who we are: found in the store or in libotr's files, made only where nothing was.

use std::path::Path;
use std::sync::Arc;

use o2tr_ekm::record::{AccountInstance, AccountKey, AccountRecord, KeyBytes};
use o2tr_ekm::{Change, EkmStore, RowName, codec};
use otr_core::dsa::PrivateKey;
use otr_core::{Identity, InstanceTag};
use rand_core::CryptoRng;

use super::libotr::{self, Files};
use super::vault::Vault;
use crate::failure::{Failure, Kind};

/// Whose identity, and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// The account.
    pub(crate) name: &'a str,
    /// Files that take the store's place.
    pub(crate) files: Files<'a>,
    /// A libotr file whose key becomes the one of a new store.
    pub(crate) import: Option<&'a Path>,
}

/// An identity that is kept nowhere, except for what `source` keeps in files.
///
/// # Errors
/// A file cannot be read or written, or is damaged.
pub(crate) fn ephemeral(source: &Source<'_>, rng: &mut dyn CryptoRng) -> Result<Arc<Identity>, Failure> {
    Ok(resolve(source, None, rng)?.0)
}

/// The identity of a store. It is made only if the store has never held anything.
///
/// # Errors
/// [`Failure`]; the store is as it was.
pub(super) fn load_or_create(
    directory: &Path,
    vault: &mut Vault,
    source: &Source<'_>,
    rng: &mut dyn CryptoRng,
) -> Result<Arc<Identity>, Failure> {
    let before = load(directory, vault)?;
    if let Some((_, record)) = &before
        && record.name != source.name
    {
        return Err(Failure::usage(format!(
            "{} belongs to the account {:?}, not to {:?}. Nothing was changed; one directory is one account.",
            directory.display(),
            record.name,
            source.name
        )));
    }
    let (identity, record) = resolve(source, before.as_ref().map(|(_, record)| record), rng)?;
    if let Some(record) = record {
        let encoded = codec::encode(&record).map_err(|error| Failure::usage(format!("the account name: {error}")))?;
        let generation = before.map_or(0, |(generation, _)| generation);
        vault
            .commit(Change::put(row(), generation, encoded).into())
            .map_err(|error| Failure::working(directory, &error))?;
    }
    Ok(identity)
}

/// The account of a store with the generation of its row; `None` only if the store has never held anything.
///
/// # Errors
/// [`Failure`]; the store is as it was.
pub(super) fn load(directory: &Path, vault: &mut Vault) -> Result<Option<(u64, AccountRecord)>, Failure> {
    let failed = |error| Failure::working(directory, &error);
    let Some(loaded) = vault.load(&row()).map_err(failed)? else {
        if vault.scan(None, 1).map_err(failed)?.is_empty() {
            return Ok(None);
        }
        return Err(Failure::damaged(directory, "there are conversations, but the identity is gone"));
    };
    let record = codec::decode(&loaded.record)
        .map_err(|error| Failure::damaged(directory, &format!("the identity cannot be read: {error}")))?;
    Ok(Some((loaded.generation, record)))
}

/// The key of an account whose key is in its store.
///
/// # Errors
/// The bytes are no key.
pub(super) fn own_key(bytes: &KeyBytes) -> Result<PrivateKey, Failure> {
    PrivateKey::from_bytes(bytes.expose())
        .map_err(|error| Failure::new(Kind::Store, "damaged", format!("the stored identity is damaged: {error}")))
}

/// The one row whose name is known before anything else is.
pub(super) fn row() -> RowName {
    RowName::account_wide(b"")
}

/// Key and tag, and the account's record if it has changed.
fn resolve(
    source: &Source<'_>,
    before: Option<&AccountRecord>,
    rng: &mut dyn CryptoRng,
) -> Result<(Arc<Identity>, Option<AccountRecord>), Failure> {
    let (key, protocol, key_entry) = resolve_key(source, before, rng)?;
    let (instance, instance_entry) = resolve_instance(source, before, &protocol, rng)?;
    let changed = key_entry.is_some() || instance_entry.is_some();
    let record = changed.then(|| AccountRecord {
        name: source.name.to_owned(),
        protocol,
        // Unchanged entries are the ones from before: without a record, both are new.
        key: key_entry.or_else(|| before.map(|record| record.key.clone())).unwrap_or_else(|| own(&key)),
        instance: instance_entry
            .or_else(|| before.map(|record| record.instance))
            .unwrap_or(AccountInstance::Own(instance)),
    });
    Ok((Identity::new(key, instance), record))
}

/// The key, its protocol, and the entry for the record if that has changed. A key in the store stays there when a
/// file takes its place.
fn resolve_key(
    source: &Source<'_>,
    before: Option<&AccountRecord>,
    rng: &mut dyn CryptoRng,
) -> Result<(PrivateKey, String, Option<AccountKey>), Failure> {
    let protocol = before.map_or(libotr::PROTOCOL, |record| record.protocol.as_str()).to_owned();
    let stored = match before.map(|record| &record.key) {
        Some(AccountKey::Own(bytes)) => Some(own_key(bytes)?),
        Some(AccountKey::Elsewhere(_)) | None => None,
    };
    let Some(file) = source.files.key else {
        return match (stored, before) {
            (Some(key), _) => Ok((key, protocol, None)),
            (None, Some(_)) => Err(Failure::new(
                Kind::Store,
                "identity",
                "the key of this account is in a libotr key file. Nothing was changed; name it with --libotr-key.",
            )),
            (None, None) => {
                let key = match source.import {
                    Some(file) => imported(file, source.name)?,
                    None => PrivateKey::generate(rng),
                };
                let entry = own(&key);
                Ok((key, protocol, Some(entry)))
            }
        };
    };
    let elsewhere = |key: &PrivateKey| AccountKey::Elsewhere(key.public_key().fingerprint());
    match (libotr::read_key(file, source.name)?, before.map(|record| &record.key)) {
        (Some((key, protocol)), Some(AccountKey::Own(_))) => Ok((key, protocol, None)),
        (Some((key, protocol)), Some(AccountKey::Elsewhere(known))) => {
            let entry = (key.public_key().fingerprint() != *known).then(|| elsewhere(&key));
            Ok((key, protocol, entry))
        }
        (Some((key, protocol)), None) => {
            let entry = elsewhere(&key);
            Ok((key, protocol, Some(entry)))
        }
        (None, Some(AccountKey::Elsewhere(known))) => Err(Failure::new(
            Kind::Store,
            "identity",
            format!(
                "{} no longer holds the key of {:?} (fingerprint {known}). Nothing was changed, and no new identity \
                 was made; put the file back.",
                file.display(),
                source.name
            ),
        )),
        // The identity of the store moves into the file, so that other clients can use it.
        (None, Some(AccountKey::Own(_)) | None) => {
            let key = stored.unwrap_or_else(|| PrivateKey::generate(rng));
            let protocol = libotr::add_key(file, source.name, &key)?;
            let entry = before.is_none().then(|| elsewhere(&key));
            Ok((key, protocol, entry))
        }
    }
}

fn resolve_instance(
    source: &Source<'_>,
    before: Option<&AccountRecord>,
    protocol: &str,
    rng: &mut dyn CryptoRng,
) -> Result<(InstanceTag, Option<AccountInstance>), Failure> {
    let known = before.map(|record| record.instance);
    let last = known.map(|(AccountInstance::Own(tag) | AccountInstance::Elsewhere(tag))| tag);
    let Some(file) = source.files.instance else {
        let tag = last.unwrap_or_else(|| InstanceTag::random(rng));
        return Ok((tag, last.is_none().then_some(AccountInstance::Own(tag))));
    };
    let tag = match libotr::read_instance(file, source.name)? {
        Some(tag) => tag,
        None => {
            let tag = last.unwrap_or_else(|| InstanceTag::random(rng));
            libotr::add_instance(file, source.name, protocol, tag)?;
            tag
        }
    };
    let unchanged = matches!(known, Some(AccountInstance::Own(_))) || known == Some(AccountInstance::Elsewhere(tag));
    Ok((tag, (!unchanged).then_some(AccountInstance::Elsewhere(tag))))
}

fn imported(file: &Path, name: &str) -> Result<PrivateKey, Failure> {
    let found = libotr::read_key(file, name)?;
    found
        .map(|(key, _)| key)
        .ok_or_else(|| Failure::usage(format!("{} holds no key for {name:?}. Nothing was changed.", file.display())))
}

fn own(key: &PrivateKey) -> AccountKey {
    AccountKey::Own(KeyBytes::new(key.to_bytes().to_vec()))
}
