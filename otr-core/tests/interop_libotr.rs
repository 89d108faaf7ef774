//! A [`Peer`](otr_core::Peer) of ours face to face with libotr in a process of its own.
//!
//! Without the driver around libotr every test here is skipped, and says so; in CI that is a failure.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_types, reason = "libotr runs in a process of its own")]

/// One file per story.
mod interop {
    mod end;
    mod errors;
    mod extra_key;
    mod face;
    mod fragments;
    mod heartbeats;
    mod renewal;
    mod require;
    mod restart;
    mod sessions;
    mod simultaneous;
    mod smp;
    mod whitespace;
    mod window;
}
