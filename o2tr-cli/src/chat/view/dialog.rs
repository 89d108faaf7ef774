//! Questions in a box.

use o2tr::transport::PeerId;
use o2tr_ekm::record::TrustLevel;
use otr_core::dsa::Fingerprint;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::layout::middle;
use super::{Palette, bar, help, line};
use crate::chat::editor::SecretInput;
use crate::chat::model::{Dialog, Model, Tone};
use crate::chat::text::{clean_line, clip, fit, width, wrap};

/// Columns of a box, frame included.
const WIDTH: u16 = 68;

/// What a user may think of a key.
pub(in crate::chat) const fn trust_words(level: TrustLevel) -> &'static str {
    match level {
        TrustLevel::Unverified => "unverified",
        TrustLevel::Smp => "verified by SMP",
        TrustLevel::Verified => "verified",
    }
}

/// The peer's key that `/verify` is about: the changed one, else that of the session, else the newest seen.
pub(in crate::chat) fn key_to_compare(model: &Model, peer: &PeerId) -> Option<Fingerprint> {
    let contact = model.find(peer)?;
    let standing = contact.standing.as_ref();
    let changed = contact.key_change.map(|change| change.key);
    let present = standing.and_then(|standing| standing.view.session).map(|session| session.fingerprint);
    let newest = || standing?.keys.iter().max_by_key(|key| key.first_seen).map(|key| key.fingerprint);
    changed.or(present).or_else(newest)
}

/// What a box says.
struct Content {
    title: String,
    tone: Tone,
    text: Vec<(String, Tone)>,
    field: Option<String>,
    hint: &'static str,
}

/// Draws a question; the cursor is where something is typed.
pub(super) fn dialog(
    model: &Model,
    dialog: &Dialog,
    screen: Rect,
    buffer: &mut Buffer,
    palette: Palette,
) -> Option<Position> {
    if let Dialog::Help { scroll } = dialog {
        manual(model, *scroll, screen, buffer, palette);
        return None;
    }
    let content = content(model, dialog);
    let outer = WIDTH.min(screen.width);
    let room = usize::from(outer.saturating_sub(4));
    let mut rows: Vec<(String, Tone)> = Vec::new();
    for (text, tone) in &content.text {
        rows.extend(wrap(text, room).into_iter().map(|row| (row, *tone)));
    }
    let buttons = button_rows(dialog, room);
    let below = buttons.len() + usize::from(content.field.is_some()) + usize::from(!content.hint.is_empty());
    // The answers are always on the screen; of a long text, its beginning.
    rows.truncate(usize::from(screen.height).saturating_sub(below + 3).max(1));
    let height = u16::try_from(rows.len() + below + 3).unwrap_or(u16::MAX);
    let area = middle(screen, outer, height);
    frame(area, &content.title, content.tone, buffer, palette);
    let inside = Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(4), height: area.height - 2 };
    let mut y = 0;
    for (row, tone) in rows {
        line(buffer, inside, y, &[(row, tone)], palette);
        y += 1;
    }
    y += 1;
    let mut cursor = None;
    if let Some(field) = content.field {
        // The end of a long secret is what is being typed.
        let shown: String = tail(&field, room.saturating_sub(3));
        let x = inside.x + 2 + u16::try_from(width(&shown)).unwrap_or(0);
        bar(buffer, inside, y, &format!("> {shown}"), Tone::Strong, palette);
        cursor = Some(Position { x: x.min(inside.right().saturating_sub(1)), y: inside.y + y });
        y += 1;
    }
    for row in buttons {
        line(buffer, inside, y, &row, palette);
        y += 1;
    }
    if !content.hint.is_empty() {
        line(buffer, inside, y, &[(clip(content.hint, room), Tone::Dim)], palette);
    }
    cursor
}

fn manual(model: &Model, scroll: usize, screen: Rect, buffer: &mut Buffer, palette: Palette) {
    let room = help::width(model);
    let text = help::text(room);
    let outer = u16::try_from(room + 4).unwrap_or(u16::MAX);
    let area = middle(screen, outer, screen.height);
    frame(area, "Help: arrows scroll, any other key closes", Tone::Strong, buffer, palette);
    let height = area.height.saturating_sub(2);
    let inside = Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(4), height };
    for (y, (row, tone)) in (0..height).zip(text.into_iter().skip(scroll)) {
        line(buffer, inside, y, &[(row, tone)], palette);
    }
}

