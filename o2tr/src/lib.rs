//! O2TR: Off-the-Record messaging that survives being offline.

pub mod capability;
pub mod conversation;
pub mod settings;
pub mod transport;

pub use conversation::{Conversation, Event, Output};
pub use settings::Settings;
