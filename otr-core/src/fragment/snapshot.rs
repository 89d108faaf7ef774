//! What is unfinished, as plain data to be stored.

use core::fmt;

use super::Origin;
use super::assembler::{Assembler, Pending, patience};
use crate::limits::{MAX_ASSEMBLIES, MAX_FRAGMENT_BYTES, MAX_MESSAGE_LEN};

/// Everything an [`Assembler`] holds, the sender longest without a piece first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AssemblerSnapshot {
    /// One entry for each sender.
    pub pending: Vec<PendingFragments>,
}

/// One unfinished line: the joined pieces of fragments 1 to `k` of `n`.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PendingFragments {
    /// Who sends it.
    pub origin: Origin,
    /// The number of the last fragment received.
    pub k: u16,
    /// How many there are.
    pub n: u16,
    /// The pieces.
    pub bytes: Vec<u8>,
    /// How many beginnings of other senders it is still let alone for.
    pub patience: u16,
}

impl Assembler {
    /// Exports what is unfinished.
    #[must_use]
    pub fn snapshot(&self) -> AssemblerSnapshot {
        let export = |pending: &Pending| {
            let Pending { origin, k, n, ref bytes, patience } = *pending;
            PendingFragments { origin, k, n, bytes: bytes.clone(), patience }
        };
        AssemblerSnapshot { pending: self.pending.iter().map(export).collect() }
    }

    /// Restores what was exported, the latest first as far as the caps of today allow it. An entry that no
    /// assembler can have exported is left out: its line is lost, which a network may do at any time.
    #[must_use]
    pub fn restore(snapshot: AssemblerSnapshot) -> Self {
        let mut pending: Vec<Pending> = Vec::new();
        let mut held_bytes = 0;
        for PendingFragments { origin, k, n, bytes, patience: left } in snapshot.pending.into_iter().rev() {
            let possible = 1 <= k && k < n && (1..=MAX_MESSAGE_LEN).contains(&bytes.len());
            let fits = pending.len() < MAX_ASSEMBLIES && bytes.len() <= MAX_FRAGMENT_BYTES - held_bytes;
            if possible && fits && pending.iter().all(|other| other.origin != origin) {
                held_bytes += bytes.len();
                pending.push(Pending { origin, k, n, bytes, patience: left.min(patience(k)) });
            }
        }
        pending.reverse();
        Self { pending }
    }
}

/// Shows how much is held, never what.
impl fmt::Debug for PendingFragments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, k, n, bytes, patience } = self;
        write!(f, "PendingFragments({origin:?}, {k} of {n}, {} bytes, patience {patience})", bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InstanceTag;

    fn entry(tag: u32, k: u16, n: u16, length: usize) -> PendingFragments {
        let origin = InstanceTag::new(tag).map_or(Origin::V2, Origin::V3);
        PendingFragments { origin, k, n, bytes: vec![b'x'; length], patience: 3 }
    }

    fn restored(pending: Vec<PendingFragments>) -> Vec<PendingFragments> {
        Assembler::restore(AssemblerSnapshot { pending }).snapshot().pending
    }

    #[test]
    fn restored_and_exported_is_the_identity() {
        let pending = vec![entry(0, 1, 2, 1), entry(0x100, 7, 9, 100), entry(0x101, 65534, 65535, MAX_MESSAGE_LEN)];
        assert_eq!(restored(pending.clone()), pending);
    }

    #[test]
    fn impossible_entries_are_left_out() {
        let impossible = vec![
            entry(0x100, 0, 2, 1),
            entry(0x101, 2, 2, 1),
            entry(0x102, 3, 2, 1),
            entry(0x103, 1, 2, 0),
            entry(0x104, 1, 2, MAX_MESSAGE_LEN + 1),
        ];
        assert_eq!(restored(impossible), []);
    }

    #[test]
    fn the_latest_survive_the_caps() {
        let many: Vec<_> = (0x100..0x120).map(|tag| entry(tag, 1, 2, 1)).collect();
        assert_eq!(restored(many.clone()), many[many.len() - MAX_ASSEMBLIES..]);
        let large: Vec<_> = (0x100..0x108).map(|tag| entry(tag, 1, 2, MAX_MESSAGE_LEN)).collect();
        assert_eq!(restored(large.clone()), large[6..]);
        assert_eq!(restored(vec![entry(0x100, 1, 9, 1), entry(0x100, 2, 9, 2)]), [entry(0x100, 2, 9, 2)]);
    }

    #[test]
    fn patience_is_never_more_than_its_pieces_are_worth() {
        let mut greedy = entry(0x100, 2, 9, 5);
        greedy.patience = u16::MAX;
        assert_eq!(restored(vec![greedy])[0].patience, 16);
    }

    #[test]
    fn debug_shows_no_piece() {
        let shown = format!("{:?}", AssemblerSnapshot { pending: vec![entry(0x100, 1, 2, 5)] });
        assert_eq!(
            shown,
            "AssemblerSnapshot { pending: [PendingFragments(V3(InstanceTag(00000100)), 1 of 2, 5 bytes, patience 3)] }"
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_snapshot_survives_serde() {
        let snapshot = AssemblerSnapshot { pending: vec![entry(0, 1, 2, 3), entry(0x100, 1, 2, 3)] };
        let json = serde_json::to_string(&snapshot).unwrap();
        assert_eq!(serde_json::from_str::<AssemblerSnapshot>(&json).unwrap(), snapshot);
    }
}