/// A frame around a blank.
fn frame(area: Rect, title: &str, tone: Tone, buffer: &mut Buffer, palette: Palette) {
    let room = usize::from(area.width.saturating_sub(2));
    let title = clip(&format!(" {title} "), room);
    let rest = "─".repeat(room.saturating_sub(width(&title)));
    let edge = |text: &str| (text.to_owned(), tone);
    line(buffer, area, 0, &[edge("┌"), (title, tone), edge(&rest), edge("┐")], palette);
    for y in 1..area.height.saturating_sub(1) {
        line(buffer, area, y, &[edge("│"), (fit("", room), Tone::Plain), edge("│")], palette);
    }
    let bottom = format!("└{}┘", "─".repeat(room));
    line(buffer, area, area.height.saturating_sub(1), &[edge(&bottom)], palette);
}

fn button_rows(dialog: &Dialog, room: usize) -> Vec<Vec<(String, Tone)>> {
    let chosen = dialog.choice();
    let buttons: Vec<_> =
        dialog
            .buttons()
            .iter()
            .enumerate()
            .map(|(index, label)| {
                if index == chosen {
                    (format!("[>{label}<]"), Tone::Bar)
                } else {
                    (format!("[ {label} ]"), Tone::Plain)
                }
            })
            .collect();
    let all: usize = buttons.iter().map(|(label, _)| width(label) + 2).sum();
    if all > room + 2 {
        return buttons.into_iter().map(|button| vec![button]).collect();
    }
    if buttons.is_empty() {
        return Vec::new();
    }
    vec![buttons.into_iter().flat_map(|button| [button, ("  ".to_owned(), Tone::Plain)]).collect()]
}

fn tail(text: &str, room: usize) -> String {
    let mut kept = text;
    while width(kept) > room {
        let mut characters = kept.chars();
        characters.next();
        kept = characters.as_str();
    }
    kept.to_owned()
}

const BUTTONS: &str = "Tab moves, Enter answers, Esc is the safe answer";
const SECRET: &str = "Enter sends, Esc leaves, ctrl-r shows what you type";

