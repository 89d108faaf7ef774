//! O2TR: Off-the-Record messaging that survives being offline.

pub mod capability;
#[cfg(feature = "client")]
pub mod client;
pub mod conversation;
pub mod settings;
pub mod transport;

#[cfg(feature = "client")]
pub use client::Client;
pub use conversation::{Conversation, Event, Output};
pub use settings::Settings;
