//! `o2tr account`: files of accounts, and a try.

use std::path::Path;

use serde::Serialize;

use super::{Account, check, folder};
use crate::account::file::AccountFile;
use crate::args::{AccountArguments, AccountTask, AddArguments};
use crate::failure::Failure;
use crate::manage::print;
use crate::password::{Purpose, SecretSource, keyring};
use crate::sanitise::harmless;

/// Carries out the task.
///
/// # Errors
/// [`Failure`].
pub(crate) fn run(arguments: &AccountArguments) -> Result<(), Failure> {
    let json = arguments.json;
    match &arguments.task {
        AccountTask::Add(new) => add(json, new),
        AccountTask::List => list(json),
        AccountTask::Show { name } => show(json, name),
        AccountTask::Remove { name } => remove(name),
        AccountTask::SetPassword { name } => set_password(name),
        AccountTask::Check { name, timeout } => {
            let account = Account::new(name.clone(), folder::load(name)?)?;
            check::run(json, &account, std::time::Duration::from_secs(*timeout))
        }
    }
}

fn add(json: bool, new: &AddArguments) -> Result<(), Failure> {
    let path = folder::path(&new.name)?;
    if path.exists() {
        return Err(Failure::usage(format!(
            "there is an account {:?} already. Nothing was changed; `o2tr account remove` removes it.",
            new.name
        )));
    }
    let mut file = AccountFile::new(&new.jid);
    new.server.apply(&mut file);
    new.password.apply(&mut file);
    file.state = new.state.as_deref().map(absolute).transpose()?;
    file.ca = file.ca.as_deref().map(absolute).transpose()?;
    if let SecretSource::File(path) = &file.password {
        file.password = SecretSource::File(absolute(path)?);
    }
    file.threshold = new.threshold;
    file.policy.clone_from(&new.policy);
    file.receipts = new.no_receipts.then_some(false);
    let account = Account::new(new.name.clone(), file)?;
    // The address as it is written everywhere.
    let file = AccountFile { jid: account.address.as_str().to_owned(), ..account.file.clone() };
    if file.password == SecretSource::Keyring {
        keyring::ask_and_store(account.address.as_str(), Purpose::Password)?;
    }
    let path = folder::save(&new.name, &file, false)?;
    let shown = Shown::new(&Account { file, ..account })?;
    print(json, &shown, |out| {
        writeln!(out, "{} is in {}", new.name, path.display())?;
        writeln!(out, "try it with: o2tr account check {}", new.name)
    })
}

/// A path that means the same in every directory.
fn absolute(path: &Path) -> Result<std::path::PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::file(path, "find", &error))
}

fn list(json: bool) -> Result<(), Failure> {
    let mut accounts = Vec::new();
    for name in folder::names()? {
        // One that is wrong is listed with what is wrong.
        let read = folder::load(&name).and_then(|file| Account::new(name.clone(), file));
        let (jid, fault) = match read {
            Ok(account) => (Some(account.address.as_str().to_owned()), None),
            Err(failure) => (None, Some(failure.to_string())),
        };
        accounts.push(Listed { name, jid, fault });
    }
    print(json, &accounts, |out| {
        for Listed { name, jid, fault } in &accounts {
            let what = jid.as_deref().or(fault.as_deref()).unwrap_or_default();
            writeln!(out, "{name:<16} {}", harmless(what))?;
        }
        if accounts.is_empty() {
            writeln!(out, "no accounts; `o2tr account add NAME ADDRESS` makes one")?;
        }
        Ok(())
    })
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    jid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

fn show(json: bool, name: &str) -> Result<(), Failure> {
    let account = Account::new(name.to_owned(), folder::load(name)?)?;
    let shown = Shown::new(&account)?;
    print(json, &shown, |out| {
        writeln!(out, "address       {}", harmless(&shown.jid))?;
        writeln!(out, "resource      {}", harmless(shown.resource.as_deref().unwrap_or("made of the instance tag")))?;
        writeln!(out, "server        {}", harmless(shown.server.as_deref().unwrap_or("as the domain announces")))?;
        writeln!(out, "password      {}", harmless(&shown.password))?;
        writeln!(out, "state         {}", harmless(&shown.state))?;
        let threshold = shown.threshold.map_or_else(|| "no limit".to_owned(), |k| format!("{k} messages per key"));
        writeln!(out, "threshold     {threshold}")?;
        writeln!(out, "receipts      {}", if shown.receipts { "yes" } else { "no" })
    })
}

/// An account without secrets.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    jid: String,
    resource: Option<String>,
    server: Option<String>,
    password: String,
    state: String,
    threshold: Option<u32>,
    receipts: bool,
}

impl Shown {
    fn new(account: &Account) -> Result<Self, Failure> {
        let Account { name, address, file } = account;
        Ok(Self {
            name: name.clone(),
            jid: address.as_str().to_owned(),
            resource: file.resource.clone(),
            server: file.server.clone(),
            password: file.password.describe(),
            state: account.state()?.display().to_string(),
            threshold: account.settings()?.threshold,
            receipts: file.receipts.unwrap_or(true),
        })
    }
}

fn remove(name: &str) -> Result<(), Failure> {
    // A file that cannot be read is removed as well.
    let account = folder::load(name).and_then(|file| Account::new(name.to_owned(), file));
    folder::remove(name)?;
    if let Ok(account) = account {
        if account.file.password == SecretSource::Keyring {
            keyring::clear(account.address.as_str(), Purpose::Password)?;
        }
        let state = account.state()?;
        if state.exists() {
            anstream::eprintln!(
                "o2tr: the state directory {} is still there; `o2tr sessions wipe --everything --state` destroys it",
                state.display()
            );
        }
    }
    Ok(())
}

fn set_password(name: &str) -> Result<(), Failure> {
    let account = Account::new(name.to_owned(), folder::load(name)?)?;
    if account.file.password != SecretSource::Keyring {
        return Err(Failure::usage(format!(
            "the password of {name:?} comes from {}, not from the keyring. Nothing was changed.",
            account.file.password.describe()
        )));
    }
    keyring::ask_and_store(account.address.as_str(), Purpose::Password)
}
