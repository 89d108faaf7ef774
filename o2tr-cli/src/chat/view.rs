//! The screen, drawn from the model and nothing else.

mod banner;
mod contacts;
mod dialog;
mod help;
mod input;
mod layout;
mod rows;
mod status;
mod style;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::model::{Model, Tone};
use super::text::fit;

pub(super) use self::contacts::contact_at;
pub(super) use self::dialog::{key_to_compare, trust_words};
pub(super) use self::help::rows as help_rows;
pub(super) use self::layout::{areas, is_narrow};
pub(super) use self::rows::Lens;
pub(super) use self::status::outbox_words;
pub(super) use self::style::Palette;

/// The smallest terminal that anything can be read on.
const SMALLEST: (u16, u16) = (20, 6);

/// Draws everything.
pub(super) fn draw(model: &Model, palette: Palette, frame: &mut Frame<'_>) {
    let screen = frame.area();
    let cursor = paint(model, palette, frame.buffer_mut(), screen);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Paints into a buffer and says where the cursor is to be.
pub(super) fn paint(model: &Model, palette: Palette, buffer: &mut Buffer, screen: Rect) -> Option<Position> {
    if screen.width < SMALLEST.0 || screen.height < SMALLEST.1 {
        line(buffer, screen, 0, &[("too small".to_owned(), Tone::Plain)], palette);
        return None;
    }
    let areas = areas(model);
    status::header(model, areas.header, buffer, palette);
    contacts::list(model, areas.list, buffer, palette);
    conversation(model, areas.body, buffer, palette);
    banner::banner(model, areas.banner, buffer, palette);
    status::status(model, areas.status, buffer, palette);
    status::flash(model, areas.flash, buffer, palette);
    let cursor = input::input(model, areas.input, buffer, palette);
    match model.dialogs.front() {
        Some(shown) => dialog::dialog(model, shown, screen, buffer, palette),
        None => Some(cursor),
    }
}

fn conversation(model: &Model, area: Rect, buffer: &mut Buffer, palette: Palette) {
    if area.is_empty() {
        return;
    }
    let Some(contact) = model.current() else {
        let hint = if model.contacts.is_empty() {
            "No contacts yet: /add ADDRESS makes one, /open ADDRESS writes to somebody."
        } else {
            "ctrl-n opens the next conversation; F1 explains everything."
        };
        for (y, text) in (0..).zip(super::text::wrap(hint, usize::from(area.width.saturating_sub(4)))) {
            line(buffer, inner(area, 2), y + 1, &[(text, Tone::Dim)], palette);
        }
        return;
    };
    let lens = Lens::new(model, contact, area.width, area.height);
    let window = lens.window();
    // A conversation shorter than the screen stands at its end, where the eye is.
    let free = usize::from(area.height).saturating_sub(window.len());
    let offset = if contact.anchor.is_none() { u16::try_from(free).unwrap_or(0) } else { 0 };
    for (y, row) in (offset..).zip(&window) {
        line(buffer, area, y, &row.content.0, palette);
    }
    if contact.anchor.is_some() {
        let text = " more below: PgDn, ctrl-End ";
        let width = u16::try_from(super::text::width(text)).unwrap_or(0).min(area.width);
        let corner = Rect { x: area.x + area.width - width, y: area.y, width, height: area.height };
        line(buffer, corner, area.height.saturating_sub(1), &[(text.to_owned(), Tone::Bar)], palette);
    }
}

const fn inner(area: Rect, margin: u16) -> Rect {
    Rect { x: area.x + margin, width: area.width.saturating_sub(2 * margin), ..area }
}

/// Writes pieces into the row `y` of an area; what does not fit is cut.
fn line(buffer: &mut Buffer, area: Rect, y: u16, pieces: &[(String, Tone)], palette: Palette) {
    if y >= area.height {
        return;
    }
    let mut x = area.x;
    for (text, tone) in pieces {
        let left = usize::from(area.right().saturating_sub(x));
        (x, _) = buffer.set_stringn(x, area.y + y, text, left, palette.style(*tone));
    }
}

/// Writes a row that is filled to its end.
fn bar(buffer: &mut Buffer, area: Rect, y: u16, text: &str, tone: Tone, palette: Palette) {
    line(buffer, area, y, &[(fit(text, usize::from(area.width)), tone)], palette);
}
