//! Where the elements of a stream begin and end, and whether the parser can take them.
//!
//! The parser gives up a stream for good when a name or an attribute is longer than its limit, has no limit for an element
//! as a whole, and descends into what is nested by calling itself. So anybody whose messages the server passes on could
//! exhaust our memory or our stack, or end the stream each time the server delivers the message again. Pure.

/// The most that an element has when we are logged in (bytes). The largest that an honest server has is the list of
/// contacts: some thousand of them take half a megabyte.
pub(super) const MAX_ELEMENT: usize = 4 << 20;

/// The same while logging in: headers, features, challenges (bytes).
pub(super) const MAX_ELEMENT_BEFORE_LOGIN: usize = 64 << 10;

/// The most levels below the stream's root. A forwarded copy of a rich message from an archive has about a dozen.
const MAX_DEPTH: u32 = 64;

/// The longest name or attribute (bytes); the parser takes 8192.
const MAX_TOKEN: usize = 8000;

/// Follows a stream's bytes as far as is needed to know where its elements begin and end.
#[derive(Debug)]
pub(super) struct Meter {
    place: Place,
    depth: u32,
    token: usize,
    spoilt: bool,
}

/// Between which bytes we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Text,
    /// Behind `<`.
    Angle,
    /// In an opening tag; whether the last byte was a slash.
    Tag(bool),
    /// In a value that ends with this quote.
    Quoted(u8),
    ClosingTag,
    /// In `<? ?>`; whether the last byte was a question mark.
    Instruction(bool),
    /// Behind `<!`.
    Exclamation,
    /// In `<![CDATA[ ]]>`; how many brackets were last, at most 2.
    Characters(u8),
}

/// What a byte means for the elements around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It stands between two elements of the stream.
    Between,
    /// It belongs to an element, which goes on.
    Within,
    /// With it ends an element of the stream, or the stream's own opening or closing tag. `spoilt`: too deep, or with a
    /// name or an attribute that is too long.
    End {
        /// Not to be shown to the parser.
        spoilt: bool,
    },
    /// No stream may have it (RFC 6120, section 11.1), or no XML at all.
    Malformed,
}

impl Meter {
    pub(super) const fn new() -> Self {
        Self { place: Place::Text, depth: 0, token: 0, spoilt: false }
    }

    /// Whether the stream has begun and not ended.
    pub(super) const fn is_open(&self) -> bool {
        self.depth > 0
    }

    /// Takes notice of the next byte.
    pub(super) fn step(&mut self, byte: u8) -> Step {
        let mut tag_ends = false;
        let next = match (self.place, byte) {
            (Place::Text, b'<') => Place::Angle,
            (Place::Text, _) => Place::Text,
            (Place::Angle, b'/') => Place::ClosingTag,
            (Place::Angle, b'?') => Place::Instruction(false),
            (Place::Angle, b'!') => Place::Exclamation,
            (Place::Angle | Place::Tag(_) | Place::ClosingTag, b'<') => return Step::Malformed,
            (Place::Angle, _) => {
                self.depth = self.depth.saturating_add(1);
                self.spoilt |= self.depth > MAX_DEPTH;
                Place::Tag(false)
            }
            (Place::Tag(_), quote @ (b'"' | b'\'')) => Place::Quoted(quote),
            (Place::Quoted(quote), byte) if byte == quote => Place::Tag(false),
            (Place::Quoted(quote), _) => Place::Quoted(quote),
            (Place::Tag(empty), b'>') => {
                self.depth = self.depth.saturating_sub(u32::from(empty));
                tag_ends = true;
                Place::Text
            }
            (Place::Tag(_), byte) => Place::Tag(byte == b'/'),
            (Place::ClosingTag, b'>') => {
                self.depth = self.depth.saturating_sub(1);
                tag_ends = true;
                Place::Text
            }
            (Place::ClosingTag, _) => Place::ClosingTag,
            (Place::Instruction(true), b'>') => Place::Text,
            (Place::Instruction(_), byte) => Place::Instruction(byte == b'?'),
            // The name of the section is left to the parser.
            (Place::Exclamation, b'[') => Place::Characters(0),
            (Place::Exclamation, _) => return Step::Malformed,
            (Place::Characters(2), b'>') => Place::Text,
            (Place::Characters(brackets), b']') => Place::Characters((brackets + 1).min(2)),
            (Place::Characters(_), _) => Place::Characters(0),
        };
        self.measure(next, byte);
        self.place = next;
        if tag_ends && self.depth <= 1 {
            return Step::End { spoilt: core::mem::take(&mut self.spoilt) };
        }
        if self.depth <= 1 && self.place == Place::Text { Step::Between } else { Step::Within }
    }

