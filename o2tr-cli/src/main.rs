//! The program `o2tr`.

mod args;
mod failure;
mod pipe;
mod state;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Task};
use crate::failure::Failure;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refusal) => {
            if refusal.use_stderr() && std::env::args_os().nth(1).is_some_and(|task| task == "pipe") {
                pipe::refuse(&Failure::usage(args::in_one_line(&refusal)));
            }
            refusal.exit()
        }
    };
    match run(arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            anstream::eprintln!("o2tr: {failure}");
            failure.status()
        }
    }
}

fn run(task: Task) -> Result<(), Failure> {
    match task {
        Task::Pipe(arguments) => pipe::run(&arguments),
    }
}
