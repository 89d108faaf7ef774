//! Searching bytes.

/// Where `needle`, which is not empty, first stands in `line`.
pub(super) fn first(line: &[u8], needle: &[u8]) -> Option<usize> {
    line.windows(needle.len()).position(|window| window == needle)
}

/// `line` from the first `needle` on.
pub(super) fn from_first<'a>(line: &'a [u8], needle: &[u8]) -> Option<&'a [u8]> {
    first(line, needle).and_then(|start| line.get(start..))
}
