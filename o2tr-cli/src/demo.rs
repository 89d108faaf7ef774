//! `o2tr demo`: a conversation survives a crash before your eyes; the same crash costs plain OTR its messages.
//!
//! The people are processes: this program starts itself as `o2tr pipe`, and is the server between them. What happens
//! is written down as a [`Timeline`](timeline::Timeline); terminal, page and JSON show it.

mod actor;
mod diagram;
mod page;
mod script;
mod stage;
mod terminal;
mod timeline;

use std::io::{self, Write as _};

use crate::args::DemoArguments;
use crate::failure::{Failure, Kind};

/// Plays the demo and shows it.
///
/// # Errors
/// [`Failure`]: it could not be played, or shown, or O2TR has lost a message.
pub(crate) fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    let failed = |error: anyhow::Error| Failure::new(Kind::Other, "demo", format!("the demo broke off: {error:#}"));
    let directory = tempfile::tempdir().map_err(|error| failed(error.into()))?;
    let timeline = script::play(directory.path()).map_err(failed)?;
    if let Some(path) = &arguments.trace {
        let page = page::render(&timeline);
        std::fs::write(path, page).map_err(|error| Failure::file(path, "write the page to", &error))?;
    }
    let shown = if arguments.json {
        serde_json::to_string_pretty(&timeline).map_err(Into::into).and_then(|json| writeln!(io::stdout(), "{json}"))
    } else {
        terminal::show(&timeline, &mut anstream::stdout().lock(), arguments.trace.as_deref())
    };
    shown.map_err(|error| failed(error.into()))?;
    let kept = timeline.acts.iter().filter(|act| act.keeps_keys);
    match kept.map(|act| act.tally).find(|tally| tally.read != tally.written) {
        None => Ok(()),
        Some(tally) => Err(failed(anyhow::anyhow!("of {} messages {} were read once", tally.written, tally.read))),
    }
}
