//! The command line.

mod pipe;

use clap::{Parser, Subcommand};

pub(crate) use self::pipe::{PipeArguments, check_mtu};

/// Off-the-Record messaging that survives being offline.
#[derive(Debug, Parser)]
#[command(name = "o2tr", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Be one endpoint that speaks JSON lines on standard input and output
    Pipe(Box<PipeArguments>),
}

/// The first paragraph of what clap has to say, for a program to read.
pub(crate) fn in_one_line(refusal: &clap::Error) -> String {
    let text = refusal.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let lines: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}
