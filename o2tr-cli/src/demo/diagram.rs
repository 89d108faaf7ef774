//! Scenes as sequence diagrams: two lifelines, the server between them, and the keys of each message.

use std::fmt::Write as _;

use super::page::escape;
use super::terminal::key_name;
use super::timeline::{Fate, Line, Person, Step};

/// Where they stand, in the units of the drawing.
const ALICE: u32 = 120;
const SERVER: u32 = 400;
const BOB: u32 = 540;
const WIDTH: u32 = 720;
/// Room above the first and below the last step.
const MARGIN: u32 = 14;
/// Height of a step; an arrow with words on it takes more.
const STEP: u32 = 30;
const ARROW: u32 = 40;

/// Draws the scenes of an act one after the other: a lifeline that ends in one is broken in the next.
pub(super) struct Diagram {
    limit: Option<u32>,
    alive: [bool; 2],
}

impl Diagram {
    /// `limit`: the threshold, if there is one.
    pub(super) const fn new(limit: Option<u32>) -> Self {
        Self { limit, alive: [false, false] }
    }

    /// The names above all scenes of an act.
    pub(super) fn head() -> String {
        format!(
            "<div class=\"head\"><div></div><svg viewBox=\"0 0 {WIDTH} 34\"><text x=\"{ALICE}\" y=\"23\" \
             text-anchor=\"middle\" class=\"name a\">Alice</text><text x=\"{SERVER}\" y=\"23\" text-anchor=\"middle\" \
             class=\"s\">server</text><text x=\"{BOB}\" y=\"23\" text-anchor=\"middle\" class=\"name b\">Bob</text></svg></div>"
        )
    }

    /// One scene, at least so high that the lifelines reach past the words beside it.
    pub(super) fn scene(&mut self, steps: &[Step], least: u32) -> String {
        let steps: Vec<_> = steps.iter().filter(|step| !matches!(step, Step::Delivered { kept: false, .. })).collect();
        let heights: Vec<_> = (0..steps.len()).map(|index| height_of(&steps, index)).collect();
        let height = least.max(2 * MARGIN + heights.iter().sum::<u32>());
        let mut lines = String::new();
        let mut marks = String::new();
        let mut since = [0; 2];
        let mut y = MARGIN;
        for (step, height) in steps.into_iter().zip(heights) {
            y += height;
            let at = y - 10;
            if let Step::Started { who, .. } | Step::Killed { who, .. } = step {
                lines.push_str(&self.life(*who, since[index(*who)], at));
                since[index(*who)] = at;
                self.alive[index(*who)] = matches!(step, Step::Started { .. });
            }
            marks.push_str(&self.step(step, at));
        }
        for who in Person::BOTH {
            lines.push_str(&self.life(who, since[index(who)], height));
        }
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\"><line class=\"life server\" x1=\"{SERVER}\" y1=\"0\" \
             x2=\"{SERVER}\" y2=\"{height}\"/>{lines}{marks}</svg>"
        )
    }

    fn life(&self, who: Person, from: u32, to: u32) -> String {
        let class = if self.alive[index(who)] { letter(who) } else { "gone" };
        let x = place(who);
        format!("<line class=\"life {class}\" x1=\"{x}\" y1=\"{from}\" x2=\"{x}\" y2=\"{to}\"/>")
    }

    fn step(&self, step: &Step, y: u32) -> String {
        match step {
            Step::Started { who, pid, restored, .. } => {
                let words = if *restored { "is back" } else { "starts" };
                format!(
                    "<circle cx=\"{}\" cy=\"{y}\" r=\"6\" class=\"tip {}\"/>{}",
                    place(*who),
                    letter(*who),
                    word(place(*who) + 14, y + 5, "start", "s", &format!("{words}, process {pid}"))
                )
            }
            Step::Killed { who, pid } => {
                let words = word(place(*who) + 14, y + 5, "start", "bad", &format!("killed, process {pid}"));
                format!("{}{words}", on(*who, y, "✖", "bad"))
            }
            Step::Line { from, line, fate } => self.line(*from, line, *fate, y),
            Step::Delivered { to, again, .. } => {
                let class = if *again { "again" } else { "late" };
                let note = if *again { word(SERVER - 14, y, "end", "again", "once more") } else { String::new() };
                format!("{}{note}{}", arrow(SERVER + 12, place(*to), y, class), envelope(y))
            }
            Step::Shown { who, text, provenance } => {
                let class = if provenance == "offline" { "good" } else { "plain" };
                bubble(*who, y, &format!("“{text}”"), class)
            }
            Step::Paused { who, text, .. } => bubble(*who, y, &format!("holds “{text}”"), "wait"),
            Step::Key { who, keyid } => {
                let name = format!("◆ {}{keyid}", who.letter());
                beside(*who, y, &name, letter(*who))
            }
            Step::Encrypted { who, .. } => bubble(*who, y, "encrypted", "good"),
            Step::Recovered { who } => bubble(*who, y, "recovers the session", "good"),
            Step::Refreshed { who } => bubble(*who, y, "refreshed", "good"),
            Step::Rejected { who, reason } => match reason.as_str() {
                "duplicate" => bubble(*who, y, "knows it already", "plain"),
                "unreadable" => bubble(*who, y, "cannot read it", "bad"),
                other => bubble(*who, y, other, "bad"),
            },
        }
    }

    fn line(&self, from: Person, line: &Line, fate: Fate, y: u32) -> String {
        let end = match fate {
            Fate::Arrives => place(from.other()),
            Fate::Kept => SERVER - 12,
        };
        let (label, class) = match line {
            Line::Handshake { name } => ((*name).to_owned(), "quiet"),
            Line::Data { repeated: true, .. } => ("the same bytes again".to_owned(), "quiet"),
            Line::Data { text: Some(text), .. } => (format!("“{text}”"), letter(from)),
            Line::Data { text: None, .. } => ("no text, for its key".to_owned(), letter(from)),
            Line::Other => ("error message".to_owned(), "quiet"),
        };
        let mut drawn = arrow(place(from), end, y, class);
        let soft = if class == "quiet" { "s" } else { class };
        let (x, anchor) = match from {
            Person::Alice => (ALICE + 12, "start"),
            Person::Bob => (BOB - 12, "end"),
        };
        drawn.push_str(&word(x, y - 7, anchor, soft, &label));
        if let Line::Data { keys, used, repeated: false, .. } = line {
            drawn.push_str(&self.chip(from, *keys, *used, y));
        }
        if fate == Fate::Kept {
            drawn.push_str(&envelope(y));
        }
        drawn
    }

    /// Which keys, and how often they were used, at the outer side of the sender.
    fn chip(&self, from: Person, keys: (u32, u32), used: u32, y: u32) -> String {
        let class = letter(from);
        let left = match from {
            Person::Alice => ALICE - 112,
            Person::Bob => BOB + 14,
        };
        let name = key_name(from, keys);
        let mut drawn = format!("<text x=\"{left}\" y=\"{}\" class=\"mono {class}\">{name}</text>", y + 4);
        match self.limit {
            Some(limit) => {
                for number in 0..limit {
                    let state = if number < used { " used" } else { "" };
                    let x = left + 52 + number * 10;
                    let _ = write!(drawn, "<circle cx=\"{x}\" cy=\"{y}\" r=\"3.2\" class=\"dot {class}{state}\"/>");
                }
            }
            None => {
                let _ = write!(drawn, "<text x=\"{}\" y=\"{}\" class=\"mono s\">×{used}</text>", left + 52, y + 4);
            }
        }
        drawn
    }
}

