//! libotr's own tables of small functions: which version a query or tag selects, what a line is, what base64 and
//! TLVs decode to, and the keys of pairs, some of them with numbers that begin with zeros.

use otr_core::text::{
    Encoded, Kind, Line, Termination, Versions, append_tag, armour, classify, classify_reassembled, cut_tag, dearmour,
    find_tag, query,
};
use otr_core::toolkit::{data_keys, public_value, shared_secret};
use otr_core::wire::Content;
use otr_core::{Policy, SecretBytes};
use serde_json::Value;

use crate::json::{bytes, element, latin1, list, number, secret, text, unhex};
use crate::lines::same_number;
use crate::report::Report;
use crate::values;

/// Tables of file formats; the tests of the module `libotr` read them.
const ELSEWHERE: [&str; 3] = ["sexp_names", "fingerprint_file", "instance_tag_file"];
/// Members that are no tables.
const ABOUT: [&str; 5] = ["name", "description", "seed", "libotr", "libgcrypt"];

pub(crate) fn run(report: &mut Report, file: &Value) {
    for (name, table) in file.as_object().unwrap() {
        match name.as_str() {
            "query_bestversion" => queries(report, file),
            "whitespace_bestversion" => tags(report, file),
            "message_type" => types(report, file),
            "base64" => base64(report, file),
            "default_query" => default_queries(report, file),
            "tlv_parse" => tlvs(report, file),
            "dh_session" | "dh_session_short_values" => pairs(report, name, table),
            name if ELSEWHERE.contains(&name) || ABOUT.contains(&name) => {}
            name => report.holds("tables", name, false, || "no test knows this table".to_owned()),
        }
    }
}

fn policy(row: &Value) -> u8 {
    u8::try_from(number(row, "policy")).unwrap()
}

/// The records behind the NUL of a plaintext.
fn tlvs(report: &mut Report, file: &Value) {
    for row in list(file, "tlv_parse") {
        let plaintext = [vec![0], bytes(row, "bytes")].concat();
        let ours: Vec<_> =
            Content::parse(&plaintext).tlvs.iter().map(|tlv| (u64::from(tlv.kind), hex::encode(tlv.value()))).collect();
        let theirs: Vec<_> =
            list(row, "tlvs").iter().map(|tlv| (number(tlv, "type"), text(tlv, "value").to_owned())).collect();
        report.same("TLVs", &format!("tlv_parse: {}", row["bytes"]), &ours, &theirs);
    }
}

/// The keys of data messages and of an AKE between a private and a public value.
fn pairs(report: &mut Report, name: &str, table: &Value) {
    for (index, row) in table.as_array().unwrap().iter().enumerate() {
        let place = format!("{name} {index}");
        let ours: SecretBytes<40> = secret(row, "our_priv");
        let theirs = element(row, "their_pub").unwrap();
        report.same("data keys", &place, &public_value(&ours), &element(row, "our_pub"));
        let s = shared_secret(&ours, &theirs);
        report.holds("data keys", &place, same_number(s.expose(), &bytes(row, "s")), || "s".to_owned());
        let keys = data_keys(&ours, &theirs).unwrap();
        let all: [(&str, &[u8]); 5] = [
            ("send_aes", keys.sending.cipher.expose()),
            ("recv_aes", keys.receiving.cipher.expose()),
            ("sendmac", keys.sending.mac.expose()),
            ("rcvmac", keys.receiving.mac.expose()),
            ("extrakey", keys.extra.expose()),
        ];
        for (name, ours) in all {
            let theirs = text(&row["keys"], name);
            report.same("data keys", &format!("{place}: {name}"), &hex::encode(ours).as_str(), &theirs);
        }
        let high = public_value(&ours).unwrap() > theirs;
        report.same("data keys", &place, &high, &(row["keys"]["high"] == true));
        report.same("AKE values", &place, &text(row, "ssid"), &text(&row["auth"], "ssid"));
        values::exchange(report, &place, &ours, &theirs, &row["auth"]);
        if let Some(other) = row["their_priv"].as_str() {
            let other = SecretBytes::new(crate::json::padded(&unhex(other)));
            report.same("data keys", &place, &public_value(&other), &Some(theirs));
        }
    }
}

