//! S-expressions, as far as key files need them. Atoms may be secret: they are wiped and never shown.

use zeroize::Zeroizing;

use super::{ParseError, ParseErrorKind};

/// Lists in lists; a key file has five.
const MAX_DEPTH: usize = 16;
/// Bytes of a key file: several hundred accounts.
const MAX_LEN: usize = 1 << 20;

/// An atom or a list, and where it began.
pub(super) struct Node {
    pub(super) offset: usize,
    pub(super) value: Value,
}

pub(super) enum Value {
    Atom(Zeroizing<Vec<u8>>),
    List(Vec<Node>),
}

impl Node {
    /// The items behind the first, if this is a list whose first item is the atom `name`.
    pub(super) fn list(&self, name: &str) -> Option<&[Node]> {
        match &self.value {
            Value::Atom(_) => None,
            Value::List(items) => {
                let (head, rest) = items.split_first()?;
                (head.atom()? == name.as_bytes()).then_some(rest)
            }
        }
    }

    /// The bytes of an atom.
    pub(super) fn atom(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Atom(bytes) => Some(bytes),
            Value::List(_) => None,
        }
    }
}

/// Reads one list and the blanks around it.
pub(super) fn parse(input: &[u8]) -> Result<Node, ParseError> {
    let mut parser = Parser { input, offset: 0 };
    parser.file().map_err(|kind| error_at(input, parser.offset, kind))
}

/// Adds the line.
pub(super) fn error_at(input: &[u8], offset: usize, kind: ParseErrorKind) -> ParseError {
    let before = input.get(..offset).unwrap_or(input);
    ParseError { offset, line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(), kind }
}

/// Appends an atom in the shape that libgcrypt prints: bare if it can be, else quoted, else hexadecimal.
pub(super) fn write_atom(out: &mut Vec<u8>, atom: &[u8]) {
    let first = atom.first().copied();
    let printable = |byte: u8| !matches!(byte, 0..=0x1f | 0x7f..=0xa0) || escape(byte).is_some();
    if first.is_some_and(|byte| byte >= 0x80) || !atom.iter().copied().all(printable) {
        write_hex(out, atom);
    } else if first.is_some_and(|byte| !byte.is_ascii_digit()) && atom.iter().copied().all(is_token) {
        out.extend_from_slice(atom);
    } else {
        out.push(b'"');
        for &byte in atom {
            match escape(byte) {
                Some(letter) => out.extend_from_slice(&[b'\\', letter]),
                None => out.push(byte),
            }
        }
        out.push(b'"');
    }
}

/// Appends `#`, upper-case digits, `#`.
pub(super) fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'A' + value - 10 };
    out.push(b'#');
    for byte in bytes {
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out.push(b'#');
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-./_:*+=".contains(&byte)
}

/// The letter that stands for a byte behind a backslash.
fn escape(byte: u8) -> Option<u8> {
    match byte {
        8 => Some(b'b'),
        b'\t' => Some(b't'),
        11 => Some(b'v'),
        b'\n' => Some(b'n'),
        12 => Some(b'f'),
        b'\r' => Some(b'r'),
        b'"' | b'\'' | b'\\' => Some(byte),
        _ => None,
    }
}

struct Parser<'a> {
    input: &'a [u8],
    offset: usize,
}

