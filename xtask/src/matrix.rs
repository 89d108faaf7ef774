//! `cargo xtask matrix`: transports, stores, peers, scenarios and faults, each with each.

mod cell;
mod page;
mod plan;
mod report;
mod run;
mod scenario;
mod stage;
mod tools;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use self::cell::Cell;
use self::plan::Filter;
use self::report::{Outcome, Report, Verdict};
use self::tools::Tools;
use crate::shell;
use crate::workspace::Workspace;

#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Only a cover of all values, and each transport with each of its peers.
    pub(crate) quick: bool,
    /// Names of values; all if empty.
    pub(crate) only: Vec<String>,
    /// Where the results go as JSON.
    pub(crate) json: Option<PathBuf>,
    /// Where the results go as a page.
    pub(crate) html: Option<PathBuf>,
    /// How many cells run at a time.
    pub(crate) jobs: usize,
    /// Install what is missing.
    pub(crate) provision: bool,
    /// Test this program instead of our own build.
    pub(crate) program: Option<PathBuf>,
}

/// Runs the cells, tells what came of them, and fails when one of them did.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let filter = Filter::parse(&options.only)?;
    let tools = Tools::gather(workspace, options.program.as_deref(), options.provision)?;
    let (mut outcomes, mut runnable) = (Vec::new(), Vec::new());
    for cell in Cell::all().filter(|cell| filter.fits(cell)) {
        if let Some(reason) = cell.is_senseless() {
            outcomes.push(Outcome::without_run(cell, Verdict::NotApplicable(reason.to_owned())));
        } else if let Some(missing) = tools.missing(&cell) {
            outcomes.push(Outcome::without_run(cell, Verdict::NotRun(missing.reason)));
            if missing.provided && shell::in_ci() {
                bail!("{cell} cannot be run, and with CI=true nothing is skipped; see `cargo xtask provision --check`");
            }
        } else {
            runnable.push(cell);
        }
    }
    if options.quick {
        let chosen = plan::cover(&runnable);
        let left_out = runnable.iter().filter(|cell| !chosen.contains(cell));
        outcomes.extend(
            left_out.map(|cell| Outcome::without_run(*cell, Verdict::NotRun("left out by --quick".to_owned()))),
        );
        runnable = chosen;
    }
    outcomes.extend(run::all(&runnable, &tools, options.jobs)?);
    outcomes.sort_by_key(|outcome| outcome.cell);
    let report = Report { outcomes };
    print!("{report}");
    for (path, text) in [(&options.json, report.to_json()), (&options.html, page::render(&report))] {
        if let Some(path) = path {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    let failed = report.failures().count();
    if failed > 0 {
        bail!("{failed} of {} cells failed", runnable.len());
    }
    Ok(())
}
