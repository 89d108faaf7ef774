//! The fingerprint file: which keys of which peers were seen, and whether they are trusted.

use super::{Lines, WriteError, lines};
use crate::dsa::Fingerprint;

/// A fingerprint file: entries in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprints {
    /// The entries.
    pub entries: Vec<KnownFingerprint>,
}

/// A key of a peer, seen by one of the user's accounts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KnownFingerprint {
    /// The peer.
    pub username: String,
    /// The user's account.
    pub account: String,
    /// The protocol in the client's words.
    pub protocol: String,
    /// The key's fingerprint.
    pub fingerprint: Fingerprint,
    /// Empty if the key is not trusted, else how it came to be: `verified`, `smp`, or any other word.
    pub trust: String,
}

impl KnownFingerprint {
    /// Whether the user has verified the key.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        !self.trust.is_empty()
    }
}

impl Fingerprints {
    /// Reads lines of username, account, protocol, 40 hexadecimal digits and trust, separated by tabs. The trust
    /// may be missing. Other lines are passed over.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Lines<Self> {
        let Lines { file, skipped } = lines::parse(bytes, entry);
        Lines { file: Self { entries: file }, skipped }
    }

    /// Writes the file as libotr does.
    ///
    /// # Errors
    /// [`WriteError`] for the first entry that the format cannot hold.
    pub fn write(&self) -> Result<Vec<u8>, WriteError> {
        let mut out = Vec::new();
        for (number, entry) in self.entries.iter().enumerate() {
            let KnownFingerprint { username, account, protocol, fingerprint, trust } = entry;
            lines::write(&mut out, number, &[username, account, protocol, &format!("{fingerprint:x}"), trust])?;
        }
        Ok(out)
    }
}

fn entry(fields: &[&str]) -> Option<KnownFingerprint> {
    let (&[username, account, protocol, digits], trust) = fields.split_first_chunk()?;
    let trust = match trust {
        [] => "",
        [trust, ..] => trust,
    };
    if digits.len() != 2 * Fingerprint::LEN || username.is_empty() {
        return None;
    }
    Some(KnownFingerprint {
        username: username.to_owned(),
        account: account.to_owned(),
        protocol: protocol.to_owned(),
        fingerprint: digits.parse().ok()?,
        trust: trust.to_owned(),
    })
}
