//! What the tests need from outside the Rust world, and how to get it on Debian.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// Something that a test needs and cargo cannot bring.
#[derive(Debug)]
pub(crate) struct Need {
    /// The Debian package that brings it.
    package: &'static str,
    probe: Probe,
    purpose: &'static str,
    /// The tests that are skipped without it.
    tests: &'static str,
}

/// How to see whether it is there, whatever the distribution.
#[derive(Debug)]
enum Probe {
    Program(&'static str),
    Header(&'static str),
    PkgConfig(&'static str),
}

const LIBOTR_TESTS: &str = "tests against libotr";

/// Everything, in the order of installation.
const NEEDS: &[Need] = &[
    Need {
        package: "gcc",
        probe: Probe::Program("cc"),
        purpose: "compiles the driver around libotr",
        tests: LIBOTR_TESTS,
    },
    Need {
        package: "libc6-dev",
        probe: Probe::Header("stdio.h"),
        purpose: "headers for that driver",
        tests: LIBOTR_TESTS,
    },
    Need { package: "pkg-config", probe: Probe::Program("pkg-config"), purpose: "finds libotr", tests: LIBOTR_TESTS },
    Need {
        package: "libotr5-dev",
        probe: Probe::PkgConfig("libotr"),
        purpose: "libotr, the reference implementation we are tested against",
        tests: LIBOTR_TESTS,
    },
];

/// A cargo subcommand that `cargo xtask ci` runs. The version is pinned: a newer one may want a newer compiler.
#[derive(Debug)]
pub(crate) struct Tool {
    /// As in `cargo NAME`; the package is called `cargo-NAME`.
    subcommand: &'static str,
    version: &'static str,
}

/// About three minutes of building on two cores, once per machine.
pub(crate) const CARGO_DENY: Tool = Tool { subcommand: "deny", version: "0.20.2" };

/// Under a minute of building. It also needs the nightly toolchain, for the sanitizer.
pub(crate) const CARGO_FUZZ: Tool = Tool { subcommand: "fuzz", version: "0.13.2" };

impl Tool {
    pub(crate) fn is_there(&self) -> bool {
        // Through cargo, which also looks where it installs to.
        shell::succeeds(shell::cargo().args([self.subcommand, "--version"]))
    }

    /// Builds the tool unless some version of it is there.
    pub(crate) fn install(&self) -> Result<()> {
        if self.is_there() {
            return Ok(());
        }
        // Out of the workspace's target folder, of which the tool is no part.
        let mut cargo = shell::cargo();
        let package = format!("cargo-{}", self.subcommand);
        cargo.args(["install", "--locked", "--version", self.version, &package]).env_remove("CARGO_TARGET_DIR");
        shell::run(&mut cargo)
    }
}

/// What this machine lacks.
pub(crate) fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !need.probe.is_there()).collect()
}

/// Says what is missing and which tests are skipped for it.
pub(crate) fn report(missing: &[&Need]) {
    for Need { package, purpose, tests, .. } in missing {
        eprintln!("missing: {package} ({purpose}); without it are skipped: {tests}");
    }
}

/// `cargo xtask provision --check`
pub(crate) fn check() -> Result<()> {
    let missing = missing();
    report(&missing);
    if !missing.is_empty() {
        bail!("{} of {} needs are missing; `cargo xtask provision` installs them", missing.len(), NEEDS.len());
    }
    eprintln!("nothing is missing");
    Ok(())
}

/// Installs what is missing, after asking when somebody is there to answer.
pub(crate) fn install() -> Result<()> {
    let missing = missing();
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
    let mut install =
        privilege.apt_get(attended, &[&["install", "--yes", "--no-install-recommends"], &packages[..]].concat());
    if privilege == Privilege::None {
        bail!("not root, and there is no sudo; as root run: {}", shell::render(&install));
    }
    if attended && !confirm(&shell::render(&install))? {
        bail!("nothing was installed");
    }
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
    let still: Vec<&str> = self::missing().iter().map(|need| need.package).collect();
    if !still.is_empty() {
        bail!("installed, and yet not found: {}", still.join(" "));
    }
    Ok(())
}

impl Probe {
    fn is_there(&self) -> bool {
        match self {
            Self::Program(name) => find_program(name).is_some(),
            Self::Header(name) => Path::new("/usr/include").join(name).is_file(),
            Self::PkgConfig(name) => shell::succeeds(Command::new("pkg-config").args(["--exists", name])),
        }
    }
}

/// By what right packages are installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Privilege {
    Root,
    Sudo,
    None,
}

impl Privilege {
    fn find() -> Self {
        if shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0") {
            Self::Root
        } else if find_program("sudo").is_some() {
            Self::Sudo
        } else {
            Self::None
        }
    }

    fn apt_get(self, attended: bool, arguments: &[&str]) -> Command {
        let mut command = match self {
            Self::Root | Self::None => Command::new("env"),
            Self::Sudo => {
                let mut sudo = Command::new("sudo");
                if !attended {
                    sudo.arg("--non-interactive");
                }
                sudo.arg("env");
                sudo
            }
        };
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments);
        command
    }
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

fn find_program(name: &str) -> Option<PathBuf> {
    find_in(&std::env::var_os("PATH")?, name)
}

fn find_in(path: &std::ffi::OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_along_the_path_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tool"), "").unwrap();
        let path = std::env::join_paths([Path::new("/nonexistent"), folder.path()]).unwrap();
        assert_eq!(find_in(&path, "tool"), Some(folder.path().join("tool")));
        assert_eq!(find_in(&path, "other"), None);
    }

    #[test]
    fn what_is_not_there_is_missing() {
        assert!(!Probe::Program("no-such-program-anywhere").is_there());
        assert!(!Probe::Header("no-such-header.h").is_there());
        assert!(!Probe::PkgConfig("no-such-library").is_there());
        assert!(Probe::Program("sh").is_there());
    }

    #[test]
    fn sudo_asks_for_a_password_only_when_somebody_is_there() {
        let line = |privilege: Privilege, attended| shell::render(&privilege.apt_get(attended, &["update"]));
        assert_eq!(line(Privilege::Root, false), "env DEBIAN_FRONTEND=noninteractive apt-get update");
        assert_eq!(line(Privilege::Sudo, true), "sudo env DEBIAN_FRONTEND=noninteractive apt-get update");
        assert_eq!(
            line(Privilege::Sudo, false),
            "sudo --non-interactive env DEBIAN_FRONTEND=noninteractive apt-get update"
        );
    }

    #[test]
    fn only_a_clear_yes_installs() {
        assert!(is_yes("y\n") && is_yes("YES\n"));
        assert!(!is_yes("\n") && !is_yes("n\n") && !is_yes("") && !is_yes("yeah, no\n"));
    }
}
