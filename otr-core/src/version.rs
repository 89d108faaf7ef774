//! Protocol versions.

use core::fmt;

/// A protocol version that this crate speaks. Version 1 is recognised on the wire and refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Version {
    /// Version 2: no instance tags.
    V2,
    /// Version 3: instance tags.
    V3,
}

impl Version {
    /// The number in the first SHORT of a binary message.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// The version of a number on the wire, if this crate speaks it.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}
