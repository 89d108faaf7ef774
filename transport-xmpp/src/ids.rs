//! Names for our stanzas: unlike any other, and not to be guessed from outside.

use core::hash::{BuildHasher, Hasher};
use std::collections::hash_map::RandomState;

/// Gives out stanza ids.
#[derive(Debug)]
pub(crate) struct Ids {
    prefix: u64,
    last: u64,
}

impl Ids {
    /// With a prefix of its own for this run; the standard library's hash keys come from the operating system.
    pub(crate) fn new() -> Self {
        Self { prefix: RandomState::new().build_hasher().finish(), last: 0 }
    }

    pub(crate) fn next(&mut self) -> String {
        self.last += 1;
        format!("{:016x}-{:x}", self.prefix, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_equal() {
        let (mut one, mut other) = (Ids::new(), Ids::new());
        let ids = [one.next(), one.next(), other.next(), other.next()];
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    }
}
