//! Which messages of a sending key were read.
//!
//! Messages are counted by their *use number*: the first that a sending key encrypts is 1, the next is 2. The counter of
//! OTR would not do, since it leaps after a restart.

/// How many use numbers a map speaks of.
pub const MAP_LEN: u32 = u64::BITS;

/// The use numbers of one sending key that were read.
///
/// It speaks of [`MAP_LEN`] numbers from [`AckMap::first`] on. While a key is used no more often than that (the
/// threshold *k* is far below), `first` is 1 and nothing is forgotten. Beyond, the map follows the highest number and
/// says nothing any more about the lowest: they are then neither read nor missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AckMap {
    first: u32,
    bits: u64,
}

impl Default for AckMap {
    /// Nothing was read.
    fn default() -> Self {
        Self { first: 1, bits: 0 }
    }
}

impl AckMap {
    /// A map as it stands on the wire: bit `n` (1 is the lowest bit, of value `1 << 0`) is use number `first + n`.
    ///
    /// `None` if `first` is 0 or so high that the last bit has no number.
    #[must_use]
    pub const fn from_parts(first: u32, bits: u64) -> Option<Self> {
        if first == 0 || first.checked_add(MAP_LEN - 1).is_none() { None } else { Some(Self { first, bits }) }
    }

    /// The lowest use number that the map speaks of; at least 1.
    #[must_use]
    pub const fn first(&self) -> u32 {
        self.first
    }

    /// The bits, lowest number in the lowest bit.
    #[must_use]
    pub const fn bits(&self) -> u64 {
        self.bits
    }

    /// Notes that a message was read. Returns whether the map now says so: 0 is no use number, and one below
    /// [`AckMap::first`] comes too late.
    pub const fn mark(&mut self, use_number: u32) -> bool {
        let Some(index) = use_number.checked_sub(self.first) else { return false };
        if index < MAP_LEN {
            self.bits |= 1 << index;
            return true;
        }
        let shift = index - (MAP_LEN - 1);
        self.bits = match self.bits.checked_shr(shift) {
            Some(bits) => bits,
            None => 0,
        };
        self.bits |= 1 << (MAP_LEN - 1);
        self.first += shift;
        true
    }

    /// Whether the map says that the message was read.
    #[must_use]
    pub const fn contains(&self, use_number: u32) -> bool {
        match use_number.checked_sub(self.first) {
            Some(index) if index < MAP_LEN => self.bits & (1 << index) != 0,
            _ => false,
        }
    }

    /// The highest use number that was read; `None` if none was.
    #[must_use]
    pub const fn highest(&self) -> Option<u32> {
        match self.bits.checked_ilog2() {
            Some(index) => Some(self.first + index),
            None => None,
        }
    }

    /// The use numbers up to `highest`, ascending, that the map says were not read. `highest`: the last number the
    /// caller has used itself, not the peer's word.
    pub fn missing(self, highest: u32) -> impl Iterator<Item = u32> {
        (self.first..=highest).filter(move |&use_number| !self.contains(use_number))
    }
}

/// Names a pair of keys in one direction.
///
/// Keyids start again at 1 with each AKE, so the session belongs to the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairId {
    /// The first bytes of the ssid of the session whose pair it is.
    pub ssid: [u8; 4],
    /// Keyid of the key of whoever sent the acknowledged messages; not 0.
    pub sender_keyid: u32,
    /// Keyid of the key of whoever read them; not 0.
    pub recipient_keyid: u32,
}

impl PairId {
    /// The pair of a message (`otr_core::Message::place`) in the session with this ssid.
    #[must_use]
    pub const fn new(ssid: &[u8; 8], sender_keyid: u32, recipient_keyid: u32) -> Self {
        let [a, b, c, d, ..] = *ssid;
        Self { ssid: [a, b, c, d], sender_keyid, recipient_keyid }
    }
}

/// What was read of one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairAck {
    /// The pair.
    pub pair: PairId,
    /// What was read of it.
    pub read: AckMap,
}

/// What was read of the two pairs that were read from last: what a record acknowledges.
///
/// Two, because a message that a rotation has overtaken belongs to the pair before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AckWindow([Option<PairAck>; 2]);

impl AckWindow {
    /// Restores a window, newest first.
    #[must_use]
    pub const fn from_parts(parts: [Option<PairAck>; 2]) -> Self {
        Self(parts)
    }

    /// The maps, that of the pair that was read from last first.
    #[must_use]
    pub const fn parts(&self) -> &[Option<PairAck>; 2] {
        &self.0
    }

