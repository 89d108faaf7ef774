//! The lines under way between two endpoints of the pipe language, and what happens to them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::SystemTime;

use super::super::cell::{Cell, Fault, Peer};
use super::Side;

/// Both directions.
pub(super) struct Wire {
    /// To us, to the peer.
    lines: [Vec<String>; 2],
    /// Whether the next line there is to be lost.
    losing: [bool; 2],
    /// Whether lines that are under way together arrive in reverse order there.
    reversing: [bool; 2],
    twice: bool,
    /// Lines that were delivered twice: once is enough.
    repeated: BTreeSet<String>,
    /// Seconds since 1970, as the endpoints are told.
    now: u64,
}

impl Wire {
    pub(super) fn new(cell: Cell) -> Self {
        let reversing = cell.fault == Fault::Reordered;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            lines: [Vec::new(), Vec::new()],
            losing: [false; 2],
            // The others refuse what was overtaken, by the rule of the protocol.
            reversing: [reversing, reversing && cell.peer == Peer::O2tr],
            twice: cell.fault == Fault::Twice,
            repeated: BTreeSet::new(),
            now,
        }
    }

    /// Puts a line on its way, or loses it.
    pub(super) fn put(&mut self, to: Side, line: String, log: &mut String) {
        if std::mem::take(&mut self.losing[to.index()]) {
            let _ = writeln!(log, "-- lost: {}", super::end::shorten(&line));
        } else {
            self.lines[to.index()].push(line);
        }
    }

    pub(super) fn lose_next(&mut self, to: Side) {
        self.losing[to.index()] = true;
    }

    pub(super) fn stop_losing(&mut self) {
        self.losing = [false; 2];
    }

    /// Whether a text is under way, readable for everybody.
    pub(super) fn carries(&self, text: &str) -> bool {
        self.lines.iter().flatten().any(|line| line.contains(text))
    }

    /// What arrives now.
    pub(super) fn take(&mut self, to: Side, log: &mut String) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.lines[to.index()]);
        if self.reversing[to.index()] && lines.len() > 1 {
            let _ = writeln!(log, "-- {} lines arrive in reverse order", lines.len());
            lines.reverse();
        }
        if self.twice {
            lines = lines
                .into_iter()
                .flat_map(|line| {
                    let times = if self.repeated.insert(line.clone()) { 2 } else { 1 };
                    std::iter::repeat_n(line, times)
                })
                .collect();
        }
        lines
    }

    /// So many seconds later.
    pub(super) fn later(&mut self, seconds: u64) -> u64 {
        self.now += seconds;
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::cell::{Scenario, Store, Transport};
    use super::*;

    fn wire(fault: Fault) -> Wire {
        let (transport, store) = (Transport::Memory, Store::Files);
        Wire::new(Cell { transport, store, peer: Peer::LibotrV3, scenario: Scenario::Talk, fault })
    }

    fn pass(wire: &mut Wire, to: Side) -> Vec<String> {
        for line in ["one", "two", "three"] {
            wire.put(to, line.to_owned(), &mut String::new());
        }
        wire.take(to, &mut String::new())
    }

    #[test]
    fn each_fault_does_what_it_is_called() {
        assert_eq!(pass(&mut wire(Fault::None), Side::Us), ["one", "two", "three"]);
        assert_eq!(pass(&mut wire(Fault::Reordered), Side::Us), ["three", "two", "one"]);
        assert_eq!(pass(&mut wire(Fault::Reordered), Side::Them), ["one", "two", "three"], "libotr would refuse it");
        let mut twice = wire(Fault::Twice);
        assert_eq!(pass(&mut twice, Side::Them), ["one", "one", "two", "two", "three", "three"]);
        assert_eq!(pass(&mut twice, Side::Them), ["one", "two", "three"]);
        let mut lost = wire(Fault::Lost);
        lost.lose_next(Side::Us);
        assert_eq!(pass(&mut lost, Side::Them), ["one", "two", "three"]);
        assert_eq!(pass(&mut lost, Side::Us), ["two", "three"]);
        assert_eq!(pass(&mut lost, Side::Us), ["one", "two", "three"]);
    }
}
