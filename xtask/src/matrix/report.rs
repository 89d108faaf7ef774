//! What came of the cells: as a table for the terminal, and as JSON.

use std::fmt;

use serde_json::{Value, json};

use super::cell::{Cell, Fault, Scenario};

/// The longest log of a cell that passed, in bytes: its beginning and its end say enough.
const PASSED_LOG: usize = 6_000;
/// How a line begins that tells what happened, not what was said.
const EVENT: &str = "-- ";
/// The longest log of a cell that failed.
const FAILED_LOG: usize = 200_000;

/// What became of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed(String),
    /// Something is missing here, or it was not wanted this time.
    NotRun(String),
    /// The combination means nothing.
    NotApplicable(String),
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) cell: Cell,
    pub(crate) verdict: Verdict,
    pub(crate) seconds: f64,
    pub(crate) log: String,
}

#[derive(Debug)]
pub(crate) struct Report {
    /// In the order of the cells.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Verdict {
    /// One word for machines.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::NotRun(_) => "not run",
            Self::NotApplicable(_) => "not applicable",
        }
    }

    /// One sign for people.
    const fn sign(&self) -> char {
        match self {
            Self::Passed => '✓',
            Self::Failed(_) => '✗',
            Self::NotRun(_) => '·',
            Self::NotApplicable(_) => ' ',
        }
    }

    /// Why, if there is anything to say.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(reason) | Self::NotRun(reason) | Self::NotApplicable(reason) => Some(reason),
        }
    }
}

impl Outcome {
    pub(crate) const fn without_run(cell: Cell, verdict: Verdict) -> Self {
        Self { cell, verdict, seconds: 0.0, log: String::new() }
    }

    fn to_json(&self) -> Value {
        let Self { cell, verdict, seconds, log } = self;
        let [transport, store, peer, scenario, fault] = cell.names();
        let most = if matches!(verdict, Verdict::Failed(_)) { FAILED_LOG } else { PASSED_LOG };
        json!({
            "transport": transport, "store": store, "peer": peer, "scenario": scenario, "fault": fault,
            "verdict": verdict.name(), "reason": verdict.reason(),
            "seconds": (seconds * 10.0).round() / 10.0, "log": middle_left_out(log, most),
        })
    }
}

impl Report {
    pub(crate) fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Failed(_)))
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.verdict.name() == name).count()
    }

    /// All cells, with the logs of those that were run.
    pub(crate) fn to_json(&self) -> String {
        let cells: Vec<_> = self.outcomes.iter().map(Outcome::to_json).collect();
        let counts: serde_json::Map<_, _> = ["passed", "failed", "not run", "not applicable"]
            .into_iter()
            .map(|name| (name.to_owned(), json!(self.count(name))))
            .collect();
        json!({"counts": counts, "cells": cells}).to_string()
    }

    /// One sign for what all cells of a place in the table came to: the worst of them.
    fn sign(&self, fits: impl Fn(&Cell) -> bool) -> char {
        let signs = self.outcomes.iter().filter(|outcome| fits(&outcome.cell)).map(|outcome| outcome.verdict.sign());
        let rank = |sign: &char| ['✗', '✓', '·', ' '].iter().position(|known| known == sign);
        signs.min_by_key(|sign| rank(sign).unwrap_or(usize::MAX)).unwrap_or(' ')
    }
}

