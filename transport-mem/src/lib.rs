//! A message server in memory, with seeded faults and a virtual clock.
//!
//! [`Server`] is sans-IO: a simulator calls it, moves its clock, and takes what the devices receive. The same seed
//! and the same calls give the same [trace](Server::trace). [`Hub`] puts a server behind the asynchronous
//! [`Transport`](o2tr::transport::Transport), one [`Endpoint`] per device, for tests and demonstrations.
//!
//! Lines take two hops, each with [`Faults`] of its own: from the device to the server, and from the server to a
//! device. In between sits the server, which keeps mailboxes, and which may be hostile: see [`Malice`],
//! [`Server::set_filter`], [`Server::replay`], [`Server::inject`].
//!
//! Deliberately absent: crypto, and any look into a line.

mod config;
mod rng;
mod trace;

mod hostile;
mod server;

mod endpoint;

pub use config::{Config, Faults, Malice, PPM, Routing};
pub use endpoint::{Endpoint, Hub};
pub use hostile::{Filter, Line, Recorded, Ruling};
pub use server::{AccountId, DeviceId, Direction, Server};
pub use trace::{LineId, Step, TraceEvent};
