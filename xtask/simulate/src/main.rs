//! `cargo xtask simulate`.

use core::ops::ControlFlow;
use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Parser;
use simulate::campaign::{Campaign, Tally};
use simulate::plan::{Plan, Theme};
use simulate::run::{Failure, run};
use simulate::shrink::shrink;

/// Simulate whole conversations with everything that can go wrong, and check what must hold all the same
///
/// Exit status: 0 all held, 1 something did not, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask simulate", bin_name = "cargo xtask simulate")]
struct Arguments {
    /// How many seeds [default: 100, or 1 with --seed]
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed
    #[arg(long)]
    seed: Option<u64>,
    /// Begin no seed later than after so many minutes
    #[arg(long)]
    minutes: Option<u64>,
    /// Threads
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Actions of each plan, besides the passing of time
    #[arg(long, default_value_t = 80)]
    length: usize,
    /// Only seeds of these themes, for example crashes,disks
    #[arg(long, value_delimiter = ',')]
    faults: Vec<String>,
    /// Run a stored plan and tell what happens
    #[arg(long, conflicts_with_all = ["seed", "seeds", "minutes"])]
    replay: Option<PathBuf>,
    /// Runs that may be spent on shortening a plan that fails
    #[arg(long, default_value_t = 400)]
    shorten: usize,
    /// Where shortened plans that fail are stored
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Go on after a failure
    #[arg(long)]
    all: bool,
    /// Tell what happens in each seed that fails
    #[arg(long)]
    story: bool,
    /// Plant each known fault and tell after how many seeds it is found (built with the feature planted-faults)
    #[cfg(feature = "planted-faults")]
    #[arg(long)]
    planted: bool,
}

impl Arguments {
    fn seeds(&self) -> u64 {
        self.seeds.unwrap_or(if self.seed.is_some() {
            1
        } else if self.minutes.is_some() {
            u64::MAX
        } else {
            100
        })
    }
}

fn main() -> ExitCode {
    simulate::program::run("simulate", || work(&Arguments::parse()))
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
    let started = Instant::now();
    let mut told = Instant::now();
    let campaign = Campaign {
        first: arguments.seed.unwrap_or(0),
        seeds: arguments.seeds(),
        limit: arguments.minutes.map(|minutes| Duration::from_secs(minutes * 60)),
        jobs: arguments.jobs,
        length: arguments.length,
        themes: themes(&arguments.faults)?,
    };
    let rate = |tally: &Tally| {
        let seconds = started.elapsed().as_secs_f64();
        let Tally { seeds, failed, steps } = *tally;
        format!(
            "{seeds} seeds, {failed} failed, {steps} steps in {seconds:.0} s, {:.0} steps/s",
            steps as f64 / seconds
        )
    };
    let mut problem = None;
    let tally = campaign.run(
        |plan, failure| {
            if let Err(error) = report(arguments, plan, &failure) {
                problem = Some(error);
                return ControlFlow::Break(());
            }
            if arguments.all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
        |tally| {
            if told.elapsed() > Duration::from_secs(60) {
                told = Instant::now();
                eprintln!("{}", rate(tally));
            }
        },
    );
    println!("{}", rate(&tally));
    problem.map_or(Ok(tally.failed == 0), Err)
}

fn themes(names: &[String]) -> Result<Vec<Theme>> {
    let parse = |name: &String| {
        Theme::named(name).with_context(|| {
            let known: Vec<_> = Theme::ALL.iter().map(|theme| format!("{theme:?}").to_lowercase()).collect();
            format!("no such theme: {name}; there are {}", known.join(", "))
        })
    };
    names.iter().map(parse).collect()
}

fn report(arguments: &Arguments, plan: Plan, failure: &Failure) -> Result<()> {
    let seed = plan.seed;
    println!("seed {seed} ({:?}), commit {}: {}", Theme::of(seed), commit(), failure.violation);
    let short = shrink(&plan, failure.violation.invariant, arguments.shorten);
    println!("shortened from {} actions to {}:", plan.actions.len(), short.actions.len());
    let told = run(&short, arguments.story);
    if arguments.story {
        told.story.iter().for_each(|line| println!("  {line}"));
    } else {
        short.actions.iter().for_each(|action| println!("  {action:?}"));
    }
    if let Some(failure) = told.failure {
        println!("  {}", failure.violation);
    }
    if let Some(folder) = &arguments.keep {
        fs::create_dir_all(folder)?;
        let file = folder.join(format!("seed-{seed}.json"));
        fs::write(&file, serde_json::to_string_pretty(&short)? + "\n")?;
        println!("kept as {}; again with --replay", file.display());
    }
    Ok(())
}

fn replay(file: &Path) -> Result<bool> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let plan: Plan = serde_json::from_str(&text).with_context(|| format!("{} is no plan", file.display()))?;
    let outcome = run(&plan, true);
    outcome.story.iter().for_each(|line| println!("{line}"));
    let Some(failure) = outcome.failure else {
        println!("{} steps, all held", outcome.steps);
        return Ok(true);
    };
    println!("at action {}: {}", failure.at, failure.violation);
    Ok(false)
}

#[cfg(feature = "planted-faults")]
fn planted(arguments: &Arguments) -> bool {
    println!("| fault | found by invariant | seeds | actions left | what was seen |");
    println!("|---|---|---|---|---|");
    let found = simulate::planted::hunt(arguments.seed.unwrap_or(0), arguments.seeds(), arguments.length, |found| {
        let simulate::planted::Found { fault, seeds, failure, seed: _, actions } = found;
        match failure {
            Some(Failure { violation, .. }) => {
                let what: String = violation.what.chars().filter(|c| *c != '|').take(70).collect();
                println!("| {fault:?} | {} | {seeds} | {actions} | {what} |", violation.invariant);
            }
            None => println!("| {fault:?} | NOT FOUND | {seeds} | | |"),
        }
    });
    found.iter().all(|found| found.failure.is_some())
}

/// The commit that is checked out, as far as it can be told.
fn commit() -> String {
    let git = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let text = git.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    text.map_or_else(|| "unknown".to_owned(), |text| String::from_utf8_lossy(&text).trim().to_owned())
}
