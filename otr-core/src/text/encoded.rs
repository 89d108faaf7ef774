//! Armoured binary messages, told apart before anything is decoded.

use super::armour::{ArmourError, Termination, dearmour};
use crate::Version;

/// The kind of a binary message, as its first base64 characters show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// D-H Commit, type 0x02.
    Commit,
    /// D-H Key, type 0x0a.
    Key,
    /// Reveal Signature, type 0x11.
    RevealSignature,
    /// Signature, type 0x12.
    Signature,
    /// Data message, type 0x03.
    Data,
}

impl Kind {
    /// The kind behind the fourth base64 character, which holds the lower six bits of the type byte.
    pub(super) const fn from_symbol(symbol: u8) -> Option<Self> {
        match symbol {
            b'C' => Some(Self::Commit),
            b'K' => Some(Self::Key),
            b'R' => Some(Self::RevealSignature),
            b'S' => Some(Self::Signature),
            b'D' => Some(Self::Data),
            _ => None,
        }
    }

    /// How the armour of this kind ends: the handshake needs its dot, data messages do without.
    #[must_use]
    pub const fn termination(self) -> Termination {
        match self {
            Self::Commit | Self::Key | Self::RevealSignature | Self::Signature => Termination::DotRequired,
            Self::Data => Termination::DotOptional,
        }
    }
}

/// An armoured binary message of a version that this crate speaks, not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded<'a> {
    version: Version,
    kind: Kind,
    /// The line from its marker on.
    marked: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// From a line that was cut before its marker.
    pub(super) const fn new(version: Version, kind: Kind, marked: &'a [u8]) -> Self {
        Self { version, kind, marked }
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The binary message, of at most [`crate::limits::MAX_MESSAGE_LEN`] bytes.
    ///
    /// # Errors
    /// As [`dearmour`], with the kind's own rule for the dot.
    pub fn dearmour(&self) -> Result<Vec<u8>, ArmourError> {
        dearmour(self.marked, self.kind.termination())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Line, armour, classify};

    #[test]
    fn the_symbol_agrees_with_the_type_byte() {
        for (code, kind) in [
            (0x02, Kind::Commit),
            (0x0a, Kind::Key),
            (0x11, Kind::RevealSignature),
            (0x12, Kind::Signature),
            (0x03, Kind::Data),
        ] {
            for version in [Version::V2, Version::V3] {
                let [high, low] = version.number().to_be_bytes();
                let line = armour(&[high, low, code]);
                assert_eq!(classify(&line), Line::Encoded(Encoded::new(version, kind, &line)));
            }
        }
    }

    #[test]
    fn only_data_messages_do_without_a_dot() {
        let dearmour = |line: &'static [u8]| match classify(line) {
            Line::Encoded(encoded) => encoded.dearmour(),
            other => panic!("{other:?}"),
        };
        assert_eq!(dearmour(b"?OTR:AAMD"), Ok(vec![0, 3, 3]));
        assert_eq!(dearmour(b"?OTR:AAMC"), Err(ArmourError::Unterminated));
        assert_eq!(dearmour(b"?OTR:AAMC. trailing."), Ok(vec![0, 3, 2]));
    }
}
