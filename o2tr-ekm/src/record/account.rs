//! The account as a whole: who we are, independent of any peer.

use core::fmt;

use otr_core::InstanceTag;
use otr_core::dsa::Fingerprint;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::codec::Record;

/// The identity that a store belongs to, in a row of its own. Trust in peers stands in their conversations.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountRecord {
    /// The name of the account, for XMPP a bare address.
    pub name: String,
    /// The protocol, in the words of libotr's clients, for example `prpl-jabber`.
    pub protocol: String,
    /// The long-term key.
    pub key: AccountKey,
    /// The tag of this device.
    pub instance: AccountInstance,
}

/// Where the long-term key is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum AccountKey {
    /// Here.
    Own(KeyBytes),
    /// In a file that other clients use as well; the fingerprint is the one it had when it was last used.
    Elsewhere(Fingerprint),
}

/// Where the instance tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountInstance {
    /// Here.
    Own(InstanceTag),
    /// In a file that other clients use as well; the tag is the one it had when it was last used.
    Elsewhere(InstanceTag),
}

/// A DSA private key as bytes ([`otr_core::dsa::PrivateKey::to_bytes`]), wiped on drop, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub struct KeyBytes(Vec<u8>);

impl KeyBytes {
    /// Takes the bytes over.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = self;
        write!(f, "KeyBytes({} bytes)", bytes.len())
    }
}

impl Record for AccountRecord {
    const SCHEMA: u16 = 1;
    const LIMIT: usize = 64 << 10;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn it_reads_back_and_debug_shows_no_key() {
        let account = AccountRecord {
            name: "ada@example.org".to_owned(),
            protocol: "prpl-jabber".to_owned(),
            key: AccountKey::Own(KeyBytes::new(vec![0xab; 7])),
            instance: AccountInstance::Own(InstanceTag::new(0x1234).unwrap()),
        };
        let read: AccountRecord = codec::decode(&codec::encode(&account).unwrap()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{account:?}"));
        assert!(matches!(&read.key, AccountKey::Own(key) if key.expose() == [0xab; 7]));
        assert!(!format!("{account:?}").contains("171"), "{account:?}");
    }
}
