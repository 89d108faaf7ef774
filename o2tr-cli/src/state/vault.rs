//! The store of a state directory, whichever of its two forms it has.

use std::path::Path;

use o2tr_ekm::backend::{Files, Sqlite};
use o2tr_ekm::{
    Batch, EkmStore, Loaded, OpenError, Opened, Options, RowId, RowName, StoreError, SubRowId, SubRowKey, Unlock,
    open_files, open_sqlite,
};
use zeroize::Zeroizing;

use super::Opening;
use super::unlock::ask;
use crate::failure::Failure;

/// How rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Backend {
    /// A SQLite database
    Sqlite,
    /// One file per conversation
    Files,
}

/// Which store to open.
#[derive(Debug)]
pub(super) struct VaultOptions {
    /// How it keeps its rows if it is made; an existing one has its form.
    pub(super) backend: Option<Backend>,
    /// Whether to make one that is not there.
    pub(super) create: bool,
    /// It stays closed if one of these rows is damaged.
    pub(super) required: Vec<RowName>,
}

/// An open store.
#[derive(Debug)]
pub(crate) struct Vault {
    form: Form,
    warnings: Vec<String>,
}

#[derive(Debug)]
enum Form {
    Sqlite(Box<o2tr_ekm::Vault<Sqlite>>),
    Files(Box<o2tr_ekm::Vault<Files>>),
}

impl Vault {
    /// Opens the store in a directory.
    ///
    /// # Errors
    /// [`Failure`]; the files are as they were.
    pub(super) fn open(opening: &Opening<'_>, options: &VaultOptions) -> Result<Self, Failure> {
        let directory = opening.directory;
        let found = found(directory);
        if let (Some(found), Some(wanted)) = (found, options.backend)
            && found != wanted
        {
            return Err(Failure::usage(format!(
                "{} keeps its rows another way than --store says. Nothing was changed; leave the option out.",
                directory.display()
            )));
        }
        let backend = found.or(options.backend).unwrap_or(Backend::Sqlite);
        let options = Options { create: options.create, required: options.required.clone(), ..Options::default() };
        let open = |unlock: &Unlock| match backend {
            Backend::Sqlite => open_sqlite(directory, unlock, &options).map(|opened| Self::of(opened, Form::Sqlite)),
            Backend::Files => open_files(directory, unlock, &options).map(|opened| Self::of(opened, Form::Files)),
        };
        let opened = match open(&opening.passphrase.unlock(directory)?) {
            Err(OpenError::WrongKind { stored: "a passphrase", .. }) if opening.passphrase.may_be_asked() => {
                open(&ask(directory)?)
            }
            opened => opened,
        };
        opened.map_err(|error| Failure::opening(directory, &error))
    }

    fn of<B: o2tr_ekm::backend::Backend>(
        opened: Opened<B>,
        form: impl FnOnce(Box<o2tr_ekm::Vault<B>>) -> Form,
    ) -> Self {
        let warnings = opened.warnings.iter().map(ToString::to_string).collect();
        Self { form: form(Box::new(opened.vault)), warnings }
    }

    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Wraps the store's key anew.
    ///
    /// # Errors
    /// As [`o2tr_ekm::Vault::change_unlock`].
    pub(super) fn change_unlock(&mut self, unlock: &Unlock) -> Result<(), OpenError> {
        match &mut self.form {
            Form::Sqlite(vault) => vault.change_unlock(unlock),
            Form::Files(vault) => vault.change_unlock(unlock),
        }
    }

    /// Erases what is to be erased and closes.
    ///
    /// # Errors
    /// As [`o2tr_ekm::Vault::close`].
    pub(crate) fn close(self) -> Result<(), StoreError> {
        match self.form {
            Form::Sqlite(vault) => vault.close(),
            Form::Files(vault) => vault.close(),
        }
    }

    fn store(&mut self) -> &mut dyn EkmStore {
        match &mut self.form {
            Form::Sqlite(vault) => vault.as_mut(),
            Form::Files(vault) => vault.as_mut(),
        }
    }
}

impl EkmStore for Vault {
    fn load(&mut self, name: &RowName) -> Result<Option<Loaded>, StoreError> {
        self.store().load(name)
    }

    fn load_by_id(&mut self, row: RowId) -> Result<Option<Loaded>, StoreError> {
        self.store().load_by_id(row)
    }

    fn load_sub(
        &mut self,
        name: &RowName,
        sub: SubRowId,
        key: &SubRowKey,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.store().load_sub(name, sub, key)
    }

    fn commit_many(&mut self, batches: Vec<Batch>) -> Vec<Result<(), StoreError>> {
        self.store().commit_many(batches)
    }

    fn scan(&mut self, after: Option<RowId>, limit: usize) -> Result<Vec<(RowId, u64)>, StoreError> {
        self.store().scan(after, limit)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.store().flush()
    }
}

/// The form of the store that is there.
fn found(directory: &Path) -> Option<Backend> {
    if directory.join("rows.sqlite").exists() {
        Some(Backend::Sqlite)
    } else if directory.join("rows").is_dir() {
        Some(Backend::Files)
    } else {
        None
    }
}
