//! The binary layer: one [`Reader`], one [`Writer`], one [`Codec`], and a type per message.
//!
//! Group elements, lengths, keyids and tags are checked while parsing; later code takes only checked types.

mod codec;
mod mpi;

pub use codec::{Codec, DecodeError, Reader, Writer};
pub(crate) use mpi::minimal;
