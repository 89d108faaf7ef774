//! The text layer: what a line is, queries, whitespace tags, error messages, base64 armour.
//!
//! Lines are bytes, never `str`: a network may hand over anything, and nothing here interprets human text.
//! Everything follows section "Text layer" of the protocol with the tolerance of libotr: the marker `?OTR` may
//! stand anywhere in a line, and the first one counts.

mod armour;
mod encoded;
mod find;
mod query;
mod tag;
mod versions;

pub use armour::{ArmourError, Termination, armour, dearmour};
pub use encoded::{Encoded, Kind};
pub use query::query;
pub use tag::{Tag, append_tag, cut_tag, find_tag};
pub use versions::Versions;

use self::find::from_first;
use crate::Version;
use crate::fragment::{FragmentKind, RawFragment};

/// What every OTR line contains.
const MARKER: &[u8] = b"?OTR";
/// What an error message contains.
const ERROR_MARKER: &[u8] = b"?OTR Error:";

/// What a received line is, by its first characters only; whether it is valid shows later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Neither a marker nor a whitespace tag: show it as it is.
    Plain,
    /// Plaintext with a whitespace tag.
    Tagged {
        /// The line without its tag.
        text: Vec<u8>,
        /// What the tag offers; possibly nothing.
        versions: Versions,
    },
    /// A query: the peer asks for OTR.
    Query {
        /// What the query offers; possibly nothing.
        versions: Versions,
    },
    /// An error message. Anybody can write one: show it, trust it for nothing.
    Error {
        /// The human text, without the one blank that usually follows the marker. libotr 4.1.1 reports an
        /// error only if that blank is there and shows the line unchanged otherwise; here both are errors.
        text: &'a [u8],
    },
    /// An armoured binary message of version 2 or 3.
    Encoded(Encoded<'a>),
    /// A binary message of version 1, which this crate does not speak: ignore it silently.
    VersionOne,
    /// A fragment, of either kind in any session; [`crate::fragment::parse_fragment`] reads it.
    Fragment(RawFragment<'a>),
    /// A line with the marker that is nothing of the above: never shown.
    Unknown {
        /// The version, if it is a binary message of an unknown kind: a version that the policy forbids is
        /// ignored silently, the rest is reported.
        version: Option<Version>,
    },
}

/// Classifies a line as it came from the network (protocol section "Classification").
#[must_use]
pub fn classify(line: &[u8]) -> Line<'_> {
    let Some(marked) = from_first(line, MARKER) else {
        return unmarked(line);
    };
    match marked.get(MARKER.len()..).unwrap_or_default() {
        [b'|', rest @ ..] => Line::Fragment(RawFragment::new(FragmentKind::V3, rest)),
        [b',', rest @ ..] => Line::Fragment(RawFragment::new(FragmentKind::V2, rest)),
        after => whole(marked, after),
    }
}

/// Classifies a line that was put together from fragments: as [`classify`], but a fragment is unknown, because
/// a fragment is never fragmented again.
#[must_use]
pub fn classify_reassembled(line: &[u8]) -> Line<'_> {
    match classify(line) {
        Line::Fragment(_) => Line::Unknown { version: None },
        other => other,
    }
}

/// An error message for the peer: the marker, a blank, `text`. Fixed texts only; it leaves in clear.
#[must_use]
pub fn error_line(text: &[u8]) -> Vec<u8> {
    [ERROR_MARKER, b" ", text].concat()
}

/// A line without marker.
fn unmarked(line: &[u8]) -> Line<'_> {
    match cut_tag(line) {
        Some((text, versions)) => Line::Tagged { text, versions },
        None => Line::Plain,
    }
}

/// An unfragmented line from its marker on, and what stands behind the marker.
fn whole<'a>(marked: &'a [u8], after: &'a [u8]) -> Line<'a> {
    match after {
        [b':', b'A', b'A', b'M', symbols @ ..] => binary(Version::V3, marked, symbols),
        [b':', b'A', b'A', b'I', symbols @ ..] => binary(Version::V2, marked, symbols),
        [b':', b'A', b'A', b'E', ..] => Line::VersionOne,
        [b'?' | b'v', ..] => Line::Query { versions: query::offered(after) },
        _ => match marked.strip_prefix(ERROR_MARKER) {
            Some(text) => Line::Error { text: text.strip_prefix(b" ").unwrap_or(text) },
            None => Line::Unknown { version: None },
        },
    }
}

