//! One endpoint as a process that speaks the pipe language.

mod event;
mod process;
mod relay;

pub use event::Event;
pub use process::{Ended, PipeProcess};
pub use relay::{Exchange, Relay, Side};
