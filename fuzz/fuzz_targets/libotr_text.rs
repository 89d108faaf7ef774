//! What is this line? As libotr says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use libotr_oracle::{Kind as Theirs, Libotr, c_line};
use otr_core::text::{Kind, Line, Versions, classify};
use otr_core::{Policy, Version};

/// As libotr counts versions.
fn best(versions: Versions) -> u32 {
    match versions.highest(Policy::MANUAL) {
        Some(Version::V3) => 3,
        Some(Version::V2) => 2,
        None => 0,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(line) = c_line(data) else { return };
    let libotr = Libotr::new();
    let theirs = libotr.kind(&line);
    match classify(data) {
        Line::Plain => assert_eq!(theirs, Theirs::Plain),
        Line::Tagged { versions, .. } => {
            assert_eq!(theirs, Theirs::Tagged);
            assert_eq!(best(versions), libotr.tag_version(&line));
        }
        Line::Query { versions } => {
            assert_eq!(theirs, Theirs::Query);
            assert_eq!(best(versions), libotr.query_version(&line));
        }
        Line::Error { .. } => assert_eq!(theirs, Theirs::Error),
        Line::VersionOne => assert!(matches!(theirs, Theirs::VersionOne | Theirs::Data | Theirs::Unknown)),
        Line::Encoded(encoded) => {
            let kind = match encoded.kind() {
                Kind::Commit => Theirs::DhCommit,
                Kind::Key => Theirs::DhKey,
                Kind::RevealSignature => Theirs::RevealSignature,
                Kind::Signature => Theirs::Signature,
                Kind::Data => Theirs::Data,
            };
            assert_eq!(theirs, kind);
            let version = if encoded.version() == Version::V3 { 3 } else { 2 };
            assert_eq!(libotr.version(&line), version);
        }
        // libotr looks for fragments before it asks for the kind.
        Line::Fragment(_) | Line::Unknown { .. } => assert_eq!(theirs, Theirs::Unknown),
    }
});
