//! The store of a state directory, whichever of its two forms it has.

use std::path::Path;

use o2tr_ekm::backend::{Files, Sqlite};
use o2tr_ekm::{
    Batch, EkmStore, Loaded, OpenError, Opened, Options, RowId, RowName, StoreError, SubRowId, SubRowKey, Unlock,
    open_files, open_sqlite,
};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// How rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Backend {
    /// A SQLite database
    Sqlite,
    /// One file per conversation
    Files,
}

/// An open store.
#[derive(Debug)]
pub(crate) struct Vault {
    form: Form,
    /// It was made just now.
    pub(crate) created: bool,
    warnings: Vec<String>,
}

#[derive(Debug)]
enum Form {
    Sqlite(Box<o2tr_ekm::Vault<Sqlite>>),
    Files(Box<o2tr_ekm::Vault<Files>>),
}

impl Vault {
    /// Opens the store in a directory. `wanted` counts when it is made; an existing one has its form. It stays closed
    /// if a `required` row is damaged.
    ///
    /// # Errors
    /// [`Failure`]; the files are as they were.
    pub(crate) fn open(
        directory: &Path,
        wanted: Option<Backend>,
        unlock: &Unlock,
        create: bool,
        required: Vec<RowName>,
    ) -> Result<Self, Failure> {
        let found = found(directory);
        if let (Some(found), Some(wanted)) = (found, wanted)
            && found != wanted
        {
            return Err(Failure::usage(format!(
                "{} keeps its rows another way than --store says. Nothing was changed; leave the option out.",
                directory.display()
            )));
        }
        let options = Options { create, required, ..Options::default() };
        match found.or(wanted).unwrap_or(Backend::Sqlite) {
            Backend::Sqlite => {
                Self::of(directory, open_sqlite(directory, unlock, &options), |vault| Form::Sqlite(Box::new(vault)))
            }
            Backend::Files => {
                Self::of(directory, open_files(directory, unlock, &options), |vault| Form::Files(Box::new(vault)))
            }
        }
    }

    fn of<B: o2tr_ekm::backend::Backend>(
        directory: &Path,
        opened: Result<Opened<B>, OpenError>,
        form: impl FnOnce(o2tr_ekm::Vault<B>) -> Form,
    ) -> Result<Self, Failure> {
        let opened = opened.map_err(|error| Failure::opening(directory, &error))?;
        let warnings = opened.warnings.iter().map(ToString::to_string).collect();
        Ok(Self { form: form(opened.vault), created: opened.created, warnings })
    }

    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Wraps the store's key anew.
    ///
    /// # Errors
    /// As [`o2tr_ekm::Vault::change_unlock`].
    pub(crate) fn change_unlock(&mut self, unlock: &Unlock) -> Result<(), OpenError> {
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
