//! The decoded form of lines: what our parsers read in them.

use otr_core::text::{Kind, Line, classify};
use otr_core::wire::{Codec, DataMessage, DhCommit, DhKey, EncryptedSignature, Header, Reader, RevealSignature, Route};
use serde_json::{Value, json};

use crate::json::{latin1, list, minimal, text};
use crate::report::Report;

/// `fields[]` beside `injected[]` in every step.
pub(crate) fn of_steps(report: &mut Report, file: &Value) {
    for step in list(file, "steps") {
        for (line, fields) in list(step, "injected").iter().zip(list(step, "fields")) {
            let ours = decode(&latin1(line.as_str().unwrap()));
            report.same("decoded lines", &format!("step {}", step["i"]), &ours, &normal(fields));
        }
    }
}

/// `fields` of a single line.
pub(crate) fn of_case(report: &mut Report, case: &Value) {
    let line = latin1(text(case, "message"));
    // What our parsers refuse is the business of the verdict.
    if let (ours @ Value::Object(_), theirs @ Value::Object(_)) = (decode(&line), normal(&case["fields"])) {
        report.same("decoded lines", text(case, "name"), &ours, &theirs);
    }
}

/// Numbers of the file without leading zeros: libotr takes them, we write and keep none.
fn normal(fields: &Value) -> Value {
    let mut fields = fields.clone();
    for name in ["gy", "next_dh"] {
        if let Some(number) = fields[name].as_str() {
            fields[name] = json!(hex::encode(minimal(&hex::decode(number).unwrap())));
        }
    }
    if let Some(members) = fields.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    fields
}

fn decode(line: &[u8]) -> Value {
    let Line::Encoded(encoded) = classify(line) else { return Value::Null };
    let Ok(message) = encoded.dearmour() else { return Value::Null };
    fields(encoded.kind(), &message).unwrap_or_default()
}

fn fields(kind: Kind, message: &[u8]) -> Option<Value> {
    let mut reader = Reader::new(message);
    let header = Header::decode(&mut reader).ok()?;
    let mut fields = body(kind, reader.rest(), message)?;
    fields["version"] = json!(header.route.version().number());
    if let Route::V3 { sender, receiver } = header.route {
        fields["sender_instance"] = json!(sender.to_string());
        fields["receiver_instance"] = json!(receiver.map_or("00000000".to_owned(), |tag| tag.to_string()));
    }
    Some(fields)
}

fn body(kind: Kind, body: &[u8], message: &[u8]) -> Option<Value> {
    let signature = |part: &EncryptedSignature| (hex::encode(&part.encrypted), hex::encode(part.mac));
    Some(match kind {
        Kind::Commit => {
            let commit = DhCommit::from_bytes(body).ok()?;
            let (encgx, hashgx) = (hex::encode(commit.encrypted_gx), hex::encode(commit.hashed_gx));
            json!({ "type": "DH_COMMIT", "encgx": encgx, "hashgx": hashgx })
        }
        Kind::Key => {
            let key = DhKey::from_bytes(body).ok()?;
            json!({ "type": "DH_KEY", "gy": hex::encode(key.gy.as_minimal()) })
        }
        Kind::RevealSignature => {
            let reveal = RevealSignature::from_bytes(body).ok()?;
            let (encsig, mac) = signature(&reveal.signature);
            json!({ "type": "REVEAL_SIGNATURE", "r": hex::encode(reveal.r.expose()), "encsig": encsig, "mac": mac })
        }
        Kind::Signature => {
            let (encsig, mac) = signature(&EncryptedSignature::from_bytes(body).ok()?);
            json!({ "type": "SIGNATURE", "encsig": encsig, "mac": mac })
        }
        Kind::Data => {
            let data = DataMessage::parse(message).ok()?;
            let revealed: Vec<_> = data.old_mac_keys.chunks(20).map(hex::encode).collect();
            json!({
                "type": "DATA",
                "flags": message[message.len() - body.len()],
                "sender_keyid": data.sender_keyid,
                "recipient_keyid": data.recipient_keyid,
                "next_dh": hex::encode(data.next_dh.as_minimal()),
                "ctr": hex::encode(data.counter.to_be_bytes()),
                "encrypted_message": hex::encode(data.encrypted),
                "mac": hex::encode(data.authenticator),
                "revealed_mac_keys": revealed,
            })
        }
    })
}
