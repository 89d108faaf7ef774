//! The questions on the screen.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::make::Stage;
use super::steps::{AFTER_FAILURE, SOURCES, STORES, Step, Wizard};
use crate::chat::model::Tone;
use crate::chat::text::{clean_line, clip, width, wrap};
use crate::chat::view::Palette;
use crate::password::SecretSource;

/// Columns of text.
const WIDTH: u16 = 76;

pub(super) fn draw(wizard: &Wizard, palette: Palette, frame: &mut Frame<'_>) {
    let screen = frame.area();
    if let Some(cursor) = paint(wizard, palette, frame.buffer_mut(), screen) {
        frame.set_cursor_position(cursor);
    }
}

/// Paints into a buffer and says where the cursor is to be.
pub(super) fn paint(wizard: &Wizard, palette: Palette, buffer: &mut Buffer, screen: Rect) -> Option<Position> {
    let room = usize::from(WIDTH.min(screen.width.saturating_sub(4)));
    let left = screen.x + 2.min(screen.width);
    let mut y = screen.y + 1;
    let mut cursor = None;
    let mut put = |text: &str, tone: Tone, buffer: &mut Buffer| {
        for row in wrap(text, room) {
            if y < screen.bottom() {
                buffer.set_stringn(left, y, &row, room, palette.style(tone));
            }
            y = y.saturating_add(1);
        }
        y
    };
    let (title, said, field) = question(wizard);
    put(title, Tone::Strong, buffer);
    put("", Tone::Plain, buffer);
    for text in said {
        put(&text, Tone::Plain, buffer);
    }
    put("", Tone::Plain, buffer);
    match field {
        Field::Text(text, at) => {
            let at = width(text.get(..at).unwrap_or_default());
            let row = put(&format!("> {text}"), Tone::Strong, buffer).saturating_sub(1);
            let x = left.saturating_add(2).saturating_add(u16::try_from(at).unwrap_or(u16::MAX));
            cursor = Some(Position { x: x.min(screen.right().saturating_sub(1)), y: row });
        }
        Field::Choice(choices, chosen) => {
            for (index, choice) in choices.iter().enumerate() {
                let (sign, tone) = if index == chosen { (">", Tone::Bar) } else { (" ", Tone::Plain) };
                put(&format!("{sign} {choice}"), tone, buffer);
            }
        }
        Field::Gauge(done, of, what) => {
            let filled = room.saturating_sub(2) * done / of.max(1);
            let rest = room.saturating_sub(2).saturating_sub(filled);
            put(&format!("[{}{}]", "#".repeat(filled), ".".repeat(rest)), Tone::Strong, buffer);
            put(&what, Tone::Plain, buffer);
        }
        Field::None => {}
    }
    if let Some(error) = &wizard.error {
        put("", Tone::Plain, buffer);
        put(&format!("! {error}"), Tone::Warning, buffer);
    }
    put("", Tone::Plain, buffer);
    let hint = match wizard.step {
        Step::Address => "Enter goes on, Esc gives up",
        Step::Source | Step::Store => "arrows choose, Enter goes on, Esc goes back",
        Step::Password | Step::Passphrase | Step::Repeat => "Enter goes on, Esc goes back, ctrl-r shows what you type",
        Step::Working => "Esc breaks off; nothing is kept then",
        Step::Outcome(_) => "Enter takes it, Esc goes back and removes what was made",
        Step::Server | Step::Place => "Enter goes on, Esc goes back",
    };
    put(&clip(hint, room), Tone::Dim, buffer);
    put("ctrl-c gives up; nothing is left behind", Tone::Dim, buffer);
    cursor
}

enum Field {
    Text(String, usize),
    Choice(&'static [&'static str], usize),
    /// So much of so much, and what is being done.
    Gauge(usize, usize, String),
    None,
}

fn question(wizard: &Wizard) -> (&'static str, Vec<String>, Field) {
    let said = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let line = || Field::Text(wizard.line.text().to_owned(), wizard.line.cursor());
    let secret = || {
        let shown = wizard.secret.shown();
        Field::Text(shown.to_string(), shown.len())
    };
    match &wizard.step {
        Step::Address => (
            "o2tr: set up an account (1 of 5)",
            said(&[
                "Chat in private over XMPP, with anybody who uses OTR; what is sent while you are away stays readable. \
                 This needs an XMPP account that exists already.",
                "",
                "Your address, for instance alice@example.org:",
            ]),
            line(),
        ),
        Step::Server => (
            "The server (2 of 5)",
            said(&["Leave it empty to find the server as the domain announces it. Otherwise HOST:PORT:"]),
            line(),
        ),
        Step::Source => ("The password (3 of 5)", said(&["Where is the password of the account?"]), {
            Field::Choice(&SOURCES, wizard.choice)
        }),
        Step::Place => (
            "The password (3 of 5)",
            said(&[match wizard.file.password {
                SecretSource::Command(_) => "The command; it is run by sh and prints the password:",
                _ => "The file with the password:",
            }]),
            line(),
        ),
        Step::Password => {
            let kept = match wizard.file.password {
                SecretSource::Keyring => "It goes into the keyring.",
                _ => "It is kept nowhere.",
            };
            let text = format!("The password of {}. {kept}", clean_line(&wizard.file.jid));
            ("The password (3 of 5)", vec![text], secret())
        }
        Step::Store => (
            "The store (4 of 5)",
            said(&[
                "Keys, and texts on their way, are sealed in a store: a lost or killed program can read afterwards what \
                 was sent to it meanwhile. What opens the store?",
            ]),
            Field::Choice(&STORES, wizard.choice),
        ),
        Step::Passphrase => (
            "The store (4 of 5)",
            said(&["A passphrase for the store. Nobody can restore it if it is forgotten:"]),
            secret(),
        ),
        Step::Repeat => ("The store (4 of 5)", said(&["The passphrase once more:"]), secret()),
        Step::Working => {
            let (done, what) = match wizard.stage {
                Stage::Key => (1, "computing your key and making the store"),
                Stage::Login => (2, "logging in for a first time"),
            };
            let sign = ["|", "/", "-", "\\"].get(wizard.beats % 4).copied().unwrap_or_default();
            ("Making it (5 of 5)", Vec::new(), Field::Gauge(done, 3, format!("{sign} {what}")))
        }
        Step::Outcome(made) => {
            let mut texts = Vec::new();
            if let Some(fingerprint) = &made.fingerprint {
                texts.push(format!("Your key was made: {fingerprint}"));
            }
            match &made.fault {
                None => {
                    texts.push("The login worked. Enter keeps the account and opens the chat.".to_owned());
                    ("Done", texts, Field::None)
                }
                Some(fault) => {
                    texts.push(format!("The login failed: {}.", clean_line(fault)));
                    ("The login failed", texts, Field::Choice(&AFTER_FAILURE, wizard.choice))
                }
            }
        }
    }
}
