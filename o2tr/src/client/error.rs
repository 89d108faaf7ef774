//! What can go wrong: at the start, with a wish, with all.

use o2tr_ekm::StoreError;

use crate::conversation::{ControlError, OpenError, SendError};

/// Why a client did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The operating system gave no randomness.
    #[error("no randomness")]
    Randomness,
    /// The store's thread could not be started.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a wish was not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The text was not taken.
    #[error(transparent)]
    Send(#[from] SendError),
    /// SMP or the extra key was not possible.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The store failed. Whether the wish was fulfilled shows in the conversation once it is loaded again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored conversation cannot be read; [`Client::forget`](super::Client::forget) makes a new beginning.
    #[error("the stored conversation cannot be read: {0}")]
    Locked(Unreadable),
    /// More wishes and messages wait for this conversation than are kept.
    #[error("too much waits for this conversation")]
    Busy,
    /// No peer has such an address: it is empty, too long, or begins with a NUL.
    #[error("not the address of a peer")]
    NoPeer,
    /// The client has stopped.
    #[error("the client has stopped")]
    Stopped,
}

/// Why a stored conversation cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Its seal cannot be opened.
    #[error(transparent)]
    Sealed(#[from] o2tr_ekm::UnsealReason),
    /// It was opened and makes no sense to this program.
    #[error(transparent)]
    Record(#[from] OpenError),
}

/// Why a client stopped by itself. What was acknowledged is safe; the rest comes again with the next run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The store is gone: open it anew, then start another client.
    #[error(transparent)]
    Store(#[from] StoreError),
}
