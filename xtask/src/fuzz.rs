//! `cargo xtask fuzz`, and the short run of `cargo xtask ci`.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use crate::provision::CARGO_FUZZ;
use crate::shell;
use crate::workspace::Workspace;

#[derive(Debug)]
pub(crate) struct Options {
    /// For all targets together.
    pub(crate) time: Duration,
    /// Parts of names; all targets if empty.
    pub(crate) targets: Vec<String>,
    pub(crate) json: bool,
}

/// Why nothing can be fuzzed on this machine; `None` if it can.
pub(crate) fn obstacle(workspace: &Workspace) -> Option<&'static str> {
    if !CARGO_FUZZ.is_there() {
        return Some("cargo-fuzz is missing; `cargo xtask ci --provision` installs it");
    }
    if !shell::succeeds(nightly(workspace).arg("--version")) {
        return Some("there is no nightly toolchain");
    }
    None
}

/// Fuzzes the targets one after the other. The corpus stays in `fuzz/corpus` and grows from run to run.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if let Some(why) = obstacle(workspace) {
        bail!(why);
    }
    let wanted = |name: &str| options.targets.is_empty() || options.targets.iter().any(|part| name.contains(part));
    let targets: Vec<String> = targets(workspace)?.into_iter().filter(|name| wanted(name)).collect();
    ensure!(!targets.is_empty(), "no target has such a name");
    seed(workspace)?;
    let share = options.time / u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let mut runs = Vec::new();
    for (number, target) in targets.iter().enumerate() {
        eprintln!("[{}/{}] {target}, {} s", number + 1, targets.len(), share.as_secs().max(1));
        let found = fuzz(workspace, target, share)?;
        eprintln!("        {found}");
        runs.push((target, found));
    }
    if options.json {
        let rows: Vec<_> = runs.iter().map(|(target, run)| run.to_json(target)).collect();
        println!("{}", json!({ "seconds_each": share.as_secs().max(1), "targets": rows }));
    } else {
        println!("{:<18} {:>14} {:>10} {:>8}", "target", "executions", "coverage", "corpus");
        for (target, Run { executions, coverage, corpus }) in &runs {
            println!("{target:<18} {executions:>14} {coverage:>10} {corpus:>8}");
        }
    }
    Ok(())
}

/// Lets each target run for a moment: it builds, it starts, and nothing is found at once.
pub(crate) fn smoke(workspace: &Workspace, each: Duration) -> Result<()> {
    let targets = targets(workspace)?;
    ensure!(!targets.is_empty(), "fuzz/ has no targets");
    for target in targets {
        let found = fuzz(workspace, &target, each)?;
        eprintln!("{target}: {found}");
        ensure!(found.executions > 0, "{target} did nothing");
    }
    Ok(())
}

fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let names = shell::output(nightly(workspace).args(["fuzz", "list"]))?;
    Ok(names.split_whitespace().map(str::to_owned).collect())
}

/// Writes the first corpus, unless there is one.
fn seed(workspace: &Workspace) -> Result<()> {
    if workspace.root.join("fuzz/corpus").is_dir() {
        return Ok(());
    }
    let mut cargo = nightly(workspace);
    cargo.args(["run", "--quiet", "--release", "--example", "seed"]).current_dir(workspace.root.join("fuzz"));
    shell::run(&mut cargo)
}

/// What one run did.
#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    executions: u64,
    /// Edges of the program that inputs of the corpus reach.
    coverage: u64,
    /// Inputs in the corpus.
    corpus: u64,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, coverage, corpus } = self;
        write!(f, "{executions} executions, {coverage} edges, {corpus} inputs in the corpus")
    }
}

impl Run {
    fn to_json(&self, target: &str) -> serde_json::Value {
        let Self { executions, coverage, corpus } = self;
        json!({ "target": target, "executions": executions, "coverage": coverage, "corpus": corpus })
    }

    /// Reads what libFuzzer reports: the last status line, and the statistics at the end.
    fn read(report: &str) -> Self {
        let mut run = Self::default();
        for line in report.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["stat::number_of_executed_units:", count] = words[..] {
                run.executions = count.parse().unwrap_or(0);
            }
            if line.starts_with('#') {
                for pair in words.windows(2) {
                    match pair {
                        ["cov:", edges] => run.coverage = edges.parse().unwrap_or(run.coverage),
                        ["corp:", inputs] => {
                            run.corpus = inputs.split('/').next().and_then(|n| n.parse().ok()).unwrap_or(run.corpus);
                        }
                        _ => {}
                    }
                }
            }
        }
        run
    }
}

fn fuzz(workspace: &Workspace, target: &str, time: Duration) -> Result<Run> {
    let time = format!("-max_total_time={}", time.as_secs().max(1));
    let mut command = nightly(workspace);
    // There is next to no unsafe code for the sanitizer to watch, and it halves the speed.
    command.args(["fuzz", "run", "--sanitizer", "none", target, "--", &time, "-print_final_stats=1"]);
    let rendered = shell::render(&command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {rendered}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{target} has found something, or was not built; `{rendered}` said:\n{}", last_lines(&report, 60));
    }
    Ok(Run::read(&report))
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_libfuzzer_is_read() {
        let report = "INFO: Seed: 1\n#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb\n\
                      #4096\tpulse  cov: 99 ft: 200 corp: 17/801b lim: 43 exec/s: 2048 rss: 31Mb\n\
                      Done 5000 runs in 3 second(s)\nstat::number_of_executed_units: 5000\nstat::peak_rss_mb: 31\n";
        assert_eq!(Run::read(report), Run { executions: 5000, coverage: 99, corpus: 17 });
        assert_eq!(Run::read("nothing of it"), Run::default());
    }

    #[test]
    fn the_end_of_a_report_is_what_matters() {
        assert_eq!(last_lines("a\nb\nc", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }
}
