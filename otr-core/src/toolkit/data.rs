//! What whoever holds the keys of a data message can do with it, and what a revealed MAC key lets anybody do.

use zeroize::Zeroizing;

use crate::dh::{HmacSha1, aes_ctr};
use crate::wire::{DataMessage, MAC_LEN};
use crate::{MacKey, SecretBytes};

/// Why a message was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForgeError {
    /// The replacement does not lie inside the encrypted message, which has this many bytes.
    #[error("the replacement does not lie inside the {0} encrypted bytes")]
    OutOfRange(usize),
    /// The keys do not fit the message.
    #[error("the keys do not fit the message")]
    WrongKey,
}

/// The MAC key that belongs to an AES key.
#[must_use]
pub fn mac_key(cipher: &SecretBytes<16>) -> MacKey {
    MacKey::of_cipher(cipher)
}

/// The authenticator of a message under a MAC key.
#[must_use]
pub fn authenticate(mac_key: &[u8; MAC_LEN], message: &DataMessage<'_>) -> [u8; MAC_LEN] {
    HmacSha1::new(mac_key).authenticate(message.authenticated)
}

/// Decrypts a message with the sender's AES key: text, NUL, TLVs.
///
/// # Errors
/// [`ForgeError::WrongKey`] if the authenticator does not verify.
pub fn read(message: &DataMessage<'_>, cipher: &SecretBytes<16>) -> Result<Zeroizing<Vec<u8>>, ForgeError> {
    if !mac_key(cipher).verifies(message.authenticated, &message.authenticator) {
        return Err(ForgeError::WrongKey);
    }
    let mut plaintext = Zeroizing::new(message.encrypted.to_vec());
    aes_ctr(cipher, message.counter, &mut plaintext);
    Ok(plaintext)
}

/// The message with another plaintext: what any reader of it could have made.
///
/// # Errors
/// As [`read`].
pub fn forge(message: &DataMessage<'_>, cipher: &SecretBytes<16>, plaintext: &[u8]) -> Result<Vec<u8>, ForgeError> {
    read(message, cipher)?;
    let mut encrypted = plaintext.to_vec();
    aes_ctr(cipher, message.counter, &mut encrypted);
    Ok(with_authenticator(&DataMessage { encrypted: &encrypted, ..*message }, mac_key(cipher).expose()))
}

/// The message with bytes of its plaintext changed from `old` to `new` at `offset`, by whoever knows a revealed
/// MAC key and guesses the old text, without the AES key.
///
/// # Errors
/// [`ForgeError::OutOfRange`] if the two texts differ in length or reach beyond the end.
pub fn modify(
    message: &DataMessage<'_>,
    mac_key: &[u8; MAC_LEN],
    offset: usize,
    old: &[u8],
    new: &[u8],
) -> Result<Vec<u8>, ForgeError> {
    let mut encrypted = message.encrypted.to_vec();
    let out_of_range = ForgeError::OutOfRange(encrypted.len());
    let end = offset.checked_add(old.len()).ok_or(out_of_range)?;
    let place = encrypted.get_mut(offset..end).filter(|_| old.len() == new.len()).ok_or(out_of_range)?;
    for (byte, (old, new)) in place.iter_mut().zip(old.iter().zip(new)) {
        *byte ^= old ^ new;
    }
    Ok(with_authenticator(&DataMessage { encrypted: &encrypted, ..*message }, mac_key))
}

/// The message under another MAC key; change its fields before.
#[must_use]
pub fn remac(message: &DataMessage<'_>, mac_key: &[u8; MAC_LEN]) -> Vec<u8> {
    with_authenticator(message, mac_key)
}

fn with_authenticator(message: &DataMessage<'_>, mac_key: &[u8; MAC_LEN]) -> Vec<u8> {
    let authenticator = HmacSha1::new(mac_key).authenticate(&message.covered());
    DataMessage { authenticator, ..*message }.encode()
}
