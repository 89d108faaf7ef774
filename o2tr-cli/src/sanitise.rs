//! Text for a terminal: nothing that comes from outside can steer it or pretend to be something else.
//!
//! What is taken out is replaced by one U+FFFD, so that a reader sees that something was there.

/// What stands where something was taken out.
const REPLACEMENT: char = '\u{fffd}';
/// How many blanks a tabulator is worth.
const TAB: &str = "    ";
/// Parameters of an escape sequence that are passed over with it; a longer one is no sequence.
const MAX_SEQUENCE: usize = 256;

/// The text on one line: line breaks are replaced, too.
pub(crate) fn harmless(text: &str) -> String {
    sanitised(text, false)
}

/// The text with its line breaks; a tabulator becomes blanks.
pub(crate) fn harmless_lines(text: &str) -> String {
    sanitised(text, true)
}

fn sanitised(text: &str, lines: bool) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\u{1b}' => escape(rest, '\u{1b}'.len_utf8()),
            '\u{9b}' => control_sequence(rest, c.len_utf8()),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => control_string(rest, c.len_utf8()),
            _ => c.len_utf8(),
        };
        match c {
            '\r' if lines && rest.starts_with("\r\n") => {}
            '\n' if lines => clean.push('\n'),
            '\t' if lines => clean.push_str(TAB),
            c if steers(c) => clean.push(REPLACEMENT),
            c => clean.push(c),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    clean
}

/// The length of an escape sequence that begins with ESC (ECMA-48, 5.3).
fn escape(text: &str, begin: usize) -> usize {
    match text.get(begin..).and_then(|rest| rest.chars().next()) {
        Some('[') => control_sequence(text, begin + 1),
        Some('P' | 'X' | ']' | '^' | '_') => control_string(text, begin + 1),
        // Intermediate bytes and a final one.
        Some(' '..='/') => {
            let after = text.get(begin..).unwrap_or_default();
            let intermediate = after.bytes().take_while(|byte| matches!(byte, b' '..=b'/')).count();
            let last = after.as_bytes().get(intermediate).is_some_and(|byte| matches!(byte, b'0'..=b'~'));
            begin + intermediate + usize::from(last)
        }
        Some('0'..='~') => begin + 1,
        _ => begin,
    }
}

/// The length of a control sequence whose parameters begin there: parameters, intermediate bytes, a final one.
fn control_sequence(text: &str, begin: usize) -> usize {
    let after = text.as_bytes().get(begin..).unwrap_or_default();
    let parameters = after.iter().take(MAX_SEQUENCE).take_while(|byte| matches!(byte, b' '..=b'?')).count();
    match after.get(parameters) {
        Some(b'@'..=b'~') => begin + parameters + 1,
        _ => begin,
    }
}

/// The length of a control string, a title for instance, up to its end; one that does not end is no string.
fn control_string(text: &str, begin: usize) -> usize {
    let after = text.get(begin..).unwrap_or_default();
    let mut previous = '\0';
    for (at, c) in after.char_indices().take(MAX_SEQUENCE) {
        match c {
            '\u{7}' | '\u{9c}' => return begin + at + c.len_utf8(),
            '\\' if previous == '\u{1b}' => return begin + at + 1,
            '\n' => break,
            _ => previous = c,
        }
    }
    begin
}

/// Whether a terminal obeys it, it turns the direction of writing, or nobody sees it.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Marks, embeddings, overrides and isolates of the bidirectional algorithm.
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Line and paragraph separators, invisible joiners and operators, the byte order mark.
            | '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
            | '\u{feff}' | '\u{00ad}' | '\u{034f}' | '\u{180e}'
            // Anchors of annotations, fillers that look like blanks, tags.
            | '\u{fff9}'..='\u{fffb}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(harmless("\u{1b}[31mred\u{7}"), "\u{fffd}red\u{fffd}");
        assert_eq!(harmless("a\u{202e}b\u{2066}c\r\n"), "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}");
        assert_eq!(harmless("\u{9b}2J"), "\u{fffd}", "the one-character CSI");
        assert_eq!(harmless("zażółć 你好 👋"), "zażółć 你好 👋");
        assert_eq!(harmless("a\u{200b}b\u{e0041}c\u{ad}d"), "a\u{fffd}b\u{fffd}c\u{fffd}d");
    }

    #[test]
    fn a_sequence_goes_as_a_whole() {
        assert_eq!(harmless("\u{1b}]0;title\u{7}x"), "\u{fffd}x");
        assert_eq!(harmless("\u{1b}]8;;http://a\u{1b}\\x\u{1b}]8;;\u{1b}\\"), "\u{fffd}x\u{fffd}");
        assert_eq!(harmless("\u{1b}P1$r0m\u{9c}x"), "\u{fffd}x");
        assert_eq!(harmless("\u{1b}cx\u{1b}(Bx\u{1b}"), "\u{fffd}x\u{fffd}x\u{fffd}");
        assert_eq!(harmless("\u{9d}2;title\u{9c}x"), "\u{fffd}x");
    }

    #[test]
    fn what_is_no_sequence_loses_its_head_only() {
        assert_eq!(harmless("\u{1b}]0;no end"), "\u{fffd}0;no end");
        assert_eq!(harmless("\u{1b}[\u{e9}"), "\u{fffd}\u{e9}");
        assert_eq!(harmless("\u{1b}\u{e9}"), "\u{fffd}\u{e9}");
        let long = format!("\u{1b}[{}m", "1;".repeat(300));
        assert!(harmless(&long).ends_with("1;m"));
    }

    #[test]
    fn lines_stay_lines_where_they_are_wanted() {
        assert_eq!(harmless_lines("a\r\nb\nc\td\re"), "a\nb\nc    d\u{fffd}e");
        assert_eq!(harmless("a\nb\tc"), "a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn nothing_that_steers_is_left_whatever_comes() {
        let pieces =
            ["\u{1b}", "[", "]", "\u{9b}", "\u{9d}", "0", ";", "m", "\u{7}", "\u{9c}", "\\", "é", "\n", "P", "("];
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[usize::try_from(seed >> 33).unwrap() % pieces.len()]);
            }
            assert!(!harmless(&text).chars().any(steers), "{text:?}");
            assert!(!harmless_lines(&text).chars().any(|c| steers(c) && c != '\n'), "{text:?}");
        }
    }
}
