//! The line at the bottom: what is written, or searched for.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthChar as _;

use super::{Palette, bar, line};
use crate::chat::editor::Editor;
use crate::chat::model::{Model, Tone};
use crate::chat::search_hits;

const PROMPT: u16 = 2;
/// Rows at most.
const MAX_ROWS: u16 = 8;

/// Rows that the input takes.
pub(super) fn height(model: &Model, columns: u16) -> u16 {
    if model.search.is_some() {
        return 1;
    }
    let (rows, _) = laid_out(model.editor(), columns.saturating_sub(PROMPT));
    u16::try_from(rows.len()).unwrap_or(MAX_ROWS).clamp(1, MAX_ROWS)
}

/// Draws it and says where the cursor is.
pub(super) fn input(model: &Model, area: Rect, buffer: &mut Buffer, palette: Palette) -> Position {
    if let Some(search) = &model.search {
        let hits = search_hits(model);
        let place = search.found.and_then(|found| hits.iter().position(|hit| *hit == found));
        let place = match place {
            Some(place) => format!("{} of {}", place + 1, hits.len()),
            None if search.words.is_empty() => "type what to find".to_owned(),
            None => "not found".to_owned(),
        };
        let (rows, (_, x)) = laid_out(&search.words, u16::MAX);
        let words = rows.first().map_or("", String::as_str);
        bar(buffer, area, 0, &format!("find: {words}   ({place}; up, down, esc)"), Tone::Plain, palette);
        return Position {
            x: area.x.saturating_add(6).saturating_add(x).min(area.right().saturating_sub(1)),
            y: area.y,
        };
    }
    let text = Rect { x: area.x + PROMPT, width: area.width.saturating_sub(PROMPT), ..area };
    let (rows, (row, x)) = laid_out(model.editor(), text.width);
    let first = (row + 1).saturating_sub(usize::from(area.height));
    for (y, shown) in (0..area.height).zip(rows.iter().skip(first)) {
        let prompt = if y == 0 && first == 0 { "> " } else { "  " };
        line(buffer, area, y, &[(prompt.to_owned(), Tone::Dim), (shown.clone(), Tone::Plain)], palette);
    }
    let y = area.y + u16::try_from(row - first).unwrap_or(0);
    Position { x: (text.x + x).min(area.right().saturating_sub(1)), y }
}

/// The rows of a text, and row and column of the cursor in them.
fn laid_out(editor: &Editor, width: u16) -> (Vec<String>, (usize, u16)) {
    let width = width.max(2);
    let mut rows = vec![String::new()];
    let mut column = 0;
    let mut cursor = (0, 0);
    for (at, c) in editor.text().char_indices() {
        let cells = u16::try_from(c.width().unwrap_or(0)).unwrap_or(0);
        if c == '\n' {
            if at == editor.cursor() {
                cursor = (rows.len() - 1, column);
            }
            rows.push(String::new());
            column = 0;
            continue;
        }
        if column + cells > width {
            rows.push(String::new());
            column = 0;
        }
        if at == editor.cursor() {
            cursor = (rows.len() - 1, column);
        }
        if let Some(row) = rows.last_mut() {
            row.push(c);
        }
        column += cells;
    }
    if editor.cursor() == editor.text().len() {
        if column >= width {
            rows.push(String::new());
            column = 0;
        }
        cursor = (rows.len() - 1, column);
    }
    (rows, cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_where_the_next_character_goes() {
        let mut editor = Editor::default();
        editor.set("ab你\nx");
        assert_eq!(laid_out(&editor, 3), (vec!["ab".to_owned(), "你".to_owned(), "x".to_owned()], (2, 1)));
        editor.up();
        assert_eq!(laid_out(&editor, 80).1, (0, 1));
        editor.set("abc");
        assert_eq!(laid_out(&editor, 3), (vec!["abc".to_owned(), String::new()], (1, 0)));
    }
}
