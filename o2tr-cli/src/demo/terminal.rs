//! The timeline on a terminal, or in a file without colours.

use std::io::{self, Write};
use std::path::Path;

use clap::builder::styling::{AnsiColor, Style};

use super::timeline::{Act, Fate, Line, Person, Step, Tally, Timeline};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WAITS: Style = AnsiColor::Yellow.on_default();

/// Where the two people stand, and the server between them.
const ALICE: usize = 4;
const SERVER: usize = 40;
const BOB: usize = 52;
/// Columns of a line of text.
const WIDTH: usize = 92;

/// Writes everything.
///
/// # Errors
/// The writer's.
pub(super) fn show(timeline: &Timeline, out: &mut impl Write, page: Option<&Path>) -> io::Result<()> {
    for act in &timeline.acts {
        show_act(act, timeline.threshold, out)?;
    }
    show_result(timeline, out)?;
    if let Some(page) = page {
        writeln!(out, "\nThe keys behind it, as a diagram: {}", page.display())?;
    }
    Ok(())
}

fn show_act(act: &Act, threshold: u32, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{BOLD}━━ {}{BOLD:#}: {}", act.title, act.subtitle)?;
    for (number, scene) in (1..).zip(&act.scenes) {
        writeln!(out)?;
        for (row, words) in wrap(&scene.sentence, WIDTH - 4).into_iter().enumerate() {
            match row {
                0 => writeln!(out, "{BOLD}{number:>2}{BOLD:#}  {words}")?,
                _ => writeln!(out, "    {words}")?,
            }
        }
        let limit = act.keeps_keys.then_some(threshold);
        let mut handed_over = None;
        for step in &scene.steps {
            if let Step::Delivered { to, kept: true, again, .. } = step {
                // What comes of it stands at the tip of the arrow.
                handed_over = Some((*to, *again));
            } else {
                show_step(step, limit, handed_over.take_if(|_| !matches!(step, Step::Line { .. })), out)?;
            }
        }
    }
    Ok(())
}

/// `handed_over`: the server has just given something to somebody, perhaps not for the first time.
fn show_step(
    step: &Step,
    limit: Option<u32>,
    handed_over: Option<(Person, bool)>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut word = |who: Person, words: String| {
        lead(who, handed_over, out)?;
        let style = paint(who);
        writeln!(out, "{style}{}{style:#} {words}", who.name())
    };
    match step {
        Step::Started { who, pid, restored, .. } => {
            let what = if *restored { "is back" } else { "starts" };
            word(*who, format!("{what} {DIM}(process {pid}){DIM:#}"))
        }
        Step::Killed { who, pid } => {
            word(*who, format!("{BAD}is killed{BAD:#} {DIM}(SIGKILL to process {pid}){DIM:#}"))
        }
        Step::Line { from, line, fate } => arrow(*from, line, *fate, limit, out),
        // The arrow has shown it already.
        Step::Delivered { .. } => Ok(()),
        Step::Shown { who, text, provenance } => {
            let how = if provenance == "offline" { format!(" {GOOD}(stored keys){GOOD:#}") } else { String::new() };
            word(*who, format!("reads “{text}”{how}"))
        }
        Step::Paused { who, text, queued, .. } => {
            word(*who, format!("{WAITS}holds “{text}” back{WAITS:#} {DIM}({queued} waiting){DIM:#}"))
        }
        Step::Key { who, keyid } => word(*who, format!("{DIM}makes key {}{keyid}{DIM:#}", who.letter())),
        Step::Encrypted { who, ssid } => word(*who, format!("is {GOOD}encrypted{GOOD:#} {DIM}(session {ssid}){DIM:#}")),
        Step::Recovered { who } => word(*who, format!("{GOOD}recovers the session{GOOD:#}")),
        Step::Refreshed { who } => word(*who, format!("{GOOD}is refreshed{GOOD:#}: the stored keys are worthless")),
        Step::Rejected { who, reason } => word(
            *who,
            match reason.as_str() {
                "duplicate" => format!("{GOOD}knows it already, shows nothing{GOOD:#}"),
                "unreadable" => format!("{BAD}cannot read it: no keys{BAD:#}"),
                other => format!("{BAD}refuses it: {other}{BAD:#}"),
            },
        ),
    }
}

/// Fills the line up to a person.
fn lead(who: Person, handed_over: Option<(Person, bool)>, out: &mut impl Write) -> io::Result<()> {
    match (who, handed_over) {
        (Person::Alice, _) => write!(out, "{:ALICE$}", ""),
        (Person::Bob, Some((Person::Bob, again))) => {
            let (style, mark) = if again { (BAD, "again") } else { (WAITS, "") };
            let way = BOB - SERVER - 4;
            write!(out, "{:>SERVER$} {style}✉ {}▶{style:#} ", mark, "─".repeat(way))
        }
        (Person::Bob, _) => write!(out, "{:BOB$}", ""),
    }
}

/// From one to the other, or to the server if nobody is there.
fn arrow(from: Person, line: &Line, fate: Fate, limit: Option<u32>, out: &mut impl Write) -> io::Result<()> {
    let label = label(line);
    let (end, tip) = match fate {
        Fate::Arrives => (BOB, "Bob"),
        Fate::Kept => (SERVER + 1, "✉"),
    };
    // Alice, a blank at each side of the way, two strokes and two blanks around the label, the tip of the arrow.
    let rest = "─".repeat(end.saturating_sub(ALICE + 6 + label.chars().count() + 6));
    let style = paint(from);
    let drawn = match from {
        Person::Alice => format!("{style}──{style:#} {label} {style}{rest}▶{style:#}"),
        Person::Bob => format!("{style}◀{rest}{style:#} {label} {style}──{style:#}"),
    };
    let gap = BOB + 3 - end - tip.chars().count();
    let keys = match line {
        Line::Data { repeated: true, .. } => format!("  {DIM}the same bytes again{DIM:#}"),
        Line::Data { keys, used, .. } => {
            let limit = limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
            format!("  {DIM}key {}, use {used}{limit}{DIM:#}", key_name(from, *keys))
        }
        Line::Handshake { .. } | Line::Other => String::new(),
    };
    let tip = if fate == Fate::Kept { format!("{WAITS}{tip}{WAITS:#}") } else { tip.to_owned() };
    let gap = if keys.is_empty() { 0 } else { gap };
    writeln!(out, "{:ALICE$}Alice {drawn} {tip}{:gap$}{keys}", "", "")
}

fn label(line: &Line) -> String {
    match line {
        Line::Handshake { name } => (*name).to_owned(),
        Line::Data { text: Some(text), .. } => format!("“{text}”"),
        Line::Data { text: None, .. } => "(no text)".to_owned(),
        Line::Other => "(error message)".to_owned(),
    }
}

/// The pair of keys that a message uses: the sender's first.
pub(super) fn key_name(from: Person, (own, other): (u32, u32)) -> String {
    format!("{}{own}·{}{other}", from.letter(), from.other().letter())
}

fn show_result(timeline: &Timeline, out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    for act in &timeline.acts {
        let Tally { written, read, repeated } = act.tally;
        let style = if read == written { GOOD } else { BAD };
        let lost = written.saturating_sub(read + repeated);
        let verdict = if lost == 0 { "none lost".to_owned() } else { format!("{lost} lost") };
        writeln!(
            out,
            "{BOLD}{:<16}{BOLD:#}{written:>3} written, {read:>3} read, {style}{verdict}{style:#}",
            act.title
        )?;
    }
    Ok(())
}

fn paint(who: Person) -> Style {
    match who {
        Person::Alice => AnsiColor::Cyan.on_default(),
        Person::Bob => AnsiColor::Magenta.on_default(),
    }
}

/// Breaks between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| line.chars().count() + 1 + word.chars().count() <= width) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
        assert!(wrap("", 5).is_empty());
    }
}
