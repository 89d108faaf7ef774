//! The line, or lines, that the user writes.

use unicode_width::UnicodeWidthChar as _;
use zeroize::Zeroizing;

/// The longest text in bytes: more than that is no message.
pub(super) const MAX_INPUT: usize = 64 << 10;
/// Inputs that can be called back.
const MAX_HISTORY: usize = 200;

/// A text with a cursor in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Editor {
    text: String,
    /// In bytes, on the border of a character.
    cursor: usize,
}

impl Editor {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) const fn cursor(&self) -> usize {
        self.cursor
    }

    pub(super) fn set(&mut self, text: &str) {
        self.text = text.to_owned();
        self.cursor = self.text.len();
    }

    pub(super) fn take(&mut self) -> String {
        self.cursor = 0;
        core::mem::take(&mut self.text)
    }

    /// Puts text at the cursor; `false` if there is no room for it.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        if self.text.len() + text.len() > MAX_INPUT {
            return false;
        }
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        true
    }

    pub(super) fn left(&mut self) {
        self.cursor = self.before();
    }

    pub(super) fn right(&mut self) {
        self.cursor = self.behind();
    }

    pub(super) fn backspace(&mut self) {
        let before = self.before();
        self.text.replace_range(before..self.cursor, "");
        self.cursor = before;
    }

    pub(super) fn delete(&mut self) {
        let behind = self.behind();
        self.text.replace_range(self.cursor..behind, "");
    }

    pub(super) fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    pub(super) fn word_right(&mut self) {
        let rest = self.text.get(self.cursor..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        let word = rest.trim_start().find(char::is_whitespace).unwrap_or(rest.len() - blanks);
        self.cursor += blanks + word;
    }

    pub(super) fn delete_word(&mut self) {
        let start = self.word_start();
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
    }

    pub(super) fn line_start(&mut self) {
        self.cursor = self.start_of_line();
    }

    pub(super) fn line_end(&mut self) {
        self.cursor = self.end_of_line();
    }

    pub(super) fn delete_to_start(&mut self) {
        let start = self.start_of_line();
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
    }

    pub(super) fn delete_to_end(&mut self) {
        let end = self.end_of_line();
        self.text.replace_range(self.cursor..end, "");
    }

    /// Goes a line up; `false` if there is none.
    pub(super) fn up(&mut self) -> bool {
        let start = self.start_of_line();
        if start == 0 {
            return false;
        }
        let column = self.column(start, self.cursor);
        self.cursor = start - 1;
        let above = self.start_of_line();
        self.cursor = self.at_column(above, column);
        true
    }

    /// Goes a line down; `false` if there is none.
    pub(super) fn down(&mut self) -> bool {
        let end = self.end_of_line();
        if end == self.text.len() {
            return false;
        }
        let column = self.column(self.start_of_line(), self.cursor);
        self.cursor = self.at_column(end + 1, column);
        true
    }

    fn before(&self) -> usize {
        let mut at = self.cursor;
        for c in self.text.get(..self.cursor).unwrap_or_default().chars().rev() {
            at -= c.len_utf8();
            // What has no width belongs to the character before it.
            if c == '\n' || c.width().unwrap_or(0) > 0 {
                break;
            }
        }
        at
    }

    fn behind(&self) -> usize {
        let mut at = self.cursor;
        for (index, c) in self.text.get(self.cursor..).unwrap_or_default().chars().enumerate() {
            if index > 0 && (c == '\n' || c.width().unwrap_or(0) > 0) {
                break;
            }
            at += c.len_utf8();
        }
        at
    }

    fn word_start(&self) -> usize {
        let before = self.text.get(..self.cursor).unwrap_or_default().trim_end();
        before.rfind(char::is_whitespace).map_or(0, |at| at + before.get(at..).and_then(first_len).unwrap_or(0))
    }

    fn start_of_line(&self) -> usize {
        self.text.get(..self.cursor).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1)
    }

    fn end_of_line(&self) -> usize {
        self.text.get(self.cursor..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |at| self.cursor + at)
    }

    fn column(&self, start: usize, at: usize) -> usize {
        super::text::width(self.text.get(start..at).unwrap_or_default())
    }

    fn at_column(&self, start: usize, column: usize) -> usize {
        let mut cells = 0;
        let mut at = start;
        for c in self.text.get(start..).unwrap_or_default().chars() {
            cells += c.width().unwrap_or(0);
            if c == '\n' || cells > column {
                break;
            }
            at += c.len_utf8();
        }
        at
    }
}

fn first_len(text: &str) -> Option<usize> {
    text.chars().next().map(char::len_utf8)
}

/// What the user wrote before, in this run.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    entries: Vec<String>,
    /// Which one is shown, from the newest; `None`: what is being written.
    shown: Option<usize>,
    draft: String,
}

