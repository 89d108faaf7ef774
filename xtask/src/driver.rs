//! Building the driver around libotr.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell;
use crate::workspace::Workspace;

/// Compiles `xtask/peers/libotr/*.c` and returns the path of the program.
///
/// It is compiled each time, which takes about two seconds, so it can never be out of date; it is renamed
/// into place, so that a test that runs it at this moment keeps its own.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let flags = shell::output(Command::new("pkg-config").args(["--cflags", "--libs", "libotr", "libgcrypt"]))?;
    let folder = workspace.target.join("peers");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let program = folder.join("libotr_pipe");
    let fresh = folder.join(format!("libotr_pipe.{}", std::process::id()));
    shell::run(
        Command::new("cc")
            .args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", "-o"])
            .arg(&fresh)
            .args(sources(workspace)?)
            .args(flags.split_whitespace()),
    )?;
    std::fs::rename(&fresh, &program).with_context(|| format!("cannot write {}", program.display()))?;
    Ok(program)
}

fn sources(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let folder = workspace.root.join("xtask/peers/libotr");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "c"));
    files.sort();
    Ok(files)
}
