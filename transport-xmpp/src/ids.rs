//! Names for our stanzas: unlike any other, and not to be guessed from outside.

use crate::connect::random_number;

/// Gives out stanza ids.
#[derive(Debug)]
pub(crate) struct Ids {
    prefix: [u32; 2],
    last: u64,
}

impl Ids {
    /// With a prefix of its own for this run.
    pub(crate) fn new() -> Self {
        Self { prefix: [random_number(), random_number()], last: 0 }
    }

    pub(crate) fn next(&mut self) -> String {
        self.last += 1;
        let [high, low] = self.prefix;
        format!("{high:08x}{low:08x}-{:x}", self.last)
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
