//! When which conversation has something to do: loaded ones, and those of this run that have left the memory.

use std::collections::{BTreeSet, HashMap};

use otr_core::Timestamp;

use crate::transport::PeerId;

/// Deadlines that are remembered, about 100 bytes each. Beyond, the farthest is left to the next search of the store.
pub(super) const MAX_DEADLINES: usize = 1 << 16;

/// One deadline per conversation.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    of: HashMap<PeerId, Timestamp>,
    order: BTreeSet<(Timestamp, PeerId)>,
}

impl Deadlines {
    /// Replaces the deadline of a conversation.
    pub(super) fn set(&mut self, peer: &PeerId, at: Option<Timestamp>) {
        if let Some(before) = self.of.remove(peer) {
            self.order.remove(&(before, peer.clone()));
        }
        let Some(at) = at else { return };
        self.of.insert(peer.clone(), at);
        self.order.insert((at, peer.clone()));
        if self.order.len() > MAX_DEADLINES
            && let Some((_, farthest)) = self.order.pop_last()
        {
            self.of.remove(&farthest);
        }
    }

    /// Brings the deadline of a conversation forward.
    pub(super) fn at_latest(&mut self, peer: &PeerId, at: Timestamp) {
        if self.of.get(peer).is_none_or(|before| *before > at) {
            self.set(peer, Some(at));
        }
    }

    /// The next one.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes one that is due.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<PeerId> {
        if self.next()? > now {
            return None;
        }
        let (_, peer) = self.order.pop_first()?;
        self.of.remove(&peer);
        Some(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_per_conversation_and_in_order() {
        let (ada, bob) = (PeerId::new("ada"), PeerId::new("bob"));
        let at = Timestamp::from_secs;
        let mut deadlines = Deadlines::default();
        deadlines.set(&ada, Some(at(9)));
        deadlines.set(&bob, Some(at(5)));
        deadlines.set(&ada, Some(at(3)));
        deadlines.at_latest(&bob, at(7));
        assert_eq!(deadlines.next(), Some(at(3)));
        assert_eq!(deadlines.pop_due(at(4)), Some(ada.clone()));
        assert_eq!(deadlines.pop_due(at(4)), None);
        deadlines.at_latest(&bob, at(4));
        assert_eq!(deadlines.pop_due(at(4)), Some(bob));
        deadlines.set(&ada, Some(at(1)));
        deadlines.set(&ada, None);
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn the_farthest_makes_room() {
        let mut deadlines = Deadlines::default();
        for number in 0..=MAX_DEADLINES {
            deadlines.set(&PeerId::new(&number.to_string()), Some(Timestamp::from_secs(number as u64)));
        }
        assert_eq!((deadlines.of.len(), deadlines.order.len()), (MAX_DEADLINES, MAX_DEADLINES));
        assert_eq!(deadlines.next(), Some(Timestamp::from_secs(0)));
        assert_eq!(deadlines.order.last().map(|(at, _)| at.as_secs()), Some(MAX_DEADLINES as u64 - 1));
    }
}
