//! A conversation as rows, and which of them are on the screen.

use jiff::tz::TimeZone;
use otr_core::Timestamp;

use crate::chat::model::{Anchor, Contact, Entry, Kind, Mark, Model, Progress, Tone};
use crate::chat::text::{clip, fit, width as cells, wrap};
use crate::chat::words;

/// Below this width a message has a line of its own for time and mark.
const SLIM: usize = 60;
/// Cells of the widest mark.
const MARK: usize = 10;

/// One row: pieces with their tones.
#[derive(Clone, Debug, Default)]
pub(in crate::chat) struct Row(pub(in crate::chat) Vec<(String, Tone)>);

/// A row with its place in the conversation.
#[derive(Clone, Debug)]
pub(in crate::chat) struct Placed {
    pub(in crate::chat) serial: u64,
    /// It is the last one of its entry.
    pub(in crate::chat) last: bool,
    pub(in crate::chat) content: Row,
}

/// A way to see a conversation.
pub(in crate::chat) struct Lens<'a> {
    contact: &'a Contact,
    zone: &'a TimeZone,
    now: Timestamp,
    width: usize,
    height: usize,
    /// The entry that a search has found.
    found: Option<u64>,
}

impl<'a> Lens<'a> {
    pub(in crate::chat) fn new(model: &'a Model, contact: &'a Contact, width: u16, height: u16) -> Self {
        Self {
            contact,
            zone: &model.zone,
            now: model.now,
            width: usize::from(width).max(10),
            height: usize::from(height),
            found: model.search.as_ref().and_then(|search| search.found),
        }
    }

    /// What is on the screen, from the top.
    pub(in crate::chat) fn window(&self) -> Vec<Placed> {
        let Some(top) = self.top() else { return Vec::new() };
        let start = self.contact.index_of(top.serial).unwrap_or(0);
        let mut rows = Vec::new();
        for index in start..self.contact.entries.len() {
            rows.extend(self.placed(index).into_iter().skip(if index == start { top.row } else { 0 }));
            if rows.len() >= self.height {
                break;
            }
        }
        rows.truncate(self.height);
        rows
    }

    /// The first row on the screen.
    pub(in crate::chat) fn top(&self) -> Option<Anchor> {
        self.contact.anchor.or_else(|| self.bottom_top())
    }

    /// The first row on the screen when the last one is the newest.
    pub(in crate::chat) fn bottom_top(&self) -> Option<Anchor> {
        let last = self.contact.entries.back()?;
        let rows = self.placed(self.contact.entries.len() - 1).len();
        Some(self.up(Anchor { serial: last.serial, row: rows }, self.height))
    }

    /// So many rows further up, or the first of all.
    pub(in crate::chat) fn up(&self, from: Anchor, rows: usize) -> Anchor {
        let mut index = self.contact.index_of(from.serial).unwrap_or(0);
        let mut row = from.row;
        let mut left = rows;
        loop {
            if left <= row {
                row -= left;
                break;
            }
            left -= row;
            row = 0;
            let Some(before) = index.checked_sub(1) else { break };
            index = before;
            row = self.placed(index).len();
        }
        self.anchor(index, row)
    }

    /// So many rows further down; `None` if that is where the newest is the last row.
    pub(in crate::chat) fn down(&self, from: Anchor, rows: usize) -> Option<Anchor> {
        let end = self.bottom_top()?;
        let mut index = self.contact.index_of(from.serial).unwrap_or(0);
        let mut row = from.row + rows;
        while index + 1 < self.contact.entries.len() {
            let rows = self.placed(index).len();
            if row < rows {
                break;
            }
            row -= rows;
            index += 1;
        }
        let to = self.anchor(index, row);
        ((to.serial, to.row) < (end.serial, end.row)).then_some(to)
    }

    fn anchor(&self, index: usize, row: usize) -> Anchor {
        Anchor { serial: self.contact.entries.get(index).map_or(0, |entry| entry.serial), row }
    }

    fn placed(&self, index: usize) -> Vec<Placed> {
        let Some(entry) = self.contact.entries.get(index) else { return Vec::new() };
        let before = index.checked_sub(1).and_then(|before| self.contact.entries.get(before));
        let rows = self.rows(entry, before);
        let last = rows.len().saturating_sub(1);
        let serial = entry.serial;
        rows.into_iter().enumerate().map(|(row, content)| Placed { serial, last: row == last, content }).collect()
    }

