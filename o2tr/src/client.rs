//! The asynchronous client: all conversations of one account over one [`Transport`](crate::transport::Transport) and one store.
//!
//! [`Client::open`] gives three things: a [`Client`] to ask things of, [`Events`] that tell what happened, and a [`Driver`],
//! the task that does the work.
//!
//! # What it sees to
//!
//! - *Commit before effect.* A conversation has at most one commit with the store; nothing behind it leaves before it is
//!   durable. Commits of several conversations are written together. If one fails, the conversation is loaded again.
//! - *Acknowledge after commit.* A delivery is acknowledged to the transport when all that follows from it is durable. What
//!   cannot be handled (the stored conversation cannot be read, its store fails, its application takes nothing) is put aside
//!   in a journal first, so that one peer never holds up another; without room there it stays with the server.
//! - *Order.* What is refused for want of a connection leaves with the next one, in order and in the same bytes, before
//!   anything new.
//! - *Memory.* Conversations are loaded when touched; of those that are idle the least recently used ones are unloaded. The store
//!   may hold a million. Their records and kept keys expire nevertheless: deadlines of those that were loaded in this run are
//!   remembered, and the store is searched at the start and every few hours for the rest.
//!
//! The application acknowledges texts and some other events; until then they come again with the next run, under the same
//! id. In one run none is shown twice.
//!
//! # What is absent
//!
//! Opening stores, finding the identity, logging in. Any decision about OTR: that is the [`Conversation`](crate::Conversation).

mod clock;
mod config;
mod error;
mod event;

mod handle;
mod wish;

mod deadlines;
mod journal;
mod outgoing;
mod presence;
mod random;
mod sweep;
mod switchboard;

mod driver;
mod store;

pub use clock::{Clock, SystemClock};
pub use config::{Answering, ClientConfig};
pub use driver::Driver;
pub use error::{ClientError, RunError, StartError, Unreadable};
pub use event::{ClientEvent, Events};
pub use handle::Client;