fn content(model: &Model, dialog: &Dialog) -> Content {
    let name = dialog.peer().and_then(|peer| model.find(peer)).map_or("", |contact| contact.name.as_str());
    let plain = |text: &str| (text.to_owned(), Tone::Plain);
    let secret = |secret: &SecretInput| Some(secret.shown().to_string());
    match dialog {
        Dialog::Help { .. } => {
            Content { title: String::new(), tone: Tone::Plain, text: Vec::new(), field: None, hint: "" }
        }
        Dialog::KeyChanged { peer, change, .. } => {
            // What is new stands first: on a small screen the end is cut.
            let mut text = vec![
                (format!("The key of {name} is not the one you know. New:"), Tone::Strong),
                (format!("  {}", change.key), Tone::Strong),
                plain("Known:"),
            ];
            for key in known_keys(model, peer, change.key) {
                text.push((format!("  {key}"), Tone::Plain));
            }
            text.push(plain(
                "Either they use a new device or made a new key, or somebody pretends to be them. Ask them by another \
                 way. Until you decide, your texts are held.",
            ));
            let title = "THE KEY HAS CHANGED".to_owned();
            Content { title, tone: Tone::Danger, text, field: None, hint: BUTTONS }
        }
        Dialog::Fingerprints { peer, .. } => {
            let theirs = key_to_compare(model, peer).map_or_else(String::new, |key| key.to_string());
            let level = model.find(peer).and_then(|contact| contact.standing.as_ref()).map(|s| s.view.trust);
            let text = vec![
                plain("Your key:"),
                (format!("  {}", model.fingerprint), Tone::Strong),
                (format!("The key of {name} ({}):", trust_words(level.unwrap_or_default())), Tone::Plain),
                (format!("  {theirs}"), Tone::Strong),
                plain("Compare both with them by another way: face to face, or by a voice you know."),
            ];
            Content { title: "Compare the keys".to_owned(), tone: Tone::Strong, text, field: None, hint: BUTTONS }
        }
        Dialog::SmpStart { question, secret: typed, .. } => {
            let mut text = vec![(format!("Check that {name} knows the same secret as you (SMP)."), Tone::Plain)];
            match question {
                Some(question) => text.push((format!("They are asked: \"{}\"", clean_line(question)), Tone::Plain)),
                None => text.push(plain("Without a question; they must know which secret is meant.")),
            }
            text.push(plain("The secret, exactly as they will type it. It is not sent:"));
            Content { title: "Check a secret".to_owned(), tone: Tone::Strong, text, field: secret(typed), hint: SECRET }
        }
        Dialog::SmpAnswer { question, secret: typed, .. } => {
            let mut text = vec![(format!("{name} wants to check that you know the same secret (SMP)."), Tone::Plain)];
            if let Some(question) = question {
                text.push((format!("The question: \"{question}\""), Tone::Strong));
            }
            text.push(plain("The answer, exactly as they typed it. It is not sent:"));
            Content { title: "Answer a check".to_owned(), tone: Tone::Strong, text, field: secret(typed), hint: SECRET }
        }
        Dialog::SmpResult { equal: true, verifies: Some(false), .. } => Content {
            title: "The secrets are equal".to_owned(),
            tone: Tone::Good,
            text: vec![
                (format!("Your answer was right: {name} has verified your key."), Tone::Plain),
                plain("That does not verify theirs, for the question was theirs. Ask in turn: /smp QUESTION."),
            ],
            field: None,
            hint: "",
        },
        Dialog::SmpResult { equal: true, .. } => Content {
            title: "Verified".to_owned(),
            tone: Tone::Good,
            text: vec![
                (format!("You and {name} know the same secret."), Tone::Plain),
                plain("The status line says how far their key is trusted now."),
            ],
            field: None,
            hint: "",
        },
        Dialog::SmpResult { equal: false, .. } => Content {
            title: "NOT VERIFIED".to_owned(),
            tone: Tone::Danger,
            text: vec![
                (format!("The secrets of you and {name} differ."), Tone::Strong),
                plain(
                    "One of you mistyped it, or somebody is in between. Say nothing secret before it is clear which.",
                ),
            ],
            field: None,
            hint: "",
        },
        Dialog::Clear { text, .. } => Content {
            title: "SEND UNENCRYPTED?".to_owned(),
            tone: Tone::Danger,
            text: vec![
                (format!("To {name}, readable by every server on the way:"), Tone::Plain),
                (clip(&text.0.replace('\n', " "), 200), Tone::Strong),
            ],
            field: None,
            hint: BUTTONS,
        },
        Dialog::Paste { text, .. } => Content {
            title: "Insert so much?".to_owned(),
            tone: Tone::Warning,
            text: vec![
                (
                    format!("{} lines, {} characters were pasted.", text.0.lines().count(), text.0.chars().count()),
                    Tone::Plain,
                ),
                (clip(text.0.lines().next().unwrap_or_default(), 60), Tone::Dim),
                plain("Yes puts them into the line; nothing is sent yet."),
            ],
            field: None,
            hint: BUTTONS,
        },
        Dialog::Forget { .. } => Content {
            title: "Forget?".to_owned(),
            tone: Tone::Danger,
            text: vec![
                (format!("Everything stored about {name} is destroyed: keys, trust, texts that wait."), Tone::Plain),
                plain("The next key they show is new to you then. The other side is told nothing."),
            ],
            field: None,
            hint: BUTTONS,
        },
    }
}

fn known_keys(model: &Model, peer: &PeerId, new: Fingerprint) -> Vec<String> {
    /// More do not fit on a screen.
    const MOST: usize = 3;
    let standing = model.find(peer).and_then(|contact| contact.standing.as_ref());
    let mut keys: Vec<_> = standing.iter().flat_map(|s| &s.keys).filter(|key| key.fingerprint != new).collect();
    // The best trusted first.
    keys.sort_by_key(|key| core::cmp::Reverse((key.level, key.first_seen)));
    keys.iter().take(MOST).map(|key| format!("{} ({})", key.fingerprint, trust_words(key.level))).collect()
}
