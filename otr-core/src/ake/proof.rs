//! The encrypted signature: PUBKEY, keyid and a DSA signature that binds them to both D-H values.

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::exchange::Fault;
use super::keys::HalfKeys;
use crate::dh::{aes_ctr, hmac_sha256};
use crate::dsa::{PrivateKey, PublicKey, Signature};
use crate::group::GroupElement;
use crate::wire::{Codec, DecodeError, EncryptedSignature, MAC_LEN, Reader, Writer};

/// Who signed, and the keyid of the D-H key that the signature covers.
pub(super) struct Proven {
    pub(super) key: PublicKey,
    pub(super) keyid: u32,
}

/// Signs (own value, peer's value, own key, keyid) and encrypts the result.
pub(super) fn prove(
    keys: &HalfKeys,
    own: &GroupElement,
    peer: &GroupElement,
    identity: &PrivateKey,
    keyid: u32,
    rng: &mut dyn CryptoRng,
) -> Result<EncryptedSignature, Fault> {
    let public = identity.public_key();
    let digest = binding(keys, own, peer, public, keyid);
    let mut writer = Writer::default();
    public.encode(&mut writer);
    writer.int(keyid);
    identity.sign(&digest, rng).map_err(|_| Fault::Unusable)?.encode(&mut writer);
    let mut encrypted = writer.into_bytes();
    aes_ctr(&keys.cipher, 0, &mut encrypted);
    let mac = outer_mac(keys, &encrypted);
    Ok(EncryptedSignature { encrypted, mac })
}

/// Checks MAC, structure, keyid and signature, in this order.
pub(super) fn verify(
    keys: &HalfKeys,
    theirs: &GroupElement,
    own: &GroupElement,
    message: &EncryptedSignature,
) -> Result<Proven, Fault> {
    let (key, keyid, signature) = decrypt_proof(keys, message).ok_or(Fault::Unauthentic)??;
    if keyid == 0 {
        return Err(Fault::Unauthentic);
    }
    let digest = binding(keys, theirs, own, &key, keyid);
    key.verify(&digest, &signature).map_err(|_| Fault::Unauthentic)?;
    Ok(Proven { key, keyid })
}

/// PUBKEY, keyid and signature; `None` if the MAC does not verify.
pub(crate) fn decrypt_proof(
    keys: &HalfKeys,
    message: &EncryptedSignature,
) -> Option<Result<(PublicKey, u32, Signature), DecodeError>> {
    if !bool::from(outer_mac(keys, &message.encrypted).ct_eq(&message.mac)) {
        return None;
    }
    let mut plain = Zeroizing::new(message.encrypted.clone());
    aes_ctr(&keys.cipher, 0, &mut plain);
    Some(parse_proof(&plain))
}

fn parse_proof(plain: &[u8]) -> Result<(PublicKey, u32, Signature), DecodeError> {
    let mut reader = Reader::new(plain);
    let key = PublicKey::decode(&mut reader)?;
    let keyid = reader.int("keyid")?;
    let signature = Signature::decode(&mut reader)?;
    reader.finish()?;
    Ok((key, keyid, signature))
}

/// M: HMAC-SHA256 under m1 over the signer's value, the other's value, the signer's PUBKEY and keyid.
pub(crate) fn binding(
    keys: &HalfKeys,
    first: &GroupElement,
    second: &GroupElement,
    key: &PublicKey,
    keyid: u32,
) -> [u8; 32] {
    let mut writer = Writer::default();
    first.encode(&mut writer);
    second.encode(&mut writer);
    key.encode(&mut writer);
    writer.int(keyid);
    hmac_sha256(keys.binding.expose(), &[writer.as_bytes()])
}

/// HMAC-SHA256 under m2 over the DATA of the encrypted signature, length included, cut to 20 bytes.
fn outer_mac(keys: &HalfKeys, encrypted: &[u8]) -> [u8; MAC_LEN] {
    let mut writer = Writer::with_capacity(encrypted.len() + 4);
    writer.data(encrypted);
    let full = hmac_sha256(keys.outer.expose(), &[writer.as_bytes()]);
    let mut mac = [0; MAC_LEN];
    mac.copy_from_slice(&full[..MAC_LEN]);
    mac
}
