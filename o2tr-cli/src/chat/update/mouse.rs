//! The mouse, and what is pasted.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{dialog, open, scroll};
use crate::chat::editor::MAX_INPUT;
use crate::chat::model;
use crate::chat::model::{Dialog, Model};
use crate::chat::text::clean;
use crate::chat::view::{areas, contact_at};

/// Rows that one notch of the wheel moves.
const NOTCH: usize = 3;
/// More than this is asked about before it is inserted.
const LARGE: (usize, usize) = (10, 2000);

pub(super) fn moved(model: &mut Model, mouse: MouseEvent) {
    let areas = areas(model);
    let at = Position { x: mouse.column, y: mouse.row };
    if let Some(Dialog::Help { scroll }) = model.dialogs.front_mut() {
        match mouse.kind {
            MouseEventKind::ScrollUp => *scroll = scroll.saturating_sub(NOTCH),
            MouseEventKind::ScrollDown => *scroll += NOTCH,
            _ => {}
        }
        return;
    }
    if !model.dialogs.is_empty() {
        return;
    }
    match mouse.kind {
        MouseEventKind::ScrollUp if areas.body.contains(at) => scroll::up(model, NOTCH),
        MouseEventKind::ScrollDown if areas.body.contains(at) => scroll::down(model, NOTCH),
        MouseEventKind::Down(MouseButton::Left) if areas.list.contains(at) => {
            if let Some(peer) = contact_at(model, areas.list, at.y) {
                open(model, &peer);
            }
        }
        _ => {}
    }
}

pub(super) fn pasted(model: &mut Model, text: &str) {
    if !model.dialogs.is_empty() {
        return dialog::pasted(model, text);
    }
    let text = clean(text);
    if let Some(model::Search { words, .. }) = &mut model.search {
        // What does not fit is not searched for.
        let _ = words.insert(&text.replace('\n', " "));
        return super::search::changed(model);
    }
    if text.len() > MAX_INPUT {
        return model.complain("That is more than a message holds; nothing was inserted");
    }
    let (lines, characters) = (text.lines().count(), text.chars().count());
    if lines > LARGE.0 || characters > LARGE.1 {
        model.dialogs.push_back(Dialog::Paste { text: model::Quiet(text), choice: 0 });
    } else if !model.editor_mut().insert(&text) {
        model.complain("That is as much as a message holds");
    }
}
