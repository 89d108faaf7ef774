//! Which counters of a pair were accepted, and whether the same bytes came again.

use std::collections::VecDeque;

use crate::planted::{Fault, planted};
use crate::wire::MAC_LEN;

/// Which unseen counters of a pair are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceivePolicy {
    /// The protocol's rule: counters rise. An overtaken message is lost, and a pair that rotates away is
    /// forgotten and its MAC key revealed.
    #[default]
    Strict,
    /// Any counter not yet accepted is taken, and a pair that rotates away becomes a
    /// [`RetainedPair`](super::RetainedPair): a server that reorders loses nothing. Our own counters begin at 1 with
    /// each new key of ours only, so none comes back with a key of the peer that does.
    Window,
}

/// How many intervals of accepted counters a pair remembers. Then the lowest gap closes.
pub(super) const MAX_INTERVALS: usize = 32;

/// For how many of the newest counters of a pair the authenticator is remembered.
pub(super) const MAX_AUTHENTICATORS: usize = 64;

/// Bytes of an authenticator that are remembered.
const AUTHENTICATOR_PREFIX: usize = 8;

/// The accepted counters of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Accepted {
    /// Inclusive intervals, ascending, never touching each other.
    intervals: Vec<(u64, u64)>,
    /// Counters in the order of their acceptance, with the head of their authenticator.
    authenticators: VecDeque<(u64, [u8; AUTHENTICATOR_PREFIX])>,
}

/// What a counter is to a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    /// Accepted before, or given up. `same`: as far as is remembered, with the same authenticator.
    Seen {
        same: bool,
    },
}

/// Counters that were never seen and are now refused, because the pair has too many gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapClosed {
    /// First counter of the gap.
    pub first: u64,
    /// Last counter of the gap.
    pub last: u64,
}

impl Accepted {
    /// Nothing but "every counter up to `counter` was seen": how a plain OTR client would describe a pair.
    #[must_use]
    pub fn up_to(counter: u64) -> Self {
        let intervals = if counter == 0 { Vec::new() } else { vec![(1, counter)] };
        Self { intervals, authenticators: VecDeque::new() }
    }

    /// Whether anything was accepted: the MAC key of the pair has then verified something.
    #[must_use]
    pub fn is_used(&self) -> bool {
        !self.intervals.is_empty()
    }

    /// The highest accepted counter; 0 if none.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.intervals.last().map_or(0, |&(_, last)| last)
    }

    /// The accepted counters as inclusive intervals, ascending.
    #[must_use]
    pub fn intervals(&self) -> &[(u64, u64)] {
        &self.intervals
    }

    pub(crate) fn judge(&self, counter: u64, authenticator: &[u8; MAC_LEN], policy: ReceivePolicy) -> Freshness {
        let seen = match policy {
            ReceivePolicy::Strict => counter <= self.highest(),
            ReceivePolicy::Window => self.contains(counter),
        };
        let seen = seen && !planted(Fault::ReplayAccepted);
        if seen { Freshness::Seen { same: self.is_same(counter, authenticator) } } else { Freshness::Fresh }
    }

    /// Records a counter that was judged fresh and whose message was authentic.
    pub(crate) fn insert(
        &mut self,
        counter: u64,
        authenticator: &[u8; MAC_LEN],
        policy: ReceivePolicy,
    ) -> Option<GapClosed> {
        if self.authenticators.len() >= MAX_AUTHENTICATORS {
            self.authenticators.pop_front();
        }
        self.authenticators.push_back((counter, prefix(authenticator)));
        match policy {
            ReceivePolicy::Strict => {
                self.intervals = vec![(1, counter)];
                None
            }
            ReceivePolicy::Window => {
                self.add(counter);
                self.close_lowest_gap()
            }
        }
    }

    fn contains(&self, counter: u64) -> bool {
        let behind = self.intervals.partition_point(|&(first, _)| first <= counter);
        behind.checked_sub(1).and_then(|index| self.intervals.get(index)).is_some_and(|&(_, last)| counter <= last)
    }

    fn is_same(&self, counter: u64, authenticator: &[u8; MAC_LEN]) -> bool {
        self.authenticators
            .iter()
            .find(|(known, _)| *known == counter)
            .is_none_or(|(_, known)| *known == prefix(authenticator))
    }

    fn add(&mut self, counter: u64) {
        let index = self.intervals.partition_point(|&(first, _)| first <= counter);
        self.intervals.insert(index, (counter, counter));
        self.merge_with_next(index);
        if let Some(previous) = index.checked_sub(1) {
            self.merge_with_next(previous);
        }
    }

    fn merge_with_next(&mut self, index: usize) {
        if let (Some(&(first, last)), Some(&(next_first, next_last))) =
            (self.intervals.get(index), self.intervals.get(index + 1))
            && last.checked_add(1) == Some(next_first)
        {
            self.intervals.remove(index + 1);
            if let Some(interval) = self.intervals.get_mut(index) {
                *interval = (first, next_last);
            }
        }
    }

    fn close_lowest_gap(&mut self) -> Option<GapClosed> {
        if self.intervals.len() <= MAX_INTERVALS {
            return None;
        }
        let (first, last) = self.intervals.remove(0);
        let lowest = self.intervals.first_mut()?;
        let gap = GapClosed { first: last.saturating_add(1), last: lowest.0.saturating_sub(1) };
        lowest.0 = first;
        Some(gap)
    }

    /// Whether the intervals are ascending, apart, and within the caps: what a snapshot must show.
    pub(crate) fn is_consistent(&self) -> bool {
        let apart = self.intervals.windows(2).all(|pair| match pair {
            [(_, last), (first, _)] => last.checked_add(1).is_some_and(|next| next < *first),
            _ => true,
        });
        let ordered = self.intervals.iter().all(|&(first, last)| first >= 1 && first <= last);
        apart && ordered && self.intervals.len() <= MAX_INTERVALS && self.authenticators.len() <= MAX_AUTHENTICATORS
    }
}

