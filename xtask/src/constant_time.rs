//! `cargo xtask constant-time`

use anyhow::Result;

use crate::shell;
use crate::workspace::Workspace;

/// Builds the measuring program as users build the library, and runs it.
pub(crate) fn run(workspace: &Workspace, seconds: u32, json: bool, operations: &[String]) -> Result<()> {
    let seconds = seconds.to_string();
    let mut cargo = shell::cargo();
    cargo
        .args(["run", "--quiet", "--release", "--package", "otr-core", "--example", "constant_time", "--"])
        .args(["--seconds", &seconds])
        .args(json.then_some("--json"))
        .args(operations)
        .current_dir(&workspace.root);
    shell::run(&mut cargo)
}
