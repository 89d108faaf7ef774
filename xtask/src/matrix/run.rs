//! Running cells, several at a time, and saying how far it is.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, anyhow};

use super::cell::Cell;
use super::report::{Outcome, Verdict};
use super::scenario;
use super::stage::Stage;
use super::tools::Tools;

/// What all workers share.
struct Shared<'a> {
    /// Those that nobody has begun, the last one next.
    left: Vec<Cell>,
    running: Vec<Cell>,
    outcomes: Vec<Outcome>,
    all: &'a [Cell],
}

/// Runs all of them; the order of the results is that of their ends.
pub(super) fn all(cells: &[Cell], tools: &Tools, jobs: usize) -> Result<Vec<Outcome>> {
    let left = cells.iter().rev().copied().collect();
    let shared = Mutex::new(Shared { left, running: Vec::new(), outcomes: Vec::new(), all: cells });
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(|| work(&shared, tools))).collect();
        let ends: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        if ends.iter().any(Result::is_err) { Err(anyhow!("a worker panicked")) } else { Ok(()) }
    })?;
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    Ok(shared.into_inner().unwrap_or_else(PoisonError::into_inner).outcomes)
}

fn work(shared: &Mutex<Shared<'_>>, tools: &Tools) {
    loop {
        let cell = {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(cell) = shared.left.pop() else { return };
            shared.running.push(cell);
            shared.tell();
            cell
        };
        let outcome = one(cell, tools);
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.running.retain(|running| *running != cell);
        shared.finished(outcome);
        shared.tell();
    }
}

fn one(cell: Cell, tools: &Tools) -> Outcome {
    let began = Instant::now();
    let mut log = String::new();
    let result = Stage::set(cell, tools, &mut log).and_then(|mut stage| {
        let result = scenario::run(&mut stage);
        if result.is_err() {
            stage.last_words();
        }
        result
    });
    let verdict = match result {
        Ok(()) => Verdict::Passed,
        Err(error) => Verdict::Failed(format!("{error:#}")),
    };
    Outcome { cell, verdict, seconds: began.elapsed().as_secs_f64(), log }
}

impl Shared<'_> {
    fn finished(&mut self, outcome: Outcome) {
        // A failure is told at once; on a terminal the line of progress makes room.
        if let Verdict::Failed(reason) = &outcome.verdict {
            let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
            eprintln!("{clear}✗ {} ({:.1} s): {reason}", outcome.cell, outcome.seconds);
        } else if !std::io::stderr().is_terminal() {
            let number = self.outcomes.len() + 1;
            eprintln!("✓ {number} of {}: {} ({:.1} s)", self.all.len(), outcome.cell, outcome.seconds);
        }
        self.outcomes.push(outcome);
    }

    /// One line about the present, on a terminal.
    fn tell(&self) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let failed = self.outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Failed(_))).count();
        let running: Vec<_> = self.running.iter().map(ToString::to_string).collect();
        let line = format!("{} of {}, {failed} failed; {}", self.outcomes.len(), self.all.len(), running.join("  "));
        let line: String = line.chars().take(150).collect();
        eprint!("\r\x1b[K{line}");
        let _ = std::io::stderr().flush();
    }
}