    fn rows(&self, entry: &Entry, before: Option<&Entry>) -> Vec<Row> {
        let mut rows = Vec::new();
        let day = words::day(entry.at, self.zone);
        if before.is_none_or(|before| words::day(before.at, self.zone) != day) {
            rows.push(rule(&day, self.width, Tone::Dim));
        }
        if self.contact.news == Some(entry.serial) {
            rows.push(rule("new", self.width, Tone::Strong));
        }
        let found = self.found == Some(entry.serial);
        // A sign beside the time says where the search stands, for screens without colours.
        let at = (entry.at, if found { '>' } else { ' ' });
        match &entry.kind {
            Kind::Received { text, mark, resent, sent_at, unread: _ } => {
                let mut said = String::new();
                if *mark == Mark::Clear {
                    said.push_str("[NOT ENCRYPTED] ");
                }
                if *mark == Mark::Unverified {
                    said.push_str("[unverified: anybody may have written this] ");
                }
                if *resent {
                    said.push_str("[sent again] ");
                }
                if let Some(at) = sent_at {
                    said.push_str(&format!("[written {}] ", words::written(*at, self.now, self.zone)));
                }
                let (body, tone) = match mark {
                    Mark::Clear => (Tone::Danger, Tone::Danger),
                    _ => (Tone::Plain, Tone::Peer),
                };
                let body = if found { Tone::Found } else { body };
                let label = (mark.word(), mark.tone());
                self.message(&mut rows, at, label, (self.contact.short(), tone), (&said, text, body));
            }
            Kind::Sent { id: _, text, progress } => {
                let said = if *progress == Progress::Clear { "[NOT ENCRYPTED] " } else { "" };
                let body = match progress {
                    _ if found => Tone::Found,
                    Progress::Clear => Tone::Danger,
                    Progress::Cancelled | Progress::Failed => Tone::Dim,
                    _ => Tone::Plain,
                };
                let label = (progress.word(), progress.tone());
                self.message(&mut rows, at, label, ("me", Tone::Own), (said, text, body));
            }
            Kind::Notice { text, tone, count, unread: _ } => {
                let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
                self.notice(&mut rows, entry.at, &format!("{text}{times}"), *tone);
            }
        }
        rows
    }

    fn message(
        &self,
        rows: &mut Vec<Row>,
        (at, sign): (Timestamp, char),
        (mark, mark_tone): (&str, Tone),
        (name, name_tone): (&str, Tone),
        (said, text, tone): (&str, &str, Tone),
    ) {
        let time = words::time(at, self.zone);
        if self.width < SLIM {
            let name = clip(name, self.width.saturating_sub(6 + MARK));
            rows.push(Row(vec![
                (format!("{time}{sign}"), Tone::Dim),
                (format!("{mark} "), mark_tone),
                (name, name_tone),
            ]));
            let lines = wrap(&format!("{said}{text}"), self.width - 2);
            rows.extend(lines.into_iter().map(|line| Row(vec![("  ".to_owned(), Tone::Plain), (line, tone)])));
            return;
        }
        let name = format!("{}: ", clip(name, 16));
        let indent = 6 + MARK + cells(&name);
        let lines = wrap(&format!("{said}{text}"), self.width - indent);
        for (number, line) in lines.into_iter().enumerate() {
            rows.push(if number == 0 {
                Row(vec![
                    (format!("{time}{sign}"), Tone::Dim),
                    (fit(mark, MARK), mark_tone),
                    (name.clone(), name_tone),
                    (line, tone),
                ])
            } else {
                Row(vec![(" ".repeat(indent), Tone::Plain), (line, tone)])
            });
        }
    }

    fn notice(&self, rows: &mut Vec<Row>, at: Timestamp, text: &str, tone: Tone) {
        let slim = self.width < SLIM;
        let indent = if slim { 2 } else { 6 + MARK };
        let sign = match tone {
            Tone::Danger => "!!",
            Tone::Warning => "!",
            _ => "--",
        };
        let time = words::time(at, self.zone);
        let lines =
            if slim { wrap(&format!("{time} {sign} {text}"), self.width) } else { wrap(text, self.width - indent) };
        for (number, line) in lines.into_iter().enumerate() {
            rows.push(match (number, slim) {
                (0, false) => Row(vec![
                    (format!("{time} "), Tone::Dim),
                    (format!("{:>width$} ", sign, width = MARK - 1), tone),
                    (line, tone),
                ]),
                (0, true) => Row(vec![(line, tone)]),
                _ => Row(vec![(" ".repeat(if slim { 0 } else { indent }), Tone::Plain), (line, tone)]),
            });
        }
    }
}

/// A line across with a word in it.
fn rule(word: &str, width: usize, tone: Tone) -> Row {
    let left = "── ";
    let used = 3 + cells(word) + 1;
    let right = "─".repeat(width.saturating_sub(used).min(width));
    Row(vec![(format!("{left}{word} {right}"), tone)])
}