impl History {
    pub(super) fn push(&mut self, text: &str) {
        self.shown = None;
        if self.entries.last().is_some_and(|last| last == text) {
            return;
        }
        if self.entries.len() >= MAX_HISTORY {
            self.entries.remove(0);
        }
        self.entries.push(text.to_owned());
    }

    /// The entry before the one shown.
    pub(super) fn older(&mut self, present: &str) -> Option<String> {
        let next = self.shown.map_or(0, |shown| shown + 1);
        let entry = self.entries.iter().rev().nth(next)?.clone();
        if self.shown.is_none() {
            self.draft = present.to_owned();
        }
        self.shown = Some(next);
        Some(entry)
    }

    /// The entry after the one shown, at last what was being written.
    pub(super) fn newer(&mut self) -> Option<String> {
        let shown = self.shown?;
        match shown.checked_sub(1) {
            None => {
                self.shown = None;
                Some(core::mem::take(&mut self.draft))
            }
            Some(next) => {
                self.shown = Some(next);
                self.entries.iter().rev().nth(next).cloned()
            }
        }
    }
}

/// A secret that is being typed; shown as dots unless the user wants to see it.
#[derive(Clone, Default)]
pub(super) struct SecretInput {
    text: Zeroizing<String>,
    pub(super) visible: bool,
}

/// The longest secret in bytes.
const MAX_SECRET: usize = 1024;

impl SecretInput {
    pub(super) fn push(&mut self, text: &str) {
        if self.text.len() + text.len() <= MAX_SECRET {
            // Room for all of it at once: growing would leave copies behind.
            if self.text.capacity() < MAX_SECRET {
                let mut roomy = Zeroizing::new(String::with_capacity(MAX_SECRET));
                roomy.push_str(&self.text);
                self.text = roomy;
            }
            self.text.extend(text.chars().filter(|c| !c.is_control()));
        }
    }

    pub(super) fn pop(&mut self) {
        self.text.pop();
    }

    pub(super) fn clear(&mut self) {
        self.text = Zeroizing::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn take(&mut self) -> Zeroizing<String> {
        core::mem::take(&mut self.text)
    }

    /// What the screen shows.
    pub(super) fn shown(&self) -> Zeroizing<String> {
        if self.visible { self.text.clone() } else { Zeroizing::new("•".repeat(self.text.chars().count())) }
    }
}

/// Says only how much there is.
impl core::fmt::Debug for SecretInput {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { text, visible } = self;
        write!(f, "SecretInput({} bytes, visible: {visible})", text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn editor(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.set(text);
        editor
    }

    #[test]
    fn moves_and_deletes_by_what_is_seen() {
        let mut e = editor("ae\u{301}你");
        e.left();
        assert_eq!(e.cursor(), 4);
        e.left();
        assert_eq!(e.cursor(), 1, "a letter with its mark is one");
        e.delete();
        assert_eq!(e.text(), "a你");
        e.backspace();
        e.backspace();
        assert_eq!((e.text(), e.cursor()), ("你", 0));
        e.right();
        e.right();
        assert_eq!(e.cursor(), 3);
    }

    #[test]
    fn words_and_lines() {
        let mut e = editor("one two  three");
        e.delete_word();
        assert_eq!(e.text(), "one two  ");
        e.delete_word();
        assert_eq!(e.text(), "one ");
        let mut e = editor("first\nsecond line");
        assert!(e.up());
        assert_eq!(e.cursor(), 5, "the upper line is shorter");
        assert!(!e.up());
        assert!(e.down() && !e.down());
        e.line_start();
        e.delete_to_end();
        assert_eq!(e.text(), "first\n");
        e.word_left();
        e.word_right();
        assert_eq!(e.cursor(), 5);
    }

    #[test]
    fn takes_no_more_than_fits() {
        let mut e = Editor::default();
        assert!(e.insert(&"x".repeat(MAX_INPUT)));
        assert!(!e.insert("y"));
        assert_eq!(e.text().len(), MAX_INPUT);
    }

    #[test]
    fn history_goes_back_and_returns_to_the_draft() {
        let mut h = History::default();
        h.push("one");
        h.push("two");
        h.push("two");
        assert_eq!(h.older("dra").as_deref(), Some("two"));
        assert_eq!(h.older("two").as_deref(), Some("one"));
        assert_eq!(h.older("one"), None);
        assert_eq!(h.newer().as_deref(), Some("two"));
        assert_eq!(h.newer().as_deref(), Some("dra"));
        assert_eq!(h.newer(), None);
    }

    #[test]
    fn a_secret_is_dots_and_prints_nothing() {
        let mut secret = SecretInput::default();
        secret.push("swordfish");
        secret.pop();
        assert_eq!(secret.shown().as_str(), "••••••••");
        assert_eq!(format!("{secret:?}"), "SecretInput(8 bytes, visible: false)");
        assert_eq!(secret.take().as_str(), "swordfis");
        assert!(secret.is_empty());
    }
}
