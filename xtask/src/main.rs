//! Tasks of this repository: `cargo xtask help`.

mod bench;
mod ci;
mod driver;
mod explore;
mod provision;
mod shell;
mod simulate;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
    Provision {
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
        Task::Simulate { arguments } => simulate::run(&Workspace::load()?, &arguments),
        Task::Explore { arguments } => explore::run(&Workspace::load()?, &arguments),
        Task::Provision { check: true } => provision::check(),
        Task::Provision { check: false } => provision::install(),
    }
}
