//! What each bench's results say. `None` where they are not of this version.

use serde_json::Value;

use super::plot::{self, quantile};
use super::{Origin, Section, Table};

/// Operation by operation, us and libotr.
pub(super) fn peers(results: &Value) -> Option<Section> {
    let rows = results.pointer("/data/rows")?.as_array()?;
    let mut table =
        Table { head: strings(&["microseconds of CPU time", "O2TR", "libotr", "libotr / O2TR"]), rows: vec![] };
    let mut bars = Vec::new();
    for row in rows {
        let operation = row.get("operation")?.as_str()?;
        let median = |who: &str| row.pointer(&format!("/{who}/median")).and_then(Value::as_f64);
        let ratio = row.get("ratio").and_then(Value::as_f64);
        bars.extend(ratio.map(|ratio| (operation.to_owned(), ratio)));
        table.rows.push(vec![
            operation.to_owned(),
            number(median("ours")),
            number(median("libotr")),
            ratio.map_or_else(dash, |ratio| format!("{ratio:.2}")),
        ]);
    }
    Some(Section {
        title: "Operations, beside libotr",
        text:
            "Both sides together in one thread, medians of interleaved rounds. One message of a ping-pong brings new \
               keys; the messages of a burst share one."
                .to_owned(),
        origin: origin(results)?,
        tables: vec![table],
        plots: vec![plot::bars("How many times faster than libotr", "", &bars, 1.0)],
    })
}

/// Section 5 of the paper.
pub(super) fn paper(results: &Value) -> Option<Section> {
    let data = results.get("data")?;
    let whole = |pointer: &str| data.pointer(pointer).and_then(Value::as_u64);
    let offline = whole("/recovery/offline messages")?;
    #[expect(clippy::cast_precision_loss, reason = "counts of messages")]
    let share = |read: u64| format!("{read} ({:.1} %)", 100.0 * read as f64 / offline.max(1) as f64);
    let recovery = Table {
        head: strings(&["conversations cut off", "offline messages", "read by O2TR", "read by libotr"]),
        rows: vec![vec![
            whole("/recovery/conversations")?.to_string(),
            offline.to_string(),
            share(whole("/recovery/o2tr")?),
            share(whole("/recovery/libotr")?),
        ]],
    };
    let samples = |operation: &str, who: &str| {
        let values = data.pointer(&format!("/costs/{operation}/{who}")).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(Value::as_f64).collect::<Vec<_>>()
    };
    let median = |operation: &str, who: &str| {
        let values = samples(operation, who);
        number((!values.is_empty()).then(|| quantile(&values, 0.5)))
    };
    let row = |title: &str, operation: &str, paper: [&str; 2]| {
        let ours = ["libotr", "otr", "o2tr"].map(|who| median(operation, who));
        [vec![title.to_owned()], ours.to_vec(), strings(&paper)].concat()
    };
    let costs = Table {
        head: strings(&["microseconds of CPU time", "libotr", "our OTR", "O2TR", "paper: OTR", "paper: O2TR"]),
        rows: vec![
            row("incoming message", "incoming", ["15,150", "16,070"]),
            row("outgoing message", "outgoing", ["1,110", "1,140"]),
            row("first offline message", "offline first", ["-", "29,950"]),
            row("handshake, both sides", "handshake", ["58,290", "-"]),
            row("refresh, both sides", "refresh", ["-", "43,490"]),
            row("message under a known key", "event", ["-", "-"]),
        ],
    };
    let distributions = |title: &str, rows: &[(&str, &str, &str)]| {
        let rows: Vec<_> =
            rows.iter().map(|(label, operation, who)| ((*label).to_owned(), samples(operation, who))).collect();
        plot::boxes(title, " us", &rows)
    };
    let sides = |operation: &'static str| {
        [("libotr", operation, "libotr"), ("our OTR", operation, "otr"), ("O2TR", operation, "o2tr")]
    };
    Some(Section {
        title: "Section 5 of the paper",
        text: "The receiver's process is killed in the midst of conversations with libotr; what libotr sends meanwhile is \
               delivered to the process that starts again, once ours and once libotr. Costs are medians; our store is in \
               memory for them. The paper measured wall time of a Python implementation."
            .to_owned(),
        origin: origin(results)?,
        tables: vec![recovery, costs],
        plots: vec![
            distributions("Figure 7 (a): incoming message", &sides("incoming")),
            distributions("Figure 7 (b): outgoing message", &sides("outgoing")),
            distributions(
                "Figure 8: handshake and refresh, both sides",
                &[
                    ("libotr, handshake", "handshake", "libotr"),
                    ("our OTR, handshake", "handshake", "otr"),
                    ("O2TR, refresh", "refresh", "o2tr"),
                ],
            ),
        ],
    })
}

