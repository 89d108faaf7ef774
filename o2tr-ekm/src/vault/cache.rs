//! A bounded map that forgets what was not used lately.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations of entries: when the young one is full, the old one is dropped and the young one becomes old.
/// Whatever was used since the last such turn survives; at most twice `half` entries are held.
pub(super) struct Cache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (capacity / 2).max(1) }
    }

    /// Takes an entry out; whoever still wants it cached puts it back.
    pub(super) fn take(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_size_is_bounded() {
        let mut cache = Cache::new(8);
        for number in 0..100 {
            cache.put(number, number);
            let kept = cache.take(&0).unwrap();
            cache.put(0, kept);
            assert!(cache.young.len() + cache.old.len() <= 8);
        }
        assert_eq!(cache.take(&99), Some(99));
        assert_eq!(cache.take(&99), None);
        assert_eq!(cache.take(&50), None);
    }
}
