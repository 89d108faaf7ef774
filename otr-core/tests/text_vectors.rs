//! libotr's own answers for the text layer: which version a query or tag selects, what a line is, what base64
//! decodes to, how a line is cut and what comes out of fragments.
//!
//! The directory of the vectors comes from `OTR_VECTORS`; without it, `tests/vectors` is read.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a vector that cannot be read fails the test")]

use std::path::{Path, PathBuf};

use otr_core::fragment::{Assembled, Assembler, FragmentError, FragmentHeader, FragmentKind, parse_fragment, split};
use otr_core::text::{
    Encoded, Kind, Line, Termination, Versions, append_tag, armour, classify, classify_reassembled, cut_tag, dearmour,
    find_tag, query,
};
use otr_core::{InstanceTag, Policy};
use serde_json::Value;

/// Where we differ on purpose: the case, and why.
const DEVIATIONS: &[(&str, &str)] = &[
    ("default_query: policy 0", "OTR is off: no query is written, libotr writes a bare marker"),
    ("default_query: policy 1", "only version 1 is allowed, which is not spoken here"),
    ("default_query: policy 7", "version 1 is not offered"),
];

/// How many comparisons were made, and which of them differed.
#[derive(Debug, Default)]
struct Counts {
    compared: usize,
    deviations: Vec<String>,
}

impl Counts {
    /// One comparison; a difference must be a listed deviation.
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, case: &str, ours: &T, theirs: &T) {
        self.compared += 1;
        if ours != theirs {
            assert!(DEVIATIONS.iter().any(|(name, _)| *name == case), "{case}: ours {ours:?}, libotr's {theirs:?}");
            self.deviations.push(case.to_owned());
        }
    }
}

fn directory() -> PathBuf {
    std::env::var_os("OTR_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"), Into::into)
}

fn load(dir: &Path, file: &str) -> Value {
    let path = dir.join(file);
    let json = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&json).unwrap()
}

fn rows<'a>(file: &'a Value, table: &str) -> &'a [Value] {
    file[table].as_array().unwrap_or_else(|| panic!("no table {table}"))
}

/// The bytes of a string that holds one character per byte.
fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

fn number(value: &Value) -> u8 {
    u8::try_from(value.as_u64().unwrap()).unwrap()
}

fn tag(value: &Value) -> Option<InstanceTag> {
    InstanceTag::new(u32::from_str_radix(value.as_str().unwrap(), 16).unwrap())
}

/// libotr's best version of an offer. Version 1, where libotr may choose it, is what is left.
fn best(versions: Versions, bits: u8) -> u64 {
    match versions.highest(Policy::from_bits_truncate(bits)) {
        Some(version) => u64::from(version.number()),
        None if bits & 0x01 != 0 && versions.contains(Versions::V1) => 1,
        None => 0,
    }
}

fn run_queries(dir: &Path) -> Counts {
    let mut counts = Counts::default();
    for row in rows(&load(dir, "unit_tables.json"), "query_bestversion") {
        let line = bytes(&row["message"]);
        let case = format!("query_bestversion: {} with {}", row["message"], row["policy"]);
        let (versions, kind) = match classify(&line) {
            Line::Query { versions } => (versions, 2),
            Line::Unknown { version: None } => (Versions::empty(), 10),
            Line::Plain => (Versions::empty(), 0),
            other => panic!("{case}: {other:?}"),
        };
        counts.compare(&case, &kind, &row["type"].as_u64().unwrap());
        counts.compare(&case, &best(versions, number(&row["policy"])), &row["best"].as_u64().unwrap());
    }
    counts
}

fn run_tags(dir: &Path) -> Counts {
    let mut counts = Counts::default();
    for row in rows(&load(dir, "unit_tables.json"), "whitespace_bestversion") {
        let line = bytes(&row["message"]);
        let case = format!("whitespace_bestversion: {} with {}", row["message"], row["policy"]);
        let theirs = (row["tag_start"].as_i64().unwrap(), row["tag_end"].as_i64().unwrap());
        match find_tag(&line) {
            Some(found) => {
                let (start, end) = (found.range.start, found.range.end);
                counts.compare(&case, &(i64::try_from(start).unwrap(), i64::try_from(end).unwrap()), &theirs);
                counts.compare(&case, &best(found.versions, number(&row["policy"])), &row["best"].as_u64().unwrap());
                let text = [&line[..start], &line[end..]].concat();
                assert_eq!(cut_tag(&line), Some((text.clone(), found.versions)), "{case}");
                assert_eq!(classify(&line), Line::Tagged { text, versions: found.versions }, "{case}");
            }
            None => {
                counts.compare(&case, &(-1, -1), &theirs);
                counts.compare(&case, &0, &row["best"].as_u64().unwrap());
                assert_eq!(classify(&line), Line::Plain, "{case}");
            }
        }
    }
    counts
}

