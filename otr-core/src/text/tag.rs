//! Whitespace tags: an offer of OTR that readers do not see (protocol section "Whitespace tag").

use core::ops::Range;

use super::{Versions, find};
use crate::{Policy, Version};

/// What every tag begins with.
const BASE: [u8; 16] = *b" \t  \t\t\t\t \t \t \t  ";
/// The group that offers version 1.
const V1: [u8; GROUP] = *b" \t \t  \t ";
/// The group that offers version 2.
const V2: [u8; GROUP] = *b"  \t\t  \t ";
/// The group that offers version 3.
const V3: [u8; GROUP] = *b"  \t\t  \t\t";
/// Bytes of a group.
const GROUP: usize = 8;

/// A tag found in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Which bytes of the line it takes.
    pub range: Range<usize>,
    /// What it offers.
    pub versions: Versions,
}

/// Appends the tag for the versions that `policy` allows; nothing if it allows none.
pub fn append_tag(text: &mut Vec<u8>, policy: Policy) {
    if !policy.is_on() {
        return;
    }
    text.extend_from_slice(&BASE);
    for (version, group) in [(Version::V2, &V2), (Version::V3, &V3)] {
        if policy.allows(version) {
            text.extend_from_slice(group);
        }
    }
}

/// Finds the first tag: the base, then groups of 8 blanks and tabs as long as there are any. Groups that name
/// no version belong to the tag all the same.
#[must_use]
pub fn find_tag(line: &[u8]) -> Option<Tag> {
    let start = find::first(line, &BASE)?;
    let mut end = start + BASE.len();
    let mut versions = Versions::empty();
    let groups = line.get(end..).unwrap_or_default().chunks_exact(GROUP);
    for group in groups.take_while(|group| group.iter().all(|byte| matches!(byte, b' ' | b'\t'))) {
        versions |= offered(group);
        end += GROUP;
    }
    Some(Tag { range: start..end, versions })
}

/// `line` without its first tag, and what that offered; `None` if there is no tag.
#[must_use]
pub fn cut_tag(line: &[u8]) -> Option<(Vec<u8>, Versions)> {
    let Tag { range, versions } = find_tag(line)?;
    let before = line.get(..range.start)?;
    let behind = line.get(range.end..)?;
    Some(([before, behind].concat(), versions))
}

/// What one group offers.
fn offered(group: &[u8]) -> Versions {
    if group == V1 {
        Versions::V1
    } else if group == V2 {
        Versions::V2
    } else if group == V3 {
        Versions::V3
    } else {
        Versions::empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_constants_are_those_of_the_protocol() {
        assert_eq!(hex::encode(BASE), "20092020090909092009200920092020");
        assert_eq!(hex::encode(V1), "2009200920200920");
        assert_eq!(hex::encode(V2), "2020090920200920");
        assert_eq!(hex::encode(V3), "2020090920200909");
    }

    #[test]
    fn a_tag_of_nothing_is_cut_too() {
        let line = [b"a".as_slice(), &BASE, b"b"].concat();
        assert_eq!(cut_tag(&line), Some((b"ab".to_vec(), Versions::empty())));
    }

    #[test]
    fn unknown_and_unaligned_groups_end_where_libotr_ends_them() {
        let line = [b"a".as_slice(), &BASE, &[b' '; 8], &V3, b" b"].concat();
        assert_eq!(cut_tag(&line), Some((b"a b".to_vec(), Versions::V3)));
    }

    #[test]
    fn nothing_is_appended_when_otr_is_off() {
        let mut text = b"hello".to_vec();
        append_tag(&mut text, Policy::SEND_WHITESPACE_TAG);
        assert_eq!(text, b"hello");
    }

    /// Text of which no part can be taken for the beginning of a tag.
    fn untagged() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..60).prop_filter("the end of the text runs into the tag", |text| {
            find::first(&[text, &BASE[..]].concat(), &BASE) == Some(text.len())
        })
    }

    proptest! {
        #[test]
        fn appended_and_cut_is_the_identity(text in untagged(), bits in any::<u8>()) {
            let policy = Policy::from_bits_truncate(bits);
            let mut line = text.clone();
            append_tag(&mut line, policy);
            if policy.is_on() {
                prop_assert_eq!(cut_tag(&line), Some((text, Versions::allowed_by(policy))));
            } else {
                prop_assert_eq!(line, text);
            }
        }

        #[test]
        fn a_found_tag_lies_in_the_line(line in prop::collection::vec(prop::sample::select(b"  \t\tx".to_vec()), 0..80)) {
            let line = [line.as_slice(), &BASE, &line].concat();
            let tag = find_tag(&line).unwrap();
            prop_assert!(tag.range.end <= line.len());
            prop_assert_eq!((tag.range.len() - BASE.len()) % GROUP, 0);
            prop_assert_eq!(cut_tag(&line).unwrap().0.len(), line.len() - tag.range.len());
        }
    }
}
