//! The files of libotr, against files that libotr wrote.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use otr_core::InstanceTag;
use otr_core::dsa::{Fingerprint, KeyError, PrivateKey};
use otr_core::libotr::{
    Account, Fingerprints, InstanceTags, KnownFingerprint, OwnInstanceTag, ParseErrorKind, PrivateKeys, WriteError,
};
use otr_core::wire::DecodeError;
use proptest::prelude::*;
use serde_json::Value;
use subtle::ConstantTimeEq;

const ALICE: &[u8] = include_bytes!("vectors/keys/alice.private_key");
const BOB: &[u8] = include_bytes!("vectors/keys/bob.private_key");

fn tables() -> Value {
    serde_json::from_str(include_str!("vectors/unit_tables.json")).unwrap()
}

/// The tables write one character per byte.
fn latin1(value: &Value) -> Vec<u8> {
    value.as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn same(left: &PrivateKeys, right: &PrivateKeys) -> bool {
    left.accounts.len() == right.accounts.len()
        && left.accounts.iter().zip(&right.accounts).all(|(left, right)| {
            left.name == right.name && left.protocol == right.protocol && bool::from(left.key.ct_eq(&right.key))
        })
}

#[test]
fn a_private_key_file_is_written_back_byte_for_byte() {
    for (file, name) in [(ALICE, "alice@example.org"), (BOB, "bob@example.org")] {
        let keys = PrivateKeys::parse(file).unwrap();
        assert_eq!(keys.accounts.len(), 1);
        assert!(keys.find(name, "prpl-test").is_some());
        assert!(keys.find(name, "prpl-jabber").is_none());
        assert_eq!(keys.write().as_slice(), file);
    }
}

#[test]
fn several_accounts_share_a_file() {
    let both = PrivateKeys {
        accounts: [ALICE, BOB].map(|file| PrivateKeys::parse(file).unwrap().accounts.remove(0)).to_vec(),
    };
    let written = both.write();
    assert!(same(&PrivateKeys::parse(&written).unwrap(), &both));
    assert!(same(&PrivateKeys::parse(b"(privkeys)").unwrap(), &PrivateKeys::default()));
}

#[test]
fn names_are_printed_as_by_libgcrypt() {
    let key = PrivateKeys::parse(ALICE).unwrap().accounts.remove(0).key;
    let tables = tables();
    let entries = tables["sexp_names"].as_array().unwrap();
    assert!(entries.len() > 10);
    for entry in entries {
        let name = String::from_utf8(hex::decode(entry["name"].as_str().unwrap()).unwrap()).unwrap();
        let account = Account { name: name.clone(), protocol: "prpl-test".to_owned(), key: key.clone() };
        let written = PrivateKeys { accounts: vec![account] }.write();
        let printed = [b" (account\n".to_vec(), latin1(&entry["printed"])].concat();
        assert!(written.windows(printed.len()).any(|window| window == printed), "{name}");
        assert_eq!(PrivateKeys::parse(&written).unwrap().accounts[0].name, name);
    }
}

#[test]
fn other_layouts_are_read() {
    let text = String::from_utf8(ALICE.to_vec()).unwrap();
    let reference = PrivateKeys::parse(ALICE).unwrap();
    for changed in [
        text.replace('\n', "\r\n"),
        text.replace('\n', ""),
        text.replace("(name \"alice@example.org\")", "(unknown (list 1:x)) (name 17:alice@example.org)"),
        text.replace("(name \"alice@example.org\")", "(name #616C6963 65406578616d706c652e6f7267#)"),
        text.replace(
            "(name \"alice@example.org\")\n(protocol prpl-test)",
            "(protocol prpl-test)(name \"alice\\x40example.org\")",
        ),
    ] {
        assert!(same(&PrivateKeys::parse(changed.as_bytes()).unwrap(), &reference), "{changed}");
    }
}

#[test]
fn faults_are_named_and_located() {
    let text = String::from_utf8(ALICE.to_vec()).unwrap();
    let fault = |from: &str, to: &str| {
        let error = PrivateKeys::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err();
        (error.line, error.kind)
    };
    assert_eq!(fault("privkeys", "keys"), (1, ParseErrorKind::Missing("privkeys")));
    assert_eq!(fault("account", "person"), (2, ParseErrorKind::Missing("account")));
    assert_eq!(fault("(protocol prpl-test)", ""), (2, ParseErrorKind::Missing("protocol")));
    assert_eq!(fault("prpl-test", "prpl test"), (2, ParseErrorKind::Missing("protocol")));
    assert_eq!(fault("\"alice@example.org\"", "#ff#"), (2, ParseErrorKind::Utf8("name")));
    assert_eq!(fault("dsa", "rsa"), (2, ParseErrorKind::Missing("dsa")));
    assert_eq!(fault("(x #3BCB", "(x #3BCC"), (2, ParseErrorKind::Key(KeyError::Mismatch)));
    assert_eq!(fault("(q #00ABD7", "(q #00ABD8"), (2, ParseErrorKind::Key(KeyError::Public(DecodeError::Value("q")))));
    assert_eq!(fault("(x #3BCB", "(x #3BC"), (11, ParseErrorKind::String));
    assert_eq!(fault("  )\n", "").1, ParseErrorKind::Truncated);
}

#[test]
fn an_error_shows_nothing_of_the_file() {
    let text = String::from_utf8(ALICE.to_vec()).unwrap().replace("(x #3BCB", "(x #3BC");
    let error = PrivateKeys::parse(text.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "line 11, byte 984: malformed string");
    assert_eq!(format!("{error:?}"), "ParseError { offset: 984, line: 11, kind: String }");
}

#[test]
fn a_fingerprint_file_is_written_back_byte_for_byte() {
    let bytes = latin1(&tables()["fingerprint_file"]);
    let lines = Fingerprints::parse(&bytes);
    assert!(lines.skipped.is_empty());
    let trusts: Vec<_> = lines.file.entries.iter().map(|entry| entry.trust.as_str()).collect();
    assert_eq!(trusts, ["", "smp", "verified", "", ""]);
    assert_eq!(lines.file.entries[1].username, "peer one");
    assert!(lines.file.entries[1].is_trusted() && !lines.file.entries[0].is_trusted());
    assert_eq!(lines.file.write().unwrap(), bytes);
}

#[test]
fn odd_lines_of_a_fingerprint_file() {
    let digits = "3a918f7784a21f5f8dc27b343eda4e73a875a075";
    let file = format!(
        "bob\talice\tp\t{digits}\n\
         bob\talice\tp\t{upper}\tverified\r\n\
         \n\
         bob\talice\tp\t{short}\t\n\
         bob\talice\tp\n\
         \talice\tp\t{digits}\t\n\
         # no entry\n\
         bob\talice\tp\t{digits}\tsmp\tmore",
        upper = digits.to_uppercase(),
        short = &digits[1..],
    );
    let lines = Fingerprints::parse(file.as_bytes());
    assert_eq!(lines.skipped, [4, 5, 6]);
    let trusts: Vec<_> = lines.file.entries.iter().map(|entry| entry.trust.as_str()).collect();
    assert_eq!(trusts, ["", "verified", "smp"]);
}

#[test]
fn an_instance_tag_file_is_read_and_its_entries_written_back() {
    let bytes = latin1(&tables()["instance_tag_file"]);
    let lines = InstanceTags::parse(&bytes);
    assert!(lines.skipped.is_empty());
    assert_eq!(lines.file.find("second@example.org", "prpl-test"), InstanceTag::new(0x123d_9ea8));
    assert_eq!(lines.file.find("alice@example.org", "prpl-test"), InstanceTag::new(0x4b6f_e3b8));
    assert_eq!(lines.file.find("alice@example.org", "other"), None);
    let behind_the_comment = |bytes: &[u8]| bytes.splitn(2, |&byte| byte == b'\n').nth(1).unwrap().to_vec();
    let written = lines.file.write().unwrap();
    assert!(written.starts_with(b"#"));
    assert_eq!(behind_the_comment(&written), behind_the_comment(&bytes));
    let odd = InstanceTags::parse(b"a\tp\t000000ff\na\tp\t+0000100\na\tp\t100\na\tp\na\tp\t00000100\n");
    assert_eq!((odd.skipped, odd.file.entries.len()), (vec![1, 2, 3, 4], 1));
}

#[test]
fn what_the_line_format_cannot_hold_is_not_written() {
    let entry = |username: &str, trust: &str| KnownFingerprint {
        username: username.to_owned(),
        account: "a".to_owned(),
        protocol: "p".to_owned(),
        fingerprint: Fingerprint([1; 20]),
        trust: trust.to_owned(),
    };
    for bad in ["a\tb", "a\nb", "a\rb", "a\0b"] {
        let entries = vec![entry("good", ""), entry("good", bad)];
        assert_eq!(Fingerprints { entries }.write(), Err(WriteError::Separator { entry: 1 }));
    }
    let room = 999 - "\ta\tp\t\t\n".len() - 40;
    assert!(Fingerprints { entries: vec![entry(&"u".repeat(room), "")] }.write().is_ok());
    assert_eq!(
        Fingerprints { entries: vec![entry(&"u".repeat(room + 1), "")] }.write(),
        Err(WriteError::Length { entry: 0, length: 1000 })
    );
}

#[test]
fn a_key3_file_is_the_byte_form() {
    let key = PrivateKeys::parse(BOB).unwrap().accounts.remove(0).key;
    let [p, q, g, y] = key.public_key().components();
    let mut file = vec![0, 0];
    for number in [p, q, g, y, key.secret().expose()] {
        file.extend_from_slice(&u32::try_from(number.len()).unwrap().to_be_bytes());
        file.extend_from_slice(number);
    }
    assert!(bool::from(PrivateKey::from_bytes(&file).unwrap().ct_eq(&key)));
}

proptest! {
    #[test]
    fn private_keys_round_trip(names: [String; 2], protocol: String) {
        let key = PrivateKeys::parse(ALICE).unwrap().accounts.remove(0).key;
        let accounts = names.map(|name| Account { name, protocol: protocol.clone(), key: key.clone() }).to_vec();
        let file = PrivateKeys { accounts };
        prop_assert!(same(&PrivateKeys::parse(&file.write()).unwrap(), &file));
    }

    #[test]
    fn fingerprints_round_trip(
        fields in prop::collection::vec(("[^\t\n\r\0]{1,9}", "[^\t\n\r\0]{0,9}", "[^\t\n\r\0]{0,9}", any::<[u8; 20]>(), "[^\t\n\r\0]{0,9}"), 0..4),
    ) {
        let entries = fields.into_iter().map(|(username, account, protocol, fingerprint, trust)| KnownFingerprint {
            username, account, protocol, fingerprint: Fingerprint(fingerprint), trust,
        });
        let file = Fingerprints { entries: entries.collect() };
        let lines = Fingerprints::parse(&file.write().unwrap());
        prop_assert_eq!(lines.file, file);
        prop_assert!(lines.skipped.is_empty());
    }

    #[test]
    fn instance_tags_round_trip(fields in prop::collection::vec(("[^\t\n\r\0]{0,9}", "[^\t\n\r\0]{0,9}", 0x100_u32..), 0..4)) {
        let entries = fields.into_iter().map(|(account, protocol, tag)| OwnInstanceTag {
            account, protocol, tag: InstanceTag::new(tag).unwrap(),
        });
        let file = InstanceTags { entries: entries.collect() };
        prop_assert_eq!(InstanceTags::parse(&file.write().unwrap()).file, file);
    }

    #[test]
    fn a_changed_file_never_panics(position in 0_usize..1200, byte: u8, noise: Vec<u8>) {
        let mut file = ALICE.to_vec();
        let position = position % file.len();
        file[position] = byte;
        if let Ok(keys) = PrivateKeys::parse(&file) {
            prop_assert!(keys.accounts.len() <= 1);
        }
        let _ = PrivateKeys::parse(&file[..position]);
        let _ = (PrivateKeys::parse(&noise), Fingerprints::parse(&noise), InstanceTags::parse(&noise));
    }
}
