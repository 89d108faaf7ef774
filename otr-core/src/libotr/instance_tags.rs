//! The instance-tag file: the tag of this device for each account.

use super::{Lines, WriteError, lines};
use crate::InstanceTag;

/// What libotr writes into the first line serves the same purpose.
const COMMENT: &str = "# Each tag belongs to one device. A copy of this file on another device confuses both.\n";

/// An instance-tag file: entries in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceTags {
    /// The entries.
    pub entries: Vec<OwnInstanceTag>,
}

/// The tag of this device for an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnInstanceTag {
    /// The user's account.
    pub account: String,
    /// The protocol in the client's words.
    pub protocol: String,
    /// The tag.
    pub tag: InstanceTag,
}

impl InstanceTags {
    /// Reads lines of account, protocol and 8 hexadecimal digits, separated by tabs. Comments (`#`, no tab) and
    /// lines with reserved tags (below 0x100) are passed over.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Lines<Self> {
        let Lines { file, skipped } = lines::parse(bytes, entry);
        Lines { file: Self { entries: file }, skipped }
    }

    /// Writes a comment and the entries, which libotr reads.
    ///
    /// # Errors
    /// [`WriteError`] for the first entry that the format cannot hold.
    pub fn write(&self) -> Result<Vec<u8>, WriteError> {
        let mut out = COMMENT.as_bytes().to_vec();
        for (number, OwnInstanceTag { account, protocol, tag }) in self.entries.iter().enumerate() {
            lines::write(&mut out, number, &[account, protocol, &tag.to_string()])?;
        }
        Ok(out)
    }

    /// The tag of an account.
    #[must_use]
    pub fn find(&self, account: &str, protocol: &str) -> Option<InstanceTag> {
        let matching = |entry: &&OwnInstanceTag| entry.account == account && entry.protocol == protocol;
        self.entries.iter().find(matching).map(|entry| entry.tag)
    }
}

fn entry(fields: &[&str]) -> Option<OwnInstanceTag> {
    let [account, protocol, digits] = *fields else { return None };
    let hexadecimal = digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !hexadecimal {
        return None;
    }
    let tag = InstanceTag::new(u32::from_str_radix(digits, 16).ok()?)?;
    Some(OwnInstanceTag { account: account.to_owned(), protocol: protocol.to_owned(), tag })
}
