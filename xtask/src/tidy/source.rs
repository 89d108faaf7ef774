//! Rust source without what only looks like code.

/// The same text with every comment and the inside of every literal turned into blanks; lines keep their
/// numbers.
pub(super) fn code_only(text: &str) -> String {
    let mut scanner = Scanner { chars: text.chars().collect(), at: 0, code: String::with_capacity(text.len()) };
    while let Some(c) = scanner.peek(0) {
        match c {
            '/' if scanner.peek(1) == Some('/') => scanner.line_comment(),
            '/' if scanner.peek(1) == Some('*') => scanner.block_comment(),
            '"' => scanner.string(),
            '\'' => scanner.quote(),
            c if c == '_' || c.is_alphanumeric() => scanner.word(),
            _ => scanner.keep(),
        }
    }
    scanner.code
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
    code: String,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn keep(&mut self) {
        self.code.extend(self.peek(0));
        self.at += 1;
    }

    fn blank(&mut self) {
        if let Some(c) = self.peek(0) {
            self.code.push(if c == '\n' { '\n' } else { ' ' });
        }
        self.at += 1;
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.blank();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    self.blank();
                    continue;
                }
            }
            self.blank();
            self.blank();
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.keep();
        while let Some(c) = self.peek(0) {
            match c {
                '"' => return self.keep(),
                '\\' => {
                    self.blank();
                    self.blank();
                }
                _ => self.blank(),
            }
        }
    }

    /// A character literal, or the tick of a lifetime.
    fn quote(&mut self) {
        self.keep();
        if self.peek(0) == Some('\\') {
            self.blank();
            self.blank();
            while self.peek(0).is_some_and(|c| c != '\'') {
                self.blank();
            }
            self.keep();
        } else if self.peek(1) == Some('\'') {
            self.blank();
            self.keep();
        }
    }

    /// A word; after `r`, `br` or `cr` perhaps a raw string.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(|c| c == '_' || c.is_alphanumeric()) {
            self.keep();
        }
        let word: String = self.chars[start..self.at].iter().collect();
        if !matches!(word.as_str(), "r" | "br" | "cr") {
            return;
        }
        let mut hashes = 0;
        while self.peek(hashes) == Some('#') {
            hashes += 1;
        }
        if self.peek(hashes) != Some('"') {
            return; // a raw identifier, or just a variable of that name
        }
        for _ in 0..=hashes {
            self.keep();
        }
        while self.peek(0).is_some() {
            if self.peek(0) == Some('"') && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                for _ in 0..=hashes {
                    self.keep();
                }
                return;
            }
            self.blank();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str) {
        assert_eq!(code_only(text).split_whitespace().collect::<Vec<_>>().join(" "), code);
        assert_eq!(code_only(text).lines().count(), text.lines().count());
    }

    #[test]
    fn comments_go() {
        check("a // b\nc", "a c");
        check("/// doc\na /* b /* c */ d */ e\n/* f\n g */ h", "a e h");
        check("a /* never closed", "a");
    }

    #[test]
    fn the_inside_of_literals_goes() {
        check(r#"a("b // c") d"#, r#"a(" ") d"#);
        check(r#""\"x" y"#, r#"" " y"#);
        check(r##"r#"a " b"# c"##, r##"r#" "# c"##);
        check("'a' b '\\'' c '\"' d", "' ' b ' ' c ' ' d");
        check("br\"x\" y", "br\" \" y");
    }

    #[test]
    fn lifetimes_and_raw_identifiers_stay() {
        check("fn f<'a>(x: &'a str) { r#type }", "fn f<'a>(x: &'a str) { r#type }");
        check("&'static [r]", "&'static [r]");
    }
}
