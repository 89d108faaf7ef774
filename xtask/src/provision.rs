//! What the tests need from outside the Rust world, and how to get it on Debian.

mod needs;
mod privilege;
mod services;
mod tool;

use std::io::{IsTerminal as _, Write as _};
use std::process::Command;

use anyhow::{Result, bail};

pub(crate) use self::needs::{Group, Need};
pub(crate) use self::tool::{CARGO_DENY, CARGO_FUZZ};

use self::needs::find_program;
use self::privilege::Privilege;
use self::services::NoServices;
use crate::shell;

/// What this machine lacks of some groups.
pub(crate) fn missing(groups: &[Group]) -> Vec<&'static Need> {
    needs::of(groups).filter(|need| !need.is_there()).collect()
}

/// Says what is missing and which tests are skipped for it.
pub(crate) fn report(missing: &[&Need]) {
    for need in missing {
        eprintln!("missing: {}", need.describe());
    }
}

/// `cargo xtask provision --check`
pub(crate) fn check(groups: &[Group]) -> Result<()> {
    let missing = missing(groups);
    report(&missing);
    if !missing.is_empty() {
        let all = needs::of(groups).count();
        bail!("{} of {all} needs are missing; `cargo xtask provision` installs them", missing.len());
    }
    eprintln!("nothing is missing");
    Ok(())
}

/// Installs what is missing, after asking when somebody is there to answer.
pub(crate) fn install(groups: &[Group]) -> Result<()> {
    let missing = missing(groups);
    if missing.is_empty() {
        eprintln!("nothing is missing");
        return Ok(());
    }
    report(&missing);
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    if find_program("apt-get").is_none() {
        bail!("this is not a Debian machine: please install what Debian calls {}", packages.join(" "));
    }
    let privilege = Privilege::find();
    let attended = std::io::stdin().is_terminal() && !shell::in_ci();
    let install =
        privilege.apt_get(attended, &[&["install", "--yes", "--no-install-recommends"], &packages[..]].concat());
    if privilege == Privilege::None {
        bail!("not root, and there is no sudo; as root run: {}", shell::render(&install));
    }
    if attended && !confirm(&shell::render(&install))? {
        bail!("nothing was installed");
    }
    if missing.iter().any(|need| need.service) {
        let no_services = NoServices::begin(privilege, attended)?;
        fetch(privilege, attended, &packages, install)?;
        no_services.end()?;
    } else {
        fetch(privilege, attended, &packages, install)?;
    }
    let still: Vec<&str> = self::missing(groups).iter().map(|need| need.package).collect();
    if !still.is_empty() {
        bail!("installed, and yet not found: {}", still.join(" "));
    }
    Ok(())
}

fn fetch(privilege: Privilege, attended: bool, packages: &[&str], mut install: Command) -> Result<()> {
    let mut update = privilege.apt_get(attended, &["update"]);
    let fresh = packages.iter().any(|package| !is_known(package));
    if fresh {
        shell::run(&mut update)?;
    }
    if let Err(error) = shell::run(&mut install) {
        if fresh {
            return Err(error);
        }
        // The package lists may be so old that the files they name are gone.
        shell::run(&mut update)?;
        shell::run(&mut install)?;
    }
    Ok(())
}

fn confirm(command: &str) -> Result<bool> {
    eprint!("Run `{command}`? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Whether the package lists know a package; before the first `apt-get update` they know none.
fn is_known(package: &str) -> bool {
    shell::succeeds(Command::new("apt-cache").args(["show", package]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_installs() {
        assert!(is_yes("y\n") && is_yes("YES\n"));
        assert!(!is_yes("\n") && !is_yes("n\n") && !is_yes("") && !is_yes("yeah, no\n"));
    }
}