impl fmt::Display for Report {
    /// A row for each transport, store and peer, a column for each scenario, a sign for each fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        writeln!(f, "In each column, from left to right: {}", faults.join(", "))?;
        write!(f, "{:<10}{:<11}{:<11}", "transport", "store", "peer")?;
        for scenario in Scenario::ALL {
            write!(f, "{:<9}", scenario.name())?;
        }
        writeln!(f)?;
        let mut last = None;
        for outcome in &self.outcomes {
            let Cell { transport, store, peer, .. } = outcome.cell;
            let row = (transport, store, peer);
            if last == Some(row) {
                continue;
            }
            last = Some(row);
            let of_row = |cell: &Cell| (cell.transport, cell.store, cell.peer) == row;
            if self.sign(of_row) == ' ' {
                continue;
            }
            write!(f, "{:<10}{:<11}{:<11}", transport.name(), store.name(), peer.name())?;
            for scenario in Scenario::ALL {
                let signs: String = Fault::ALL
                    .iter()
                    .map(|fault| self.sign(|cell| of_row(cell) && cell.scenario == *scenario && cell.fault == *fault))
                    .collect();
                write!(f, "{signs:<9}")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "✓ passed, ✗ failed, · not run, blank: not applicable")?;
        for outcome in self.failures() {
            writeln!(f, "✗ {}: {}", outcome.cell, outcome.verdict.reason().unwrap_or_default())?;
        }
        let seconds: f64 = self.outcomes.iter().map(|outcome| outcome.seconds).sum();
        writeln!(
            f,
            "{} passed, {} failed, {} not run, {} not applicable; {seconds:.0} s of cells",
            self.count("passed"),
            self.count("failed"),
            self.count("not run"),
            self.count("not applicable"),
        )
    }
}

/// A text without its middle, if it is too long; what happened stays, only what was said is left out.
fn middle_left_out(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let (mut short, mut at, mut leaving_out) = (String::new(), 0, false);
    for line in text.lines() {
        at += line.len() + 1;
        let is_inside = at > most / 2 && at + most / 2 <= text.len();
        if !is_inside || line.starts_with(EVENT) {
            short.push_str(line);
            short.push('\n');
            leaving_out = false;
        } else if !leaving_out {
            short.push_str("[…]\n");
            leaving_out = true;
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::super::cell::{Peer, Store, Transport};
    use super::*;

    fn report(verdicts: &[Verdict]) -> Report {
        let cell = |fault| {
            let (transport, store) = (Transport::Memory, Store::Files);
            Cell { transport, store, peer: Peer::LibotrV3, scenario: Scenario::Begin, fault }
        };
        let outcome = |(fault, verdict): (&Fault, &Verdict)| Outcome::without_run(cell(*fault), verdict.clone());
        Report { outcomes: Fault::ALL.iter().zip(verdicts).map(outcome).collect() }
    }

    #[test]
    fn the_table_and_the_json_say_what_came_of_each_cell() {
        let why = |text: &str| text.to_owned();
        let report = report(&[
            Verdict::Passed,
            Verdict::Failed(why("lost a text")),
            Verdict::NotRun(why("no driver")),
            Verdict::NotApplicable(why("no server")),
        ]);
        let table = report.to_string();
        assert!(table.contains("libotr-v3  ✓✗·"), "{table}");
        assert!(table.contains("✗ memory/files/libotr-v3/begin/kill: lost a text"), "{table}");
        assert!(table.contains("1 passed, 1 failed, 1 not run, 1 not applicable"), "{table}");
        let json: Value = serde_json::from_str(&report.to_json()).unwrap();
        let verdicts: Vec<_> = json["cells"].as_array().unwrap().iter().map(|cell| cell["verdict"].clone()).collect();
        assert_eq!(verdicts, ["passed", "failed", "not run", "not applicable"]);
        assert_eq!(json["cells"][1]["reason"], "lost a text");
        assert_eq!(json["counts"]["failed"], 1);
    }

    #[test]
    fn a_long_log_keeps_both_ends_and_what_happened() {
        let line = |number: u32| if number == 500 { "-- killed\n".to_owned() } else { format!("line {number}\n") };
        let log: String = (0..1000).map(line).collect();
        let short = middle_left_out(&log, 100);
        assert!(short.starts_with("line 0\n") && short.ends_with("line 999\n") && short.len() < 130, "{short}");
        assert!(short.contains("[…]\n-- killed\n[…]\n"), "{short}");
        assert_eq!(middle_left_out(&log, log.len()), log);
    }
}
