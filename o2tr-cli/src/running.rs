//! A client that runs in this process, over any transport and over the store of an account.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use getrandom::SysRng;
use o2tr::client::{Client, ClientConfig, Driver, Events, RunError, StartError};
use o2tr::transport::Transport;
use o2tr_ekm::media::Simulated;
use o2tr_ekm::{EkmStore, Options, Unlock, open_in_memory, sub_row_key};
use otr_core::Identity;
use rand_core::UnwrapErr;
use tokio::task::JoinHandle;

use crate::account::Account;
use crate::failure::{Failure, Kind};
use crate::fault::{unwatched, watched};
use crate::password::{Purpose, SecretSource};
use crate::state::{Backend, Creation, Files, Opening, Passphrase, Source, State, ephemeral};

/// Where keys and conversations are kept.
pub(crate) enum Keeping {
    /// In a directory.
    Directory(PathBuf, Box<State>),
    /// Nowhere: with the process they are gone.
    Memory(Arc<Identity>),
}

/// What else a command line says of the state directory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StateOptions<'a> {
    pub(crate) directory: Option<&'a Path>,
    pub(crate) passphrase_file: Option<&'a Path>,
    pub(crate) passphrase_command: Option<&'a str>,
    pub(crate) backend: Option<Backend>,
    pub(crate) files: Files<'a>,
}

impl Keeping {
    /// Opens the state directory of an account, or makes it.
    ///
    /// # Errors
    /// [`Failure`]; the files are as they were.
    pub(crate) fn directory(account: &Account, options: &StateOptions<'_>) -> Result<Self, Failure> {
        let directory = match options.directory {
            Some(directory) => directory.to_owned(),
            None => account.state()?,
        };
        let address = account.address.as_str();
        let given = match &account.file.passphrase {
            None | Some(SecretSource::Prompt) => None,
            Some(source) => Some(source.fetch(address, Purpose::Passphrase)?),
        };
        let otherwise = match (&account.file.passphrase, &given) {
            (_, Some(passphrase)) => Passphrase::Given(passphrase),
            (Some(_), None) => Passphrase::Ask,
            (None, None) => Passphrase::None,
        };
        let passphrase = Passphrase::or(options.passphrase_file, options.passphrase_command, otherwise);
        if let Some(parent) = directory.parent() {
            // If that fails, opening says so.
            let _ = std::fs::create_dir_all(parent);
        }
        let opening = Opening { directory: &directory, passphrase, files: options.files };
        let creation = Creation { account: address, backend: options.backend, key: None };
        let state = State::open_or_create(&opening, &creation, None, &mut UnwrapErr(SysRng))?;
        for warning in state.warnings() {
            anstream::eprintln!("o2tr: {}: {warning}", directory.display());
        }
        Ok(Self::Directory(directory, Box::new(state)))
    }

    /// Keeps nothing.
    ///
    /// # Errors
    /// A libotr file that was named cannot be used.
    pub(crate) fn memory(account: &Account, files: Files<'_>) -> Result<Self, Failure> {
        let source = Source { name: account.address.as_str(), files, import: None };
        Ok(Self::Memory(ephemeral(&source, &mut UnwrapErr(SysRng))?))
    }

    /// Who we are.
    pub(crate) fn identity(&self) -> &Arc<Identity> {
        match self {
            Self::Directory(_, state) => state.identity(),
            Self::Memory(identity) => identity,
        }
    }
}

/// A running client.
pub(crate) struct Running {
    pub(crate) client: Client,
    pub(crate) events: Events,
    task: JoinHandle<Result<(), Failure>>,
}

impl Running {
    /// Starts it; inside a runtime.
    ///
    /// # Errors
    /// [`Failure`]: it cannot be started.
    pub(crate) fn start<T>(config: ClientConfig, transport: T, keeping: Keeping) -> Result<Self, Failure>
    where
        T: Transport + 'static,
    {
        let transport = watched(transport);
        match keeping {
            Keeping::Directory(directory, state) => {
                let (identity, vault) = state.into_parts();
                let store = watched(vault);
                let (client, events, driver) = Client::open(config, transport, store, identity).map_err(not_started)?;
                let task = tokio::spawn(async move {
                    let store = run(driver, &directory).await?;
                    // The last writes of a store that closes may take a while.
                    let closed = tokio::task::spawn_blocking(move || unwatched(store).close()).await;
                    match closed {
                        Ok(closed) => closed.map_err(|error| Failure::working(&directory, &error)),
                        Err(_) => Err(Failure::new(Kind::Store, "store", "the store was not closed in order")),
                    }
                });
                Ok(Self { client, events, task })
            }
            Keeping::Memory(identity) => {
                let key = sub_row_key().map_err(|error| not_started(StartError::Store(error)))?;
                let opened = open_in_memory(&Simulated::new(), &Unlock::Key(key), &Options::default())
                    .map_err(|error| Failure::opening(Path::new("memory"), &error))?;
                let (client, events, driver) =
                    Client::open(config, transport, opened.vault, identity).map_err(not_started)?;
                let task = tokio::spawn(async move { run(driver, Path::new("memory")).await.map(drop) });
                Ok(Self { client, events, task })
            }
        }
    }

    /// Stops in order: what is under way is finished, the server is taken leave of. Events that come meanwhile go to `tell`.
    ///
    /// # Errors
    /// [`Failure`]: the store has failed.
    pub(crate) async fn stop(self, mut tell: impl FnMut(o2tr::client::ClientEvent)) -> Result<(), Failure> {
        let Self { client, mut events, task } = self;
        let stop = client.stop();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                event = events.next() => match event {
                    Some(event) => tell(event),
                    None => break,
                },
            }
        }
        while let Some(event) = events.next().await {
            tell(event);
        }
        Self::result(task).await
    }

    /// How it ended, when its events have.
    ///
    /// # Errors
    /// [`Failure`]: the store has failed.
    pub(crate) async fn ended(self) -> Result<(), Failure> {
        let Self { client, events, task } = self;
        drop((client, events));
        Self::result(task).await
    }

    async fn result(task: JoinHandle<Result<(), Failure>>) -> Result<(), Failure> {
        match task.await {
            Ok(result) => result,
            Err(_) => Err(Failure::new(Kind::Other, "internal", "the client has broken down; what was stored is kept")),
        }
    }
}

/// The runtime of a command that talks over a network.
///
/// # Errors
/// The system gives no threads.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Kind::Other, "runtime", format!("cannot start: {error}")))
}

async fn run<T: Transport, S: EkmStore + 'static>(driver: Driver<T, S>, directory: &Path) -> Result<S, Failure> {
    driver.run().await.map_err(|error| match error {
        RunError::Store(error) => Failure::working(directory, &error),
        other => Failure::new(Kind::Other, "internal", other.to_string()),
    })
}

fn not_started(error: StartError) -> Failure {
    Failure::new(Kind::Other, "start", format!("cannot start: {error}"))
}
