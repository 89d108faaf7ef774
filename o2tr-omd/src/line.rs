//! What is known of a delivery before any key is tried.

use crate::Evidence;

/// One whole line, put together from its fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// What kind of line it is.
    pub kind: LineKind,
    /// Which device its receiver instance tag names. Lines without a tag are addressed [`Addressed::Here`].
    pub addressed: Addressed,
    /// Its sender instance tag is our own: a message of ours came back.
    pub reflected: bool,
    /// The transport knows the line by an id that it gave before. Never counts for a data message.
    pub handled: bool,
    /// The circumstances; never trusted for security.
    pub evidence: Evidence,
}

/// What kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// A data message that has the structure of one.
    Data {
        /// It carries the flag `IGNORE_UNREADABLE`.
        ignorable: bool,
    },
    /// A data message with a damaged structure, a forbidden value in it (`next_dh` out of range), or broken armour.
    Damaged {
        /// It carries the flag `IGNORE_UNREADABLE`, as far as it could be read.
        ignorable: bool,
    },
    /// A query or a whitespace tag.
    Offer,
    /// A D-H Commit.
    Commit {
        /// It meets an AKE of ours that is under way, perhaps stored. A stored one of a quarantined row does not count.
        expected: bool,
    },
    /// A D-H Key, Reveal Signature or Signature.
    Answer {
        /// It fits the state of an AKE that is under way, perhaps stored. A stored one of a quarantined row does not
        /// count.
        expected: bool,
    },
    /// An error message. Anybody can write one.
    Error,
    /// A text in clear.
    Plain,
}

/// Which device of ours a line is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Addressed {
    /// This one, or any.
    #[default]
    Here,
    /// Another one.
    Elsewhere,
}

impl Line {
    /// A line for this device that came live.
    #[must_use]
    pub const fn new(kind: LineKind) -> Self {
        Self { kind, addressed: Addressed::Here, reflected: false, handled: false, evidence: Evidence::LIVE }
    }

    /// Whether the sender wants silence if it cannot be read.
    #[must_use]
    pub const fn is_ignorable(&self) -> bool {
        matches!(self.kind, LineKind::Data { ignorable: true } | LineKind::Damaged { ignorable: true })
    }
}
