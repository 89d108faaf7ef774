//! MPI: INT length, then the value in big-endian bytes without leading zeros.

/// `bytes` without leading zeros: the minimal form that every hash and MAC of the protocol uses.
pub(crate) fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
