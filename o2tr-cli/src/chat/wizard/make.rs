//! The work behind the questions: key, store, a first login; then the account's file.

use core::time::Duration;
use std::path::{Path, PathBuf};

use getrandom::SysRng;
use o2tr::transport::{Transport, TransportEvent};
use rand_core::UnwrapErr;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use transport_xmpp::Config;
use zeroize::Zeroizing;

use super::steps::store_password;
use crate::account::{Account, folder};
use crate::failure::{Failure, Kind};
use crate::password::{Purpose, SecretSource, keyring};
use crate::state::{Creation, Files, Opening, Passphrase, State};
use crate::xmpp;

/// How long the first login may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a goodbye may take.
const LEAVE: Duration = Duration::from_secs(3);

/// What the answers come to.
pub(super) struct Plan {
    pub(super) account: Account,
    pub(super) password: Zeroizing<String>,
    pub(super) passphrase: Option<Zeroizing<String>>,
}

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Key,
    Login,
}

/// Everything but the account's file. Dropping it removes what was made.
pub(super) struct Made {
    account: Account,
    password: Zeroizing<String>,
    network: Config,
    draft: Option<Draft>,
    /// Why the first login failed.
    pub(super) fault: Option<String>,
    /// Our own key's fingerprint, if a key was made.
    pub(super) fingerprint: Option<String>,
}

/// Shows no secrets.
impl core::fmt::Debug for Made {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Made").field("account", &self.account).field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// A state directory that is not in its place yet.
#[derive(Debug)]
struct Draft {
    at: PathBuf,
    place: PathBuf,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It holds nothing that anybody relied on.
        let _ = std::fs::remove_dir_all(&self.at);
    }
}

/// Does the work.
///
/// # Errors
/// The store cannot be made. A login that fails is part of what is made.
pub(super) async fn make(plan: Plan, stage: watch::Sender<Stage>) -> Result<Made, Failure> {
    let Plan { account, password, passphrase } = plan;
    let network = xmpp::config_with(&account, &password)?;
    let place = account.state()?;
    let made = if place.exists() {
        None
    } else {
        let address = account.address.as_str().to_owned();
        // The key takes a while to compute; if nobody waits any more, what comes of it is dropped, and removed by that.
        let made = tokio::task::spawn_blocking(move || draft(place, &address, passphrase.as_ref())).await;
        Some(made.map_err(|_| Failure::new(Kind::Other, "internal", "the store was not made"))??)
    };
    let (draft, fingerprint) = made.unzip();
    // Nobody looks at the stage any more if that fails.
    let _ = stage.send(Stage::Login);
    let fault = login(xmpp::try_out(network.clone())).await.err();
    Ok(Made { account, password, network, draft, fault, fingerprint })
}

fn draft(place: PathBuf, account: &str, passphrase: Option<&Zeroizing<String>>) -> Result<(Draft, String), Failure> {
    let parent = place.parent().unwrap_or(Path::new(".")).to_owned();
    std::fs::create_dir_all(&parent).map_err(|error| Failure::file(&parent, "make", &error))?;
    let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let draft = Draft { at: parent.join(format!(".{name}.{}.new", std::process::id())), place };
    let passphrase = passphrase.map_or(Passphrase::None, Passphrase::Given);
    let opening = Opening { directory: &draft.at, passphrase, files: Files::default() };
    let creation = Creation { account, backend: None, key: None };
    let state = State::open_or_create(&opening, &creation, None, &mut UnwrapErr(SysRng))?;
    let fingerprint = state.identity().key().public_key().fingerprint().to_string();
    state.close()?;
    Ok((draft, fingerprint))
}

/// Tries to log in, and leaves.
///
/// # Errors
/// Why not, in a sentence.
pub(super) async fn login<T: Transport>(mut transport: T) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    let mut last = "the server did not answer in time".to_owned();
    loop {
        match timeout_at(until, transport.next_event()).await {
            Ok(Some(TransportEvent::Online { .. })) => {
                // A server that does not say goodbye does not matter.
                let _ = timeout(LEAVE, transport.close()).await;
                return Ok(());
            }
            Ok(Some(TransportEvent::Offline { reason, retry_in })) => {
                last = reason.to_string();
                if retry_in.is_none() {
                    return Err(last);
                }
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return Err(last),
        }
    }
}

impl Made {
    /// Puts everything into its place, the account's file last.
    ///
    /// # Errors
    /// Something cannot be written; then nothing is left of it.
    pub(super) fn keep(self) -> Result<(Account, Config), Failure> {
        let Self { account, password, network, draft, .. } = self;
        store_password(&account, &password)?;
        let placed = (|| {
            if let Some(draft) = &draft {
                std::fs::rename(&draft.at, &draft.place)
                    .map_err(|error| Failure::file(&draft.place, "make", &error))?;
            }
            folder::save(&account.name, &account.file, false)
        })();
        if let Err(failure) = placed {
            if let Some(draft) = &draft {
                // As above: nothing that anybody relied on.
                let _ = std::fs::remove_dir_all(&draft.place);
            }
            if account.file.password == SecretSource::Keyring {
                // The first failure is the one to tell.
                let _ = keyring::clear(account.address.as_str(), Purpose::Password);
            }
            return Err(failure);
        }
        Ok((account, network))
    }
}