impl Parser<'_> {
    fn file(&mut self) -> Result<Node, ParseErrorKind> {
        if self.input.len() > MAX_LEN {
            return Err(ParseErrorKind::TooLong);
        }
        self.skip_blanks();
        if self.peek()? != b'(' {
            return Err(ParseErrorKind::UnexpectedByte);
        }
        let node = self.node(0)?;
        self.skip_blanks();
        if self.peek().is_ok() { Err(ParseErrorKind::Trailing) } else { Ok(node) }
    }

    fn node(&mut self, depth: usize) -> Result<Node, ParseErrorKind> {
        let offset = self.offset;
        let value = match self.peek()? {
            b'(' => Value::List(self.list(depth + 1)?),
            b'"' => Value::Atom(self.quoted()?),
            b'#' => Value::Atom(self.hex()?),
            byte if byte.is_ascii_digit() => Value::Atom(self.counted()?),
            byte if is_token(byte) => Value::Atom(self.token()),
            _ => return Err(ParseErrorKind::UnexpectedByte),
        };
        Ok(Node { offset, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, ParseErrorKind> {
        if depth > MAX_DEPTH {
            return Err(ParseErrorKind::Depth);
        }
        self.offset += 1;
        let mut items = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek()? == b')' {
                self.offset += 1;
                return Ok(items);
            }
            items.push(self.node(depth)?);
        }
    }

    fn token(&mut self) -> Zeroizing<Vec<u8>> {
        let token: Vec<u8> = self.rest().iter().copied().take_while(|&byte| is_token(byte)).collect();
        self.offset += token.len();
        Zeroizing::new(token)
    }

    /// `"` ... `"`, with C's escapes.
    fn quoted(&mut self) -> Result<Zeroizing<Vec<u8>>, ParseErrorKind> {
        self.offset += 1;
        let mut atom = self.buffer();
        loop {
            match self.next()? {
                b'"' => return Ok(atom),
                b'\\' => atom.extend(self.escaped()?),
                byte => atom.push(byte),
            }
        }
    }

    /// What follows a backslash. A line break is left out.
    fn escaped(&mut self) -> Result<Option<u8>, ParseErrorKind> {
        let byte = match self.next()? {
            b'b' => 8,
            b't' => b'\t',
            b'v' => 11,
            b'n' => b'\n',
            b'f' => 12,
            b'r' => b'\r',
            byte @ (b'"' | b'\'' | b'\\') => byte,
            b'x' => self.number(16, 2)?,
            b'0'..=b'3' => {
                self.offset -= 1;
                self.number(8, 3)?
            }
            b'\n' => {
                self.skip_if(b'\r');
                return Ok(None);
            }
            b'\r' => {
                self.skip_if(b'\n');
                return Ok(None);
            }
            _ => {
                self.offset -= 1;
                return Err(ParseErrorKind::String);
            }
        };
        Ok(Some(byte))
    }

    /// `digits` digits that fit into a byte.
    fn number(&mut self, radix: u32, digits: usize) -> Result<u8, ParseErrorKind> {
        let mut value = 0;
        for _ in 0..digits {
            let digit = char::from(self.peek()?).to_digit(radix).ok_or(ParseErrorKind::String)?;
            self.offset += 1;
            value = value * radix + digit;
        }
        u8::try_from(value).map_err(|_| ParseErrorKind::String)
    }

    /// `#` ... `#`, blanks allowed.
    fn hex(&mut self) -> Result<Zeroizing<Vec<u8>>, ParseErrorKind> {
        self.offset += 1;
        let mut atom = self.buffer();
        loop {
            self.skip_blanks();
            if self.peek()? == b'#' {
                self.offset += 1;
                return Ok(atom);
            }
            let high = self.number(16, 1)?;
            self.skip_blanks();
            atom.push(high << 4 | self.number(16, 1)?);
        }
    }

    /// `n:` and n bytes; or n before a quoted or hexadecimal string of n bytes.
    fn counted(&mut self) -> Result<Zeroizing<Vec<u8>>, ParseErrorKind> {
        let mut length = 0_usize;
        while let byte @ b'0'..=b'9' = self.peek()? {
            self.offset += 1;
            length = length.saturating_mul(10).saturating_add(usize::from(byte - b'0'));
        }
        let atom = match self.peek()? {
            b':' => {
                self.offset += 1;
                let atom = Zeroizing::new(self.rest().get(..length).ok_or(ParseErrorKind::Truncated)?.to_vec());
                self.offset += length;
                atom
            }
            b'"' => self.quoted()?,
            b'#' => self.hex()?,
            _ => return Err(ParseErrorKind::UnexpectedByte),
        };
        if atom.len() == length { Ok(atom) } else { Err(ParseErrorKind::String) }
    }

    /// Room for whatever the string at the cursor can hold, so that growing it leaves no copies behind.
    fn buffer(&self) -> Zeroizing<Vec<u8>> {
        let end = self.rest().iter().position(|byte| matches!(byte, b'"' | b'#' | b')')).unwrap_or(0);
        Zeroizing::new(Vec::with_capacity(end))
    }

    fn rest(&self) -> &[u8] {
        self.input.get(self.offset..).unwrap_or_default()
    }

    fn peek(&self) -> Result<u8, ParseErrorKind> {
        self.input.get(self.offset).copied().ok_or(ParseErrorKind::Truncated)
    }

    fn next(&mut self) -> Result<u8, ParseErrorKind> {
        let byte = self.peek()?;
        self.offset += 1;
        Ok(byte)
    }

    fn skip_if(&mut self, byte: u8) {
        if self.peek() == Ok(byte) {
            self.offset += 1;
        }
    }

    fn skip_blanks(&mut self) {
        self.offset += self.rest().iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 11).count();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn atom(text: &[u8]) -> Result<Vec<u8>, ParseErrorKind> {
        let list = [b"(".as_slice(), text, b")"].concat();
        let node = parse(&list).map_err(|error| error.kind)?;
        match node.value {
            Value::List(items) => Ok(items.iter().flat_map(|item| item.atom().unwrap().to_vec()).collect()),
            Value::Atom(_) => panic!("a list was written"),
        }
    }

    #[test]
    fn all_forms_of_an_atom() {
        for (text, expected) in [
            (&b"abc"[..], &b"abc"[..]),
            (b" a.b-c_d:e/f*g+h=i\t", b"a.b-c_d:e/f*g+h=i"),
            (b"\"a b\"", b"a b"),
            (br#""\b\t\v\n\f\r\"\'\\""#, b"\x08\t\x0b\n\x0c\r\"'\\"),
            (br#""\x41\101\377""#, b"AA\xff"),
            (b"\"a\\\nb\\\r\nc\\\n\rd\"", b"abcd"),
            (b"#6162 6\n3#", b"abc"),
            (b"#aBcD#", &[0xab, 0xcd]),
            (b"##", b""),
            (b"3:)(\"", b")(\""),
            (b"3\"abc\"", b"abc"),
            (b"3#616263#", b"abc"),
        ] {
            assert_eq!(atom(text).as_deref(), Ok(expected), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn malformed_atoms() {
        for (text, expected) in [
            (&b"@"[..], ParseErrorKind::UnexpectedByte),
            (b"a@b", ParseErrorKind::UnexpectedByte),
            (b"\"a", ParseErrorKind::Truncated),
            (br#""\q""#, ParseErrorKind::String),
            (br#""\x4""#, ParseErrorKind::String),
            (br#""\400""#, ParseErrorKind::String),
            (b"#616#", ParseErrorKind::String),
            (b"#6g#", ParseErrorKind::String),
            (b"#61", ParseErrorKind::String),
            (b"9:a", ParseErrorKind::Truncated),
            (b"99999999999999999999999:a", ParseErrorKind::Truncated),
            (b"2\"a\"", ParseErrorKind::String),
            (b"1digit", ParseErrorKind::UnexpectedByte),
        ] {
            assert_eq!(atom(text), Err(expected), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn malformed_lists_are_located() {
        let error = |text: &[u8]| parse(text).err().unwrap();
        assert_eq!(error(b""), ParseError { offset: 0, line: 1, kind: ParseErrorKind::Truncated });
        assert_eq!(error(b"a"), ParseError { offset: 0, line: 1, kind: ParseErrorKind::UnexpectedByte });
        assert_eq!(error(b"(a\n(b)"), ParseError { offset: 6, line: 2, kind: ParseErrorKind::Truncated });
        assert_eq!(error(b"(a)\n\n)"), ParseError { offset: 5, line: 3, kind: ParseErrorKind::Trailing });
        let deep = [b"(".repeat(17), b")".repeat(17)].concat();
        assert_eq!(error(&deep).kind, ParseErrorKind::Depth);
        assert!(parse(&deep[1..33]).is_ok());
        assert_eq!(error(&vec![b'('; MAX_LEN + 1]).kind, ParseErrorKind::TooLong);
        assert_eq!(error(b"(a\n@)").to_string(), "line 2, byte 3: unexpected byte");
    }

    #[test]
    fn the_form_of_written_atoms() {
        for (atom, expected) in [
            (&b""[..], &b"\"\""[..]),
            (b"a1", b"a1"),
            (b"1a", b"\"1a\""),
            (b"a'b", b"\"a\\'b\""),
            (b"a\x01b", b"#610162#"),
            (b"a\x08b", b"\"a\\bb\""),
            ("x\u{e4}".as_bytes(), b"\"x\xc3\xa4\""),
            ("\u{e4}x".as_bytes(), b"#C3A478#"),
            ("x\u{c0}".as_bytes(), b"#78C380#"),
        ] {
            let mut out = Vec::new();
            write_atom(&mut out, atom);
            assert_eq!(out, expected, "{}", out.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn written_atoms_are_read_back(bytes: Vec<u8>) {
            let mut out = Vec::new();
            write_atom(&mut out, &bytes);
            prop_assert_eq!(atom(&out), Ok(bytes));
        }

        #[test]
        fn parsing_never_panics(bytes: Vec<u8>, text in r#"[()"\\#0-9a-f: x]{0,64}"#) {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
