//! From private D-H values to keys, and what the messages of the AKE hide.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::ake::{binding, decrypt_proof};
use crate::dh::{DhKeyPair, aes_ctr, agree};
use crate::dsa::{PublicKey, Signature};
use crate::group::{DH_SECRET_LEN, ELEMENT_LEN, GroupElement};
use crate::wire::{Codec, DecodeError, DhCommit, EncryptedSignature};
use crate::{DataKeys, ExchangeKeys, HalfKeys, SecretBytes};

/// g^secret; `None` if that is 1 or p-1, which no key may be.
#[must_use]
pub fn public_value(secret: &SecretBytes<DH_SECRET_LEN>) -> Option<GroupElement> {
    DhKeyPair::from_secret(secret.clone()).map(|pair| *pair.public())
}

/// s: theirs^secret, 192 bytes, big-endian, padded.
#[must_use]
pub fn shared_secret(secret: &SecretBytes<DH_SECRET_LEN>, theirs: &GroupElement) -> SecretBytes<ELEMENT_LEN> {
    agree(secret, theirs).to_bytes()
}

/// The keys of the AKE between a private value of one side and the public value of the other.
#[must_use]
pub fn exchange_keys(secret: &SecretBytes<DH_SECRET_LEN>, theirs: &GroupElement) -> ExchangeKeys {
    ExchangeKeys::derive(&agree(secret, theirs))
}

/// The keys of data messages between them, as the owner of `secret` sees them; `None` as in [`public_value`].
#[must_use]
pub fn data_keys(secret: &SecretBytes<DH_SECRET_LEN>, theirs: &GroupElement) -> Option<DataKeys> {
    DhKeyPair::from_secret(secret.clone()).map(|pair| DataKeys::derive(&pair.agree(theirs), pair.public() > theirs))
}

/// g^x of a D-H Commit that `r` opens; `None` if it does not, or if the value is none that a key may be.
#[must_use]
pub fn open_commit(commit: &DhCommit, r: &SecretBytes<16>) -> Option<GroupElement> {
    use sha2::{Digest, Sha256};
    let mut encoded = Zeroizing::new(commit.encrypted_gx.clone());
    aes_ctr(r, 0, &mut encoded);
    let hash: [u8; 32] = Sha256::digest(&*encoded).into();
    bool::from(hash.ct_eq(&commit.hashed_gx)).then(|| GroupElement::from_bytes(&encoded).ok()).flatten()
}

/// M: what the signer of an encrypted signature signs. `signer` and `other` are the two D-H values.
#[must_use]
pub fn signed_value(
    keys: &HalfKeys,
    signer: &GroupElement,
    other: &GroupElement,
    key: &PublicKey,
    keyid: u32,
) -> [u8; 32] {
    binding(keys, signer, other, key, keyid)
}

/// X: what an encrypted signature hides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The signer's long-term key.
    pub key: PublicKey,
    /// The keyid of the signer's D-H value.
    pub keyid: u32,
    /// The signature over [`signed_value`]; not checked here.
    pub signature: Signature,
}

/// Decrypts an encrypted signature.
///
/// # Errors
/// [`DecodeError::Value`] if its MAC does not verify, else the first fault of its structure.
pub fn open_proof(keys: &HalfKeys, message: &EncryptedSignature) -> Result<Proof, DecodeError> {
    let (key, keyid, signature) = decrypt_proof(keys, message).ok_or(DecodeError::Value("MAC of the signature"))??;
    Ok(Proof { key, keyid, signature })
}
