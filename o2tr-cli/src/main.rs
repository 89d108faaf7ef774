//! The program `o2tr`.

mod account;
mod args;
mod chat;
mod demo;
mod documents;
mod failure;
mod fault;
mod listen;
mod manage;
mod password;
mod pipe;
mod running;
mod sanitise;
mod send;
mod signals;
mod state;
mod xmpp;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Task};
use crate::failure::Failure;

// Faults that a simulator can switch on have no place in a program that is used.
#[cfg(not(debug_assertions))]
const _: () = assert!(!otr_core::planted::COMPILED_IN, "a release must be built without the feature planted-faults");

fn main() -> ExitCode {
    leave_no_core();
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
            anstream::eprintln!("o2tr: {}", sanitise::harmless(&failure.to_string()));
            failure.status()
        }
    }
}

fn run(task: Task) -> Result<(), Failure> {
    match task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Chat(arguments) => chat::run(&arguments),
        Task::Account(arguments) => account::manage::run(&arguments),
        Task::Send(arguments) => send::run(&arguments),
        Task::Listen(arguments) => listen::run(&arguments),
        Task::Pipe(arguments) => pipe::run(&arguments),
        Task::Keys(arguments) => manage::keys::run(&arguments),
        Task::Trust(arguments) => manage::trust::run(&arguments),
        Task::Sessions(arguments) => manage::sessions::run(&arguments),
        Task::Passphrase(arguments) => manage::passphrase::run(&arguments),
        Task::Completions { shell } => documents::completions(shell),
        Task::Man { directory } => documents::manual(&directory),
    }
}

/// A crash must not write keys to the disk.
fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Lowering a limit is always allowed; where there is no such limit, there is nothing to lower.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
