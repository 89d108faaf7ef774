//! `cargo xtask ci`: what the continuous integration runs, in the order of what fails soonest.

use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::provision::{CARGO_DENY, CARGO_FUZZ};
use crate::workspace::Workspace;
use crate::{fuzz, shell, test, tidy};

/// How long each fuzz target runs: long enough to show that it is alive and passes its corpus.
const FUZZ_TIME: Duration = Duration::from_secs(5);

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
    match fuzz::obstacle(workspace) {
        Some(why) => not_run(why),
        None => of(fuzz::smoke(workspace, FUZZ_TIME)),
    }
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