fn run_types(dir: &Path) -> Counts {
    let mut counts = Counts::default();
    for row in rows(&load(dir, "unit_tables.json"), "message_type") {
        let line = bytes(&row["message"]);
        let case = format!("message_type: {}", row["message"]);
        let encoded = |encoded: Encoded<'_>| {
            let name = match encoded.kind() {
                Kind::Commit => "DH_COMMIT",
                Kind::Key => "DH_KEY",
                Kind::RevealSignature => "REVEALSIG",
                Kind::Signature => "SIGNATURE",
                Kind::Data => "DATA",
            };
            (name, u64::from(encoded.version().number()))
        };
        let theirs = (row["type"].as_str().unwrap(), row["version"].as_u64().unwrap());
        // This function of libotr sees lines behind the reassembler.
        let ours = match classify_reassembled(&line) {
            Line::Plain => ("NOTOTR", 0),
            Line::Tagged { .. } => ("TAGGEDPLAINTEXT", 0),
            Line::Query { .. } => ("QUERY", 0),
            Line::Error { .. } => ("ERROR", 0),
            Line::Encoded(message) => encoded(message),
            // Of version 1 only the version is told; libotr ignores every kind of it alike.
            Line::VersionOne => (theirs.0, 1),
            Line::Unknown { version } => ("UNKNOWN", version.map_or(0, |version| u64::from(version.number()))),
            other @ Line::Fragment(_) => panic!("{case}: {other:?}"),
        };
        counts.compare(&case, &ours, &theirs);
    }
    counts
}

fn run_base64(dir: &Path) -> Counts {
    let mut counts = Counts::default();
    for row in rows(&load(dir, "unit_tables.json"), "base64") {
        let line = bytes(&row["message"]);
        let case = format!("base64: {}", row["message"]);
        let message = hex::decode(row["bytes"].as_str().unwrap()).unwrap();
        let theirs = (row["result"] == 0).then(|| message.clone());
        counts.compare(&case, &dearmour(&line, Termination::DotRequired).ok(), &theirs);
        if row["encoded_by_libotr"] == true {
            counts.compare(&case, &armour(&message), &line);
        }
    }
    counts
}

fn run_default_queries(dir: &Path) -> Counts {
    let mut counts = Counts::default();
    for row in rows(&load(dir, "unit_tables.json"), "default_query") {
        let theirs = bytes(&row["message"]);
        // Only what stands before the explanation is protocol.
        let theirs = theirs.split(|&byte| byte == b'\n').next().unwrap().to_vec();
        let ours = query(Policy::from_bits_truncate(number(&row["policy"])), b"").unwrap_or_default();
        counts.compare(&format!("default_query: policy {}", row["policy"]), &ours, &theirs);
    }
    counts
}

fn run_split(dir: &Path) -> Counts {
    let mut counts = Counts::default();
    for case in rows(&load(dir, "fragments.json"), "cases") {
        let name = case["name"].as_str().unwrap();
        let header = if case["otr_version"] == 3 {
            FragmentHeader::V3 {
                sender: tag(&case["sender_instance"]).unwrap(),
                receiver: tag(&case["receiver_instance"]),
            }
        } else {
            FragmentHeader::V2
        };
        let limit = usize::try_from(case["max_message_size"].as_u64().unwrap()).unwrap();
        let ours = split(&bytes(&case["original_message"]), limit, header).unwrap();
        let theirs: Vec<Vec<u8>> = rows(case, "fragments").iter().map(bytes).collect();
        counts.compare(name, &ours.len(), &theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            counts.compare(name, ours, theirs);
        }
    }
    counts
}

/// What a delivery gives, as far as the text layer decides it.
#[derive(Debug, PartialEq)]
enum Delivery {
    Nothing,
    /// A whole line with a marker, and whether it is the original.
    Whole {
        original: bool,
    },
    Plain,
    OtherInstance,
    Malformed,
}

