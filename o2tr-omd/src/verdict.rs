//! The verdict on a delivery.

use otr_core::Probe;

use crate::candidate::{Candidate, Candidates, Group, Place, Search, Standing, search};
use crate::line::{Addressed, Line, LineKind};
use crate::situation::{Situation, Store};

/// What a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It belongs to a session that lives, and is new: read it there.
    Live {
        /// Which session.
        index: usize,
        /// The session was restored and not refreshed since: to the user the message is an offline message.
        shown_as_offline: bool,
    },
    /// It belongs to a lost session and is new: restore the record, read, refresh (the paper's case).
    Offline {
        /// Which record.
        index: usize,
    },
    /// It belongs to a retained pair and is new: read it; its TLVs touch no session.
    Retained {
        /// Which pair.
        index: usize,
    },
    /// It was handled before. Nothing is shown.
    Duplicate {
        /// Whose keys it fits; `None` for a line that is not a data message.
        place: Option<Place>,
    },
    /// It is authentic, but another message with its counter was read before: somebody has a copy of the sender's or
    /// of our keys. Not read.
    CloneSuspected {
        /// Whose keys it fits.
        place: Place,
    },
    /// It is new and fits keys that may be an old copy: text may be shown as unverified, nothing else may follow.
    Quarantined {
        /// Whose keys it fits.
        place: Place,
    },
    /// Its keys may not be used any more (`Some`), or went at the end of their time (`None`). Not read.
    Expired {
        /// Whose keys it fits.
        place: Option<Place>,
    },
    /// The row that may hold its keys cannot be unsealed.
    Unsealable,
    /// The store is locked: nothing can be said yet. The transport keeps the line.
    Locked,
    /// Nobody can read it yet, but an AKE with the sender is about to complete: keep it until then.
    Early,
    /// The right keys are here, and none of them authenticates it.
    Forged,
    /// No keys for it are here.
    Unreadable,
    /// It has not the structure of a data message.
    Malformed,
    /// It is for another device of ours.
    OtherInstance,
    /// A line of our own side came back.
    Echo,
    /// The peer wants a private conversation: a query, a tag, or a commit without matching state.
    Initiation,
    /// It continues an AKE that is under way, perhaps one that was stored.
    Continuation,
    /// A message of an AKE that fits no state.
    Stray,
    /// An error message.
    Error,
    /// A text in clear.
    Plaintext,
}

/// Says what `line` is. Pure: the same input gives the same verdict, and nothing changes.
///
/// Candidates are asked in their order (sessions, records, retained pairs) and only as far as needed; a line that is no
/// data message asks none. The first candidate that authenticates the message decides, so a record that is older
/// than a session made from it cannot call a replay new. [`Verdict::Forged`] is said only if every set of keys was
/// asked and none is known to be missing.
///
/// Source: the paper, section 3 (detection) and section 6 (what follows from it).
pub fn verdict<L, R, P>(line: &Line, situation: &Situation, candidates: Candidates<L, R, P>) -> Verdict
where
    L: IntoIterator<Item = Candidate>,
    R: IntoIterator<Item = Candidate>,
    P: IntoIterator<Item = Candidate>,
{
    // Not even a line that will be ignored is acknowledged while the store cannot tell which device we are.
    if situation.store == Store::Locked {
        return Verdict::Locked;
    }
    // The tags are ours to compare; the message itself says so, whoever sent it.
    if line.reflected {
        return Verdict::Echo;
    }
    if line.addressed == Addressed::Elsewhere {
        return Verdict::OtherInstance;
    }
    match line.kind {
        LineKind::Data { .. } => data(line, situation, search(candidates)),
        LineKind::Damaged { .. } if line.evidence.is_own() => Verdict::Echo,
        LineKind::Damaged { .. } => Verdict::Malformed,
        LineKind::Offer => plain(line, Verdict::Initiation),
        LineKind::Commit { expected: false } => plain(line, Verdict::Initiation),
        LineKind::Commit { expected: true } | LineKind::Answer { expected: true } => plain(line, Verdict::Continuation),
        LineKind::Answer { expected: false } => plain(line, Verdict::Stray),
        LineKind::Error => plain(line, Verdict::Error),
        LineKind::Plain => plain(line, Verdict::Plaintext),
    }
}

/// Lines that authenticate nothing: here the transport's word about copies is all there is.
const fn plain(line: &Line, verdict: Verdict) -> Verdict {
    if line.evidence.is_own() {
        Verdict::Echo
    } else if line.handled {
        Verdict::Duplicate { place: None }
    } else {
        verdict
    }
}

fn data(line: &Line, situation: &Situation, found: Search) -> Verdict {
    match found {
        Search::Fits(place, candidate) => fits(place, candidate),
        Search::None { .. } | Search::GaveUp if line.evidence.is_own() => Verdict::Echo,
        Search::None { .. } | Search::GaveUp if situation.may_wait() => Verdict::Early,
        Search::None { .. } | Search::GaveUp if situation.store == Store::Unsealable => Verdict::Unsealable,
        Search::None { .. } | Search::GaveUp if situation.expired => Verdict::Expired { place: None },
        Search::None { tried: true } => Verdict::Forged,
        Search::None { tried: false } | Search::GaveUp => Verdict::Unreadable,
    }
}

fn fits(place: Place, candidate: Candidate) -> Verdict {
    let Candidate { probe, standing, restored, refreshed } = candidate;
    match (probe, standing) {
        (Probe::Seen { same: true }, _) => Verdict::Duplicate { place: Some(place) },
        (Probe::Seen { same: false }, _) => Verdict::CloneSuspected { place },
        (_, Standing::Quarantined) => Verdict::Quarantined { place },
        (_, Standing::Expired) => Verdict::Expired { place: Some(place) },
        (_, Standing::Sound) => match place {
            Place { group: Group::Live, index } => Verdict::Live { index, shown_as_offline: restored && !refreshed },
            Place { group: Group::Record, index } => Verdict::Offline { index },
            Place { group: Group::Retained, index } => Verdict::Retained { index },
        },
    }
}
