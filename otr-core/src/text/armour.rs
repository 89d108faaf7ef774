//! Base64 armour (protocol section "Base64 armour"): strict when writing, as tolerant as libotr when reading.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::PAD;

use super::find::from_first;
use crate::limits::MAX_MESSAGE_LEN;

/// Base64 in the instructions of AVX2 or NEON where the processor has them.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static BASE64: LazyLock<base64::engine::Simd> = LazyLock::new(|| base64::engine::Simd::standard(PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static BASE64: LazyLock<base64::engine::GeneralPurpose> =
    LazyLock::new(|| base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, PAD));

/// What stands before the base64.
const OPENING: &[u8] = b"?OTR:";

/// Why armour cannot be read. Says nothing about its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArmourError {
    /// There is no `?OTR:`.
    #[error("the line holds no armour")]
    NoMarker,
    /// The dot that must end this message is missing: most likely it was cut short on its way.
    #[error("the closing dot is missing")]
    Unterminated,
    /// More base64 than [`MAX_MESSAGE_LEN`] characters.
    #[error("{0} characters of base64 are too many")]
    TooLong(usize),
}

/// How armour ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// With a dot (handshake messages).
    DotRequired,
    /// With a dot or the end of the text (data messages).
    DotOptional,
}

/// Armours a binary message: `?OTR:`, standard base64 with padding and without line breaks, a dot.
#[must_use]
pub fn armour(message: &[u8]) -> Vec<u8> {
    let length = message.len().div_ceil(3) * 4;
    let mut line = Vec::with_capacity(OPENING.len() + length + 1);
    line.extend_from_slice(OPENING);
    line.resize(OPENING.len() + length, b'.');
    let (_, base64) = line.split_at_mut(OPENING.len());
    let written = BASE64.encode_slice(message, base64);
    debug_assert_eq!(written, Ok(length));
    line.push(b'.');
    line
}

/// The binary message behind the first `?OTR:` of a line.
///
/// Reads what libotr reads: characters outside the alphabet are skipped, the first `=` and the first dot end
/// the message, and a last group that neither is complete nor has a `=` is dropped. The result may be empty;
/// the decoder of the binary layer then refuses it.
///
/// # Errors
/// [`ArmourError`]; nothing is allocated before the length was checked.
pub fn dearmour(line: &[u8], termination: Termination) -> Result<Vec<u8>, ArmourError> {
    let marked = from_first(line, OPENING).ok_or(ArmourError::NoMarker)?;
    let rest = marked.get(OPENING.len()..).unwrap_or_default();
    if let Some(message) = decode_clean(rest) {
        return Ok(message);
    }
    let body = match rest.iter().position(|&character| character == b'.') {
        Some(dot) => rest.get(..dot).unwrap_or_default(),
        None if termination == Termination::DotOptional => rest,
        None => return Err(ArmourError::Unterminated),
    };
    if body.len() > MAX_MESSAGE_LEN {
        return Err(ArmourError::TooLong(body.len()));
    }
    Ok(decode_tolerant(body))
}

/// The fast path for what every honest peer sends: base64 without a blemish, the dot, nothing behind it. The
/// engine refuses everything else, dots included, and the tolerant way then decides.
fn decode_clean(rest: &[u8]) -> Option<Vec<u8>> {
    let body = rest.strip_suffix(b".")?;
    if body.len() > MAX_MESSAGE_LEN {
        return None;
    }
    BASE64.decode(body).ok()
}

/// Decodes anything, as libotr does.
fn decode_tolerant(body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(body.len() / 4 * 3 + 2);
    let mut group = 0_u32;
    let mut symbols = 0_usize;
    for &character in body {
        if character == b'=' {
            // A short group: as many bytes as its symbols fill, without regard to bits left over.
            for _ in symbols..4 {
                group <<= 6;
            }
            let [_, bytes @ ..] = group.to_be_bytes();
            message.extend(bytes.iter().take(symbols.saturating_sub(1)));
            return message;
        }
        let Some(value) = symbol_value(character) else { continue };
        group = group << 6 | u32::from(value);
        symbols += 1;
        if symbols == 4 {
            let [_, bytes @ ..] = group.to_be_bytes();
            message.extend_from_slice(&bytes);
            (group, symbols) = (0, 0);
        }
    }
    message
}