fn prefix(authenticator: &[u8; MAC_LEN]) -> [u8; AUTHENTICATOR_PREFIX] {
    let mut head = [0; AUTHENTICATOR_PREFIX];
    head.copy_from_slice(&authenticator[..AUTHENTICATOR_PREFIX]);
    head
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: [u8; MAC_LEN] = [1; MAC_LEN];
    const B: [u8; MAC_LEN] = [2; MAC_LEN];

    #[test]
    fn strict_takes_rising_counters_only() {
        let mut accepted = Accepted::default();
        accepted.insert(5, &A, ReceivePolicy::Strict);
        assert_eq!(accepted.judge(6, &A, ReceivePolicy::Strict), Freshness::Fresh);
        assert_eq!(accepted.judge(5, &A, ReceivePolicy::Strict), Freshness::Seen { same: true });
        assert_eq!(accepted.judge(5, &B, ReceivePolicy::Strict), Freshness::Seen { same: false });
        assert_eq!(accepted.judge(3, &B, ReceivePolicy::Strict), Freshness::Seen { same: true });
    }

    #[test]
    fn a_window_closes_its_lowest_gap_when_full() {
        let mut accepted = Accepted::default();
        for counter in (2..=64).step_by(2) {
            assert_eq!(accepted.insert(counter, &A, ReceivePolicy::Window), None);
        }
        assert_eq!(accepted.insert(66, &A, ReceivePolicy::Window), Some(GapClosed { first: 3, last: 3 }));
        assert_eq!(accepted.judge(3, &A, ReceivePolicy::Window), Freshness::Seen { same: true });
        assert_eq!(accepted.judge(1, &A, ReceivePolicy::Window), Freshness::Fresh);
        assert!(accepted.is_consistent());
    }

    #[test]
    fn the_highest_counter_of_all_is_taken_once() {
        let mut accepted = Accepted::default();
        accepted.insert(u64::MAX, &A, ReceivePolicy::Window);
        accepted.insert(u64::MAX - 1, &A, ReceivePolicy::Window);
        assert_eq!(accepted.intervals(), [(u64::MAX - 1, u64::MAX)]);
        assert!(accepted.is_consistent());
    }

    proptest! {
        #[test]
        fn a_window_is_a_set_as_long_as_it_has_room(counters in prop::collection::vec(1_u64..40, 0..60)) {
            let mut accepted = Accepted::default();
            let mut model = std::collections::BTreeSet::new();
            for counter in counters {
                let fresh = accepted.judge(counter, &A, ReceivePolicy::Window) == Freshness::Fresh;
                prop_assert_eq!(fresh, !model.contains(&counter));
                if fresh {
                    prop_assert_eq!(accepted.insert(counter, &A, ReceivePolicy::Window), None);
                    model.insert(counter);
                }
                prop_assert!(accepted.is_consistent());
                prop_assert_eq!(accepted.highest(), model.last().copied().unwrap_or(0));
            }
        }
    }
}