fn run_reassembly(dir: &Path) -> Counts {
    let mut counts = Counts::default();
    for case in rows(&load(dir, "fragments.json"), "cases") {
        let name = case["name"].as_str().unwrap();
        let original = bytes(&case["original_message"]);
        // In version 2 the receiver has a tag that nobody names.
        let own = tag(&case["receiver_instance"]).unwrap_or(InstanceTag::new(0x1234_5678).unwrap());
        let mut assembler = Assembler::new();
        let mut complete = Vec::new();
        for (at, delivery) in rows(case, "deliveries").iter().enumerate() {
            let line = bytes(&delivery["message"]);
            let ours = deliver(&mut assembler, &line, own, &original);
            if ours == (Delivery::Whole { original: true }) {
                complete.push(u64::try_from(at).unwrap());
            }
            counts.compare(name, &ours, &theirs(delivery));
        }
        let reassembled_at: Vec<u64> =
            rows(case, "reassembled_at").iter().map(|index| index.as_u64().unwrap()).collect();
        counts.compare(name, &complete, &reassembled_at);
        counts.compare(name, &!complete.is_empty(), &case["reassembled"].as_bool().unwrap());
    }
    counts
}

fn deliver(assembler: &mut Assembler, line: &[u8], own: InstanceTag, original: &[u8]) -> Delivery {
    match classify(line) {
        Line::Plain | Line::Tagged { .. } => Delivery::Plain,
        Line::Fragment(raw) => match parse_fragment(raw, own) {
            Ok(fragment) => match assembler.push(fragment) {
                Assembled::Complete(line) => {
                    assert!(matches!(classify_reassembled(&line), Line::Encoded(_)));
                    Delivery::Whole { original: line == original }
                }
                Assembled::Stored | Assembled::Ignored(_) | Assembled::Dropped(_) => Delivery::Nothing,
            },
            Err(FragmentError::OtherInstance(_)) => Delivery::OtherInstance,
            Err(FragmentError::ReservedSender(_) | FragmentError::Tags) => Delivery::Malformed,
            Err(_) => Delivery::Nothing,
        },
        _ => {
            assembler.handle_unfragmented();
            Delivery::Whole { original: line == original }
        }
    }
}

/// The same of libotr, read from its events. Every original is text that gets shown.
fn theirs(delivery: &Value) -> Delivery {
    let events = delivery["events"].to_string();
    if delivery["internal"] == 0 {
        Delivery::Whole { original: true }
    } else if events.contains("RCVDMSG_GENERAL_ERR") {
        Delivery::Whole { original: false }
    } else if events.contains("RCVDMSG_UNENCRYPTED") {
        Delivery::Plain
    } else if events.contains("RCVDMSG_FOR_OTHER_INSTANCE") {
        Delivery::OtherInstance
    } else if events.contains("RCVDMSG_MALFORMED") {
        Delivery::Malformed
    } else {
        assert_eq!(events, "[]");
        Delivery::Nothing
    }
}

/// Prints a table's counts, which must not be zero.
fn report(table: &str, counts: &Counts, deviations: usize) {
    println!("{table}: {} compared, {} differ on purpose", counts.compared, counts.deviations.len());
    assert!(counts.compared > 0, "{table} is empty");
    assert_eq!(counts.deviations.len(), deviations, "{:?}", counts.deviations);
}

#[test]
fn queries_select_what_libotr_selects() {
    report("query_bestversion", &run_queries(&directory()), 0);
}

#[test]
fn whitespace_tags_select_what_libotr_selects() {
    report("whitespace_bestversion", &run_tags(&directory()), 0);
}

#[test]
fn lines_are_what_libotr_takes_them_for() {
    report("message_type", &run_types(&directory()), 0);
}

#[test]
fn base64_decodes_to_what_libotr_decodes() {
    report("base64", &run_base64(&directory()), 0);
}

#[test]
fn queries_are_written_as_libotr_writes_them() {
    report("default_query", &run_default_queries(&directory()), DEVIATIONS.len());
}

#[test]
fn lines_are_cut_as_libotr_cuts_them() {
    report("fragments: split", &run_split(&directory()), 0);
}

#[test]
fn fragments_make_what_libotr_makes_of_them() {
    report("fragments: reassembly", &run_reassembly(&directory()), 0);
}

/// Not in the tables: tags are appended as libotr appends them, which its tag rows show.
#[test]
fn tags_are_appended_as_libotr_appends_them() {
    let table = load(&directory(), "unit_tables.json");
    let mut line = b"hi".to_vec();
    append_tag(&mut line, Policy::MANUAL);
    assert!(rows(&table, "whitespace_bestversion").iter().any(|row| bytes(&row["message"]) == line));
    // Both kinds of fragments are taken whatever the session.
    for (line, kind) in [(b"?OTR,1,2,x,".as_slice(), FragmentKind::V2), (b"?OTR|100|0,1,2,x,", FragmentKind::V3)] {
        assert!(matches!(classify(line), Line::Fragment(raw) if raw.kind() == kind));
    }
}
