//! Reading one fragment: its numbers, its piece, and whether it is for us.

use crate::InstanceTag;

/// Which form a fragment has. A receiver takes both in any session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FragmentKind {
    /// `?OTR,k,n,piece,`
    V2,
    /// `?OTR|sender|receiver,k,n,piece,`
    V3,
}

/// A line that begins like a fragment, not yet read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFragment<'a> {
    kind: FragmentKind,
    /// What stands behind the character that tells the kind.
    rest: &'a [u8],
}

impl<'a> RawFragment<'a> {
    /// From what [`crate::text::classify`] found behind the marker.
    pub(crate) const fn new(kind: FragmentKind, rest: &'a [u8]) -> Self {
        Self { kind, rest }
    }

    /// Which form it has.
    #[must_use]
    pub const fn kind(&self) -> FragmentKind {
        self.kind
    }
}

/// From which sender of one peer a fragment comes: each has an assembly of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Origin {
    /// Version 2 knows no instances: all of the peer's clients share one assembly.
    V2,
    /// The instance that the header names as its sender.
    V3(InstanceTag),
}

/// A legal fragment that is addressed to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    pub(super) origin: Origin,
    pub(super) k: u16,
    pub(super) n: u16,
    pub(super) piece: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Who sent it.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Its number, from 1 to [`Fragment::n`].
    #[must_use]
    pub const fn k(&self) -> u16 {
        self.k
    }

    /// How many there are.
    #[must_use]
    pub const fn n(&self) -> u16 {
        self.n
    }

    /// Its piece. Empty only in the last of several: otr3 ends a line of an exact multiple so.
    #[must_use]
    pub const fn piece(&self) -> &'a [u8] {
        self.piece
    }
}

/// Why a fragment is not for us or not legal. It changes nothing, whatever is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// The receiver's tag is neither ours nor 0: another device reads it. Tell the user at most.
    #[error("the fragment is for instance {0:08x}")]
    OtherInstance(u32),
    /// The sender's tag is reserved: malformed, libotr answers with an error message.
    #[error("the fragment's sender has the reserved tag {0:08x}")]
    ReservedSender(u32),
    /// The tags are missing, too long, or no hexadecimal numbers: malformed as well.
    #[error("the fragment's instance tags cannot be read")]
    Tags,
    /// The numbers are missing, above 65535, or not bare digits. Ignore silently, as the following.
    #[error("the fragment's numbers cannot be read")]
    Numbers,
    /// Number 0, none of 0, or a number above the count.
    #[error("there is no fragment {k} of {n}")]
    Range {
        /// Its number.
        k: u16,
        /// Its count.
        n: u16,
    },
    /// No comma ends the piece: the fragment itself was cut short.
    #[error("the fragment's piece has no end")]
    Unterminated,
    /// The piece is empty, and this is not the last of several.
    #[error("the fragment's piece is empty")]
    EmptyPiece,
}

/// Reads a fragment received by the instance `own`.
///
/// The receiver's tag is looked at first: what is for another device gets no error in answer. Text behind the
/// piece's comma is ignored. Leading zeros are optional; signs, blanks and prefixes, which libotr's `scanf`
/// lets pass, are refused, and numbers do not wrap.
///
/// # Errors
/// [`FragmentError`], the first that applies.
pub fn parse_fragment(raw: RawFragment<'_>, own: InstanceTag) -> Result<Fragment<'_>, FragmentError> {
    let (origin, rest) = match raw.kind {
        FragmentKind::V2 => (Origin::V2, raw.rest),
        FragmentKind::V3 => sender(raw.rest, own)?,
    };
    let (k, rest) = number(rest)?;
    let (n, rest) = number(rest)?;
    if k == 0 || k > n {
        return Err(FragmentError::Range { k, n });
    }
    let (piece, _) = until(rest, b',').ok_or(FragmentError::Unterminated)?;
    if piece.is_empty() && (k < n || k == 1) {
        return Err(FragmentError::EmptyPiece);
    }
    Ok(Fragment { origin, k, n, piece })
}

/// `sender|receiver,`: the sender, if we are the receiver, and what follows.
fn sender(header: &[u8], own: InstanceTag) -> Result<(Origin, &[u8]), FragmentError> {
    let (sender, rest) = until(header, b'|').ok_or(FragmentError::Tags)?;
    let (receiver, rest) = until(rest, b',').ok_or(FragmentError::Tags)?;
    let sender = tag(sender).ok_or(FragmentError::Tags)?;
    let receiver = tag(receiver).ok_or(FragmentError::Tags)?;
    if receiver != 0 && receiver != own.get() {
        return Err(FragmentError::OtherInstance(receiver));
    }
    let sender = InstanceTag::new(sender).ok_or(FragmentError::ReservedSender(sender))?;
    Ok((Origin::V3(sender), rest))
}

/// A hexadecimal tag.
fn tag(digits: &[u8]) -> Option<u32> {
    value(digits, 16)
}

/// A decimal number of 16 bits with its comma, and what follows.
fn number(rest: &[u8]) -> Result<(u16, &[u8]), FragmentError> {
    let (digits, rest) = until(rest, b',').ok_or(FragmentError::Numbers)?;
    let number = value(digits, 10).and_then(|number| u16::try_from(number).ok()).ok_or(FragmentError::Numbers)?;
    Ok((number, rest))
}

/// The value of bare digits; `None` if there is none, anything else, or more than 32 bits.
fn value(digits: &[u8], radix: u32) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |value, &digit| {
        let digit = char::from(digit).to_digit(radix)?;
        value.checked_mul(radix)?.checked_add(digit)
    })
}

