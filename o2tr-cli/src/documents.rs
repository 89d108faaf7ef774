//! `o2tr completions` and `o2tr man`: what shells and readers want to know, out of the command line's own definition.

use std::io::{self, Write as _};
use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Arguments;
use crate::failure::{Failure, Kind};

/// Prints completions for a shell.
///
/// # Errors
/// Nobody reads.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "o2tr", &mut script);
    io::stdout()
        .write_all(&script)
        .map_err(|error| Failure::new(Kind::Other, "output", format!("cannot write: {error}")))
}

/// Writes manual pages into a directory: one for the program, one for each command.
///
/// # Errors
/// A page cannot be written.
pub(crate) fn manual(directory: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::file(directory, "write the manual pages to", &error);
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), directory).map_err(failed)
}