/// What comes of a message stands at the tip of its arrow, if the server had it.
fn height_of(steps: &[&Step], index: usize) -> u32 {
    let before = index.checked_sub(1).and_then(|before| steps.get(before));
    match (before, steps.get(index)) {
        (_, Some(Step::Line { .. })) => ARROW,
        (Some(Step::Delivered { .. }), _) => 0,
        _ => STEP,
    }
}

fn arrow(from: u32, to: u32, y: u32, class: &str) -> String {
    let (end, back) = if to > from { (to - 4, to - 13) } else { (to + 4, to + 13) };
    format!(
        "<line class=\"arrow {class}\" x1=\"{from}\" y1=\"{y}\" x2=\"{back}\" y2=\"{y}\"/><path class=\"tip {class}\" \
         d=\"M{end} {y} L{back} {} L{back} {} Z\"/>",
        y - 5,
        y + 5
    )
}

/// A mark on a lifeline.
fn on(who: Person, y: u32, mark: &str, class: &str) -> String {
    word(place(who), y + 5, "middle", class, mark)
}

/// Words at the outer side of a lifeline.
fn beside(who: Person, y: u32, text: &str, class: &str) -> String {
    match who {
        Person::Alice => word(ALICE - 14, y + 5, "end", class, text),
        Person::Bob => word(BOB + 14, y + 5, "start", class, text),
    }
}

/// Words in a box: what somebody sees.
fn bubble(who: Person, y: u32, text: &str, class: &str) -> String {
    // Letters are about seven units wide; a box that is a little too wide looks right all the same.
    let width = 16 + 15 * u32::try_from(text.chars().count()).unwrap_or(0) / 2;
    let x = match who {
        Person::Alice => ALICE + 12,
        Person::Bob => BOB + 12,
    };
    format!(
        "<rect class=\"box {class}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"24\" rx=\"8\"/>{}",
        y - 12,
        word(x + 9, y + 5, "start", class, text)
    )
}

fn envelope(y: u32) -> String {
    format!("<rect class=\"paper\" x=\"{}\" y=\"{}\" width=\"22\" height=\"20\"/>", SERVER - 11, y - 10)
        + &word(SERVER, y + 5, "middle", "late", "✉")
}

fn word(x: u32, y: u32, anchor: &str, class: &str, text: &str) -> String {
    format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" class=\"{class}\">{}</text>", escape(text))
}

const fn place(who: Person) -> u32 {
    match who {
        Person::Alice => ALICE,
        Person::Bob => BOB,
    }
}

const fn letter(who: Person) -> &'static str {
    match who {
        Person::Alice => "a",
        Person::Bob => "b",
    }
}

const fn index(who: Person) -> usize {
    match who {
        Person::Alice => 0,
        Person::Bob => 1,
    }
}
