//! Cutting a line for a network that limits the size of messages.

use crate::InstanceTag;

/// What stands in the header of each fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentHeader {
    /// `?OTR,k,n,piece,`
    V2,
    /// `?OTR|sender|receiver,k,n,piece,`
    V3 {
        /// Our tag.
        sender: InstanceTag,
        /// The peer's tag; `None` for any.
        receiver: Option<InstanceTag>,
    },
}

impl FragmentHeader {
    /// How far a piece stays below the size limit. The header and the commas of a fragment take one character
    /// less; libotr keeps that one free, and so do we.
    const fn overhead(self) -> usize {
        match self {
            Self::V2 => 19,
            Self::V3 { .. } => 37,
        }
    }

    /// One fragment.
    fn fragment(self, k: usize, n: usize, piece: &[u8]) -> Vec<u8> {
        let header = match self {
            Self::V2 => format!("?OTR,{k:05},{n:05},"),
            Self::V3 { sender, receiver } => {
                let receiver = receiver.map_or(0, InstanceTag::get);
                format!("?OTR|{sender}|{receiver:08x},{k:05},{n:05},")
            }
        };
        let mut fragment = header.into_bytes();
        fragment.reserve_exact(piece.len() + 1);
        fragment.extend_from_slice(piece);
        fragment.push(b',');
        fragment
    }
}

/// Why a line cannot be cut. Send it whole or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The limit leaves no room for even one character beside the header.
    #[error("a limit of {0} bytes leaves no room for a piece")]
    LimitTooSmall(usize),
    /// More pieces than a header can count.
    #[error("{0} pieces are more than a header can count")]
    TooManyPieces(usize),
    /// The line holds a comma, which would end its piece early: the peer would put together something else.
    /// Armoured lines never do; queries, errors and tagged plaintext with human text may, and a fragment does.
    #[error("a line with a comma in it cannot travel in fragments")]
    Comma,
}

/// Cuts `line` for a network that carries `limit` bytes a message; 0 stands for any number.
///
/// A line that fits is returned alone and unchanged. Otherwise every fragment has at most `limit - 1` bytes, and
/// all but the last have as many.
///
/// # Errors
/// [`SplitError`], only for a line that does not fit.
pub fn split(line: &[u8], limit: usize, header: FragmentHeader) -> Result<Vec<Vec<u8>>, SplitError> {
    if limit == 0 || line.len() <= limit {
        return Ok(vec![line.to_vec()]);
    }
    let piece_len = match limit.checked_sub(header.overhead()) {
        None | Some(0) => return Err(SplitError::LimitTooSmall(limit)),
        Some(piece_len) => piece_len,
    };
    let n = line.len().div_ceil(piece_len);
    if n > usize::from(u16::MAX) {
        return Err(SplitError::TooManyPieces(n));
    }
    if line.contains(&b',') {
        return Err(SplitError::Comma);
    }
    Ok((1..).zip(line.chunks(piece_len)).map(|(k, piece)| header.fragment(k, n, piece)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v3() -> FragmentHeader {
        FragmentHeader::V3 { sender: InstanceTag::new(0x100).unwrap(), receiver: InstanceTag::new(0xffff_ffff) }
    }

    fn text(line: &[u8], limit: usize, header: FragmentHeader) -> Vec<String> {
        split(line, limit, header).unwrap().into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn both_headers_are_written_as_libotr_writes_them() {
        assert_eq!(text(&[b'x'; 21], 20, FragmentHeader::V2)[20], "?OTR,00021,00021,x,");
        assert_eq!(text(&[b'x'; 39], 38, v3())[0], "?OTR|00000100|ffffffff,00001,00039,x,");
        let any = FragmentHeader::V3 { sender: InstanceTag::new(0x100).unwrap(), receiver: None };
        assert_eq!(text(&[b'x'; 39], 38, any)[38], "?OTR|00000100|00000000,00039,00039,x,");
    }

    #[test]
    fn a_line_that_fits_is_left_alone() {
        assert_eq!(split(b"a,b", 3, v3()), Ok(vec![b"a,b".to_vec()]));
        assert_eq!(split(&[b'x'; 5000], 0, v3()), Ok(vec![vec![b'x'; 5000]]));
        assert_eq!(split(b"", 1, FragmentHeader::V2), Ok(vec![Vec::new()]));
    }

    #[test]
    fn an_exact_fit_has_no_empty_last_piece() {
        let fragments = split(&[b'x'; 2 * 63], 100, v3()).unwrap();
        assert_eq!(fragments.iter().map(Vec::len).collect::<Vec<_>>(), [99, 99]);
        let fragments = split(&[b'x'; 2 * 63 + 1], 100, v3()).unwrap();
        assert_eq!(fragments.iter().map(Vec::len).collect::<Vec<_>>(), [99, 99, 37]);
    }

    #[test]
    fn a_limit_without_room_for_a_piece_is_refused() {
        assert_eq!(split(&[b'x'; 100], 37, v3()), Err(SplitError::LimitTooSmall(37)));
        assert_eq!(split(&[b'x'; 100], 19, FragmentHeader::V2), Err(SplitError::LimitTooSmall(19)));
        assert_eq!(split(&[b'x'; 100], 1, FragmentHeader::V2), Err(SplitError::LimitTooSmall(1)));
    }

    #[test]
    fn more_pieces_than_65535_are_refused() {
        assert_eq!(split(&[b'x'; 65535], 20, FragmentHeader::V2).unwrap().len(), 65535);
        assert_eq!(split(&[b'x'; 65536], 20, FragmentHeader::V2), Err(SplitError::TooManyPieces(65536)));
    }

    #[test]
    fn a_line_with_a_comma_is_not_cut() {
        assert_eq!(split(b"?OTRv23?\nHello, you have no OTR.", 25, FragmentHeader::V2), Err(SplitError::Comma));
        let fragment = &split(&[b'x'; 100], 60, v3()).unwrap()[0];
        assert_eq!(split(fragment, 50, v3()), Err(SplitError::Comma), "a fragment is never fragmented again");
    }
}
