//! `cargo xtask ci`: what the continuous integration runs, in the order of what fails soonest.

use std::process::Command;

use anyhow::{Result, anyhow};

use crate::provision::{CARGO_DENY, CARGO_FUZZ};
use crate::workspace::Workspace;
use crate::{shell, test, tidy};

/// How long each fuzz target runs: long enough to show that it is alive and passes its corpus.
const FUZZ_SECONDS: u32 = 10;

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) tests: bool,
    pub(crate) provision: bool,
    pub(crate) advisories: bool,
}

enum Outcome {
    Passed,
    Failed(anyhow::Error),
    NotRun(&'static str),
}

/// Runs every step, also after one has failed, so that one run tells everything.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.provision {
        CARGO_DENY.install()?;
        if has_fuzz_targets(workspace) {
            CARGO_FUZZ.install()?;
        }
    }
    let mut results = vec![
        ("formatting", of(cargo(workspace, &["fmt", "--all", "--check"]))),
        ("tidy", of(tidy::run(workspace))),
        ("lints", of(lints(workspace))),
        ("features", of(features(workspace))),
        ("docs", of(docs(workspace))),
        ("licences", deny(workspace, &["bans", "licenses", "sources"])),
    ];
    if options.advisories {
        results.push(("advisories", deny(workspace, &["advisories"])));
    }
    if has_fuzz_targets(workspace) {
        results.push(("fuzz smoke", fuzz_smoke(workspace)));
    }
    if options.tests {
        results.push(("tests", of(test::run(workspace, options.provision))));
    }
    summarise(&results)
}

fn of(result: Result<()>) -> Outcome {
    result.map_or_else(Outcome::Failed, |()| Outcome::Passed)
}

fn summarise(results: &[(&str, Outcome)]) -> Result<()> {
    eprintln!();
    let mut failures = Vec::new();
    for (step, outcome) in results {
        match outcome {
            Outcome::Passed => eprintln!("{step:<12} passed"),
            Outcome::NotRun(why) => eprintln!("{step:<12} NOT RUN: {why}"),
            Outcome::Failed(error) => {
                eprintln!("{step:<12} FAILED: {error:#}");
                failures.push(*step);
            }
        }
    }
    anyhow::ensure!(failures.is_empty(), "failed: {}", failures.join(", "));
    Ok(())
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    shell::run(shell::cargo().args(arguments).current_dir(&workspace.root))
}

fn lints(workspace: &Workspace) -> Result<()> {
    cargo(workspace, &["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"])
}

fn docs(workspace: &Workspace) -> Result<()> {
    let mut command = shell::cargo();
    // Of libraries only: the program `o2tr` and the crate `o2tr` would overwrite each other's pages.
    command.args(["doc", "--workspace", "--lib", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "--deny warnings");
    shell::run(command.current_dir(&workspace.root))
}

/// Every crate that has features: without any, and with each alone. (With all: the other steps.)
fn features(workspace: &Workspace) -> Result<()> {
    for package in workspace.packages.iter().filter(|package| !package.features.is_empty()) {
        let without = ["clippy", "--package", &package.name, "--no-default-features"];
        let deny = ["--", "--deny", "warnings"];
        cargo(workspace, &[&without[..], &deny].concat())?;
        for feature in &package.features {
            cargo(workspace, &[&without[..], &["--features", feature], &deny].concat())?;
        }
    }
    Ok(())
}

fn deny(workspace: &Workspace, checks: &[&str]) -> Outcome {
    if !CARGO_DENY.is_there() {
        return not_run("cargo-deny is missing; `cargo xtask ci --provision` installs it");
    }
    of(cargo(workspace, &[&["deny", "check"], checks].concat()))
}

fn has_fuzz_targets(workspace: &Workspace) -> bool {
    workspace.root.join("fuzz/Cargo.toml").is_file()
}

fn fuzz_smoke(workspace: &Workspace) -> Outcome {
    if !CARGO_FUZZ.is_there() {
        return not_run("cargo-fuzz is missing; `cargo xtask ci --provision` installs it");
    }
    if !shell::succeeds(nightly(workspace).arg("--version")) {
        return not_run("there is no nightly toolchain");
    }
    of(run_fuzz_targets(workspace))
}

fn run_fuzz_targets(workspace: &Workspace) -> Result<()> {
    let targets = shell::output(nightly(workspace).args(["fuzz", "list"]))?;
    anyhow::ensure!(!targets.trim().is_empty(), "fuzz/ has no targets");
    for target in targets.split_whitespace() {
        let time = format!("-max_total_time={FUZZ_SECONDS}");
        shell::run(nightly(workspace).args(["fuzz", "run", target, "--", &time]))?;
    }
    Ok(())
}

/// The nightly cargo, whatever toolchain runs us: what that one has set for its children is taken away.
fn nightly(workspace: &Workspace) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).current_dir(&workspace.root);
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}

/// What a step comes to whose tool is missing: with CI=true nothing is skipped.
fn not_run(why: &'static str) -> Outcome {
    if shell::in_ci() { Outcome::Failed(anyhow!(why)) } else { Outcome::NotRun(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_the_whole_and_a_step_not_run_does_not() {
        assert!(summarise(&[("a", Outcome::Passed), ("b", Outcome::NotRun("why"))]).is_ok());
        let error = summarise(&[
            ("a", Outcome::Failed(anyhow::anyhow!("x"))),
            ("b", Outcome::Passed),
            ("c", Outcome::Failed(anyhow::anyhow!("y"))),
        ]);
        assert_eq!(error.unwrap_err().to_string(), "failed: a, c");
    }
}
