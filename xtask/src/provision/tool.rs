//! Cargo subcommands that `cargo xtask ci` runs.

use anyhow::Result;

use crate::shell;

/// A cargo subcommand. The version is pinned: a newer one may want a newer compiler.
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
