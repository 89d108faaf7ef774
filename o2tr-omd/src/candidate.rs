//! The sets of keys that could have made a message, and what probing them said.

use otr_core::Probe;

/// How many authenticators are computed for one delivery, at most.
///
/// One per session of a peer (`otr_core::limits::MAX_SESSIONS`, 32) and as many again for records and retained
/// pairs: more keys than fit one pair of keyids in any honest history.
pub const MAX_ATTEMPTS: usize = 64;

/// How many candidates are looked at for one delivery, at most: 32 sessions, 32 records, 8 retained pairs for each of
/// them, and some to spare. Looking costs a comparison of keyids.
pub const MAX_CANDIDATES: usize = 1024;

/// Everything that could read a message, in the order in which it is asked.
///
/// Each group may be a lazy iterator that probes when pulled: what stands behind the first candidate whose
/// authenticator verifies is never pulled. Within a group the most trusted and most recent should come first.
#[derive(Clone, Debug)]
pub struct Candidates<L, R, P> {
    /// Sessions that live, restored ones too.
    pub live: L,
    /// Records of sessions that do not live.
    pub records: R,
    /// Retained pairs.
    pub retained: P,
}

/// What one set of keys said to a message, and what is known of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The result of the probe.
    pub probe: Probe,
    /// How far the keys may be used.
    pub standing: Standing,
    /// They come out of a store, and nothing newer has confirmed them since.
    pub restored: bool,
    /// They were refreshed since they came out of the store: the peer has used a key that we made afterwards.
    pub refreshed: bool,
}

/// How far keys may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Without reservation.
    #[default]
    Sound,
    /// They may come from an old copy of the store: a MAC key revealed since may have made the message.
    Quarantined,
    /// Their time is over, although they are still here.
    Expired,
}

/// Which of the [`Candidates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The group.
    pub group: Group,
    /// The index in the order in which the group was given.
    pub index: usize,
}

/// A group of [`Candidates`], in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Sessions that live.
    Live,
    /// Records.
    Record,
    /// Retained pairs.
    Retained,
}

impl From<Probe> for Candidate {
    /// Sound keys that were never stored.
    fn from(probe: Probe) -> Self {
        Self { probe, standing: Standing::Sound, restored: false, refreshed: false }
    }
}

/// What asking all candidates has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// The first whose authenticator verified.
    Fits(Place, Candidate),
    /// None, and all were asked. `tried`: for at least one the keyids were right.
    None { tried: bool },
    /// None so far, and a cap ended the search.
    GaveUp,
}

/// Asks one candidate after the other, as long as a cap allows and none fits.
pub(crate) fn search<L, R, P>(candidates: Candidates<L, R, P>) -> Search
where
    L: IntoIterator<Item = Candidate>,
    R: IntoIterator<Item = Candidate>,
    P: IntoIterator<Item = Candidate>,
{
    let Candidates { live, records, retained } = candidates;
    let place = |group| move |(index, candidate)| (Place { group, index }, candidate);
    let mut all = (live.into_iter().enumerate().map(place(Group::Live)))
        .chain(records.into_iter().enumerate().map(place(Group::Record)))
        .chain(retained.into_iter().enumerate().map(place(Group::Retained)));
    let mut attempts = 0;
    for _ in 0..MAX_CANDIDATES {
        let Some((place, candidate)) = all.next() else { return Search::None { tried: attempts > 0 } };
        match candidate.probe {
            Probe::Fresh | Probe::Seen { .. } => return Search::Fits(place, candidate),
            Probe::KeyidsOut => {}
            Probe::BadMac => attempts += 1,
        }
        if attempts >= MAX_ATTEMPTS {
            break;
        }
    }
    Search::GaveUp
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(probes: impl IntoIterator<Item = Probe>) -> Search {
        let live = probes.into_iter().map(Candidate::from);
        search(Candidates { live, records: [], retained: [] })
    }

    #[test]
    fn authenticators_are_computed_up_to_the_cap() {
        let mut computed = 0;
        let endless = std::iter::repeat_with(|| {
            computed += 1;
            Probe::BadMac
        });
        assert_eq!(live(endless), Search::GaveUp);
        assert_eq!(computed, MAX_ATTEMPTS);
    }

    #[test]
    fn keyids_are_compared_up_to_the_cap() {
        let mut compared = 0;
        let endless = std::iter::repeat_with(|| {
            compared += 1;
            Probe::KeyidsOut
        });
        assert_eq!(live(endless), Search::GaveUp);
        assert_eq!(compared, MAX_CANDIDATES);
    }

    #[test]
    fn one_fewer_than_the_cap_is_a_complete_search() {
        assert_eq!(live(vec![Probe::BadMac; MAX_ATTEMPTS - 1]), Search::None { tried: true });
        assert_eq!(live(vec![Probe::KeyidsOut; MAX_CANDIDATES - 1]), Search::None { tried: false });
    }
}
