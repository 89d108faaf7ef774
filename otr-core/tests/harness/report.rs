//! Counting checks, collecting differences, and telling listed deviations from faults.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::deviations::TABLE;

/// What was found in one file.
pub(crate) struct Report {
    file: String,
    /// Checks by kind.
    counts: BTreeMap<&'static str, usize>,
    failures: Vec<String>,
    /// Where each listed deviation occurred, by its place in the table.
    occurred: BTreeMap<usize, Vec<String>>,
}

impl Report {
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), counts: BTreeMap::new(), failures: Vec::new(), occurred: BTreeMap::new() }
    }

    /// One comparison. A difference is a fault.
    pub(crate) fn same<T: PartialEq + Debug>(&mut self, kind: &'static str, place: &str, ours: &T, theirs: &T) {
        let equal = ours == theirs;
        self.holds(kind, place, equal, || format!("ours {ours:?}, libotr's {theirs:?}"));
    }

    /// One comparison whose values would not be readable.
    pub(crate) fn holds(&mut self, kind: &'static str, place: &str, holds: bool, why: impl FnOnce() -> String) {
        *self.counts.entry(kind).or_default() += 1;
        if !holds {
            self.failures.push(format!("{}: {place}: {kind}: {}", self.file, why()));
        }
    }

    pub(crate) fn counted(&mut self, kind: &'static str, number: usize) {
        *self.counts.entry(kind).or_default() += number;
    }

    /// What the table says of a case or situation of this file: the behaviour that is ours.
    pub(crate) fn listed(&self, case: &str) -> Option<&'static str> {
        self.entry(case).map(|index| TABLE[index].ours)
    }

    /// A listed deviation was met; one that is not listed is a fault.
    pub(crate) fn deviates(&mut self, case: &str, place: &str, difference: impl FnOnce() -> String) {
        match self.entry(case) {
            Some(index) => {
                let places = self.occurred.entry(index).or_default();
                if !places.iter().any(|known| known == place) {
                    places.push(place.to_owned());
                }
            }
            None => {
                let difference = difference();
                self.failures.push(format!("{}: {place}: {case} is not listed: {difference}", self.file));
            }
        }
    }

    fn entry(&self, case: &str) -> Option<usize> {
        TABLE.iter().position(|entry| entry.file == self.file && entry.case == case)
    }

    /// One line of figures, one line for each deviation; and the faults.
    pub(crate) fn finish(mut self) -> (String, Vec<String>) {
        let total: usize = self.counts.values().sum();
        let parts: Vec<_> = self.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let mut shown = format!("{}: {total} checks ({})\n", self.file, parts.join(", "));
        for (index, places) in &self.occurred {
            let entry = &TABLE[*index];
            shown += &format!("    deviates: {} [{}]: {}\n", entry.case, places.join(", "), entry.reason);
        }
        if total == 0 {
            self.failures.push(format!("{}: nothing was checked", self.file));
        }
        for (index, entry) in TABLE.iter().enumerate() {
            if entry.file == self.file && !self.occurred.contains_key(&index) {
                self.failures.push(format!("{}: the listed deviation {:?} does not occur", self.file, entry.case));
            }
        }
        (shown, self.failures)
    }
}