/// The six bits behind a character of the alphabet.
const fn symbol_value(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{Line, classify};

    fn data(line: &[u8]) -> Result<Vec<u8>, ArmourError> {
        dearmour(line, Termination::DotOptional)
    }

    #[test]
    fn base64_of_equals_signs_is_refused() {
        for line in [b"?OTR:===.".as_slice(), b"?OTR:=.", b"?OTR:A===.", b"?OTR:.", b"?OTR:A."] {
            assert_eq!(classify(line), Line::Unknown { version: None });
            assert_eq!(data(line), Ok(Vec::new()), "not one byte comes out of it");
        }
        assert_eq!(data(b"?OTR:AAMD===."), Ok(vec![0, 3, 3]));
    }

    #[test]
    fn a_short_group_counts_only_before_padding() {
        assert_eq!(data(b"?OTR:AAAABB=."), Ok(vec![0, 0, 0, 4]));
        assert_eq!(data(b"?OTR:AAAABB."), Ok(vec![0, 0, 0]));
        assert_eq!(data(b"?OTR:AAAABBB=."), Ok(vec![0, 0, 0, 4, 16]));
        assert_eq!(data(b"?OTR:AA=A."), Ok(vec![0]));
    }

    #[test]
    fn foreign_characters_are_skipped() {
        assert_eq!(data(b"?OTR: A A\nA\tA."), Ok(vec![0; 3]));
        assert_eq!(data(b"?OTR:AA-_\xc3\xbc\x00AA."), Ok(vec![0; 3]));
    }

    #[test]
    fn the_first_dot_ends_the_message() {
        assert_eq!(data(b"zz?OTR:AAAA.BBBB."), Ok(vec![0; 3]));
        assert_eq!(dearmour(b"?OTR:AAAA", Termination::DotRequired), Err(ArmourError::Unterminated));
        assert_eq!(data(b"?OTR:AAAA"), Ok(vec![0; 3]));
        assert_eq!(data(b"?OTRv2?"), Err(ArmourError::NoMarker));
    }

    #[test]
    fn a_message_over_the_cap_is_refused_before_it_is_decoded() {
        let mut line = [OPENING, &vec![b'A'; MAX_MESSAGE_LEN], b"."].concat();
        assert_eq!(data(&line).unwrap().len(), MAX_MESSAGE_LEN / 4 * 3);
        line.splice(5..5, *b"AAAA");
        assert_eq!(data(&line), Err(ArmourError::TooLong(MAX_MESSAGE_LEN + 4)));
        line.pop();
        assert_eq!(data(&line), Err(ArmourError::TooLong(MAX_MESSAGE_LEN + 4)));
    }

    #[test]
    fn text_behind_the_dot_does_not_count_against_the_cap() {
        let line = [b"?OTR:AAMD.".as_slice(), &vec![b'A'; MAX_MESSAGE_LEN]].concat();
        assert_eq!(data(&line), Ok(vec![0, 3, 3]));
    }

    fn base64_like() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(prop::sample::select(b"ABCDabcd0189+/".to_vec()), 0..60),
            prop::collection::vec(prop::sample::select(b"ABab01+/==. \n-".to_vec()), 0..60),
            prop::collection::vec(any::<u8>(), 0..60),
        ]
    }

    proptest! {
        #[test]
        fn armour_is_undone(message in prop::collection::vec(any::<u8>(), 0..600)) {
            let line = armour(&message);
            prop_assert_eq!(dearmour(&line, Termination::DotRequired), Ok(message.clone()));
            prop_assert_eq!(decode_tolerant(&line[OPENING.len()..line.len() - 1]), message);
        }

        #[test]
        fn the_fast_path_gives_what_the_tolerant_one_gives(body in base64_like()) {
            let rest = [body.as_slice(), b"."].concat();
            if let Some(message) = decode_clean(&rest) {
                prop_assert_eq!(message, decode_tolerant(&body));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(body in base64_like()) {
            let line = [OPENING, &body].concat();
            let required = dearmour(&line, Termination::DotRequired);
            prop_assert_eq!(required.is_ok(), body.contains(&b'.'));
            prop_assert!(data(&line).unwrap().len() <= body.len());
        }
    }
}
