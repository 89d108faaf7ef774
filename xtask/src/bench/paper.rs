//! `cargo xtask bench paper`: section 5 of the paper, with libotr beside us.
//!
//! Section 5.1: conversations are cut off by killing the receiver's process; libotr is the sender, and the receiver is
//! O2TR once and libotr once, in the same schedule. Section 5.2: what each kind of message, the handshake and the refresh
//! cost, each measured on its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use xtask::pipe::{PipeProcess, Relay, Side};

use super::progress::Progress;
use super::results;
use crate::workspace::Workspace;
use crate::{driver, shell};

/// Our receiver, killed and started again on one state directory.
const OURS: Side = Side::A;

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) conversations: usize,
    /// How often each operation is measured.
    pub(crate) samples: usize,
    pub(crate) seed: u64,
    pub(crate) json: bool,
}

pub(crate) fn paper(workspace: &Workspace, options: &Options) -> Result<()> {
    let libotr = driver::build(workspace)?;
    let program = build(workspace, &["--package", "o2tr-cli", "--bin", "o2tr"])?.join("o2tr");
    let engine = build(workspace, &["--release", "--package", "o2tr", "--example", "bench_engine"])?;
    let engine = engine.join("examples/bench_engine");
    let data = json!({
        "recovery": recovery(&program, &libotr, options)?,
        "costs": costs(&engine, &libotr, options.samples)?,
    });
    let command = format!(
        "cargo xtask bench paper --conversations {} --samples {} --seed {}",
        options.conversations, options.samples, options.seed
    );
    results::save(workspace, "paper", &command, &data)?;
    if options.json {
        println!("{data}");
    } else {
        print(&data);
    }
    Ok(())
}

/// Builds something; the directory of the profile.
fn build(workspace: &Workspace, what: &[&str]) -> Result<PathBuf> {
    shell::run(shell::cargo().args(["build", "--quiet"]).args(what).current_dir(&workspace.root))?;
    Ok(workspace.target.join(if what.contains(&"--release") { "release" } else { "debug" }))
}

/// What happens in one conversation.
struct Story {
    name: String,
    /// Who speaks in turn before the break: true for the sender of the offline messages.
    live: Vec<bool>,
    offline: usize,
}

fn recovery(program: &Path, libotr: &Path, options: &Options) -> Result<Value> {
    let home = Temporary::new()?;
    let mut dice = Dice(options.seed);
    let mut progress = Progress::new("conversations cut off", options.conversations);
    let (mut sent, mut by_o2tr, mut by_otr) = (0, 0, 0);
    for number in 0..options.conversations {
        let story = Story {
            name: format!("peer{number}"),
            live: (0..dice.below(4)).map(|_| dice.below(2) == 0).collect(),
            offline: 1 + dice.below(4),
        };
        sent += story.offline;
        by_o2tr += run(&story, libotr, || ours(program, &home.0, &story.name))?;
        by_otr += run(&story, libotr, || plain(libotr, "receiver", &story.name))?;
        progress.set(number + 1);
    }
    Ok(json!({"conversations": options.conversations, "offline messages": sent, "o2tr": by_o2tr, "libotr": by_otr}))
}

/// How many of the messages of one conversation that were sent while the receiver was gone it reads afterwards.
fn run(story: &Story, libotr: &Path, receiver: impl Fn() -> Result<PipeProcess>) -> Result<usize> {
    let mut relay = Relay::new(receiver()?, plain(libotr, &story.name, "receiver")?);
    relay.run(OURS, &json!({"cmd": "query"}))?;
    for from_sender in &story.live {
        let side = if *from_sender { OURS.other() } else { OURS };
        let exchange = relay.run(side, &json!({"cmd": "send", "text": "live"}))?;
        if exchange.texts(side.other()) != ["live"] {
            bail!("{}: a live message is not read: {exchange:?}", story.name);
        }
    }
    relay.process(OURS).terminate()?;
    let texts: Vec<_> = (0..story.offline).map(|number| format!("offline {number}")).collect();
    for text in &texts {
        relay.command(OURS.other(), &json!({"cmd": "send", "text": text}))?;
    }
    drop(relay.replace(OURS, receiver()?));
    let exchange = relay.settle()?;
    let read = exchange.texts(OURS);
    let recovered = texts.iter().filter(|text| read.contains(&text.as_str())).count();
    for side in [OURS, OURS.other()] {
        relay.process(side).terminate()?;
    }
    Ok(recovered)
}

fn ours(program: &Path, home: &Path, peer: &str) -> Result<PipeProcess> {
    let mut command = Command::new(program);
    command.args(["pipe", "--name", "receiver", "--peer", peer, "--policy", "v3", "--state"]).arg(home.join("state"));
    PipeProcess::spawn("receiver", &mut command)
}

