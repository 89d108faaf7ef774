//! A private key and signing.

use core::fmt;

use crypto_bigint::modular::BoxedMontyForm;
use crypto_bigint::{CtLt, U192};
use rand_core::{CryptoRng, TryCryptoRng};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::domain::{Scalar, scalar_bytes, scalar_integer};
use super::nonce::Nonces;
use super::{Generator, KeyError, Progress, PublicKey, SCALAR_LEN, Signature, SignatureError};
use crate::SecretBytes;
use crate::limits::MAX_DSA_MPI_LEN;
use crate::wire::{Codec, Reader, Writer, minimal};

/// Bytes of fresh randomness mixed into each nonce.
const HEDGE_LEN: usize = 32;
/// Nonces tried for one signature. With q of 160 bits each fails with a probability below one half.
const ATTEMPTS: usize = 160;

/// A private key with its public half. x is wiped on drop and never printed; cloning shares the tables.
#[derive(Clone)]
pub struct PrivateKey {
    public: PublicKey,
    x: SecretBytes<SCALAR_LEN>,
}

impl PrivateKey {
    /// Makes a key of 1024 and 160 bits. Takes tens of milliseconds; [`Generator`] does it in steps.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut generator = Generator::new();
        loop {
            if let Progress::Done(key) = generator.step(rng) {
                return key;
            }
        }
    }

    /// From big-endian numbers; leading zeros are ignored.
    ///
    /// # Errors
    /// [`KeyError`]: the public half is refused, x is not in 1..q, or y is not g^x mod p.
    pub fn from_components(p: &[u8], q: &[u8], g: &[u8], y: &[u8], x: &[u8]) -> Result<Self, KeyError> {
        let public = PublicKey::from_components(p, q, g, y)?;
        Self::new(public, x)
    }

    fn new(public: PublicKey, x: &[u8]) -> Result<Self, KeyError> {
        let x = minimal(x);
        if x.len() > SCALAR_LEN {
            return Err(KeyError::PrivateValue);
        }
        let integer = Zeroizing::new(scalar_integer(x));
        let in_range = integer.is_nonzero() & integer.ct_lt(public.domain().order().as_ref());
        if !in_range.to_bool() {
            return Err(KeyError::PrivateValue);
        }
        let x = SecretBytes::new(*scalar_bytes(&integer));
        if public.domain().power_of_g(x.expose()) != *public.y() {
            return Err(KeyError::Mismatch);
        }
        Ok(Self { public, x })
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// x, 20 bytes, big-endian.
    #[must_use]
    pub fn secret(&self) -> &SecretBytes<SCALAR_LEN> {
        &self.x
    }

    /// PUBKEY, then MPI x: the form of [`PrivateKey::from_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let public = self.public.to_bytes();
        let mut writer = Writer::with_capacity(public.len() + 4 + SCALAR_LEN);
        writer.raw(&public);
        writer.mpi(self.x.expose());
        Zeroizing::new(writer.into_bytes())
    }

    /// Reads PUBKEY, then MPI x. pure-python-otr writes its keys in this form.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::new(bytes);
        let public = PublicKey::decode(&mut reader)?;
        let x = reader.mpi(MAX_DSA_MPI_LEN, "x")?;
        reader.finish()?;
        Self::new(public, x)
    }

    /// Signs a digest, which is an integer of at most 64 bytes. Constant time in x and the nonce.
    ///
    /// The nonce depends on x, the digest and 32 bytes of `rng`; it stays secret even if these repeat.
    ///
    /// # Errors
    /// [`SignatureError::DigestLength`]; [`SignatureError::Unusable`] for an imported key with a bad group.
    pub fn sign(&self, digest: &[u8], rng: &mut dyn CryptoRng) -> Result<Signature, SignatureError> {
        let hedge = SecretBytes::<HEDGE_LEN>::random(rng);
        self.sign_with(digest, hedge.expose())
    }

    /// Signs a digest without randomness: RFC 6979 with HMAC-SHA-256, of the digest modulo q.
    ///
    /// # Errors
    /// As [`PrivateKey::sign`].
    pub fn sign_deterministic(&self, digest: &[u8]) -> Result<Signature, SignatureError> {
        self.sign_with(digest, &[])
    }

    fn sign_with(&self, digest: &[u8], extra: &[u8]) -> Result<Signature, SignatureError> {
        let domain = self.public.domain();
        let z = Zeroizing::new(domain.digest(digest)?);
        let x = Zeroizing::new(domain.scalar(&Zeroizing::new(scalar_integer(self.x.expose()))));
        let seed = scalar_bytes(&Zeroizing::new(z.retrieve()));
        let mut nonces = Nonces::new(self.x.expose(), &seed, extra);
        for _ in 0..ATTEMPTS {
            let Some(k) = nonces.next(domain.order().as_ref()) else { continue };
            let point: Zeroizing<BoxedMontyForm> = Zeroizing::new(domain.power_of_g(&scalar_bytes(&k)));
            let r = domain.project(&point);
            let Some(inverse) = Option::<Scalar>::from(Zeroizing::new(domain.scalar(&k)).invert()) else { continue };
            let inverse = Zeroizing::new(inverse);
            let product = Zeroizing::new(x.mul(&domain.scalar(&r)));
            let sum = Zeroizing::new(z.add(&product));
            let s = inverse.mul(&sum).retrieve();
            if r != U192::ZERO && s != U192::ZERO {
                return Ok(Signature::from_scalars(&scalar_bytes(&r), &scalar_bytes(&s)));
            }
        }
        Err(SignatureError::Unusable)
    }
}

impl signature::hazmat::PrehashSigner<Signature> for PrivateKey {
    fn sign_prehash(&self, prehash: &[u8]) -> Result<Signature, signature::Error> {
        self.sign_deterministic(prehash).map_err(signature::Error::from_source)
    }
}

impl signature::hazmat::RandomizedPrehashSigner<Signature> for PrivateKey {
    fn sign_prehash_with_rng<R: TryCryptoRng + ?Sized>(
        &self,
        rng: &mut R,
        prehash: &[u8],
    ) -> Result<Signature, signature::Error> {
        let mut hedge = Zeroizing::new([0; HEDGE_LEN]);
        rng.try_fill_bytes(&mut *hedge).map_err(|_| signature::Error::new())?;
        self.sign_with(prehash, &*hedge).map_err(signature::Error::from_source)
    }
}

impl ConstantTimeEq for PrivateKey {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        let Self { public, x } = self;
        subtle::Choice::from(u8::from(*public == other.public)) & x.ct_eq(&other.x)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { public, x: _ } = self;
        write!(f, "PrivateKey({:x}, ..)", public.fingerprint())
    }
}
