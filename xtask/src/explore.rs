//! `cargo xtask explore`: builds the exhaustive search as fast as it can be, and runs it.

use anyhow::Result;

use crate::shell;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "explore"]);
    if arguments.iter().any(|argument| argument == "--planted") {
        cargo.args(["--features", "planted-faults"]);
    }
    shell::run(cargo.arg("--").args(arguments).current_dir(&workspace.root))
}