/// libotr keeps its session in memory, as every plain client does.
fn plain(libotr: &Path, name: &str, peer: &str) -> Result<PipeProcess> {
    let mut command = Command::new(libotr);
    command.args(["--name", name, "--peer", peer, "--memory", "--policy", "v3"]);
    PipeProcess::spawn(name, &mut command)
}

/// Both programs in turn, in slices, so that whatever else the machine does meets both.
fn costs(engine: &Path, libotr: &Path, samples: usize) -> Result<Value> {
    const SLICE: usize = 20;
    let slices = samples.div_ceil(SLICE);
    let mut progress = Progress::new("costs of messages", slices);
    let mut rows = json!({});
    for slice in 0..slices {
        let count = SLICE.min(samples - slice * SLICE).to_string();
        let answer = shell::output(Command::new(engine).args(["paper", &count]))?;
        let ours: Value = serde_json::from_str(&answer).context("bench_engine answered no JSON")?;
        for (operation, columns) in ours.as_object().into_iter().flatten() {
            for (column, values) in columns.as_object().into_iter().flatten() {
                match values.as_array() {
                    Some(values) => append(&mut rows, operation, column, values)?,
                    None => set(&mut rows, operation, column, values)?,
                }
            }
        }
        for line in shell::output(Command::new(libotr).args(["--bench", "paper", &count]))?.lines() {
            let sample: Value = serde_json::from_str(line).context("the libotr driver answered no JSON")?;
            for (operation, value) in sample.as_object().into_iter().flatten() {
                append(&mut rows, operation, "libotr", core::slice::from_ref(value))?;
            }
        }
        progress.set(slice + 1);
    }
    Ok(rows)
}

fn append(rows: &mut Value, operation: &str, column: &str, values: &[Value]) -> Result<()> {
    let cell = cell(rows, operation, column)?;
    if cell.is_null() {
        *cell = json!([]);
    }
    cell.as_array_mut().context("a row of measurements")?.extend_from_slice(values);
    Ok(())
}

fn set(rows: &mut Value, operation: &str, column: &str, value: &Value) -> Result<()> {
    *cell(rows, operation, column)? = value.clone();
    Ok(())
}

fn cell<'a>(rows: &'a mut Value, operation: &str, column: &str) -> Result<&'a mut Value> {
    let operations = rows.as_object_mut().context("rows of measurements")?;
    let columns = operations.entry(operation).or_insert_with(|| json!({}));
    Ok(columns.as_object_mut().context("columns of measurements")?.entry(column).or_insert(Value::Null))
}

fn print(data: &Value) {
    let text = |pointer: &str| data.pointer(pointer).map(Value::to_string).unwrap_or_default();
    println!(
        "{} conversations cut off, {} offline messages: O2TR read {}, libotr {}\n",
        text("/recovery/conversations"),
        text("/recovery/offline messages"),
        text("/recovery/o2tr"),
        text("/recovery/libotr")
    );
    println!("Microseconds of process CPU time, medians:\n");
    println!("{:<18}{:>12}{:>12}{:>12}", "", "O2TR", "our OTR", "libotr");
    for operation in ["incoming", "outgoing", "offline first", "refresh", "handshake", "event"] {
        let column = |name: &str| {
            let values = data.pointer(&format!("/costs/{operation}/{name}")).and_then(Value::as_array);
            let values: Vec<f64> = values.into_iter().flatten().filter_map(Value::as_f64).collect();
            super::report::Spread::of(values).map_or_else(|| "-".to_owned(), |spread| format!("{:.1}", spread.median))
        };
        println!("{operation:<18}{:>12}{:>12}{:>12}", column("o2tr"), column("otr"), column("libotr"));
    }
}

/// A directory that is gone afterwards.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("o2tr-bench-paper-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Repeatable chance (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or_default() % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_tells_the_same_stories() {
        let throws = |seed| {
            let mut dice = Dice(seed);
            (0..100).map(|_| dice.below(4)).collect::<Vec<_>>()
        };
        assert_eq!(throws(1), throws(1));
        assert_ne!(throws(1), throws(2));
        assert!((0..4).all(|face| throws(1).contains(&face)));
    }

    #[test]
    fn samples_of_several_slices_come_together() {
        let mut rows = json!({});
        append(&mut rows, "incoming", "o2tr", &[json!(1.0)]).unwrap();
        append(&mut rows, "incoming", "o2tr", &[json!(2.0), json!(3.0)]).unwrap();
        set(&mut rows, "commits", "per message", &json!(4)).unwrap();
        assert_eq!(rows, json!({"incoming": {"o2tr": [1.0, 2.0, 3.0]}, "commits": {"per message": 4}}));
    }
}
