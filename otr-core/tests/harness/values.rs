//! The computed values of AKEs and data messages: everything again from the private values.

use otr_core::dsa::{PublicKey, Signature};
use otr_core::group::GroupElement;
use otr_core::toolkit::{
    ForgeError, authenticate, data_keys, exchange_keys, forge, mac_key, modify, open_commit, public_value, read, remac,
    shared_secret, signed_value,
};
use otr_core::wire::{Codec, Content, DataMessage, DhCommit};
use otr_core::{HalfKeys, SecretBytes, decode_data};
use serde_json::Value;

use crate::json::{bytes, element, latin1, list, minimal, number, padded, secret, text};
use crate::report::Report;

fn hex_of(bytes: &[u8]) -> String {
    hex::encode(minimal(bytes))
}

fn number_of(value: &Value, name: &str) -> String {
    hex_of(&bytes(value, name))
}

/// The members s, ssid, c, c', m1, m2, m1', m2' of `row`, between a private and a public value.
pub(crate) fn exchange(report: &mut Report, place: &str, own: &SecretBytes<40>, theirs: &GroupElement, row: &Value) {
    let keys = exchange_keys(own, theirs);
    let all: [(&str, &[u8]); 7] = [
        ("ssid", &keys.ssid),
        ("c", keys.reveal.cipher.expose()),
        ("m1", keys.reveal.binding.expose()),
        ("m2", keys.reveal.outer.expose()),
        ("cp", keys.signature.cipher.expose()),
        ("m1p", keys.signature.binding.expose()),
        ("m2p", keys.signature.outer.expose()),
    ];
    for (name, ours) in all {
        report.same("AKE values", &format!("{place}: {name}"), &hex::encode(ours).as_str(), &text(row, name));
    }
}

/// `ake[]`.
pub(crate) fn akes(report: &mut Report, file: &Value) {
    for (index, row) in list(file, "ake").iter().enumerate() {
        let place = format!("ake {index}");
        let (x, y) = (secret(row, "x"), secret(row, "y"));
        let (gx, gy) = (element(row, "gx").unwrap(), element(row, "gy").unwrap());
        let mut same = |name: &str, ours: &[u8]| {
            report.same("AKE values", &format!("{place}: {name}"), &hex_of(ours), &number_of(row, name));
        };
        same("gx", public_value(&x).unwrap().as_padded());
        same("gy", public_value(&y).unwrap().as_padded());
        same("s", shared_secret(&x, &gy).expose());
        same("s", shared_secret(&y, &gx).expose());
        exchange(report, &place, &x, &gy, row);
        exchange(report, &place, &y, &gx, row);
        commit(report, &place, file, row, &gx);
        let keys = exchange_keys(&x, &gy);
        signature(report, &place, file, row, ("B", "B_sends_commit"), &keys.reveal, (&gx, &gy));
        signature(report, &place, file, row, ("A", "A_sends_key"), &keys.signature, (&gy, &gx));
        for (side, half) in [("A", "second"), ("B", "first")] {
            if let Some(bold) = row[format!("bold_for_{side}")].as_str() {
                report.same("AKE values", &format!("{place}: bold for {side}"), &half, &bold);
            }
        }
        if let Some(shown) = row["session_id_display"].as_str() {
            let (first, second) = keys.ssid.split_at(4);
            let ours = format!("{} {}", hex::encode(first), hex::encode(second));
            report.same("AKE values", &format!("{place}: display"), &ours.as_str(), &shown);
        }
    }
}

/// The D-H Commit opens, and is one that a step of the file shows.
fn commit(report: &mut Report, place: &str, file: &Value, row: &Value, gx: &GroupElement) {
    let r: SecretBytes<16> = secret(row, "r");
    let hashed = bytes(row, "hash_gx");
    let fields = list(file, "steps").iter().flat_map(|step| list(step, "fields"));
    let sent = fields.filter(|field| field["type"] == "DH_COMMIT").find(|field| bytes(field, "hashgx") == hashed);
    let commit = DhCommit { encrypted_gx: bytes(sent.unwrap(), "encgx"), hashed_gx: padded(&hashed) };
    report.same("AKE values", &format!("{place}: hash_gx"), &open_commit(&commit, &r), &Some(*gx));
}

