//! Which cells are run.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::cell::{Cell, Fault, Peer, Scenario, Store, Transport};

/// Words that choose cells: those of one dimension are alternatives, those of several must all fit.
#[derive(Debug, Default)]
pub(crate) struct Filter(Vec<Vec<&'static str>>);

impl Filter {
    /// Reads words; none fit everything.
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        let mut chosen = vec![Vec::new(); dimensions().len()];
        for word in words {
            let mut known = false;
            for (names, chosen) in dimensions().into_iter().zip(&mut chosen) {
                let fitting: Vec<_> = names.into_iter().filter(|name| name == word).collect();
                known |= !fitting.is_empty();
                chosen.extend(fitting);
            }
            if !known {
                let all: Vec<_> = dimensions().into_iter().map(|names| names.join(" ")).collect();
                bail!("nothing is called {word:?}; there are: {}", all.join(" | "));
            }
        }
        Ok(Self(chosen))
    }

    pub(crate) fn fits(&self, cell: &Cell) -> bool {
        cell.names().iter().zip(&self.0).all(|(name, chosen)| chosen.is_empty() || chosen.contains(name))
    }
}

/// The names of each dimension.
pub(crate) fn dimensions() -> Vec<Vec<&'static str>> {
    vec![
        Transport::ALL.iter().map(|value| value.name()).collect(),
        Store::ALL.iter().map(|value| value.name()).collect(),
        Peer::ALL.iter().map(|value| value.name()).collect(),
        Scenario::ALL.iter().map(|value| value.name()).collect(),
        Fault::ALL.iter().map(|value| value.name()).collect(),
    ]
}

/// Few of many cells, with every value of every dimension that occurs in them, each transport with each of its peers, and
/// each scenario with each of its faults.
pub(crate) fn cover(cells: &[Cell]) -> Vec<Cell> {
    let mut wanted: BTreeSet<(&str, &str)> = cells.iter().flat_map(merits).collect();
    let mut chosen = Vec::new();
    while !wanted.is_empty() {
        // Of several that bring as much, one that is quick.
        let gain = |cell: &Cell| merits(cell).filter(|merit| wanted.contains(merit)).count();
        let best = cells.iter().max_by_key(|cell| (12 * gain(cell) / price(cell), std::cmp::Reverse(**cell)));
        let Some(best) = best else { break };
        for merit in merits(best) {
            wanted.remove(&merit);
        }
        chosen.push(*best);
    }
    chosen.sort_unstable();
    chosen
}

/// What a cell adds to a cover.
fn merits(cell: &Cell) -> impl Iterator<Item = (&'static str, &'static str)> {
    let [transport, store, peer, scenario, fault] = cell.names();
    [(transport, peer), (transport, store), (scenario, fault)].into_iter()
}

/// How long a cell takes, roughly, in units of a cell in memory.
fn price(cell: &Cell) -> usize {
    match (cell.transport, cell.peer) {
        (Transport::Memory, _) => 1,
        (_, Peer::Pidgin) => 6,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensible() -> Vec<Cell> {
        Cell::all().filter(|cell| cell.is_senseless().is_none()).collect()
    }

    #[test]
    fn a_cover_is_small_and_leaves_no_value_out() {
        let all = sensible();
        let few = cover(&all);
        assert!(few.len() < 60 && few.len() * 10 < all.len(), "{} of {}", few.len(), all.len());
        let values = |cells: &[Cell]| cells.iter().flat_map(Cell::names).collect::<BTreeSet<_>>();
        assert_eq!(values(&few), values(&all));
        let over_servers = few.iter().filter(|cell| cell.transport != Transport::Memory).count();
        assert!(over_servers < 25, "{over_servers}");
    }

    #[test]
    fn words_of_one_dimension_are_alternatives() {
        let words = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let filter = Filter::parse(&words("prosody,ejabberd,kill")).unwrap();
        let fitting: Vec<_> = Cell::all().filter(|cell| filter.fits(cell)).collect();
        assert!(fitting.iter().all(|cell| cell.transport != Transport::Memory && cell.fault == Fault::Kill));
        assert_eq!(fitting.len(), 2 * Store::ALL.len() * Peer::ALL.len() * Scenario::ALL.len());
        assert!(Filter::parse(&words("prosody,nonsense")).is_err());
        assert!(Cell::all().all(|cell| Filter::parse(&[]).unwrap().fits(&cell)));
    }
}
