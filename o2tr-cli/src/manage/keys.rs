//! `o2tr keys`: the account's own key.

use serde::Serialize;

use super::{directory, open, opening, print, random};
use crate::args::{KeysArguments, KeysTask, StateArguments};
use crate::failure::Failure;
use crate::sanitise::harmless;
use crate::state::{Creation, State};

/// Runs it.
///
/// # Errors
/// [`Failure`]; nothing has changed then.
pub(crate) fn run(arguments: &KeysArguments) -> Result<(), Failure> {
    let place = &arguments.state;
    match &arguments.task {
        KeysTask::Show => show(place, &open(place)?),
        KeysTask::New { account, store } => {
            let state = create(place, &Creation { account, backend: *store, key: None })?;
            show(place, &state)
        }
        KeysTask::Import { account, file, store } => {
            let state = create(place, &Creation { account, backend: *store, key: Some(file) })?;
            show(place, &state)
        }
        KeysTask::Export { file } => {
            let state = open(place)?;
            state.export_key(file)?;
            show(place, &state)
        }
    }
}

fn create(place: &StateArguments, creation: &Creation<'_>) -> Result<State, Failure> {
    let directory = directory(place)?;
    if directory.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::usage(format!("{} is not empty. Nothing was changed.", directory.display())));
    }
    if let Some(parent) = directory.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Failure::file(parent, "make the directory", &error))?;
    }
    State::open_or_create(&opening(place, &directory), creation, None, &mut random())
}

#[derive(Serialize)]
struct Shown<'a> {
    account: &'a str,
    fingerprint: String,
    instance: u32,
}

fn show(place: &StateArguments, state: &State) -> Result<(), Failure> {
    let identity = state.identity();
    let shown = Shown {
        account: state.account(),
        fingerprint: format!("{:x}", identity.fingerprint()),
        instance: identity.instance().get(),
    };
    print(place.json, &shown, |out| {
        writeln!(out, "account       {}", harmless(shown.account))?;
        writeln!(out, "fingerprint   {}", identity.fingerprint())?;
        writeln!(out, "instance tag  {}", identity.instance())
    })
}
