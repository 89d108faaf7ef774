//! `cargo xtask bench peers`, and what the others share.

pub(crate) mod paper;
mod progress;
pub(crate) mod report;
pub(crate) mod results;
pub(crate) mod scale;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{driver, shell};

use report::{Report, Row, Spread};

/// An operation that both programs know by this name.
struct Operation {
    name: &'static str,
    /// How often it is done in one measurement: a tenth of a second or so.
    count: u32,
    /// What is measured in it: the members of the answer, and their titles.
    parts: &'static [(&'static str, &'static str)],
    /// Whether libotr can do it.
    foreign: bool,
}

const WHOLE: &str = "cpu_us_per_op";
const SEND: &str = "send_cpu_us_per_op";
const RECEIVE: &str = "receive_cpu_us_per_op";

const OPERATIONS: &[Operation] = &[
    Operation { name: "ake", count: 50, parts: &[(WHOLE, "AKE")], foreign: true },
    Operation { name: "pingpong", count: 100, parts: &[(WHOLE, "ping-pong, 100 B, per message")], foreign: true },
    Operation {
        name: "burst100",
        count: 20_000,
        parts: &[(SEND, "burst, 100 B, send"), (RECEIVE, "burst, 100 B, receive")],
        foreign: true,
    },
    Operation {
        name: "burst10k",
        count: 2_000,
        parts: &[(SEND, "burst, 10 kB, send"), (RECEIVE, "burst, 10 kB, receive")],
        foreign: true,
    },
    Operation { name: "smp", count: 4, parts: &[(WHOLE, "SMP")], foreign: true },
    // The time of one key is luck; many keys are needed.
    Operation { name: "keygen", count: 20, parts: &[(WHOLE, "key generation")], foreign: true },
    Operation { name: "restored", count: 50, parts: &[(WHOLE, "first message of a restored session")], foreign: false },
];

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: u32,
    /// Names of operations; all if empty.
    pub(crate) only: Vec<String>,
    pub(crate) json: bool,
}

/// Measures both in turn and prints the comparison.
pub(crate) fn peers(workspace: &Workspace, options: &Options) -> Result<()> {
    if let Some(unknown) = options.only.iter().find(|name| !OPERATIONS.iter().any(|known| known.name == **name)) {
        bail!("no such operation: {unknown}");
    }
    let foreign = driver::build(workspace)?;
    let ours = build_ours(workspace)?;
    let mut report = Report::default();
    for operation in
        OPERATIONS.iter().filter(|known| options.only.is_empty() || options.only.iter().any(|name| name == known.name))
    {
        report.rows.extend(measure(operation, options.rounds, &ours, &foreign)?);
    }
    let complete = options.only.is_empty();
    if complete {
        let command = format!("cargo xtask bench peers --rounds {}", options.rounds);
        results::save(workspace, "peers", &command, &report.to_json())?;
    }
    if options.json {
        println!("{}", report.to_json())
    } else {
        print!("{report}")
    }
    Ok(())
}

fn build_ours(workspace: &Workspace) -> Result<PathBuf> {
    shell::run(
        shell::cargo()
            .args(["build", "--quiet", "--release", "--package", "otr-core", "--example", "bench_ops"])
            .current_dir(&workspace.root),
    )?;
    Ok(workspace.target.join("release/examples/bench_ops"))
}

fn measure(operation: &Operation, rounds: u32, ours: &Path, foreign: &Path) -> Result<Vec<Row>> {
    let count = operation.count.to_string();
    let mut answers = Vec::new();
    for _ in 0..rounds {
        let own = answer(Command::new(ours).args([operation.name, &count]))?;
        let other = operation
            .foreign
            .then(|| answer(Command::new(foreign).args(["--bench", operation.name, &count])))
            .transpose()?;
        answers.push((own, other));
    }
    operation
        .parts
        .iter()
        .map(|(member, title)| {
            let number = |answer: &Value| {
                answer.get(member).and_then(Value::as_f64).with_context(|| format!("no {member} in {answer}"))
            };
            let ours: Vec<f64> = answers.iter().map(|(own, _)| number(own)).collect::<Result<_>>()?;
            let libotr: Vec<f64> =
                answers.iter().filter_map(|(_, other)| other.as_ref()).map(number).collect::<Result<_>>()?;
            Ok(Row { title, ours: Spread::of(ours).context("no rounds")?, libotr: Spread::of(libotr) })
        })
        .collect()
}

/// The one line of JSON that a measuring program prints.
fn answer(command: &mut Command) -> Result<Value> {
    let output = shell::output(command)?;
    serde_json::from_str(&output).with_context(|| format!("{} answered {output}", shell::render(command)))
}
