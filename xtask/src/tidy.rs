//! `cargo xtask tidy`: the rules of the house that no compiler knows, as code.

mod layers;
mod rules;
mod source;

use std::fmt;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::shell;
use crate::workspace::Workspace;

/// A place where a rule is not kept.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    rule: &'static str,
    path: String,
    /// From 1; 0 means the file as a whole.
    line: usize,
    message: String,
    /// Said, but no failure.
    warning: bool,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut findings = layers::check(&workspace.packages);
    for package in &workspace.packages {
        let manifest = std::fs::read_to_string(&package.manifest)
            .with_context(|| format!("cannot read {}", package.manifest.display()))?;
        findings.extend(layers::check_lints(&package.name, &manifest));
    }
    let files = files(workspace)?;
    for path in &files {
        // Gone from the work tree but not yet from git's index, or no text: nothing to check.
        let Ok(bytes) = std::fs::read(workspace.root.join(path)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        findings.extend(rules::check(path, &text));
    }
    findings.dedup(); // what stands twice on a line is one thing to mend
    for finding in &findings {
        eprintln!("{finding}");
    }
    let failures = findings.iter().filter(|finding| !finding.warning).count();
    ensure!(failures == 0, "tidy: {failures} rules broken in {} files", files.len());
    eprintln!("tidy: {} files in order", files.len());
    Ok(())
}

/// Every file that is or would be committed, relative to the root.
fn files(workspace: &Workspace) -> Result<Vec<String>> {
    let listing = shell::output(
        Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(&workspace.root),
    )?;
    Ok(listing.split_terminator('\0').map(str::to_owned).collect())
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, path, line, message, warning } = self;
        let level = if *warning { "warning" } else { "error" };
        match line {
            0 => write!(f, "{path}: {level}: {message} [{rule}]"),
            line => write!(f, "{path}:{line}: {level}: {message} [{rule}]"),
        }
    }
}
