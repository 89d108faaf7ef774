//! Fingerprints: what users compare.

use core::fmt;
use core::str::FromStr;

use super::ParseFingerprintError;

/// SHA-1 of a public key's MPIs p, q, g and y, without the key type (protocol, section "Fingerprints").
///
/// `Display` gives the human form, five groups of eight upper-case hexadecimal digits; `{:x}` gives 40
/// lower-case digits, as in libotr's files. Parsing takes both, in any case, with blanks anywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Fingerprint(pub [u8; Fingerprint::LEN]);

impl Fingerprint {
    /// Bytes of a fingerprint.
    pub const LEN: usize = 20;

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, group) in self.0.chunks(4).enumerate() {
            if number != 0 {
                f.write_str(" ")?;
            }
            group.iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
        }
        Ok(())
    }
}

impl fmt::LowerHex for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self:x})")
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut digits = text.chars().filter(|c| !c.is_ascii_whitespace());
        let mut digit = || {
            let value = digits.next()?.to_digit(16)?;
            u8::try_from(value).ok()
        };
        let mut bytes = [0; Self::LEN];
        for byte in &mut bytes {
            let (high, low) = digit().zip(digit()).ok_or(ParseFingerprintError)?;
            *byte = high << 4 | low;
        }
        match digits.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(ParseFingerprintError),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_human_form_has_five_groups() {
        let fingerprint: Fingerprint = "00112233445566778899aabbccddeeff00112233".parse().unwrap();
        assert_eq!(fingerprint.to_string(), "00112233 44556677 8899AABB CCDDEEFF 00112233");
        assert_eq!(format!("{fingerprint:x}"), "00112233445566778899aabbccddeeff00112233");
        assert_eq!(format!("{fingerprint:?}"), "Fingerprint(00112233445566778899aabbccddeeff00112233)");
    }

    #[test]
    fn what_is_no_fingerprint() {
        for text in [
            "",
            "00112233",
            "00112233445566778899aabbccddeeff0011223",
            "00112233445566778899aabbccddeeff001122334",
            "g0112233445566778899aabbccddeeff00112233",
            "+0112233445566778899aabbccddeeff00112233",
            "00112233445566778899aabbccddeeff0011223\u{ff13}",
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(ParseFingerprintError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn both_forms_are_read_back(bytes: [u8; 20]) {
            let fingerprint = Fingerprint(bytes);
            prop_assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
            prop_assert_eq!(fingerprint.to_string().to_lowercase().parse(), Ok(fingerprint));
            prop_assert_eq!(format!("{fingerprint:x}").parse(), Ok(fingerprint));
        }

        #[test]
        fn parsing_never_panics(text: String) {
            let _ = text.parse::<Fingerprint>();
        }
    }
}
