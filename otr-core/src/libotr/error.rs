//! What can be wrong with a private-key file.

/// Where and why a key file is not one. Never shows its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, byte {offset}: {kind}")]
pub struct ParseError {
    /// Bytes before the fault.
    pub offset: usize,
    /// The line of the fault; the first is 1.
    pub line: usize,
    /// The fault.
    pub kind: ParseErrorKind,
}

/// What is wrong with a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// It has more than a mebibyte.
    #[error("the file is too long")]
    TooLong,
    /// It ends inside a list or a string.
    #[error("the file ends too early")]
    Truncated,
    /// A byte that cannot stand here.
    #[error("unexpected byte")]
    UnexpectedByte,
    /// A string with an unknown escape, an odd number of hexadecimal digits or a wrong length.
    #[error("malformed string")]
    String,
    /// Lists stand too deep in lists.
    #[error("lists are nested too deeply")]
    Depth,
    /// Something stands behind the list.
    #[error("something stands behind the end")]
    Trailing,
    /// A list with this name is missing here, or has not the one value that it should have.
    #[error("\"{0}\" is missing or malformed")]
    Missing(&'static str),
    /// The name of an account is not UTF-8.
    #[error("\"{0}\" is not UTF-8")]
    Utf8(&'static str),
    /// The numbers are not a key.
    #[error("{0}")]
    Key(#[from] crate::dsa::KeyError),
}
