//! The manual.

use crate::chat::model::{Model, Tone};
use crate::chat::text::{fit, wrap};
use crate::chat::update::COMMANDS;

const KEYS: &[(&str, &str)] = &[
    ("Enter", "send; alt-Enter or ctrl-j begins a new line"),
    ("ctrl-n ctrl-p", "next or former conversation (also alt-Down, alt-Up); alt-a: the next one with something unread"),
    ("F2", "in a small terminal: between list and conversation"),
    ("PgUp PgDn", "scroll, as the wheel does; ctrl-Home, ctrl-End: to the first, to the newest"),
    ("Tab", "complete a command or an address"),
    ("Up Down", "what you wrote before"),
    ("ctrl-f", "search; ctrl-l draws anew; ctrl-z leaves for a while"),
];
const MARKS: &[(&str, &str)] = &[
    ("live", "read in a running session"),
    ("offline", "read with stored keys: it came while you were away, and plain OTR would have lost it"),
    ("retained", "read with a key that the session had just left behind"),
    ("UNVERIF.", "read with keys of a store that may be a copy: anybody may have written it"),
    ("CLEAR", "not encrypted"),
    ("queued", "waits; the banner says why and for what"),
    ("sent", "has left; an O2TR peer will confirm it, others cannot"),
    ("read", "the other side has proven that it read it"),
    ("unconf.", "nobody knows whether it was read"),
];
const STORED: &str = "Nothing that is written or read is put on the disk, except by the engine: texts that wait to be \
                      sent, and texts that you have not looked at yet, sealed in its store. A text counts as looked at \
                      when its end was on the screen. What you can scroll back to is this run's; it is gone when you \
                      quit. There is no log.";

/// Rows of the manual at the width that a dialog has.
pub(in crate::chat) fn rows(model: &Model) -> usize {
    text(width(model)).len()
}

pub(super) fn width(model: &Model) -> usize {
    usize::from(model.size.0.saturating_sub(4)).min(96)
}

/// All of it.
pub(super) fn text(width: usize) -> Vec<(String, Tone)> {
    let mut rows = Vec::new();
    let mut section = |title: &str, entries: Vec<(String, &str)>| {
        rows.push((title.to_owned(), Tone::Strong));
        let left = entries.iter().map(|(name, _)| crate::chat::text::width(name)).max().unwrap_or(0) + 2;
        let aside = width > left + 30;
        for (name, does) in entries {
            if aside {
                for (number, row) in wrap(does, width - left).into_iter().enumerate() {
                    let name = if number == 0 { name.as_str() } else { "" };
                    rows.push((format!("{}{row}", fit(name, left)), Tone::Plain));
                }
            } else {
                rows.push((name.clone(), Tone::Plain));
                rows.extend(wrap(does, width.saturating_sub(2)).into_iter().map(|row| (format!("  {row}"), Tone::Dim)));
            }
        }
        rows.push((String::new(), Tone::Plain));
    };
    let commands = COMMANDS.iter().map(|command| (format!("{} {}", command.name, command.arguments), command.does));
    section("Commands", commands.collect());
    let named = |list: &[(&str, &'static str)]| list.iter().map(|(name, does)| ((*name).to_owned(), *does)).collect();
    section("Keys", named(KEYS));
    section("Marks", named(MARKS));
    rows.push(("What is kept".to_owned(), Tone::Strong));
    rows.extend(wrap(STORED, width).into_iter().map(|row| (row, Tone::Plain)));
    rows
}
