//! The harness for endpoints that speak the pipe language: JSON lines on standard input and output.
//!
//! Every test that puts two implementations face to face starts them with [`pipe::PipeProcess`], lets
//! [`pipe::Relay`] be the network between them, and asks [`peers`] where a foreign peer is to be found.
//! The tasks of this repository are the program of the same name: `cargo xtask help`.

pub mod peers;
pub mod pipe;
