//! D-H key pairs and the secrets two of them share.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use rand_core::CryptoRng;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::SecretBytes;
use crate::group::{DH_SECRET_LEN, ELEMENT_LEN, GroupElement, PowerTable, Residue};
use crate::wire::minimal;

/// A private exponent of 320 bits and its public value.
#[derive(Clone, Debug)]
pub(crate) struct DhKeyPair {
    secret: SecretBytes<DH_SECRET_LEN>,
    public: GroupElement,
}

impl DhKeyPair {
    /// Draws 40 bytes. An exponent whose public value is illegal is drawn again: it never happens.
    pub(crate) fn generate(rng: &mut dyn CryptoRng) -> Self {
        loop {
            if let Some(pair) = Self::from_secret(SecretBytes::random(rng)) {
                return pair;
            }
        }
    }

    /// Computes the public value; `None` for the exponents 0 and those with g^x = 1 or p-1.
    pub(crate) fn from_secret(secret: SecretBytes<DH_SECRET_LEN>) -> Option<Self> {
        let public = Residue::power_of_g(secret.expose()).to_element("own public key").ok()?;
        Some(Self { secret, public })
    }

    /// A pair whose public value was computed earlier.
    pub(crate) const fn from_parts(secret: SecretBytes<DH_SECRET_LEN>, public: GroupElement) -> Self {
        Self { secret, public }
    }

    pub(crate) const fn public(&self) -> &GroupElement {
        &self.public
    }

    pub(crate) const fn secret(&self) -> &SecretBytes<DH_SECRET_LEN> {
        &self.secret
    }

    /// s = theirs^secret.
    pub(crate) fn agree(&self, theirs: &GroupElement) -> SharedSecret {
        agree(&self.secret, theirs)
    }

    /// As [`DhKeyPair::agree`], where more than one power of the peer's key is needed.
    pub(crate) fn agree_by(&self, theirs: &PowerTable) -> SharedSecret {
        SharedSecret(theirs.power(self.secret.expose()).to_be_bytes())
    }
}

/// theirs^secret.
pub(crate) fn agree(secret: &SecretBytes<DH_SECRET_LEN>, theirs: &GroupElement) -> SharedSecret {
    SharedSecret(theirs.to_residue().power(secret.expose()).to_be_bytes())
}

/// s, the value both sides compute. Wiped on drop.
#[derive(Clone)]
pub(crate) struct SharedSecret(Zeroizing<[u8; ELEMENT_LEN]>);

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

impl SharedSecret {
    /// The value, padded.
    pub(crate) fn to_bytes(&self) -> SecretBytes<ELEMENT_LEN> {
        SecretBytes::new(*self.0)
    }

    /// SHA-256 over BYTE `label` and the MPI of s.
    pub(crate) fn h2(&self, label: u8) -> SecretBytes<32> {
        let mut hash = Sha256::new();
        self.feed(label, |part| hash.update(part));
        SecretBytes::new(hash.finalize().into())
    }

    /// SHA-1 over BYTE `label` and the MPI of s.
    pub(crate) fn h1(&self, label: u8) -> SecretBytes<20> {
        let mut hash = Sha1::new();
        self.feed(label, |part| hash.update(part));
        SecretBytes::new(hash.finalize().into())
    }

    fn feed(&self, label: u8, mut update: impl FnMut(&[u8])) {
        let value = minimal(&*self.0);
        #[expect(clippy::cast_possible_truncation, reason = "at most 192 bytes")]
        let length = (value.len() as u32).to_be_bytes();
        update(&[label]);
        update(&length);
        update(value);
    }
}

/// HMAC-SHA256 over the parts, one behind the other.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = new_mac::<Hmac<Sha256>>(key);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA1 that has taken its key.
#[derive(Clone)]
pub(crate) struct HmacSha1(Hmac<Sha1>);

impl HmacSha1 {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(new_mac(key))
    }

    /// The authenticator of messages that begin with `head`; it takes what follows.
    pub(crate) fn begin(&self, head: &[u8]) -> Self {
        Self(self.0.clone().chain_update(head))
    }

    pub(crate) fn authenticate(&self, message: &[u8]) -> [u8; 20] {
        self.0.clone().chain_update(message).finalize().into_bytes().into()
    }
}

fn new_mac<M: Mac + KeyInit>(key: &[u8]) -> M {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    M::new_from_slice(key).expect("HMAC takes keys of every length")
}

/// AES-128 in counter mode over `data` in place; the block starts as `counter`, then eight zero bytes.
pub(crate) fn aes_ctr(key: &SecretBytes<16>, counter: u64, data: &mut [u8]) {
    use ctr::cipher::{KeyIvInit, StreamCipher};
    let mut block = [0; 16];
    block[..8].copy_from_slice(&counter.to_be_bytes());
    let mut cipher = ctr::Ctr128BE::<aes::Aes128Enc>::new(key.expose().into(), &block.into());
    cipher.apply_keystream(data);
}
