//! What the tests need from outside the Rust world.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::shell;

/// What belongs together: needs are looked at and installed by group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// Everything
    All,
    /// libotr, the reference implementation, and what compiles the driver around it
    Libotr,
    /// The XMPP server prosody
    Prosody,
    /// The XMPP server ejabberd
    Ejabberd,
    /// The chat programs bitlbee, pidgin, mcabber and profanity
    Clients,
    /// What the tests of `o2tr chat` need: a terminal, and a server to talk over
    Chat,
}

/// Something that a test needs and cargo cannot bring.
#[derive(Debug)]
pub(crate) struct Need {
    /// The Debian package that brings it.
    pub(super) package: &'static str,
    probe: Probe,
    purpose: &'static str,
    /// The tests that are skipped without it are those of these groups.
    pub(super) groups: &'static [Group],
    /// Debian starts it as soon as it is installed, which no test wants.
    pub(super) service: bool,
}

/// How to see whether it is there, whatever the distribution.
#[derive(Debug)]
enum Probe {
    Program(&'static str),
    Header(&'static str),
    PkgConfig(&'static str),
    /// For libraries that a program loads by itself.
    File(&'static str),
}

const LIBOTR: &[Group] = &[Group::Libotr];
const CLIENTS: &[Group] = &[Group::Clients];
/// A program in a terminal, with a server behind it.
const SCREENS: &[Group] = &[Group::Clients, Group::Chat];
/// Whatever talks over a real server.
const SERVERS: &[Group] = &[Group::Prosody, Group::Ejabberd, Group::Clients, Group::Chat];

/// Everything, in the order of installation.
const NEEDS: &[Need] = &[
    need("gcc", Probe::Program("cc"), "compiles the driver around libotr", LIBOTR),
    need("libc6-dev", Probe::Header("stdio.h"), "headers for that driver", LIBOTR),
    need("pkg-config", Probe::Program("pkg-config"), "finds libotr", LIBOTR),
    need("libotr5-dev", Probe::PkgConfig("libotr"), "the reference implementation we are tested against", LIBOTR),
    need("util-linux", Probe::Program("setpriv"), "ends what a test has started when the test ends", SERVERS),
    need("openssl", Probe::Program("openssl"), "makes certificates for the servers", SERVERS),
    service("prosody", Probe::Program("prosody"), "XMPP server", &[Group::Prosody, Group::Clients, Group::Chat]),
    service("ejabberd", Probe::Program("ejabberdctl"), "XMPP server", &[Group::Ejabberd, Group::Clients]),
    need("tmux", Probe::Program("tmux"), "a terminal whose screen can be read", SCREENS),
    service("bitlbee", Probe::Program("bitlbee"), "chat program", CLIENTS),
    need("bitlbee-plugin-otr", Probe::File("/usr/lib/bitlbee/otr.so"), "its OTR", CLIENTS),
    need("pidgin", Probe::Program("pidgin"), "chat program", CLIENTS),
    need("pidgin-otr", Probe::File("/usr/lib/pidgin/pidgin-otr.so"), "its OTR", CLIENTS),
    need("xvfb", Probe::Program("Xvfb"), "a display for pidgin that nobody sees", CLIENTS),
    need("xdotool", Probe::Program("xdotool"), "presses pidgin's buttons", CLIENTS),
    need("dbus-daemon", Probe::Program("dbus-daemon"), "the bus by which pidgin is driven", CLIENTS),
    need("libglib2.0-bin", Probe::Program("gdbus"), "speaks on that bus", CLIENTS),
    need("mcabber", Probe::Program("mcabber"), "chat program", CLIENTS),
    need("profanity", Probe::Program("profanity"), "chat program that knows OTR version 2 only", CLIENTS),
];

const fn need(package: &'static str, probe: Probe, purpose: &'static str, groups: &'static [Group]) -> Need {
    Need { package, probe, purpose, groups, service: false }
}

const fn service(package: &'static str, probe: Probe, purpose: &'static str, groups: &'static [Group]) -> Need {
    Need { package, probe, purpose, groups, service: true }
}

/// The needs of some groups.
pub(super) fn of(groups: &[Group]) -> impl Iterator<Item = &'static Need> {
    let all = groups.contains(&Group::All);
    NEEDS.iter().filter(move |need| all || need.groups.iter().any(|group| groups.contains(group)))
}

impl Need {
    pub(super) fn is_there(&self) -> bool {
        self.probe.is_there()
    }

    /// One line for the user.
    pub(super) fn describe(&self) -> String {
        let tests: Vec<&str> = self.groups.iter().map(|group| group.tests()).collect();
        let Self { package, purpose, .. } = self;
        format!("{package} ({purpose}); without it are skipped: {}", tests.join(", "))
    }
}

impl Group {
    fn tests(self) -> &'static str {
        match self {
            Self::All => "all tests",
            Self::Libotr => "tests against libotr",
            Self::Prosody => "tests on prosody",
            Self::Ejabberd => "tests on ejabberd",
            Self::Clients => "tests with chat programs",
            Self::Chat => "tests of `o2tr chat`",
        }
    }
}

impl Probe {
    fn is_there(&self) -> bool {
        match self {
            Self::Program(name) => find_program(name).is_some(),
            Self::Header(name) => Path::new("/usr/include").join(name).is_file(),
            Self::PkgConfig(name) => shell::succeeds(Command::new("pkg-config").args(["--exists", name])),
            Self::File(path) => Path::new(path).is_file(),
        }
    }
}

/// Where a program is along the search path and, if the search path has system folders, where Debian keeps the
/// administrator's programs.
pub(super) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let system = std::env::split_paths(&path).any(|folder| folder == Path::new("/usr/bin"));
    find_in(&path, name).or_else(|| find_in("/usr/sbin".as_ref(), name).filter(|_| system))
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
        assert!(!Probe::File("/no/such/file").is_there());
        assert!(Probe::Program("sh").is_there());
    }

    #[test]
    fn every_group_needs_something_and_nothing_is_needed_by_none() {
        for group in Group::value_variants() {
            assert!(of(&[*group]).count() >= 3, "{group:?}");
        }
        assert!(NEEDS.iter().all(|need| !need.groups.is_empty()));
        assert_eq!(of(&[Group::All]).count(), NEEDS.len());
        assert_eq!(of(&[Group::Libotr]).map(|need| need.package).last(), Some("libotr5-dev"));
    }
}
