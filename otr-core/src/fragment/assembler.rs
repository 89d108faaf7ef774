//! Putting lines together again, within bounds.

use core::fmt;

use super::{Fragment, Origin};
use crate::limits::{MAX_ASSEMBLIES, MAX_FRAGMENT_BYTES, MAX_MESSAGE_LEN};

/// How many beginnings of others an assembly is let alone for, for each piece it has ...
pub(super) const PATIENCE_PER_PIECE: u16 = 8;
/// ... and at most. High enough that a flood of beginnings does not reach what is under way, low enough that
/// what its sender gave up makes room before long.
pub(super) const MAX_PATIENCE: u16 = 64;

/// The unfinished lines of one peer, one for each of its senders.
///
/// Bounds: at most [`MAX_ASSEMBLIES`] lines, each at most [`MAX_MESSAGE_LEN`] bytes, together at most
/// [`MAX_FRAGMENT_BYTES`] bytes.
///
/// For a new sender the line with the least patience makes room, among equals the one longest without a piece. Each
/// piece that arrives restores its line's patience to 8 for every piece so far, at most 64; each beginning of another
/// sender takes one away. So a flood of first fragments under ever new tags pushes out its own before it reaches a
/// line under way, and nothing abandoned stays for ever.
///
/// For bytes the largest line makes room, be it the one that grows. So a line of at most [`MAX_FRAGMENT_BYTES`] /
/// [`MAX_ASSEMBLIES`] bytes never goes for the size of others.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    /// The one longest without a piece first.
    pub(super) pending: Vec<Pending>,
}

/// What became of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assembled {
    /// It was the last: the whole line. Classify it with [`crate::text::classify_reassembled`].
    Complete(Vec<u8>),
    /// More must follow.
    Stored,
    /// Nothing has changed.
    Ignored(IgnoreReason),
    /// It does not go with what its sender had begun, which is forgotten with it.
    Dropped(DropReason),
}

/// Why a fragment changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IgnoreReason {
    /// It continues nothing: its beginning was lost, dropped, or is yet to come.
    NoBeginning,
    /// It is empty and ends nothing.
    EmptyPiece,
    /// A first piece that is longer than a whole line may be.
    TooLong,
}

/// Why a sender's assembly was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// Another number or count than the next was due.
    OutOfSequence,
    /// The line would be longer than [`MAX_MESSAGE_LEN`].
    TooLong,
    /// The peer's assemblies together are too long, and this one is the longest.
    NoRoom,
}

/// One unfinished line: fragments 1 to `k` of `n`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) origin: Origin,
    pub(super) k: u16,
    pub(super) n: u16,
    pub(super) bytes: Vec<u8>,
    /// How many beginnings of others it is still let alone for.
    pub(super) patience: u16,
}

impl Assembler {
    /// Nothing collected yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { pending: Vec::new() }
    }

    /// Whether nothing is collected.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// How many lines are unfinished.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.pending.len()
    }

    /// How many bytes of pieces are held.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.pending.iter().map(|pending| pending.bytes.len()).sum()
    }

    /// Takes a legal fragment (the protocol's rules 3 to 6).
    ///
    /// A first one begins anew; the next one due is appended; any other forgets what its sender had begun. Illegal
    /// ones do not get here: [`super::parse_fragment`] refuses them, and what is stored stays.
    pub fn push(&mut self, fragment: Fragment<'_>) -> Assembled {
        let held = self.pending.iter().position(|pending| pending.origin == fragment.origin);
        match (fragment.k, held) {
            (1, _) => self.begin(fragment, held),
            (_, Some(at)) => self.advance(fragment, at),
            (_, None) => Assembled::Ignored(IgnoreReason::NoBeginning),
        }
    }

    /// An unfragmented line with a marker arrived: the version 2 assembly is forgotten, as in libotr. Those of
    /// version 3 stay, and plaintext without a marker forgets nothing (the text of the protocol would).
    pub fn handle_unfragmented(&mut self) {
        self.forget(Origin::V2);
    }

    /// Forgets what one sender has begun.
    pub fn forget(&mut self, origin: Origin) {
        self.pending.retain(|pending| pending.origin != origin);
    }

    /// Rule 3, a first fragment: replaces what its sender had begun before.
    fn begin(&mut self, fragment: Fragment<'_>, held: Option<usize>) -> Assembled {
        if fragment.piece.len() > MAX_MESSAGE_LEN {
            return Assembled::Ignored(IgnoreReason::TooLong);
        }
        if let Some(at) = held {
            self.pending.remove(at);
        }
        if fragment.n == 1 {
            return Assembled::Complete(fragment.piece.to_vec());
        }
        if held.is_none() {
            for pending in &mut self.pending {
                pending.patience = pending.patience.saturating_sub(1);
            }
        }
        if self.pending.len() >= MAX_ASSEMBLIES {
            self.drop_least_patient();
        }
        self.keep(Pending {
            origin: fragment.origin,
            k: 1,
            n: fragment.n,
            bytes: fragment.piece.to_vec(),
            patience: patience(1),
        })
    }

    /// Rules 4 to 6, a later fragment of the sender at `at`.
    fn advance(&mut self, fragment: Fragment<'_>, at: usize) -> Assembled {
        let Some(pending) = self.pending.get(at) else {
            return Assembled::Ignored(IgnoreReason::NoBeginning);
        };
        let due = pending.n == fragment.n && pending.k.checked_add(1) == Some(fragment.k);
        if fragment.piece.is_empty() && !due {
            return Assembled::Ignored(IgnoreReason::EmptyPiece);
        }
        let mut pending = self.pending.remove(at);
        if !due {
            return Assembled::Dropped(DropReason::OutOfSequence);
        }
        if pending.bytes.len().saturating_add(fragment.piece.len()) > MAX_MESSAGE_LEN {
            return Assembled::Dropped(DropReason::TooLong);
        }
        pending.bytes.extend_from_slice(fragment.piece);
        if fragment.k == fragment.n {
            return Assembled::Complete(pending.bytes);
        }
        pending.k = fragment.k;
        pending.patience = patience(pending.k);
        self.keep(pending)
    }

    /// Stores `newest` as the latest, and makes room for its bytes.
    fn keep(&mut self, newest: Pending) -> Assembled {
        let origin = newest.origin;
        self.pending.push(newest);
        while self.held_bytes() > MAX_FRAGMENT_BYTES {
            let largest = self.pending.iter().enumerate().max_by_key(|(_, pending)| pending.bytes.len());
            let Some(at) = largest.map(|(at, _)| at) else { break };
            if self.pending.remove(at).origin == origin {
                return Assembled::Dropped(DropReason::NoRoom);
            }
        }
        Assembled::Stored
    }

    /// Makes room for a new sender.
    fn drop_least_patient(&mut self) {
        let least = self.pending.iter().enumerate().min_by_key(|(_, pending)| pending.patience);
        if let Some(at) = least.map(|(at, _)| at) {
            self.pending.remove(at);
        }
    }
}

/// The full patience of an assembly of `pieces` pieces.
pub(super) fn patience(pieces: u16) -> u16 {
    pieces.saturating_mul(PATIENCE_PER_PIECE).min(MAX_PATIENCE)
}

/// Shows how much is held, never what.
impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, k, n, bytes, patience } = self;
        write!(f, "Pending({origin:?}, {k} of {n}, {} bytes, patience {patience})", bytes.len())
    }
}

#[cfg(test)]
mod tests;
