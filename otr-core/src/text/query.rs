//! Queries: `?OTRv23?` and relatives (protocol section "Query").

use super::{MARKER, Versions};
use crate::Policy;

/// A query for the versions that `policy` allows, for example `?OTRv23?`.
///
/// An `explanation` follows on a line of its own for the reader whose client does not know OTR; it may be empty.
/// `None` if `policy` allows no version: then OTR is off and nothing is asked.
#[must_use]
pub fn query(policy: Policy, explanation: &[u8]) -> Option<Vec<u8>> {
    let versions: &[u8] = match (policy.contains(Policy::ALLOW_V2), policy.contains(Policy::ALLOW_V3)) {
        (true, true) => b"v23?",
        (true, false) => b"v2?",
        (false, true) => b"v3?",
        (false, false) => return None,
    };
    let separator: &[u8] = if explanation.is_empty() { b"" } else { b"\n" };
    Some([MARKER, versions, separator, explanation].concat())
}

/// What a query offers; `after` begins behind its marker.
///
/// As libotr reads it: a `?` at once is version 1; then a `v` opens the list, which a `?` or the end of the text
/// closes. Characters that name no version are skipped.
pub(super) fn offered(after: &[u8]) -> Versions {
    let (mut versions, rest) = match after {
        [b'?', rest @ ..] => (Versions::V1, rest),
        rest => (Versions::empty(), rest),
    };
    let Some(list) = rest.strip_prefix(b"v") else {
        return versions;
    };
    for &character in list.iter().take_while(|&&character| character != b'?') {
        match character {
            b'2' => versions |= Versions::V2,
            b'3' => versions |= Versions::V3,
            _ => {}
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_writes_the_list() {
        assert_eq!(query(Policy::MANUAL, b"").unwrap(), b"?OTRv23?");
        assert_eq!(query(Policy::ALLOW_V2, b"").unwrap(), b"?OTRv2?");
        assert_eq!(query(Policy::ALLOW_V3, b"Hello.").unwrap(), b"?OTRv3?\nHello.");
        assert_eq!(query(Policy::REQUIRE_ENCRYPTION, b"x"), None);
    }

    #[test]
    fn a_three_stripped_from_a_query_leaves_version_2() {
        assert_eq!(offered(b"v2?"), Versions::V2);
        assert_eq!(offered(b"v23?"), Versions::V2 | Versions::V3);
    }

    #[test]
    fn the_closing_mark_may_be_missing() {
        assert_eq!(offered(b"v23 hello"), Versions::V2 | Versions::V3);
        assert_eq!(offered(b"?v4x2"), Versions::V1 | Versions::V2);
        assert_eq!(offered(b"??v2?"), Versions::V1);
        assert_eq!(offered(b""), Versions::empty());
    }
}