    /// Notes that a message was read. A third pair pushes out the one that was read from the longest time ago.
    /// Returns whether the window now says that it was read.
    pub fn mark(&mut self, pair: PairId, use_number: u32) -> bool {
        let mut map = self.get(pair).unwrap_or_default();
        if !map.mark(use_number) {
            return false;
        }
        let [newest, previous] = self.0;
        let other = if newest.is_some_and(|ack| ack.pair == pair) { previous } else { newest };
        self.0 = [Some(PairAck { pair, read: map }), other];
        true
    }

    /// What was read of a pair; `None` if the window says nothing about it.
    #[must_use]
    pub fn get(&self, pair: PairId) -> Option<AckMap> {
        self.0.iter().flatten().find(|ack| ack.pair == pair).map(|ack| ack.read)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const fn pair(keyid: u32) -> PairId {
        PairId { ssid: *b"ssid", sender_keyid: keyid, recipient_keyid: 1 }
    }

    #[test]
    fn what_was_read_is_there_and_the_rest_is_missing() {
        let mut map = AckMap::default();
        assert_eq!(map.highest(), None);
        assert!(map.mark(1) && map.mark(4) && map.mark(4));
        assert!(!map.mark(0));
        assert_eq!((map.contains(0), map.contains(1), map.contains(2)), (false, true, false));
        assert_eq!(map.highest(), Some(4));
        assert_eq!(map.missing(6).collect::<Vec<_>>(), [2, 3, 5, 6]);
        assert_eq!(map.missing(0).count(), 0);
        assert_eq!((map.first(), map.bits()), (1, 0b1001));
    }

    #[test]
    fn a_map_that_has_moved_on_says_nothing_of_the_lowest() {
        let mut map = AckMap::default();
        map.mark(1);
        map.mark(2);
        map.mark(MAP_LEN + 1);
        assert_eq!(map.first(), 2);
        assert!(!map.contains(1) && map.contains(2) && map.contains(MAP_LEN + 1));
        assert_eq!(map.missing(4).collect::<Vec<_>>(), [3, 4]);
        assert!(!map.mark(1));
    }

    #[test]
    fn the_last_number_of_all_fits() {
        let mut map = AckMap::default();
        assert!(map.mark(u32::MAX));
        assert_eq!((map.first(), map.highest()), (u32::MAX - 63, Some(u32::MAX)));
        assert_eq!(AckMap::from_parts(map.first(), map.bits()), Some(map));
        assert_eq!(AckMap::from_parts(map.first() + 1, 0), None);
        assert_eq!(AckMap::from_parts(0, 0), None);
    }

    #[test]
    fn a_third_pair_pushes_out_the_one_read_longest_ago() {
        let mut window = AckWindow::default();
        assert!(window.mark(pair(1), 1) && window.mark(pair(2), 1) && window.mark(pair(1), 2));
        assert!(window.mark(pair(3), 1));
        assert_eq!(window.get(pair(2)), None);
        assert!(window.get(pair(1)).is_some_and(|map| map.contains(2)));
        assert_eq!(window.parts()[0].map(|ack| ack.pair), Some(pair(3)));
    }

    #[test]
    fn a_number_that_cannot_be_noted_pushes_nothing_out() {
        let mut window = AckWindow::default();
        window.mark(pair(1), 1);
        window.mark(pair(2), 1);
        let before = window;
        assert!(!window.mark(pair(3), 0));
        assert_eq!(window, before);
    }

    #[test]
    fn the_same_keyids_in_another_session_are_another_pair() {
        let mut window = AckWindow::default();
        window.mark(PairId::new(b"old-----", 1, 1), 3);
        window.mark(PairId::new(b"new-----", 1, 1), 1);
        assert!(window.get(PairId::new(b"new-----", 1, 1)).is_some_and(|map| !map.contains(3)));
        assert!(window.get(PairId::new(b"old-----", 1, 1)).is_some_and(|map| map.contains(3)));
    }

    proptest! {
        #[test]
        fn a_map_is_a_set_as_far_as_it_speaks(marks in prop::collection::vec(0_u32..300, 0..80)) {
            let mut map = AckMap::default();
            let mut model = BTreeSet::new();
            for use_number in marks {
                let noted = map.mark(use_number);
                if noted {
                    model.insert(use_number);
                }
                prop_assert_eq!(noted, map.contains(use_number));
                prop_assert_eq!(map.highest(), model.last().copied());
                prop_assert_eq!(map.first(), model.last().map_or(1, |last| last.saturating_sub(63).max(1)));
                for other in 0..310 {
                    let read = other >= map.first() && model.contains(&other);
                    prop_assert_eq!(map.contains(other), read);
                }
                let missing: Vec<_> = (map.first()..=305).filter(|other| !model.contains(other)).collect();
                prop_assert_eq!(map.missing(305).collect::<Vec<_>>(), missing);
            }
        }
    }
}
