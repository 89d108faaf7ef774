//! Tasks of this repository: `cargo xtask help`.

mod bench;
mod ci;
mod constant_time;
mod driver;
mod explore;
mod fuzz;
mod matrix;
mod provision;
mod report;
mod shell;
mod simulate;
mod test;
mod tidy;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::provision::Group;
use crate::workspace::Workspace;

/// Tasks of this repository. Exit status: 0 done, 1 failed, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run all tests, those against foreign implementations included
    ///
    /// Without --provision nothing is installed: what is missing is named, and so are the tests that are
    /// skipped for it. With CI=true a skipped test is a failed one.
    Test {
        /// First install the missing Debian packages (asks on a terminal)
        #[arg(long)]
        provision: bool,
    },
    /// Run what the continuous integration runs: formatting, tidy, lints, features, docs, licences, tests
    ///
    /// Every step is run and reported, also after a failure. A step whose tool is missing is named as not
    /// run; with CI=true that is a failure.
    Ci {
        /// First install the missing tools and Debian packages
        #[arg(long)]
        provision: bool,
        /// Leave the tests out
        #[arg(long)]
        no_test: bool,
        /// Also ask the advisory database about the dependencies (needs the network and cargo-deny)
        #[arg(long)]
        advisories: bool,
    },
    /// Check the rules of the house that no compiler knows
    Tidy,
    /// Measure
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Run every combination of transport, store, peer, scenario and fault with real processes
    ///
    /// Fails when a combination does. Those that mean nothing are told with the reason, and so are those for which
    /// something is missing on this machine; with CI=true that is a failure.
    Matrix {
        /// Only a few combinations that contain every value, each transport with each peer, and each scenario with each fault
        #[arg(long)]
        quick: bool,
        /// Only combinations with these values, such as prosody,files,kill: of one kind any, of several kinds all
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        only: Vec<String>,
        /// Write the results there as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Write the results there as one page
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// How many combinations run at a time
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
        jobs: u16,
        /// First install what is missing: Debian packages, and potr into a folder of its own
        #[arg(long)]
        provision: bool,
        /// Test this o2tr instead of building one
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
    },
    /// Measure whether the time of operations depends on their secrets
    ///
    /// Each operation runs with special and with random secrets in random order; a t-test compares the times. Fails when
    /// one leaks, and when a leak that is planted is not found. Longer runs see smaller leaks.
    ConstantTime {
        /// Seconds for each operation
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
        /// Only operations whose names contain one of these
        operations: Vec<String>,
    },
    /// Fuzz, with the nightly compiler and cargo-fuzz
    ///
    /// All targets in turn, those beside libotr included. The corpus stays in fuzz/corpus, findings in fuzz/artifacts.
    Fuzz {
        /// Minutes for all targets together
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        minutes: u32,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
        /// Only targets whose names contain one of these
        targets: Vec<String>,
    },
    /// Make a page of the results of the benches, and docs/benchmarks.md
    ///
    /// Reads what `bench peers`, `bench paper` and `bench scale` have kept, draws it, and says where it was measured.
    Report,
    /// Simulate whole conversations with everything that can go wrong, seed by seed (--help tells more)
    #[command(disable_help_flag = true)]
    Simulate {
        /// For the simulator; --planted builds it with faults to be found
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Explore every interleaving of a few things that can happen, state by state (--help tells more)
    #[command(disable_help_flag = true)]
    Explore {
        /// For the search; --planted builds it with faults to be found
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Install the Debian packages that the tests need
    ///
    /// Servers among them are not started: while packages are installed /usr/sbin/policy-rc.d forbids it, if there is
    /// no such file yet, and it is removed afterwards.
    Provision {
        /// What for
        #[arg(value_enum, default_value = "all")]
        groups: Vec<Group>,
        /// Only say what is missing; fails when something is
        #[arg(long)]
        check: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Compare us with libotr, operation by operation, in microseconds of process CPU time
    ///
    /// Both are measured in turn, several rounds, so that whatever else the machine does meets both. Trust the
    /// ratios, not the microseconds.
    Peers {
        /// How often each operation is measured
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// Only these operations: ake, pingpong, burst100, burst10k, smp, keygen, restored
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Repeat section 5 of the paper: which messages of cut-off conversations are read, and what messages cost
    Paper {
        /// How many conversations are cut off (the paper: 200)
        #[arg(long, default_value_t = 200)]
        conversations: usize,
        /// How often each operation is measured
        #[arg(long, default_value_t = 400)]
        samples: usize,
        /// Which schedule
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Measure stores of a thousand to a million conversations, on a disk
    ///
    /// A million needs 4 GB there and some minutes.
    Scale {
        /// The largest store
        #[arg(long, default_value_t = 1_000_000)]
        rows: usize,
        /// Messages of the burst
        #[arg(long, default_value_t = 128_000)]
        messages: usize,
        /// Where the store is made; it must not exist [default: target/bench/scale]
        #[arg(long)]
        directory: Option<std::path::PathBuf>,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// All three and the report: the figures of docs/benchmarks.md, on a machine that does nothing else
    All {
        /// How often each operation is compared with libotr's
        #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench_all(workspace: &Workspace, rounds: u32) -> Result<()> {
    bench::peers(workspace, &bench::Options { rounds, only: Vec::new(), json: false })?;
    let paper = bench::paper::Options { conversations: 1000, samples: 1000, seed: 1, json: false };
    bench::paper::paper(workspace, &paper)?;
    let scale = bench::scale::Options { rows: 1_000_000, messages: 128_000, directory: None, json: false };
    bench::scale::scale(workspace, &scale)?;
    report::report(workspace)
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Test { provision } => test::run(&Workspace::load()?, provision),
        Task::Ci { provision, no_test, advisories } => {
            ci::run(&Workspace::load()?, &ci::Options { tests: !no_test, provision, advisories })
        }
        Task::Tidy => tidy::run(&Workspace::load()?),
        Task::Bench { what: Bench::Peers { rounds, only, json } } => {
            bench::peers(&Workspace::load()?, &bench::Options { rounds, only, json })
        }
        Task::Bench { what: Bench::Paper { conversations, samples, seed, json } } => {
            bench::paper::paper(&Workspace::load()?, &bench::paper::Options { conversations, samples, seed, json })
        }
        Task::Bench { what: Bench::Scale { rows, messages, directory, json } } => {
            bench::scale::scale(&Workspace::load()?, &bench::scale::Options { rows, messages, directory, json })
        }
        Task::Bench { what: Bench::All { rounds } } => bench_all(&Workspace::load()?, rounds),
        Task::Report => report::report(&Workspace::load()?),
        Task::Matrix { quick, only, json, html, jobs, provision, program } => {
            let jobs = jobs.into();
            let options = matrix::Options { quick, only, json, html, jobs, provision, program };
            matrix::run(&Workspace::load()?, &options)
        }
        Task::ConstantTime { seconds, json, operations } => {
            constant_time::run(&Workspace::load()?, seconds, json, &operations)
        }
        Task::Fuzz { minutes, json, targets } => {
            let time = std::time::Duration::from_secs(60 * u64::from(minutes));
            fuzz::run(&Workspace::load()?, &fuzz::Options { time, targets, json })
        }
        Task::Simulate { arguments } => simulate::run(&Workspace::load()?, &arguments),
        Task::Explore { arguments } => explore::run(&Workspace::load()?, &arguments),
        Task::Provision { groups, check: true } => provision::check(&groups),
        Task::Provision { groups, check: false } => provision::install(&groups),
    }
}
