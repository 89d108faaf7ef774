//! The keys of one pair (own key, peer's key), section "Data message", "computing keys".

use core::fmt;
use std::sync::OnceLock;

use subtle::ConstantTimeEq;

use super::their_key::TheirKey;
use crate::SecretBytes;
use crate::dh::{DhKeyPair, HmacSha1, SharedSecret, aes_ctr};
use crate::wire::{Content, DataMessage, MAC_LEN};
use sha1::{Digest, Sha1};

/// All keys of a pair. Which direction is which follows from the two public keys of the pair itself.
#[derive(Clone)]
pub struct DataKeys {
    /// What we encrypt with.
    pub sending: DirectionKeys,
    /// What the peer encrypts with.
    pub receiving: DirectionKeys,
    /// The extra symmetric key of TLV 8, the same on both sides.
    pub extra: SecretBytes<32>,
}

/// The keys of one direction of a pair.
#[derive(Clone)]
pub struct DirectionKeys {
    /// AES-128 key.
    pub cipher: SecretBytes<16>,
    /// HMAC-SHA1 key: SHA-1 of the AES key.
    pub mac: MacKey,
}

/// A MAC key that authenticates. It must never be sent; see [`RevealedMacKey`].
#[derive(Clone)]
pub struct MacKey {
    key: SecretBytes<MAC_LEN>,
    /// Keyed once: a short message costs a third less then.
    hmac: HmacSha1,
    /// What the first message left: the others under the same key begin as it does.
    begun: OnceLock<Box<Begun>>,
}

/// Three blocks of SHA-1. A data message has the same ones as the one before it as long as keys and flags stay.
const HEAD_LEN: usize = 3 * 64;

/// An authenticator that has taken the head of a message. The head is public: it stands on the wire.
#[derive(Clone)]
struct Begun {
    head: [u8; HEAD_LEN],
    hmac: HmacSha1,
}

/// A MAC key that authenticates no more, so that it may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RevealedMacKey([u8; MAC_LEN]);

impl DataKeys {
    pub(super) fn of_pair(ours: &DhKeyPair, theirs: &TheirKey) -> Self {
        Self::derive(&theirs.agree(ours), ours.public() > theirs.public())
    }

    /// `high`: our public key of the pair is the greater one.
    pub(crate) fn derive(secret: &SharedSecret, high: bool) -> Self {
        let (ours, theirs) = if high { (1, 2) } else { (2, 1) };
        Self {
            sending: DirectionKeys::derive(secret, ours),
            receiving: DirectionKeys::derive(secret, theirs),
            extra: secret.h2(0xff),
        }
    }
}

impl DirectionKeys {
    fn derive(secret: &SharedSecret, label: u8) -> Self {
        let cipher = secret.h1(label).truncated::<16>();
        let mac = MacKey::of_cipher(&cipher);
        Self { cipher, mac }
    }
}

impl MacKey {
    pub(crate) fn of_cipher(cipher: &SecretBytes<16>) -> Self {
        let key = SecretBytes::new(Sha1::digest(cipher.expose()).into());
        let hmac = HmacSha1::new(key.expose());
        Self { key, hmac, begun: OnceLock::new() }
    }

    pub(crate) fn authenticate(&self, message: &[u8]) -> [u8; MAC_LEN] {
        let Some((head, rest)) = message.split_first_chunk() else { return self.hmac.authenticate(message) };
        let begun = self.begun.get_or_init(|| Box::new(Begun { head: *head, hmac: self.hmac.begin(head) }));
        if begun.head == *head { begun.hmac.authenticate(rest) } else { self.hmac.authenticate(message) }
    }

    pub(crate) fn verifies(&self, message: &[u8], authenticator: &[u8; MAC_LEN]) -> bool {
        self.authenticate(message).ct_eq(authenticator).into()
    }

    /// Gives the key up for publication. The pair it belongs to must be gone.
    pub(crate) fn reveal(self) -> RevealedMacKey {
        RevealedMacKey(*self.key.expose())
    }

    /// The key itself, for tools that show or check it.
    #[must_use]
    pub const fn expose(&self) -> &[u8; MAC_LEN] {
        self.key.expose()
    }
}

/// The content of a message whose authenticator was verified.
pub(super) fn decrypt(cipher: &SecretBytes<16>, message: &DataMessage<'_>) -> Content {
    let mut plaintext = message.encrypted.to_vec();
    aes_ctr(cipher, message.counter, &mut plaintext);
    Content::take(plaintext)
}

impl RevealedMacKey {
    /// The 20 bytes that are published.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; MAC_LEN] {
        &self.0
    }
}

impl fmt::Debug for DataKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sending: _, receiving: _, extra: _ } = self;
        f.write_str("DataKeys(..)")
    }
}

impl fmt::Debug for DirectionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cipher: _, mac: _ } = self;
        f.write_str("DirectionKeys(..)")
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: _, hmac: _, begun: _ } = self;
        f.write_str("MacKey(..)")
    }
}
