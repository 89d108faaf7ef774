//! What a row is called, in memory and in the file.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use otr_core::SecretBytes;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The most bytes an account or peer name may have: the longest JID (RFC 7622 section 3.1).
pub const MAX_NAME: usize = 3071;

/// What a row is about: a conversation, or an account as a whole.
///
/// The name is sealed inside the row. In the file the row is called by its [`RowId`] only. `Debug` shows no name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowName {
    account: Vec<u8>,
    peer: Option<Vec<u8>>,
}

impl RowName {
    /// The row of one conversation: our account and the peer's bare address, as bytes the caller has normalised.
    #[must_use]
    pub fn conversation(account: &[u8], peer: &[u8]) -> Self {
        Self { account: account.to_vec(), peer: Some(peer.to_vec()) }
    }

    /// The row of an account as a whole: identity, trust, transport state.
    #[must_use]
    pub fn account_wide(account: &[u8]) -> Self {
        Self { account: account.to_vec(), peer: None }
    }

    /// Our account.
    #[must_use]
    pub fn account(&self) -> &[u8] {
        &self.account
    }

    /// The peer's bare address; `None` for an account's own row.
    #[must_use]
    pub fn peer(&self) -> Option<&[u8]> {
        self.peer.as_deref()
    }

    pub(crate) fn is_within_limits(&self) -> bool {
        self.account.len() <= MAX_NAME && self.peer.as_ref().is_none_or(|peer| peer.len() <= MAX_NAME)
    }

    /// `kind (1) | account length (4, BE) | account | peer length (4, BE) | peer`: unambiguous for any bytes.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.peer.is_some()));
        for part in [self.account(), self.peer().unwrap_or_default()] {
            out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(part);
        }
    }

    /// Bytes [`write_to`](Self::write_to) appends.
    pub(crate) fn written_len(&self) -> usize {
        9 + self.account.len() + self.peer().unwrap_or_default().len()
    }

    /// Reads a name and returns it with what follows.
    pub(crate) fn read_from(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&kind, rest) = bytes.split_first()?;
        let (account, rest) = read_part(rest)?;
        let (peer, rest) = read_part(rest)?;
        let name = match (kind, peer.is_empty()) {
            (0, true) => Self::account_wide(account),
            (1, _) => Self::conversation(account, peer),
            _ => return None,
        };
        Some((name, rest))
    }
}

impl fmt::Debug for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account: _, peer } = self;
        f.write_str(if peer.is_some() { "RowName::conversation(..)" } else { "RowName::account_wide(..)" })
    }
}

/// The name of a row in the file: HMAC-SHA256 of its [`RowName`] under a key of the store (32 bytes).
///
/// Who reads the file does not learn with whom one talks, nor whether two stores know the same peer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId([u8; 32]);

impl RowId {
    /// Wraps bytes read from a file.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes as they stand in the file.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn of(name: &RowName, key: &SecretBytes<32>) -> Self {
        let mut written = Vec::with_capacity(name.written_len());
        name.write_to(&mut written);
        // HMAC pads short keys with zeros itself; a whole block needs no error path.
        let mut block = Zeroizing::new([0; 64]);
        block.iter_mut().zip(key.expose()).for_each(|(to, from)| *to = *from);
        let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
        mac.update(&written);
        Self(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowId({self})")
    }
}

/// The first four bytes in hexadecimal: enough to tell rows apart in a log.
impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A sub-row of a row: a large text that a key rotation of the row does not rewrite.
///
/// The caller numbers them and keeps number and key ([`SubRowKey`]) in the row's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubRowId(pub u64);

/// The key of one sub-row; it stands in the row's record and nowhere else, so that it dies with it.
pub type SubRowKey = SecretBytes<32>;

fn read_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    if len > MAX_NAME { None } else { rest.split_at_checked(len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_name() {
        let name = RowName::conversation(b"me@example.org", b"ada@example.org");
        assert_eq!(format!("{name:?}"), "RowName::conversation(..)");
        assert_eq!(format!("{:?}", RowName::account_wide(b"me@example.org")), "RowName::account_wide(..)");
    }

    #[test]
    fn names_that_run_together_differ() {
        let key = SecretBytes::new([7; 32]);
        let ids = [
            RowId::of(&RowName::conversation(b"ab", b"c"), &key),
            RowId::of(&RowName::conversation(b"a", b"bc"), &key),
            RowId::of(&RowName::conversation(b"abc", b""), &key),
            RowId::of(&RowName::account_wide(b"abc"), &key),
            RowId::of(&RowName::account_wide(b"abc"), &SecretBytes::new([8; 32])),
        ];
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id), "{index}");
        }
    }

    #[test]
    fn a_name_reads_back() {
        for name in
            [RowName::conversation(b"me", b"ada"), RowName::account_wide(b"me"), RowName::conversation(b"", b"")]
        {
            let mut bytes = Vec::new();
            name.write_to(&mut bytes);
            assert_eq!(bytes.len(), name.written_len());
            bytes.push(9);
            assert_eq!(RowName::read_from(&bytes), Some((name, &[9][..])));
        }
        assert_eq!(RowName::read_from(&[2, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(RowName::read_from(&[1, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
