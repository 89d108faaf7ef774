//! A state directory: one account, its identity, and its conversations, sealed at rest.

mod identity;
mod libotr;
pub(crate) mod private_file;
mod unlock;
mod vault;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use o2tr::conversation::{self, Conversation};
use o2tr::settings::Settings;
use o2tr_ekm::{Change, EkmStore as _, Quarantine, RowName, StoreError, Unlock, UnsealReason, rows};
use otr_core::{Identity, Leap, Timestamp};
use rand_core::CryptoRng;

pub(crate) use self::identity::{Source, ephemeral};
pub(crate) use self::libotr::Files;
pub(crate) use self::private_file::{destroy, remove_secret, write_new};
pub(crate) use self::unlock::{KEY_FILE, Passphrase, command_output, passphrase_of, read_passphrase};
use self::vault::VaultOptions;
pub(crate) use self::vault::{Backend, Vault};
use crate::failure::Failure;

/// An open state directory. Dropping it closes the store.
#[derive(Debug)]
pub(crate) struct State {
    directory: PathBuf,
    vault: Vault,
    account: String,
    identity: Arc<Identity>,
}

/// How to open a state directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) passphrase: Passphrase<'a>,
    /// Keys elsewhere.
    pub(crate) files: Files<'a>,
}

/// What a new state directory is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Creation<'a> {
    /// Whose; an existing directory must be this account's.
    pub(crate) account: &'a str,
    /// How it keeps its rows.
    pub(crate) backend: Option<Backend>,
    /// A libotr file whose key it takes over; otherwise a key is made.
    pub(crate) key: Option<&'a Path>,
}

impl State {
    /// Opens a directory, or makes it, with an identity in it. The conversation with `peer` must not be damaged.
    ///
    /// # Errors
    /// [`Failure`]; the files are as they were.
    pub(crate) fn open_or_create(
        opening: &Opening<'_>,
        creation: &Creation<'_>,
        peer: Option<&str>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Failure> {
        let Opening { directory, files, .. } = *opening;
        let Creation { account, backend, key } = *creation;
        let mut required = vec![identity::row()];
        required.extend(peer.map(|peer| RowName::conversation(account.as_bytes(), peer.as_bytes())));
        let mut vault = Vault::open(opening, &VaultOptions { backend, create: true, required })?;
        let source = Source { name: account, files, import: key };
        let identity = identity::load_or_create(directory, &mut vault, &source, rng)?;
        Ok(Self { directory: directory.to_owned(), vault, account: account.to_owned(), identity })
    }

    /// Opens a directory that is there.
    ///
    /// # Errors
    /// [`Failure`]; the files are as they were.
    pub(crate) fn open(opening: &Opening<'_>, rng: &mut dyn CryptoRng) -> Result<Self, Failure> {
        let Opening { directory, files, .. } = *opening;
        if !directory.is_dir() {
            return Err(Failure::usage(format!(
                "there is no state directory {}. Nothing was made; `o2tr keys new` and `o2tr pipe` make one",
                directory.display()
            )));
        }
        let options = VaultOptions { backend: None, create: false, required: vec![identity::row()] };
        let mut vault = Vault::open(opening, &options)?;
        let Some((_, record)) = identity::load(directory, &mut vault)? else {
            return Err(Failure::usage(format!("there is no account in {} yet", directory.display())));
        };
        let source = Source { name: &record.name, files, import: None };
        let identity = identity::load_or_create(directory, &mut vault, &source, rng)?;
        Ok(Self { directory: directory.to_owned(), vault, account: record.name, identity })
    }

    /// Its account's name.
    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// Adds the key to a libotr file.
    ///
    /// # Errors
    /// It holds one for the account already, or cannot be read or written; it is as it was.
    pub(crate) fn export_key(&self, file: &Path) -> Result<(), Failure> {
        if libotr::read_key(file, &self.account)?.is_some() {
            return Err(Failure::usage(format!(
                "{} holds a key for {:?} already. Nothing was changed.",
                file.display(),
                self.account
            )));
        }
        libotr::add_key(file, &self.account, self.identity.key()).map(drop)
    }

    /// All peers that it has conversations with, in no order; and how many conversations cannot be read.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn peers(&mut self) -> Result<(Vec<String>, usize), Failure> {
        let mut peers = Vec::new();
        let mut unreadable = 0;
        for row in rows(&mut self.vault) {
            match row {
                Ok((_, loaded)) => {
                    peers.extend(loaded.name.peer().map(|peer| String::from_utf8_lossy(peer).into_owned()));
                }
                Err(StoreError::Unsealable { .. }) => unreadable += 1,
                Err(error) => return Err(Failure::working(&self.directory, &error)),
            }
        }
        Ok((peers, unreadable))
    }

