//! `cargo xtask report`: the results of the benches as a page with plots and as docs/benchmarks.md.

mod page;
mod plot;
mod sections;
mod words;

use anyhow::{Result, bail};

use crate::bench::results;
use crate::workspace::Workspace;

/// A part of the report: what was measured, where, how, and what came out.
struct Section {
    title: &'static str,
    /// What one needs to know to read the tables.
    text: String,
    /// The command that repeats it, and the machine.
    origin: Origin,
    tables: Vec<Table>,
    /// SVG, for the page only.
    plots: Vec<String>,
}

struct Origin {
    command: String,
    machine: String,
}

struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Writes both from what the benches have kept; the page to `target/report.html`.
pub(crate) fn report(workspace: &Workspace) -> Result<()> {
    let mut sections = Vec::new();
    let mut missing = Vec::new();
    type Make = fn(&serde_json::Value) -> Option<Section>;
    for (name, make) in
        [("peers", sections::peers as Make), ("paper", sections::paper as Make), ("scale", sections::scale as Make)]
    {
        match results::load(workspace, name)? {
            Some(results) => match make(&results) {
                Some(section) => sections.push(section),
                None => bail!("the results of `cargo xtask bench {name}` are not what this version writes: repeat it"),
            },
            None => missing.push(name),
        }
    }
    if sections.is_empty() {
        bail!("nothing was measured yet: `cargo xtask bench all` does everything");
    }
    for name in missing {
        eprintln!("not measured: `cargo xtask bench {name}`");
    }
    let page = workspace.target.join("report.html");
    std::fs::write(&page, page::render(&sections))?;
    let document = workspace.root.join("docs/benchmarks.md");
    std::fs::write(&document, words::render(&sections))?;
    println!("{}\n{}", page.display(), document.display());
    Ok(())
}
