//! `cargo xtask provision` on machines made of a few scripts: a search path with nothing else on it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A Debian machine with a compiler and without libotr, which its `apt-get` can install. Each call of
/// `apt-get` is noted in the file `log`.
struct Machine(TempDir);

impl Machine {
    fn new(user: &str) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        symlink("/usr/bin/env", machine.0.path().join("env")).unwrap();
        machine.script("id", &format!("echo {user}"));
        machine.script("cc", "exit 0");
        machine.script("pkg-config", "[ -e \"$HERE/installed\" ]");
        machine.script("apt-cache", "[ -e \"$HERE/lists\" ]");
        machine.script(
            "apt-get",
            "echo \"$DEBIAN_FRONTEND $*\" >> \"$HERE/log\"
             case $1 in
               update) : > \"$HERE/lists\"; : > \"$HERE/fresh\" ;;
               install) [ -e \"$HERE/fresh\" ] && : > \"$HERE/installed\" ;;
             esac",
        );
        machine
    }

    fn script(&self, name: &str, body: &str) {
        let path = self.0.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\nHERE='{}'\n{body}\n", self.0.path().display())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Asks for libotr.
    fn provision(&self, arguments: &[&str]) -> Output {
        self.provision_for("libotr", arguments)
    }

    fn provision_for(&self, group: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["provision", group])
            .args(arguments)
            .env("PATH", self.0.path())
            .env_remove("CI")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }
}

#[track_caller]
fn said(output: &Output, words: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(words), "{words:?} is not in {stderr}");
}

const UPDATE: &str = "noninteractive update\n";
const INSTALL: &str = "noninteractive install --yes --no-install-recommends libotr5-dev\n";

fn touch(path: &Path) {
    std::fs::write(path, "").unwrap();
}

#[test]
fn a_new_machine_fetches_the_package_lists_first() {
    let machine = Machine::new("0");
    let output = machine.provision(&[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(machine.log(), format!("{UPDATE}{INSTALL}"));
    said(&output, "missing: libotr5-dev");

    let output = machine.provision(&[]);
    assert!(output.status.success());
    assert_eq!(machine.log(), format!("{UPDATE}{INSTALL}"), "nothing is installed twice");
}

#[test]
fn lists_that_are_fresh_are_left_alone() {
    let machine = Machine::new("0");
    touch(&machine.file("lists"));
    touch(&machine.file("fresh"));
    assert!(machine.provision(&[]).status.success());
    assert_eq!(machine.log(), INSTALL);
}

#[test]
fn lists_that_are_stale_are_fetched_after_a_failure() {
    let machine = Machine::new("0");
    touch(&machine.file("lists"));
    assert!(machine.provision(&[]).status.success());
    assert_eq!(machine.log(), format!("{INSTALL}{UPDATE}{INSTALL}"));
}

#[test]
fn an_installation_that_brings_nothing_is_a_failure() {
    let machine = Machine::new("0");
    machine.script("apt-get", "exit 0");
    let output = machine.provision(&[]);
    assert_eq!(output.status.code(), Some(1));
    said(&output, "installed, and yet not found: libotr5-dev");
}

#[test]
fn who_is_not_root_uses_sudo_and_is_not_asked_without_a_terminal() {
    let machine = Machine::new("1000");
    machine.script("sudo", "echo \"sudo $1\" >> \"$HERE/log\"; shift; exec \"$@\"");
    assert!(machine.provision(&[]).status.success());
    let sudo = "sudo --non-interactive\n";
    assert_eq!(machine.log(), format!("{sudo}{UPDATE}{sudo}{INSTALL}"));
}

#[test]
fn who_may_not_install_is_told_the_command() {
    let machine = Machine::new("1000");
    let output = machine.provision(&[]);
    assert_eq!(output.status.code(), Some(1));
    said(&output, "apt-get install --yes --no-install-recommends libotr5-dev");
    assert_eq!(machine.log(), "");
}

#[test]
fn another_distribution_is_told_what_to_install() {
    let machine = Machine::new("0");
    std::fs::remove_file(machine.file("apt-get")).unwrap();
    let output = machine.provision(&[]);
    assert_eq!(output.status.code(), Some(1));
    said(&output, "not a Debian machine: please install what Debian calls libotr5-dev");
}

#[test]
fn check_only_looks() {
    let machine = Machine::new("0");
    let output = machine.provision(&["--check"]);
    assert_eq!(output.status.code(), Some(1));
    said(&output, "tests against libotr");
    assert_eq!(machine.log(), "");
    touch(&machine.file("installed"));
    assert!(machine.provision(&["--check"]).status.success());
}

#[test]
fn each_group_is_looked_at_by_itself_and_all_together() {
    let machine = Machine::new("0");
    for program in ["setpriv", "openssl", "tmux", "prosody"] {
        machine.script(program, "exit 0");
    }
    for group in ["chat", "prosody"] {
        assert!(machine.provision_for(group, &["--check"]).status.success(), "{group}");
    }
    let output = machine.provision_for("ejabberd", &["--check"]);
    assert_eq!(output.status.code(), Some(1));
    said(&output, "missing: ejabberd (XMPP server)");
    let output = machine.provision_for("all", &["--check"]);
    for package in ["libotr5-dev", "ejabberd", "pidgin", "mcabber", "profanity", "bitlbee"] {
        said(&output, &format!("missing: {package} ("));
    }
    assert_eq!(machine.provision_for("nonsense", &[]).status.code(), Some(2));
}
