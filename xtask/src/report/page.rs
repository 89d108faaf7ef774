//! The report as one page that needs nothing else.

use std::fmt::Write as _;

use super::{Section, Table};

const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>O2TR: benchmarks</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child{text-align:left}code{background:#f3f3f3;padding:0 .3rem}
.origin{color:#666;font-size:.85rem}svg{max-width:100%;height:auto;display:block;margin:1rem 0}
</style></head><body><h1>O2TR: benchmarks</h1>
";

pub(super) fn render(sections: &[Section]) -> String {
    let mut out = HEAD.to_owned();
    for Section { title, text, origin, tables, plots } in sections {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "<h2>{}</h2><p>{}</p>", escape(title), escape(text));
        let (command, machine) = (escape(&origin.command), escape(&origin.machine));
        let _ = writeln!(out, "<p class=\"origin\"><code>{command}</code>; {machine}</p>");
        plots.iter().for_each(|plot| out.push_str(plot));
        tables.iter().for_each(|table| render_table(&mut out, table));
    }
    out.push_str("</body></html>\n");
    out
}

fn render_table(out: &mut String, Table { head, rows }: &Table) {
    let cells = |row: &[String], tag: &str| {
        row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect::<String>()
    };
    let _ = writeln!(out, "<table><tr>{}</tr>", cells(head, "th"));
    for row in rows {
        let _ = writeln!(out, "<tr>{}</tr>", cells(row, "td"));
    }
    out.push_str("</table>\n");
}

/// Text between tags or in an attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::Origin;
    use super::*;

    #[test]
    fn what_was_measured_cannot_break_the_page() {
        let origin = Origin { command: "a <b> & \"c\"".into(), machine: String::new() };
        let table = Table { head: vec!["<script>".into()], rows: vec![] };
        let section = Section { title: "T", text: "1 < 2".into(), origin, tables: vec![table], plots: vec![] };
        let page = render(&[section]);
        assert!(page.contains("a &lt;b&gt; &amp; &quot;c&quot;") && page.contains("<th>&lt;script&gt;</th>"));
        assert!(page.contains("<p>1 &lt; 2</p>"));
    }
}
