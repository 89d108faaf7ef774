//! Reading the conventions of the vector files.

use otr_core::dsa::PrivateKey;
use otr_core::group::GroupElement;
use otr_core::{InstanceTag, SecretBytes};
use serde_json::Value;

/// The members of a list; none if it is missing.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// A text member that must be there.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is missing"))
}

/// A number member that must be there.
pub(crate) fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} is missing"))
}

/// Bytes of a text that holds one character per byte.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

/// The lines of a list of texts.
pub(crate) fn lines(value: &Value, name: &str) -> Vec<Vec<u8>> {
    list(value, name).iter().map(|line| latin1(line.as_str().unwrap())).collect()
}

/// Bytes in hex; a leading zero nibble may be missing.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    hex::decode(if text.len().is_multiple_of(2) { text.to_owned() } else { format!("0{text}") }).unwrap()
}

/// A member in hex.
pub(crate) fn bytes(value: &Value, name: &str) -> Vec<u8> {
    unhex(text(value, name))
}

/// `bytes` with zeros in front.
pub(crate) fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array[N - bytes.len()..].copy_from_slice(bytes);
    array
}

/// `bytes` without zeros in front.
pub(crate) fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    &bytes[zeros..]
}

/// A secret number, padded to its full length.
pub(crate) fn secret<const N: usize>(value: &Value, name: &str) -> SecretBytes<N> {
    SecretBytes::new(padded(&bytes(value, name)))
}

/// A group element; `None` where the text is missing or empty.
pub(crate) fn element(value: &Value, name: &str) -> Option<GroupElement> {
    let text = value[name].as_str().filter(|text| !text.is_empty())?;
    Some(GroupElement::from_be_bytes(&unhex(text), "vector").unwrap())
}

/// An instance tag; `None` for 0.
pub(crate) fn tag(value: &Value, name: &str) -> Option<InstanceTag> {
    InstanceTag::new(u32::from_str_radix(text(value, name), 16).unwrap())
}

/// The long-term key of a party.
pub(crate) fn dsa_key(party: &Value) -> PrivateKey {
    let [p, q, g, y, x] = ["p", "q", "g", "y", "x"].map(|name| bytes(&party["dsa"], name));
    PrivateKey::from_components(&p, &q, &g, &y, &x).unwrap()
}
