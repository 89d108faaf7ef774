//! `cargo xtask explore`.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::{fs, thread};

use anyhow::{Context as _, Result};
use clap::Parser;
use explore::search::{Limits, Report, search};
use explore::trace::Trace;
use explore::{Begin, Budget, Scope};
use simulate::invariants::Violation;

/// Explore every order in which a few things can happen to two peers, and check in every state what must hold
///
/// Exit status: 0 all held, 1 something did not (with a shortest trace), 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask explore", bin_name = "cargo xtask explore")]
struct Arguments {
    /// Actions on a path, at most
    #[arg(long, default_value_t = 12)]
    depth: usize,
    /// Texts on a path, of both users together
    #[arg(long, default_value_t = 4)]
    texts: u8,
    /// How often a process dies on a path
    #[arg(long, default_value_t = 1)]
    crashes: u8,
    /// Lines lost, doubled, overtaken, late or forged on a path, and words that the peer is away
    #[arg(long, default_value_t = 2)]
    faults: u8,
    /// How often time passes on a path
    #[arg(long, default_value_t = 2)]
    timers: u8,
    /// How often a user asks for a new session on a path
    #[arg(long, default_value_t = 1)]
    starts: u8,
    /// The threshold k
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..))]
    k: u32,
    /// Where searches begin: fresh, talking, restored [default: all]
    #[arg(long, value_delimiter = ',', value_parser = begin)]
    from: Vec<Begin>,
    /// No search takes longer
    #[arg(long)]
    minutes: Option<u64>,
    /// No search sees more states
    #[arg(long, default_value_t = 20_000_000)]
    states: usize,
    /// And no more states of one end, of which each takes some 20 KiB
    #[arg(long, default_value_t = 300_000)]
    ends: usize,
    /// Up to this depth the network is made fair in every state
    #[arg(long, default_value_t = 4)]
    fair_depth: usize,
    /// And beyond in every so many-th state; 0: in none
    #[arg(long, default_value_t = 1000)]
    fair_every: usize,
    /// Searches at the same time, one for each beginning
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Where the trace of a failure is stored
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Run a stored trace again and tell what happens
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Plant each known fault and tell how it is found (built with the feature planted-faults)
    #[cfg(feature = "planted-faults")]
    #[arg(long)]
    planted: bool,
}

fn begin(name: &str) -> Result<Begin, String> {
    Begin::ALL.into_iter().find(|begin| begin.name() == name).ok_or_else(|| "fresh, talking or restored".to_owned())
}

impl Arguments {
    fn budget(&self) -> Budget {
        Budget {
            texts: self.texts,
            starts: self.starts,
            timers: self.timers,
            faults: self.faults,
            crashes: self.crashes,
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            depth: self.depth,
            time: self.minutes.map(|minutes| Duration::from_secs(minutes * 60)),
            states: self.states,
            ends: self.ends,
            fair_depth: self.fair_depth,
            fair_every: self.fair_every,
        }
    }
}

fn main() -> ExitCode {
    simulate::program::run("explore", || work(&Arguments::parse()))
}

/// Whether all held.
fn work(arguments: &Arguments) -> Result<bool> {
    if let Some(file) = &arguments.replay {
        return replay(file);
    }
    #[cfg(feature = "planted-faults")]
    if arguments.planted {
        return Ok(planted(arguments));
    }
    let mut waiting = if arguments.from.is_empty() { Begin::ALL.to_vec() } else { arguments.from.clone() };
    waiting.reverse();
    let waiting = Mutex::new(waiting);
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                while let Some(begin) = next() {
                    let report = one(arguments, begin);
                    if let Ok(mut done) = done.lock() {
                        done.push((begin, report));
                    }
                }
            });
        }
    });
    let mut all_held = true;
    for (begin, report) in done.into_inner().unwrap_or_default() {
        println!("{}: {report}", begin.name());
        if let Some((violation, trace)) = report.failure {
            all_held = false;
            tell(arguments, &violation, &trace)?;
        }
    }
    println!("{}", if all_held { "all invariants held" } else { "an invariant did not hold" });
    Ok(all_held)
}

fn one(arguments: &Arguments, begin: Begin) -> Report {
    let scope = Scope { begin, k: arguments.k, budget: arguments.budget() };
    search(&scope, &arguments.limits(), |report| {
        let new = report.levels.last().copied().unwrap_or(0);
        eprintln!("{} {:>2}: {new} new; {report}", begin.name(), report.depth);
    })
}

fn tell(arguments: &Arguments, violation: &Violation, trace: &Trace) -> Result<()> {
    println!("{violation}");
    for line in trace.replay().story {
        println!("  {line}");
    }
    let json = serde_json::to_string(trace)?;
    println!("{json}");
    match &arguments.keep {
        Some(file) => fs::write(file, json).with_context(|| format!("cannot write {}", file.display())),
        None => Ok(()),
    }
}

fn replay(file: &Path) -> Result<bool> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let trace: Trace = serde_json::from_str(&text).with_context(|| format!("no trace: {}", file.display()))?;
    let replay = trace.replay();
    replay.story.iter().for_each(|line| println!("{line}"));
    match &replay.violation {
        Some(violation) => println!("{violation}"),
        None => println!("all invariants held"),
    }
    Ok(replay.violation.is_none())
}

/// Whether every fault was found.
#[cfg(feature = "planted-faults")]
fn planted(arguments: &Arguments) -> bool {
    use explore::trace::Then;
    let mut missed = 0;
    explore::planted::hunt(arguments.k, arguments.budget(), &arguments.limits(), |found| {
        let explore::planted::Found { fault, begin, report } = found;
        let name = format!("{fault:?}");
        match &report.failure {
            Some((violation, trace)) => println!(
                "{name:<22} from {:<8} depth {:>2}{}: {violation} ({} states, {:.1} s)",
                begin.name(),
                trace.actions.len(),
                if trace.then == Then::Nothing { "" } else { " + fair" },
                report.states,
                report.took.as_secs_f64(),
            ),
            None => {
                missed += 1;
                println!("{name:<22} not found to depth {} ({} states)", report.depth, report.states);
            }
        }
    });
    println!("{missed} not found");
    missed == 0
}
