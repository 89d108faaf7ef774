//! What tests need around the code they test: other implementations, servers, and the network between them.
//!
//! * Endpoints that speak the pipe language, JSON lines on standard input and output: [`pipe::PipeProcess`] starts
//!   them, [`pipe::Relay`] is the network between them, [`peers`] says where a foreign one is to be found.
//! * Real chat: [`servers`] starts XMPP servers, [`clients`] has drivers of chat programs, [`proxy`] is a link that can be
//!   cut.
//!
//! All of it lives on loopback, in folders that vanish, and dies with the test that started it.
//! The tasks of this repository are the program of the same name: `cargo xtask help`.

pub mod clients;
pub mod peers;
pub mod pipe;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod servers;
