//! The binary layer: one [`Reader`], one [`Writer`], one [`Codec`], and a type per message.
//!
//! Group elements, lengths, keyids and tags are checked while parsing; later code takes only checked types.

mod codec;
mod mpi;

mod ake;
mod data;
mod header;
mod tlv;

pub use ake::{DhCommit, DhKey, EncryptedSignature, MAC_LEN, RevealSignature};
pub use codec::{Codec, DecodeError, Reader, Writer};
pub(crate) use data::DataHead;
pub use data::{DataFlags, DataMessage};
pub use header::{Header, MessageType, Route};
pub(crate) use mpi::minimal;
pub use tlv::{Content, Tlv, tlv_type};
