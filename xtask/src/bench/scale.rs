//! `cargo xtask bench scale`: many conversations in one store on a disk.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::progress::Progress;
use super::results;
use crate::shell;
use crate::workspace::Workspace;

/// Sizes of the store at which is measured.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Conversations that read their first message, at each size.
const COLD: usize = 200;
/// Openings after a kill, at each size.
const OPENINGS: usize = 5;
/// Commits that the killed process makes before it is killed.
const BEFORE_KILL: usize = 50;

#[derive(Debug)]
pub(crate) struct Options {
    /// The largest size.
    pub(crate) rows: usize,
    /// Messages of the burst.
    pub(crate) messages: usize,
    /// Where the store is made: on a real disk.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) json: bool,
}

pub(crate) fn scale(workspace: &Workspace, options: &Options) -> Result<()> {
    shell::run(
        shell::cargo()
            .args(["build", "--quiet", "--release", "--package", "o2tr", "--features", "client"])
            .args(["--example", "bench_scale"])
            .current_dir(&workspace.root),
    )?;
    let program = workspace.target.join("release/examples/bench_scale");
    let directory = options.directory.clone().unwrap_or_else(|| workspace.target.join("bench/scale"));
    if directory.exists() {
        bail!("{} is there already: remove it first, so that every store begins empty", directory.display());
    }
    let bench = Bench { program, directory: Cleared(directory) };
    let mut sizes = Vec::new();
    let largest = SIZES.iter().copied().filter(|rows| *rows <= options.rows).max().context("no size is that small")?;
    for rows in SIZES.into_iter().filter(|rows| *rows <= largest) {
        sizes.push(bench.size(rows)?);
    }
    let data = json!({
        "sizes": sizes,
        "resident": bench.ask(&["resident", bench.path()?, &largest.to_string()])?,
        "burst": bench.ask(&["burst", bench.path()?, &options.messages.to_string()])?,
    });
    let command = format!("cargo xtask bench scale --rows {} --messages {}", options.rows, options.messages);
    results::save(workspace, "scale", &command, &data)?;
    if options.json {
        println!("{data}")
    } else {
        print(&data)
    }
    Ok(())
}

struct Bench {
    program: PathBuf,
    directory: Cleared,
}

impl Bench {
    fn path(&self) -> Result<&str> {
        self.directory.0.to_str().context("the directory's name is not UTF-8")
    }

    /// Fills the store up to a size and measures there.
    fn size(&self, rows: usize) -> Result<Value> {
        let mut progress = Progress::new(format!("a store of {rows}"), rows + OPENINGS);
        let mut child = Command::new(&self.program)
            .args(["fill", self.path()?, &rows.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .context("starting bench_scale")?;
        for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
            let done: Value = serde_json::from_str(&line?)?;
            progress.set(done.get("rows").and_then(Value::as_u64).and_then(|rows| rows.try_into().ok()).unwrap_or(0));
        }
        if !child.wait()?.success() {
            bail!("filling the store failed");
        }
        let mut openings = Vec::new();
        for number in 0..OPENINGS {
            self.kill_a_writer()?;
            openings.push(self.ask(&["open", self.path()?])?);
            progress.set(rows + number + 1);
        }
        drop(progress);
        let opened: Vec<_> = openings.iter().filter_map(|opening| opening.get("wall_us")).collect();
        let cold = self.ask(&["cold", self.path()?, &rows.to_string(), &COLD.to_string()])?;
        Ok(json!({"rows": rows, "open_us": opened, "cold": cold}))
    }

    /// A process that writes without a pause is killed without a word.
    fn kill_a_writer(&self) -> Result<()> {
        let mut child = Command::new(&self.program).args(["hold", self.path()?]).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let seen = lines.take(BEFORE_KILL).filter(Result::is_ok).count();
        child.kill()?;
        child.wait()?;
        if seen < BEFORE_KILL {
            bail!("the writer ended by itself");
        }
        Ok(())
    }

    fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let answer = shell::output(Command::new(&self.program).args(arguments))?;
        serde_json::from_str(&answer).with_context(|| format!("bench_scale answered {answer}"))
    }
}

/// A directory that is gone afterwards.
struct Cleared(PathBuf);

impl Drop for Cleared {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}

fn print(data: &Value) {
    println!("\n{:>10}{:>22}{:>26}{:>14}", "rows", "open after a kill, ms", "first offline message, ms", "its CPU, us");
    for size in data.get("sizes").and_then(Value::as_array).into_iter().flatten() {
        let median = |pointer: &str| {
            let values = size.pointer(pointer).and_then(Value::as_array);
            let values: Vec<f64> = values.into_iter().flatten().filter_map(Value::as_f64).collect();
            super::report::Spread::of(values).map_or(f64::NAN, |spread| spread.median)
        };
        let rows = size.get("rows").map(Value::to_string).unwrap_or_default();
        println!(
            "{rows:>10}{:>22.2}{:>26.3}{:>14.0}",
            median("/open_us") / 1e3,
            median("/cold/wall_us") / 1e3,
            median("/cold/cpu_us")
        );
    }
    let number = |pointer: &str| data.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    println!(
        "\nresident with {} conversations known and {} active: {:.0} MB",
        number("/resident/rows"),
        number("/resident/active"),
        number("/resident/resident_bytes") / 1e6
    );
    println!(
        "burst over {} conversations: {:.0} messages/s, p99 {:.1} ms; the store alone {:.0} commits/s",
        number("/burst/conversations"),
        1e6 * number("/burst/messages") / number("/burst/wall_us"),
        number("/burst/latency_us/p99") / 1e3,
        1e6 * number("/burst/raw/commits") / number("/burst/raw/wall_us")
    );
}
