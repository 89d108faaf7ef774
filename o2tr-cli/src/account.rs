//! Accounts on a network: a file each with what it takes to log in (`docs/accounts.md`). Never the password itself.

pub(crate) mod check;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod manage;

use std::path::PathBuf;

use o2tr::settings::Settings;
use o2tr::transport::PeerId;

use self::file::AccountFile;
use crate::args::LoginArguments;
use crate::failure::Failure;

/// An account, from its file or from the command line, checked.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Its name, or the address if it has no file.
    pub(crate) name: String,
    /// The bare address, normalised.
    pub(crate) address: PeerId,
    /// Everything else.
    pub(crate) file: AccountFile,
}

impl Account {
    /// The account that the command line names: a file, an address, or the only file there is.
    ///
    /// # Errors
    /// [`Failure`]: there is none, it cannot be read, or it is wrong.
    pub(crate) fn of(arguments: &LoginArguments) -> Result<Self, Failure> {
        let (name, mut file) = match (&arguments.account, &arguments.xmpp) {
            (Some(name), _) => (name.clone(), folder::load(name)?),
            (None, Some(jid)) => (jid.clone(), AccountFile::new(jid)),
            (None, None) => {
                let name = folder::only()?;
                let file = folder::load(&name)?;
                (name, file)
            }
        };
        arguments.server.apply(&mut file);
        arguments.password.apply(&mut file);
        Self::new(name, file)
    }

    /// Checks what a file says.
    ///
    /// # Errors
    /// [`Failure`]: the field that is wrong, and why.
    pub(crate) fn new(name: String, file: AccountFile) -> Result<Self, Failure> {
        let address = crate::xmpp::address(&file.jid)
            .map_err(|fault| Failure::usage(format!("account {name:?}: `jid`: {fault}")))?;
        if !address.as_str().contains('@') {
            return Err(Failure::usage(format!("account {name:?}: `jid`: an address is written name@domain")));
        }
        let account = Self { name, address, file };
        account.settings()?;
        crate::xmpp::check(&account)?;
        Ok(account)
    }

    /// How its conversations behave.
    ///
    /// # Errors
    /// The policy or the threshold is wrong.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let wrong = |field: &str, fault: String| Failure::usage(format!("account {:?}: `{field}`: {fault}", self.name));
        let mut settings = Settings::default();
        if let Some(words) = &self.file.policy {
            settings.policy = crate::args::policy(words).map_err(|fault| wrong("policy", fault))?;
        }
        if let Some(k) = self.file.threshold {
            let k = crate::args::threshold(&k.to_string()).map_err(|fault| wrong("threshold", fault))?;
            settings.threshold = (k != 0).then_some(k);
        }
        Ok(settings)
    }

    /// Where its keys and conversations are kept.
    ///
    /// # Errors
    /// Nobody says where the user's data is.
    pub(crate) fn state(&self) -> Result<PathBuf, Failure> {
        match &self.file.state {
            Some(directory) => Ok(directory.clone()),
            None => folder::default_state(&self.name),
        }
    }
}