    /// Forgets a conversation altogether: its row goes, and the key that sealed it is overwritten.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) fn wipe(&mut self, peer: &str) -> Result<(), Failure> {
        let change = Change::wipe(self.row(peer));
        self.vault.commit(change.into()).map_err(|error| Failure::working(&self.directory, &error))
    }

    /// Makes another passphrase or key file open the store.
    ///
    /// # Errors
    /// [`Failure`]; then the one from before opens it, or either.
    pub(crate) fn change_unlock(&mut self, unlock: &Unlock) -> Result<(), Failure> {
        self.vault.change_unlock(unlock).map_err(|error| Failure::opening(&self.directory, &error))
    }

    /// Who we are.
    pub(crate) const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// What to tell the user about the place.
    pub(crate) fn warnings(&self) -> &[String] {
        self.vault.warnings()
    }

    /// Loads the conversation with a peer, or begins one. Says also why it is in quarantine, if it is.
    ///
    /// # Errors
    /// [`Failure`]; the row is as it was.
    pub(crate) fn conversation(
        &mut self,
        peer: &str,
        settings: Settings,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Conversation, Option<Quarantine>), Failure> {
        let row = self.row(peer);
        let account = Arc::clone(&self.identity);
        let loaded = match self.vault.load(&row) {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return Ok((Conversation::new(account, settings), None)),
            Err(StoreError::Unsealable { generation, reason: UnsealReason::KeyGone, .. }) => {
                let lost = Conversation::lost(account, settings, generation, now, rng);
                return Ok((lost, Some(Quarantine::RolledBack)));
            }
            Err(error) => return Err(Failure::working(&self.directory, &error)),
        };
        let opening = conversation::Opening {
            record: &loaded.record,
            generation: loaded.generation,
            quarantine: loaded.quarantine.is_some(),
            leap: Leap::random(rng),
        };
        let conversation = Conversation::open(account, settings, &opening, now, rng)
            .map_err(|error| Failure::damaged(&self.directory, &error.to_string()))?;
        Ok((conversation, loaded.quarantine))
    }

    /// Makes a commit of a conversation durable.
    ///
    /// # Errors
    /// [`Failure`]: whether it was done is known when the store is opened again.
    pub(crate) fn commit(&mut self, peer: &str, commit: conversation::Commit) -> Result<(), Failure> {
        let mut change = Change::put(self.row(peer), commit.expected, commit.record);
        if commit.retires_secret {
            change = change.retiring_secret();
        }
        if commit.lifts_quarantine {
            change = change.lifting_quarantine();
        }
        self.vault.commit(change.into()).map_err(|error| Failure::working(&self.directory, &error))
    }

    /// The identity, and the store for a client that works with all conversations.
    pub(crate) fn into_parts(self) -> (Arc<Identity>, Vault) {
        (self.identity, self.vault)
    }

    /// Erases what is to be erased and closes the store.
    ///
    /// # Errors
    /// What could not be erased now will be at the next opening.
    pub(crate) fn close(self) -> Result<(), Failure> {
        let Self { directory, vault, .. } = self;
        vault.close().map_err(|error| Failure::working(&directory, &error))
    }

    fn row(&self, peer: &str) -> RowName {
        RowName::conversation(self.account.as_bytes(), peer.as_bytes())
    }
}