/// X, M and the DSA signature of one side.
fn signature(
    report: &mut Report,
    place: &str,
    file: &Value,
    row: &Value,
    (side, name): (&str, &str),
    keys: &HalfKeys,
    (own, peer): (&GroupElement, &GroupElement),
) {
    let Some(encoded) = row[format!("X_{side}")].as_str() else { return };
    let encoded = hex::decode(encoded).unwrap();
    let keyid = u32::try_from(number(row, &format!("keyid_{side}"))).unwrap();
    let sig = &row[format!("sig_{side}")];
    let [r, s]: [[u8; 20]; 2] = ["r", "s"].map(|name| padded(&bytes(sig, name)));
    let place = format!("{place}: signature of {side}");
    // X is PUBKEY, keyid and SIG.
    let key = PublicKey::from_bytes(&encoded[..encoded.len() - 44]).unwrap();
    let tail = [&keyid.to_be_bytes(), r.as_slice(), &s].concat();
    report.same("AKE values", &place, &hex::encode(&encoded[encoded.len() - 44..]), &hex::encode(tail));
    let party = &file["parties"][text(row, name)];
    let fingerprint = format!("{:x}", key.fingerprint());
    report.same("AKE values", &place, &fingerprint.as_str(), &text(party, "fingerprint"));
    report.same("AKE values", &place, &key.fingerprint().to_string().as_str(), &text(party, "fingerprint_human"));
    let ours = signed_value(keys, own, peer, &key, keyid);
    report.same("AKE values", &place, &hex::encode(ours).as_str(), &text(row, &format!("M_{side}")));
    let signature = Signature::try_from([r, s].concat().as_slice()).unwrap();
    report.same("AKE values", &place, &key.verify(&ours, &signature), &Ok(()));
}

/// `data_messages[]`.
pub(crate) fn data_messages(report: &mut Report, file: &Value) {
    for (index, row) in list(file, "data_messages").iter().enumerate() {
        let place = format!("data message {index}");
        let (sender, recipient): (SecretBytes<40>, SecretBytes<40>) =
            (secret(row, "sender_dh_priv"), secret(row, "recipient_dh_priv"));
        let sender_public = element(row, "sender_dh_pub").unwrap();
        let recipient_public = element(row, "recipient_dh_pub").unwrap();
        let sending = data_keys(&sender, &recipient_public).unwrap();
        let receiving = data_keys(&recipient, &sender_public).unwrap();
        let cipher = &sending.sending.cipher;
        let mut same = |kind: &'static str, name: &str, ours: &[u8]| {
            report.same(kind, &format!("{place}: {name}"), &hex_of(ours), &number_of(row, name));
        };
        same("data keys", "sender_dh_pub", public_value(&sender).unwrap().as_padded());
        same("data keys", "recipient_dh_pub", public_value(&recipient).unwrap().as_padded());
        same("data keys", "s", shared_secret(&sender, &recipient_public).expose());
        let mut same = |kind: &'static str, name: &str, ours: &[u8]| {
            report.same(kind, &format!("{place}: {name}"), &hex::encode(ours).as_str(), &text(row, name));
        };
        same("data keys", "aes_key", cipher.expose());
        same("data keys", "aes_key", receiving.receiving.cipher.expose());
        same("data keys", "mac_key", sending.sending.mac.expose());
        same("data keys", "mac_key", receiving.receiving.mac.expose());
        same("data keys", "mac_key", mac_key(cipher).expose());
        same("data keys", "extra_symmetric_key", sending.extra.expose());
        same("data keys", "extra_symmetric_key", receiving.extra.expose());

        let line = latin1(text(row, "message"));
        let binary = decode_data(&line).unwrap();
        let message = DataMessage::parse(&binary).unwrap();
        same("ciphertexts", "counter", &message.counter.to_be_bytes());
        same("MACs", "mac", &message.authenticator);
        same("MACs", "mac", &authenticate(sending.sending.mac.expose(), &message));
        let plaintext = read(&message, cipher).unwrap();
        same("ciphertexts", "plaintext", &plaintext);
        let content = Content::parse(&plaintext);
        same("ciphertexts", "text", &content.text);

        let keyids = (u64::from(message.sender_keyid), u64::from(message.recipient_keyid));
        report.same("data keys", &place, &keyids, &(number(row, "sender_keyid"), number(row, "recipient_keyid")));
        report.same("data keys", &place, &(sender_public > recipient_public), &(row["sender_is_high"] == true));
        report.same("ciphertexts", &place, &u64::from(message.flags.bits()), &number(row, "flags"));
        let ours: Vec<_> = content.tlvs.iter().map(|tlv| (u64::from(tlv.kind), hex::encode(tlv.value()))).collect();
        let theirs: Vec<_> =
            list(row, "tlvs").iter().map(|tlv| (number(tlv, "type"), text(tlv, "value").to_owned())).collect();
        report.same("ciphertexts", &place, &ours, &theirs);
        let ours: Vec<_> = message.old_mac_keys.chunks(20).map(hex::encode).collect();
        let theirs: Vec<_> = list(row, "revealed").iter().map(|key| key.as_str().unwrap().to_owned()).collect();
        report.same("revealed keys", &place, &ours, &theirs);
        report.same("ciphertexts", &place, &(message.encode() == binary), &true);
        history(report, &place, file, row);
        forgeries(report, &place, &binary, cipher, sending.sending.mac.expose());
    }
}

