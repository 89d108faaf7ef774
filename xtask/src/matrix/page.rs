//! The results as one page that needs nothing else.

use serde_json::json;

use super::cell::{Fault, Peer, Scenario, Store, Transport};
use super::report::Report;

/// The page; the results take the place of the mark.
const TEMPLATE: &str = include_str!("page.html");
const MARK: &str = "/*RESULTS*/";

pub(super) fn render(report: &Report) -> String {
    TEMPLATE.replacen(
        MARK,
        &format!("{{\"dimensions\":{},\"results\":{}}}", dimensions(), for_script(&report.to_json())),
        1,
    )
}

/// Names and meanings, in the order of the page.
fn dimensions() -> String {
    macro_rules! values {
        ($($name:literal: $type:ident),*) => {
            json!([$({"name": $name, "values": $type::ALL.iter().map(|value| [value.name(), value.title()]).collect::<Vec<_>>()}),*])
        };
    }
    for_script(
        &values!("transport": Transport, "store": Store, "peer": Peer, "scenario": Scenario, "fault": Fault)
            .to_string(),
    )
}

/// JSON that can stand in a script element: nothing in it ends the element.
fn for_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::super::report::{Outcome, Verdict};
    use super::*;

    #[test]
    fn the_page_needs_nothing_else_and_shows_what_peers_say_as_text() {
        let cell = Cell::all().next().unwrap();
        let hostile = "</script><img src=x onerror=alert(1)>";
        let outcome =
            Outcome { cell, verdict: Verdict::Failed(hostile.to_owned()), seconds: 1.0, log: hostile.to_owned() };
        let page = render(&Report { outcomes: vec![outcome] });
        assert!(!page.contains("<img") && !page.contains(MARK));
        assert_eq!(page.matches("</script>").count(), TEMPLATE.matches("</script>").count());
        for outside in ["http://", "https://", "src=", "@import", "<link", "innerHTML"] {
            assert!(!TEMPLATE.contains(outside), "{outside}");
        }
    }
}