/// A binary message; `symbols` are the base64 characters behind those of the version.
fn binary<'a>(version: Version, marked: &'a [u8], symbols: &[u8]) -> Line<'a> {
    match symbols.first().copied().and_then(Kind::from_symbol) {
        Some(kind) => Line::Encoded(Encoded::new(version, kind, marked)),
        None => Line::Unknown { version: Some(version) },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Policy;

    fn kind_of(line: &[u8]) -> Option<(Version, Kind)> {
        match classify(line) {
            Line::Encoded(encoded) => Some((encoded.version(), encoded.kind())),
            _ => None,
        }
    }

    #[test]
    fn binary_messages_are_told_by_three_characters() {
        assert_eq!(kind_of(b"?OTR:AAMC..."), Some((Version::V3, Kind::Commit)));
        assert_eq!(kind_of(b"?OTR:AAIK"), Some((Version::V2, Kind::Key)));
        assert_eq!(kind_of(b"lead ?OTR:AAMR"), Some((Version::V3, Kind::RevealSignature)));
        assert_eq!(kind_of(b"?OTR:AAIS"), Some((Version::V2, Kind::Signature)));
        assert_eq!(kind_of(b"?OTR:AAMD"), Some((Version::V3, Kind::Data)));
        assert_eq!(classify(b"?OTR:AAMX"), Line::Unknown { version: Some(Version::V3) });
        assert_eq!(classify(b"?OTR:AAI"), Line::Unknown { version: Some(Version::V2) });
        assert_eq!(classify(b"?OTR:AAEC"), Line::VersionOne);
        assert_eq!(classify(b"?OTR:AAQD"), Line::Unknown { version: None });
    }

    #[test]
    fn the_first_marker_decides() {
        assert_eq!(classify(b"?OTR ?OTR:AAMD"), Line::Unknown { version: None });
        assert_eq!(classify(b"?OTRv2? ?OTR,1,2,x,"), Line::Query { versions: Versions::V2 });
    }

    #[test]
    fn a_query_in_the_middle_of_text_is_a_query() {
        assert_eq!(classify(b"hey ?OTRv3? hey"), Line::Query { versions: Versions::V3 });
    }

    #[test]
    fn an_error_is_one_with_and_without_the_blank() {
        assert_eq!(classify(b"?OTR Error: x"), Line::Error { text: b"x" });
        assert_eq!(classify(b"?OTR Error:x"), Line::Error { text: b"x" });
        assert_eq!(classify(b"?OTR Error:  x"), Line::Error { text: b" x" });
        assert_eq!(classify(b"?OTR Error"), Line::Unknown { version: None });
        assert_eq!(classify(&error_line(b"broken")), Line::Error { text: b"broken" });
    }

    #[test]
    fn fragments_come_first_but_not_out_of_fragments() {
        for line in [b"?OTR|1|2,1,2,x,".as_slice(), b"?OTR,1,2,x,", b"lead ?OTR,"] {
            assert!(matches!(classify(line), Line::Fragment(_)));
            assert_eq!(classify_reassembled(line), Line::Unknown { version: None });
        }
    }

    #[test]
    fn every_prefix_of_every_message_is_classified() {
        let lines: [&[u8]; 7] = [
            b"?OTR:AAMDAAAAAQAAAAE=.",
            b"?OTR:AAIDAAAA.",
            b"?OTR:AAED.",
            b"?OTR?v23?",
            b"?OTR Error: x",
            b"?OTR|00000100|00000200,00001,00002,x,",
            b"?OTR,1,2,x,",
        ];
        for line in lines {
            for end in 0..line.len() {
                let prefix = &line[..end];
                match classify(prefix) {
                    Line::Plain => assert!(end < MARKER.len()),
                    Line::Tagged { .. } => panic!("no tag in {prefix:?}"),
                    _ => assert!(end >= MARKER.len()),
                }
            }
        }
        assert_eq!(classify(b"?OTR"), Line::Unknown { version: None });
        assert_eq!(classify(b"?OTRv"), Line::Query { versions: Versions::empty() });
    }

    #[test]
    fn the_marker_is_case_sensitive_and_text_may_be_any_bytes() {
        assert_eq!(classify(b"?otr:AAMD"), Line::Plain);
        assert_eq!(classify(b"\xff\xfe\x00 %n%s"), Line::Plain);
        assert_eq!(classify(b""), Line::Plain);
    }

    fn otr_like() -> impl Strategy<Value = Vec<u8>> {
        let token = prop_oneof![
            Just(b"?OTR".to_vec()),
            Just(b":AAM".to_vec()),
            Just(b" Error:".to_vec()),
            Just(b" \t  \t\t\t\t \t \t \t  ".to_vec()),
            Just(b"  \t\t  \t\t".to_vec()),
            prop::collection::vec(prop::sample::select(b"?OTRv23:|,.= \tAZ\x00\xff".to_vec()), 0..8),
            prop::collection::vec(any::<u8>(), 0..8),
        ];
        prop::collection::vec(token, 0..8).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn classification_never_panics(line in otr_like()) {
            let own = crate::InstanceTag::new(0x100).unwrap();
            match classify(&line) {
                Line::Encoded(encoded) => drop(encoded.dearmour()),
                Line::Fragment(raw) => drop(crate::fragment::parse_fragment(raw, own)),
                Line::Tagged { text, .. } => prop_assert!(text.len() < line.len()),
                _ => {}
            }
        }

        #[test]
        fn what_is_sent_is_recognised(bits in any::<u8>(), text in prop::collection::vec(any::<u8>(), 0..40)) {
            let policy = Policy::from_bits_truncate(bits);
            let versions = Versions::allowed_by(policy);
            if let Some(line) = query(policy, &text) {
                prop_assert_eq!(classify(&line), Line::Query { versions });
            }
            let line = error_line(&text);
            prop_assert_eq!(classify(&line), Line::Error { text: &text });
        }
    }
}
