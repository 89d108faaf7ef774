//! The report as Markdown.

use std::fmt::Write as _;

use super::Section;

const OPENING: &str = "# Benchmarks

Written by `cargo xtask report`; do not edit. `cargo xtask bench all` repeats everything on one machine. What the figures
mean and where the time goes: [performance.md](performance.md).
";

pub(super) fn render(sections: &[Section]) -> String {
    let mut out = OPENING.to_owned();
    for Section { title, text, origin, tables, plots: _ } in sections {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n## {title}\n\n{text}\n\n`{}`; {}\n", origin.command, origin.machine);
        for table in tables {
            let rule: Vec<_> =
                table.head.iter().enumerate().map(|(at, _)| if at == 0 { "---" } else { "---:" }).collect();
            let _ = write!(out, "\n| {} |\n| {} |\n", table.head.join(" | "), rule.join(" | "));
            for row in &table.rows {
                let _ = writeln!(out, "| {} |", row.join(" | "));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Origin, Table};
    use super::*;

    #[test]
    fn a_table_has_a_rule_under_its_head() {
        let table = Table { head: vec!["a".into(), "b".into()], rows: vec![vec!["x".into(), "1".into()]] };
        let origin = Origin { command: "cargo xtask bench".into(), machine: "here".into() };
        let section = Section { title: "T", text: "words".into(), origin, tables: vec![table], plots: vec![] };
        assert!(
            render(&[section])
                .ends_with("## T\n\nwords\n\n`cargo xtask bench`; here\n\n| a | b |\n| --- | ---: |\n| x | 1 |\n")
        );
    }
}
