//! Text for cells of a terminal: made harmless, measured, wrapped.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::sanitise::harmless;

/// Marks that may stand on one character; more are an attempt to paint over other lines.
const MAX_MARKS: usize = 3;

/// Cells that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// A text from outside, several lines: nothing in it steers the terminal, and each character stays in its cells.
pub(super) fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', "    ");
    let lines: Vec<_> = text.split('\n').map(clean_line).collect();
    lines.join("\n")
}

/// A text from outside as one line.
pub(super) fn clean_line(text: &str) -> String {
    let mut marks = 0;
    harmless(text)
        .chars()
        .filter(|c| {
            // Chooses between two looks of different width: terminals disagree about the result.
            if matches!(c, '\u{fe00}'..='\u{fe0f}') {
                return false;
            }
            marks = if c.width().unwrap_or(0) == 0 { marks + 1 } else { 0 };
            marks <= MAX_MARKS
        })
        .collect()
}

/// Breaks a text into rows of at most `width` cells, between words where that is possible.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut rows = Vec::new();
    for line in text.split('\n') {
        let mut row = String::new();
        let mut cells = 0;
        // Where the row may end: behind its last blank.
        let mut end = 0;
        for c in line.chars() {
            let more = c.width().unwrap_or(0);
            if cells + more > width {
                if c == ' ' {
                    // A blank at the end of a row needs no place.
                    end = row.len();
                    if !row.ends_with(' ') {
                        row.push(' ');
                        end = row.len();
                    }
                    continue;
                }
                let rest = if end > 0 { row.split_off(end) } else { String::new() };
                rows.push(row.trim_end().to_owned());
                cells = rest.width();
                row = rest;
                end = 0;
            }
            row.push(c);
            cells += more;
            if c == ' ' {
                end = row.len();
            }
        }
        rows.push(row.trim_end().to_owned());
    }
    rows
}

/// The text, cut to `width` cells if it is longer; then it ends in an ellipsis.
pub(super) fn clip(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut clipped = String::new();
    let mut cells = 1;
    for c in text.chars() {
        cells += c.width().unwrap_or(0);
        if cells > width {
            break;
        }
        clipped.push(c);
    }
    if width > 0 {
        clipped.push('…');
    }
    clipped
}

/// The text, filled up with blanks or cut to exactly `width` cells.
pub(super) fn fit(text: &str, width: usize) -> String {
    let mut fitted = clip(text, width);
    let missing = width.saturating_sub(fitted.width());
    fitted.extend(core::iter::repeat_n(' ', missing));
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_end_between_words_and_long_words_are_cut() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("one two", 3), ["one", "two"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("a\n\nb", 9), ["a", "", "b"]);
        assert_eq!(wrap("", 9), [""]);
        assert_eq!(wrap("see abcdefghij", 6), ["see", "abcdef", "ghij"]);
    }

    #[test]
    fn wide_characters_take_two_cells() {
        assert_eq!(wrap("你好世界", 5), ["你好", "世界"]);
        assert_eq!(width("你好"), 4);
        assert_eq!(clip("你好世界", 5), "你好…");
        assert_eq!(fit("你好", 6), "你好  ");
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip("abc", 0), "");
    }

    #[test]
    fn nothing_from_outside_leaves_its_line() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc\td"), "a\u{fffd}b\nc    d");
        assert_eq!(clean_line("a\nb"), "a\u{fffd}b");
        let zalgo: String = core::iter::once('a').chain(core::iter::repeat_n('\u{301}', 40)).collect();
        assert_eq!(clean_line(&zalgo).chars().count(), 1 + MAX_MARKS);
        assert_eq!(clean_line("❤\u{fe0f}"), "❤");
    }
}
