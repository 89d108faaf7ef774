//! `o2tr pipe`: one endpoint as a process, JSON lines on standard input and output (`docs/pipe.md`).
//!
//! The shape is the engine's: a line becomes a command, a command one call of the conversation, and then every output
//! is carried out in order. Absent: any other thread that touches the conversation. With a network inside (`network.rs`)
//! the client of the crate `o2tr` takes the conversation's place; commands and words are the same.

mod clock;
mod command;
mod endpoint;
mod input;
mod network;
mod report;
mod translate;

use std::time::Duration;

use self::endpoint::{Endpoint, Next};
use self::input::{Input, Line};
use self::report::{Report, Reporter};
pub(crate) use self::translate::{provenance_word, rfc3339};
use crate::args::PipeArguments;
use crate::failure::Failure;

/// The longest sleep: a machine may have been suspended meanwhile, or its clock set.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A timer that is still due after it ran is looked at again after this.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);

/// Runs until `quit` or the end of the input.
///
/// # Errors
/// [`Failure`], which was also said as an `error` event.
pub(crate) fn run(arguments: &PipeArguments) -> Result<(), Failure> {
    match arguments.login() {
        None => serve(arguments),
        Some(login) => network::serve(arguments, &login),
    }
    .inspect_err(refuse)
}

/// Says why it does not start, or cannot go on, in the language of the pipe.
pub(crate) fn refuse(failure: &Failure) {
    // Whoever reads may be gone; the exit status and standard error say it again.
    let _ = Reporter::default().report(&Report::Error { code: failure.code(), msg: &failure.to_string() });
}

fn serve(arguments: &PipeArguments) -> Result<(), Failure> {
    let mut endpoint = Endpoint::start(arguments)?;
    let input = Input::read_stdin();
    let mut ran = false;
    loop {
        let due = endpoint.next_due();
        let floor = if ran { SHORTEST_WAIT } else { Duration::ZERO };
        match input.next(due.unwrap_or(LONGEST_WAIT).clamp(floor, LONGEST_WAIT)) {
            // What has arrived comes before what is due: a line that waited here is no silence of the peer.
            Some(Line::Text(line)) => {
                ran = false;
                if endpoint.handle_line(&line)? == Next::Quit {
                    return Ok(());
                }
            }
            Some(Line::TooLong) => endpoint.refuse_line("the line is too long")?,
            Some(Line::End) => return endpoint.close(),
            None => {
                ran = true;
                endpoint.run_timers()?;
            }
        }
        if endpoint.reader_is_gone() {
            return endpoint.close();
        }
    }
}
