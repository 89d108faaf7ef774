//! What a watch has seen, in one form: two with the same digest will judge everything alike.

use core::hash::{Hash, Hasher};

use super::Watch;

impl Watch {
    /// Feeds everything seen into a hasher, in an order that does not depend on how the tables are laid out. Only
    /// the present row is left out: its bytes are the caller's.
    pub fn digest(&self, into: &mut impl Hasher) {
        let Self {
            row: _,
            committed,
            texts,
            commanded,
            revealed,
            depth,
            cause,
            automatic,
            strict,
            rolled_back,
            k,
            durable_lines,
            durable_keys,
            lines_out,
            epochs,
            latest,
            uses,
            shown,
            shown_texts,
            fates,
            sent,
            flown,
            unheard,
        } = self;
        sorted(committed).hash(into);
        sorted(texts).hash(into);
        sorted(commanded).hash(into);
        sorted(revealed).hash(into);
        sorted(depth).hash(into);
        (cause, automatic, strict, rolled_back, k).hash(into);
        sorted(durable_lines).hash(into);
        sorted(durable_keys).hash(into);
        sorted(lines_out).hash(into);
        sorted(epochs).hash(into);
        sorted(latest.iter().map(|((instance, keyids), keys)| (format!("{instance:?}"), keyids, keys))).hash(into);
        let used = uses.iter().map(|(keys, uses)| {
            (keys, uses.iter().map(|used| (used.counter, used.encrypted.as_slice())).collect::<Vec<_>>())
        });
        sorted(used).hash(into);
        sorted(shown).hash(into);
        sorted(shown_texts).hash(into);
        sorted(fates.iter().map(|(id, fates)| (id, format!("{fates:?}")))).hash(into);
        sorted(sent).hash(into);
        sorted(flown).hash(into);
        sorted(unheard).hash(into);
    }
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort_unstable();
    items
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use super::*;

    fn digest(watch: &Watch) -> u64 {
        let mut hasher = DefaultHasher::new();
        watch.digest(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn it_does_not_depend_on_the_layout_and_sees_every_difference() {
        let lines = || (0..50_u8).map(|byte| vec![byte; 3]);
        let (mut one, mut other) = (Watch::new(Some(2)), Watch::new(Some(2)));
        one.commanded.extend(lines());
        other.commanded.extend(lines().rev());
        assert_eq!(digest(&one), digest(&other));
        other.cancelled("a");
        assert_ne!(digest(&one), digest(&other));
        assert_ne!(digest(&Watch::new(Some(2))), digest(&Watch::new(Some(3))));
    }
}
