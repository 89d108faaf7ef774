//! A state directory: one account, its identity, and its conversations, sealed at rest.

mod identity;
mod libotr;
mod private_file;
mod unlock;
mod vault;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use o2tr::conversation::{Conversation, Opening};
use o2tr::settings::Settings;
use o2tr_ekm::{Change, EkmStore as _, Quarantine, RowName};
use otr_core::{Identity, Leap, Timestamp};
use rand_core::CryptoRng;

pub(crate) use self::identity::{Source, ephemeral};
pub(crate) use self::libotr::Files;
pub(crate) use self::unlock::{read_passphrase, unlock_with};
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

impl State {
    /// Opens a directory, or makes it, with an identity in it. The conversation with `peer` must not be damaged.
    ///
    /// # Errors
    /// [`Failure`]; the files are as they were.
    pub(crate) fn open_or_create(
        directory: &Path,
        backend: Option<Backend>,
        passphrase_file: Option<&Path>,
        source: &Source<'_>,
        peer: &str,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Failure> {
        let unlock = unlock_with(directory, passphrase_file)?;
        let required = vec![identity::row(), RowName::conversation(source.name.as_bytes(), peer.as_bytes())];
        let mut vault = Vault::open(directory, backend, &unlock, true, required)?;
        let identity = identity::load_or_create(directory, &mut vault, source, rng)?;
        Ok(Self { directory: directory.to_owned(), vault, account: source.name.to_owned(), identity })
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
        let loaded = self.vault.load(&row).map_err(|error| Failure::working(&self.directory, &error))?;
        let account = Arc::clone(&self.identity);
        let Some(loaded) = loaded else { return Ok((Conversation::new(account, settings), None)) };
        let opening = Opening {
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
    pub(crate) fn commit(&mut self, peer: &str, commit: o2tr::conversation::Commit) -> Result<(), Failure> {
        let mut change = Change::put(self.row(peer), commit.expected, commit.record);
        if commit.retires_secret {
            change = change.retiring_secret();
        }
        if commit.lifts_quarantine {
            change = change.lifting_quarantine();
        }
        self.vault.commit(change.into()).map_err(|error| Failure::working(&self.directory, &error))
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