    fn measure(&mut self, next: Place, byte: u8) {
        let goes_on = match next {
            Place::Quoted(_) => self.place == next,
            Place::Tag(_) => {
                matches!(self.place, Place::Tag(_)) && !matches!(byte, b'=' | b' ' | b'\t' | b'\r' | b'\n')
            }
            Place::ClosingTag => self.place == next,
            _ => false,
        };
        self.token = if goes_on { self.token.saturating_add(1) } else { 0 };
        self.spoilt |= self.token > MAX_TOKEN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version='1.0'?><stream:stream xmlns:stream='a>b/' to=\"it's/>\">";

    /// The steps that are not in the middle of something.
    fn steps(text: &str) -> (Meter, Vec<Step>) {
        let mut meter = Meter::new();
        let steps = text.bytes().map(|byte| meter.step(byte)).filter(|step| *step != Step::Within).collect();
        (meter, steps)
    }

    const WHOLE: Step = Step::End { spoilt: false };
    const SPOILT: Step = Step::End { spoilt: true };

    #[test]
    fn elements_end_where_they_end() {
        let text = "<message to='a'><body>hello > there</body></message> <r/><a b='>'></a></stream:stream>";
        let (meter, seen) = steps(&(HEAD.to_owned() + text));
        // The first is the end of the declaration.
        assert_eq!(seen, [Step::Between, WHOLE, WHOLE, Step::Between, WHOLE, WHOLE, WHOLE]);
        assert_eq!(meter.depth, 0);
    }

    #[test]
    fn depth_is_known_through_everything_that_looks_like_a_tag() {
        let text = "<x><a b='</a>' c=\"'/>\"/><d><![CDATA[<e><e>]] ]]]></d><f/><g><?h i ??></g></x>";
        let (meter, seen) = steps(&(HEAD.to_owned() + text));
        assert_eq!((meter.depth, meter.place), (1, Place::Text));
        assert_eq!(seen, [Step::Between, WHOLE, WHOLE]);
    }

    #[test]
    fn what_is_nested_too_deeply_is_spoilt_and_nothing_behind_it() {
        let nested = |levels| HEAD.to_owned() + &"<a>".repeat(levels) + &"</a>".repeat(levels) + "<b/>";
        let most = MAX_DEPTH as usize - 1;
        assert_eq!(steps(&nested(most)).1[1..], [WHOLE, WHOLE, WHOLE]);
        assert_eq!(steps(&nested(most + 1)).1[1..], [WHOLE, SPOILT, WHOLE]);
        assert_eq!(steps(&nested(100_000)).1[1..], [WHOLE, SPOILT, WHOLE]);
    }

    #[test]
    fn long_names_and_attributes_spoil_an_element_and_long_texts_do_not() {
        let (long, fits) = ("x".repeat(MAX_TOKEN + 2), "x".repeat(MAX_TOKEN - 2));
        for (text, end) in [
            (format!("<a b='{long}'/>"), SPOILT),
            (format!("<a {long}='b'/>"), SPOILT),
            (format!("<{long}/>"), SPOILT),
            (format!("<a b='{fits}' {fits}=\"{fits}\"><{fits}/></a>"), WHOLE),
            (format!("<a>{long}<![CDATA[{long}]]></a>"), WHOLE),
        ] {
            assert_eq!(steps(&(HEAD.to_owned() + &text)).1.last(), Some(&end), "{:.20}", text);
        }
    }

    #[test]
    fn rubbish_does_no_harm() {
        for text in ["</a></a></a>", "<", "<!", "]]>", "<?", "\"'>\0"] {
            assert!(!steps(text).1.contains(&Step::Malformed), "{text}");
        }
        for text in ["<!DOCTYPE x>", "<a><!-- <b> -->", "<<", "<a <b", "</a<"] {
            assert!(steps(text).1.contains(&Step::Malformed), "{text}");
        }
    }
}
