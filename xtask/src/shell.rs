//! Running other programs.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs a program in the foreground, its output going where ours goes, and names it first.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let rendered = render(command);
    eprintln!("$ {rendered}");
    let status = command.status().with_context(|| format!("cannot start {rendered}"))?;
    if !status.success() {
        bail!("`{rendered}` ended with {status}");
    }
    Ok(())
}

/// Runs a program silently and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let rendered = render(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {rendered}"))?;
    if !output.status.success() {
        bail!("`{rendered}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{rendered} answered in no UTF-8"))
}

/// Whether a program runs silently and succeeds; a program that is not there does not.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether we run in continuous integration, where nothing is asked and nothing skipped.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// A command as one would type it.
pub(crate) fn render(command: &Command) -> String {
    let program = command.get_program();
    // Cargo tells us its full path; its name says more.
    let program = std::path::Path::new(program).file_name().unwrap_or(program);
    std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_of_a_program_is_ours() {
        assert!(run(&mut Command::new("true")).is_ok());
        assert!(run(&mut Command::new("false")).is_err());
        assert!(run(&mut Command::new("no-such-program-anywhere")).is_err());
        assert!(!succeeds(&mut Command::new("no-such-program-anywhere")));
        assert_eq!(output(Command::new("echo").arg("word")).unwrap(), "word\n");
        assert!(output(&mut Command::new("false")).is_err());
    }
}
