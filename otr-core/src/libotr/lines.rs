//! What the two files of tab-separated lines share.

/// Bytes of a line with its end. libotr reads lines in pieces of this length and takes each for a line.
const MAX_LINE_LEN: usize = 999;

/// What a file of lines held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines<T> {
    /// The entries.
    pub file: T,
    /// The numbers of the lines that were passed over because they are not entries; the first line is 1.
    pub skipped: Vec<usize>,
}

/// Why an entry cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A field contains a tab, a line break or a zero byte.
    #[error("entry {entry} contains a separator")]
    Separator {
        /// The entry's index.
        entry: usize,
    },
    /// The line would be longer than libotr reads.
    #[error("entry {entry} would be a line of {length} bytes")]
    Length {
        /// The entry's index.
        entry: usize,
        /// The line's length in bytes.
        length: usize,
    },
}

/// Reads all lines with `entry`. A line ends at LF; a CR and what follows it is ignored. Empty lines and those
/// that begin with `#` and have no tab count as neither.
pub(super) fn parse<T>(bytes: &[u8], entry: impl Fn(&[&str]) -> Option<T>) -> Lines<Vec<T>> {
    let mut lines = Lines { file: Vec::new(), skipped: Vec::new() };
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let line = line.split(|&byte| byte == b'\r').next().unwrap_or_default();
        let comment = line.first().is_none_or(|&byte| byte == b'#') && !line.contains(&b'\t');
        if comment {
            continue;
        }
        let parsed = core::str::from_utf8(line).ok().and_then(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            entry(&fields)
        });
        match parsed {
            Some(entry) => lines.file.push(entry),
            None => lines.skipped.push(number),
        }
    }
    lines
}

/// Appends the line of entry number `entry`.
pub(super) fn write(out: &mut Vec<u8>, entry: usize, fields: &[&str]) -> Result<(), WriteError> {
    if fields.iter().any(|field| field.contains(['\t', '\n', '\r', '\0'])) {
        return Err(WriteError::Separator { entry });
    }
    let line = fields.join("\t") + "\n";
    if line.len() > MAX_LINE_LEN {
        return Err(WriteError::Length { entry, length: line.len() });
    }
    out.extend_from_slice(line.as_bytes());
    Ok(())
}