/// What stands before and behind the first `separator`.
fn until(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == separator)?;
    let (head, tail) = bytes.split_at_checked(at)?;
    Some((head, tail.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Line, classify};

    const OWN: u32 = 0x4b6f_e3b8;

    fn parse(line: &[u8]) -> Result<Fragment<'_>, FragmentError> {
        let Line::Fragment(raw) = classify(line) else { panic!("no fragment: {line:?}") };
        parse_fragment(raw, InstanceTag::new(OWN).unwrap())
    }

    fn v2(numbers: &str) -> Result<(u16, u16), FragmentError> {
        let line = format!("?OTR,{numbers},piece,");
        parse(line.as_bytes()).map(|fragment| (fragment.k(), fragment.n()))
    }

    fn v3(tags: &str) -> Result<Origin, FragmentError> {
        let line = format!("?OTR|{tags},1,2,piece,");
        parse(line.as_bytes()).map(|fragment| fragment.origin())
    }

    fn tagged(value: u32) -> Origin {
        Origin::V3(InstanceTag::new(value).unwrap())
    }

    #[test]
    fn leading_zeros_are_optional() {
        assert_eq!(v2("1,2"), Ok((1, 2)));
        assert_eq!(v2("00001,00002"), Ok((1, 2)));
        assert_eq!(v2("000000000001,65535"), Ok((1, 65535)));
        assert_eq!(v3("100|4B6FE3B8"), Ok(tagged(0x100)));
    }

    #[test]
    fn fragment_number_99999_is_refused() {
        for numbers in ["99999,99999", "1,99999", "65536,65537", "1,65536", "4294967297,2", "1,99999999999999999999"] {
            assert_eq!(v2(numbers), Err(FragmentError::Numbers), "{numbers}");
        }
        assert_eq!(v2("65535,65535"), Ok((65535, 65535)));
    }

    #[test]
    fn signs_blanks_and_prefixes_are_refused() {
        for numbers in ["+1,2", "-1,2", " 1,2", "1 ,2", "1,\t2", "0x1,2", "1,", ",2", "a,2"] {
            assert_eq!(v2(numbers), Err(FragmentError::Numbers), "{numbers}");
        }
        for tags in ["0x100|0", "+100|0", " 100|0", "|0", "100|", "100", "1000000000|0", "100|g"] {
            assert_eq!(v3(tags), Err(FragmentError::Tags), "{tags}");
        }
    }

    #[test]
    fn k_or_n_of_zero_and_k_above_n_are_refused() {
        for (k, n) in [(0, 0), (0, 1), (1, 0), (2, 1), (65535, 1)] {
            assert_eq!(v2(&format!("{k},{n}")), Err(FragmentError::Range { k, n }));
        }
    }

    #[test]
    fn tags_0_0xff_0x100_and_max() {
        assert_eq!(v3("0|0"), Err(FragmentError::ReservedSender(0)));
        assert_eq!(v3("ff|0"), Err(FragmentError::ReservedSender(0xff)));
        assert_eq!(v3("100|0"), Ok(tagged(0x100)));
        assert_eq!(v3("ffffffff|4b6fe3b8"), Ok(tagged(0xffff_ffff)));
        assert_eq!(v3("100|ff"), Err(FragmentError::OtherInstance(0xff)));
        assert_eq!(v3("100|ffffffff"), Err(FragmentError::OtherInstance(0xffff_ffff)));
        assert_eq!(v3("ff|100"), Err(FragmentError::OtherInstance(0x100)), "no error answers what is not ours");
    }

    #[test]
    fn an_empty_piece_is_legal_only_at_the_end() {
        assert_eq!(parse(b"?OTR,1,1,,"), Err(FragmentError::EmptyPiece));
        assert_eq!(parse(b"?OTR,1,2,,"), Err(FragmentError::EmptyPiece));
        assert_eq!(parse(b"?OTR,2,3,,"), Err(FragmentError::EmptyPiece));
        assert_eq!(parse(b"?OTR,2,2,,").unwrap().piece(), b"");
    }

    #[test]
    fn a_piece_needs_its_comma_and_text_behind_it_is_ignored() {
        assert_eq!(parse(b"?OTR,1,2,piece"), Err(FragmentError::Unterminated));
        assert_eq!(parse(b"lead ?OTR,1,2,piece, trail, more").unwrap().piece(), b"piece");
        assert_eq!(parse(b"?OTR,1,2,\xff\x00 |,").unwrap().piece(), b"\xff\x00 |");
    }

    #[test]
    fn every_prefix_of_a_fragment_is_refused() {
        let line = b"?OTR|00000100|4b6fe3b8,00001,00002,piece,";
        assert!(parse(line).is_ok());
        for end in 5..line.len() {
            assert!(parse(&line[..end]).is_err(), "{end}");
        }
    }
}
