//! `o2tr chat`: a full-screen program for people.
//!
//! [`model`] is what is known, `update` makes the next model out of something that happened and says what is wished,
//! [`view`] draws a model, [`run`](mod@run) joins them with the client and the terminal. Only `run` has effects, so everything
//! that is shown can be tested without a terminal. Nothing is written to the disk but by the engine.

mod editor;
mod markup;
mod model;
mod run;
mod text;
mod update;
mod view;
mod wish;
mod wizard;
mod words;

#[cfg(test)]
mod tests;

use std::io::IsTerminal as _;

use getrandom::SysRng;
use jiff::tz::TimeZone;
use o2tr::client::{ClientConfig, Clock as _, SystemClock};
use o2tr::transport::PeerId;
use otr_core::Policy;
use rand_core::{Rng as _, UnwrapErr};

use self::model::{Beginning, Model};
use self::run::{Screen, serve};
use self::update::search_hits;
use self::view::Palette;
use crate::account::file::AccountFile;
use crate::account::{Account, folder};
use crate::args::ChatArguments;
use crate::failure::Failure;
use crate::running::{Keeping, Running, runtime};
use crate::xmpp;

/// Conversations that are looked at when the program starts; the rest when something happens in them.
const LOOKED_AT: usize = 200;

/// Runs the program.
///
/// # Errors
/// [`Failure`]: no terminal, no account, or the store does not open.
pub(crate) fn run(arguments: &ChatArguments) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::usage("chat needs a terminal; `o2tr pipe`, `send` and `listen` are for scripts"));
    }
    let palette = Palette { colour: !arguments.no_color && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) };
    let runtime = runtime()?;
    let (account, network) = match account(arguments)? {
        Some(account) => {
            let network = xmpp::config(&account)?;
            (account, network)
        }
        None => match runtime.block_on(wizard::run(&arguments.server, palette))? {
            Some(made) => made,
            None => return Ok(()),
        },
    };
    let mut keeping = Keeping::directory(&account, &arguments.keeping.options())?;
    let mut peers = match &mut keeping {
        Keeping::Directory(_, state) => state.peers()?.0,
        Keeping::Memory(_) => Vec::new(),
    };
    peers.truncate(LOOKED_AT);
    let mut config = ClientConfig::new(account.address.clone());
    config.settings = account.settings()?;
    // Clear text leaves by a command of its own only.
    config.settings.policy |= Policy::REQUIRE_ENCRYPTION;
    let mut model = Model::new(Beginning {
        account: account.address.clone(),
        fingerprint: keeping.identity().key().public_key().fingerprint().to_string(),
        zone: TimeZone::system(),
        now: SystemClock.now(),
        size: Screen::size(),
        run: format!("chat{:08x}", UnwrapErr(SysRng).next_u32()),
        peers: peers.iter().map(|peer| PeerId::new(peer)).collect(),
    });
    runtime.block_on(async {
        let transport = xmpp::start(network, &keeping);
        let mut running = Running::start(config, transport, keeping)?;
        let served = match Screen::take() {
            Ok(mut screen) => serve(&running.client, &mut running.events, &mut model, palette, &mut screen).await,
            Err(failure) => Err(failure),
        };
        let stopped = running.stop(|_| ()).await;
        served.and(stopped)
    })
}

/// The account that is named, or the only one; `None` if there is none at all.
fn account(arguments: &ChatArguments) -> Result<Option<Account>, Failure> {
    let (name, mut file) = match &arguments.account {
        Some(address) if address.contains('@') && !folder::path(address)?.exists() => {
            (address.clone(), AccountFile::new(address))
        }
        Some(name) => (name.clone(), folder::load(name)?),
        None if folder::names()?.is_empty() => return Ok(None),
        None => {
            let name = folder::only()?;
            let file = folder::load(&name)?;
            (name, file)
        }
    };
    arguments.server.apply(&mut file);
    arguments.password.apply(&mut file);
    Account::new(name, file).map(Some)
}