/// Who sent it when, and who received it with what success: as the steps have it, which the conversation replays.
fn history(report: &mut Report, place: &str, file: &Value, row: &Value) {
    let step = |at: &Value| &list(file, "steps")[usize::try_from(number(at, "step")).unwrap()];
    let sent = step(row);
    let there = list(sent, "injected").contains(&row["message"]) && sent["party"] == row["sender"];
    report.holds("ciphertexts", place, there, || "it was not sent in that step".to_owned());
    for received in list(row, "received") {
        let step = step(received);
        let unread = ["RCVDMSG_UNREADABLE", "RCVDMSG_NOT_IN_PRIVATE"];
        let read = !list(step, "events").iter().any(|event| unread.iter().any(|name| event["value"] == *name));
        let there = step["message"] == row["message"] && step["party"] != row["sender"];
        report.holds("ciphertexts", place, there, || "it was not received in that step".to_owned());
        report.same("ciphertexts", place, &read, &(received["accepted"] == true));
    }
}

/// Whoever read a message can write any other in its place, and whoever knows its MAC key and guesses its text can
/// change it.
fn forgeries(report: &mut Report, place: &str, binary: &[u8], cipher: &SecretBytes<16>, mac_key: &[u8; 20]) {
    let message = DataMessage::parse(binary).unwrap();
    let plain = |bytes: &[u8]| read(&DataMessage::parse(bytes).unwrap(), cipher).map(|plaintext| plaintext.to_vec());
    let mut same = |ours, theirs| report.same("forgeries", place, &ours, &theirs);
    let forged = forge(&message, cipher, b"never said").unwrap();
    same(plain(&forged), Ok(b"never said".to_vec()));
    same(plain(&remac(&message, mac_key)), plain(binary));
    same(Ok(remac(&message, mac_key)), Ok(binary.to_vec()));
    same(plain(&remac(&message, &[1; 20])), Err(ForgeError::WrongKey));
    let mut text = plain(binary).unwrap();
    let modified = modify(&message, mac_key, 0, &text[..1], b"X").unwrap();
    text[0] = b'X';
    same(plain(&modified), Ok(text.clone()));
    let too_far = Err(ForgeError::OutOfRange(text.len()));
    same(modify(&message, mac_key, text.len(), b"a", b"b"), too_far.clone());
    same(modify(&message, mac_key, 0, b"a", b""), too_far.clone());
    same(modify(&message, mac_key, usize::MAX, b"a", b"b"), too_far);
    let other = SecretBytes::new([7; 16]);
    same(forge(&message, &other, b"x"), Err(ForgeError::WrongKey));
}
