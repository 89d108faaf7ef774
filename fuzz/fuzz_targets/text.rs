//! What is this line? Classification, queries, tags.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otr_core::Policy;
use otr_core::text::{Line, classify, classify_reassembled, cut_tag, find_tag};

fuzz_target!(|line: &[u8]| {
    match classify(line) {
        Line::Plain => assert!(find_tag(line).is_none()),
        Line::Tagged { text, versions } => {
            assert_eq!(cut_tag(line), Some((text.clone(), versions)));
            assert!(text.len() < line.len());
            if let Some(version) = versions.highest(Policy::MANUAL) {
                assert!(versions.offers(version));
            }
        }
        Line::Error { text } => assert!(text.len() < line.len()),
        Line::Fragment(_) => assert_eq!(classify_reassembled(line), Line::Unknown { version: None }),
        Line::Query { .. } | Line::Encoded(_) | Line::VersionOne | Line::Unknown { .. } => {}
    }
});