/// libotr's best version of an offer. Version 1, where libotr may choose it, is what is left.
fn best(versions: Versions, bits: u8) -> u64 {
    match versions.highest(Policy::from_bits_truncate(bits)) {
        Some(version) => u64::from(version.number()),
        None if bits & 0x01 != 0 && versions.contains(Versions::V1) => 1,
        None => 0,
    }
}

fn queries(report: &mut Report, file: &Value) {
    for row in list(file, "query_bestversion") {
        let line = latin1(text(row, "message"));
        let case = format!("query_bestversion: {} with {}", row["message"], row["policy"]);
        let (versions, kind) = match classify(&line) {
            Line::Query { versions } => (versions, 2),
            Line::Unknown { version: None } => (Versions::empty(), 10),
            Line::Plain => (Versions::empty(), 0),
            other => panic!("{case}: {other:?}"),
        };
        report.same("queries", &case, &kind, &row["type"].as_u64().unwrap());
        report.same("queries", &case, &best(versions, policy(row)), &row["best"].as_u64().unwrap());
    }
}

fn tags(report: &mut Report, file: &Value) {
    own_tag(report, file);
    for row in list(file, "whitespace_bestversion") {
        let line = latin1(text(row, "message"));
        let case = format!("whitespace_bestversion: {} with {}", row["message"], row["policy"]);
        let theirs = (row["tag_start"].as_i64().unwrap(), row["tag_end"].as_i64().unwrap());
        match find_tag(&line) {
            Some(found) => {
                let (start, end) = (found.range.start, found.range.end);
                report.same(
                    "whitespace tags",
                    &case,
                    &(i64::try_from(start).unwrap(), i64::try_from(end).unwrap()),
                    &theirs,
                );
                report.same(
                    "whitespace tags",
                    &case,
                    &best(found.versions, policy(row)),
                    &row["best"].as_u64().unwrap(),
                );
                let text = [&line[..start], &line[end..]].concat();
                report.same("whitespace tags", &case, &cut_tag(&line), &Some((text.clone(), found.versions)));
                let tagged = Line::Tagged { text, versions: found.versions };
                report.same("whitespace tags", &case, &classify(&line), &tagged);
            }
            None => {
                report.same("whitespace tags", &case, &(-1, -1), &theirs);
                report.same("whitespace tags", &case, &0, &row["best"].as_u64().unwrap());
                report.same("whitespace tags", &case, &classify(&line), &Line::Plain);
            }
        }
    }
}

/// Not a row: our tag is one of those that libotr has written.
fn own_tag(report: &mut Report, file: &Value) {
    let mut line = b"hi".to_vec();
    append_tag(&mut line, Policy::MANUAL);
    let known = list(file, "whitespace_bestversion").iter().any(|row| latin1(text(row, "message")) == line);
    report.same("whitespace tags", "our own tag", &known, &true);
}

fn types(report: &mut Report, file: &Value) {
    for row in list(file, "message_type") {
        let line = latin1(text(row, "message"));
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
        report.same("line types", &case, &ours, &theirs);
    }
}

fn base64(report: &mut Report, file: &Value) {
    for row in list(file, "base64") {
        let line = latin1(text(row, "message"));
        let case = format!("base64: {}", row["message"]);
        let message = hex::decode(row["bytes"].as_str().unwrap()).unwrap();
        let theirs = (row["result"] == 0).then(|| message.clone());
        report.same("base64", &case, &dearmour(&line, Termination::DotRequired).ok(), &theirs);
        if row["encoded_by_libotr"] == true {
            report.same("base64", &case, &armour(&message), &line);
        }
    }
}

fn default_queries(report: &mut Report, file: &Value) {
    for row in list(file, "default_query") {
        let theirs = latin1(text(row, "message"));
        // Only what stands before the explanation is protocol.
        let theirs = theirs.split(|&byte| byte == b'\n').next().unwrap().to_vec();
        let ours = query(Policy::from_bits_truncate(policy(row)), b"").unwrap_or_default();
        let case = format!("default_query: policy {}", row["policy"]);
        match report.listed(&case) {
            Some(listed) if ours != theirs => {
                report.deviates(&case, "its row", String::new);
                report.same("queries", &case, &String::from_utf8(ours).unwrap().as_str(), &listed);
            }
            _ => report.same("queries", &case, &ours, &theirs),
        }
    }
}
