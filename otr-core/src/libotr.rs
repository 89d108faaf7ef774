//! The files that libotr writes: private keys, fingerprints, instance tags.
//!
//! Bytes go in and out; reading and writing the disk is the caller's business. Pidgin, Adium, irssi, bitlbee,
//! Profanity and others keep these files. The clients built on pure-python-otr (Gajim, weechat) keep one private
//! key per `.key3` file, which is [`dsa::PrivateKey::from_bytes`](crate::dsa::PrivateKey::from_bytes), and
//! fingerprints in a `.fpr` file, which [`Fingerprints::parse`] reads as well.

mod error;
mod fingerprints;
mod instance_tags;
mod lines;
mod private_keys;
mod sexp;

pub use error::{ParseError, ParseErrorKind};
pub use fingerprints::{Fingerprints, KnownFingerprint};
pub use instance_tags::{InstanceTags, OwnInstanceTag};
pub use lines::{Lines, WriteError};
pub use private_keys::{Account, PrivateKeys};
