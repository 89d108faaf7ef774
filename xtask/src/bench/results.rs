//! What was measured, kept as JSON in `target/bench/` with the machine and the command, for `cargo xtask report`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::shell;
use crate::workspace::Workspace;

/// The file of one bench.
fn file(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target.join("bench").join(name).with_extension("json")
}

/// Keeps results in place of earlier ones of the same name.
pub(crate) fn save(workspace: &Workspace, name: &str, command: &str, data: &Value) -> Result<()> {
    let path = file(workspace, name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let results = json!({"command": command, "machine": machine(), "data": data});
    std::fs::write(&path, serde_json::to_string(&results)?).with_context(|| format!("writing {}", path.display()))?;
    eprintln!("kept in {}", path.display());
    Ok(())
}

/// The results of that name, if the bench has run here.
pub(crate) fn load(workspace: &Workspace, name: &str) -> Result<Option<Value>> {
    let path = file(workspace, name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// What the figures depend on.
fn machine() -> Value {
    let first = |command: &mut Command| shell::output(command).ok().map(|text| text.trim().to_owned());
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "cpu": model.map(|(_, model)| model.trim()),
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
        "kernel": first(Command::new("uname").args(["-sr"])),
        "rustc": first(Command::new("rustc").arg("--version")),
        "libotr": first(Command::new("pkg-config").args(["--modversion", "libotr"])),
        "commit": first(Command::new("git").args(["rev-parse", "--short", "HEAD"])),
        "date": first(Command::new("date").args(["-u", "+%Y-%m-%d"])),
        "load": load.split_whitespace().next(),
    })
}