/// Many conversations.
pub(super) fn scale(results: &Value) -> Option<Section> {
    let data = results.get("data")?;
    let mut sizes = Table {
        head: strings(&[
            "conversations in the store",
            "open after kill -9, ms",
            "first offline message, ms: median",
            "99 %",
            "its CPU time, us",
        ]),
        rows: vec![],
    };
    let (mut openings, mut cold) = (Vec::new(), Vec::new());
    for size in data.get("sizes")?.as_array()? {
        let rows = size.get("rows")?.as_f64()?;
        let at = |pointer: &str, share: f64| {
            let values = size.pointer(pointer).and_then(Value::as_array);
            quantile(&values.into_iter().flatten().filter_map(Value::as_f64).collect::<Vec<_>>(), share)
        };
        openings.push((rows, at("/open_us", 0.5) / 1e3));
        cold.push((rows, at("/cold/wall_us", 0.5) / 1e3));
        sizes.rows.push(vec![
            format!("{rows}"),
            format!("{:.1}", at("/open_us", 0.5) / 1e3),
            format!("{:.2}", at("/cold/wall_us", 0.5) / 1e3),
            format!("{:.2}", at("/cold/wall_us", 0.99) / 1e3),
            format!("{:.0}", at("/cold/cpu_us", 0.5)),
        ]);
    }
    let value = |pointer: &str| data.pointer(pointer).and_then(Value::as_f64);
    let (messages, raw) = (
        1e6 * value("/burst/messages")? / value("/burst/wall_us")?,
        1e6 * value("/burst/raw/commits")? / value("/burst/raw/wall_us")?,
    );
    let load = Table {
        head: strings(&[
            "durable messages/s",
            "99 % within, ms",
            "CPU time per message, us",
            "the store alone, commits/s",
            "resident, MB",
        ]),
        rows: vec![vec![
            format!("{messages:.0}"),
            format!("{:.1}", value("/burst/latency_us/p99")? / 1e3),
            format!("{:.1}", value("/burst/cpu_us")? / value("/burst/messages")?),
            format!("{raw:.0}"),
            format!("{:.0}", value("/resident/resident_bytes")? / 1e6),
        ]],
    };
    Some(Section {
        title: "Many conversations",
        text: format!(
            "SQLite on a disk, every commit synchronised. The first message is that of a conversation that nobody has \
             touched since the store was opened: from the row on the disk to the durable text. The burst goes over {} \
             conversations at once, threshold off, through the client, up to the acknowledgement to the server and the \
             application's; the store alone replaces rows of the same length, one outstanding per conversation. Resident: {} \
             conversations known, {} in memory.",
            value("/burst/conversations")?,
            value("/resident/rows")?,
            value("/resident/active")?
        ),
        origin: origin(results)?,
        tables: vec![sizes, load],
        plots: vec![plot::curves(
            "From a thousand to a million conversations",
            " ms",
            &[("open after kill -9".to_owned(), openings), ("first offline message".to_owned(), cold)],
        )],
    })
}

fn origin(results: &Value) -> Option<Origin> {
    let machine = results.get("machine")?;
    let part = |name: &str| match machine.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "unknown".to_owned(),
    };
    Some(Origin {
        command: results.get("command")?.as_str()?.to_owned(),
        machine: format!(
            "{}, {} cores, {}, {}, libotr {}, commit {}, {}, load at the end {}",
            part("cpu"),
            part("cores"),
            part("kernel"),
            part("rustc"),
            part("libotr"),
            part("commit"),
            part("date"),
            part("load")
        ),
    })
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(dash, |value| if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") })
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn results(data: Value) -> Value {
        json!({"command": "cargo xtask bench", "machine": {"cpu": "a CPU", "cores": 2}, "data": data})
    }

    #[test]
    fn ratios_become_bars() {
        let row = json!({"operation": "AKE", "ours": {"median": 2.0}, "libotr": {"median": 9.0}, "ratio": 4.5});
        let alone = json!({"operation": "restored", "ours": {"median": 200.0}, "libotr": null, "ratio": null});
        let section = peers(&results(json!({"rows": [row, alone]}))).unwrap();
        assert_eq!(section.tables[0].rows[0], ["AKE", "2.00", "9.00", "4.50"]);
        assert_eq!(section.tables[0].rows[1], ["restored", "200", "-", "-"]);
        assert!(section.plots[0].contains("4.50") && !section.plots[0].contains("restored"));
        assert!(section.origin.machine.starts_with("a CPU, 2 cores, unknown"));
    }

    #[test]
    fn the_share_of_messages_read_is_told() {
        let recovery = json!({"conversations": 2, "offline messages": 8, "o2tr": 8, "libotr": 0});
        let costs = json!({"incoming": {"o2tr": [3.0, 1.0, 2.0], "libotr": [500.0]}});
        let section = paper(&results(json!({"recovery": recovery, "costs": costs}))).unwrap();
        assert_eq!(section.tables[0].rows[0], ["2", "8", "8 (100.0 %)", "0 (0.0 %)"]);
        assert_eq!(section.tables[1].rows[0][1..4], ["500", "-", "2.00"]);
    }

    #[test]
    fn results_of_another_version_are_refused() {
        for make in [peers, paper, scale] {
            assert!(make(&results(json!({}))).is_none());
        }
    }
}
