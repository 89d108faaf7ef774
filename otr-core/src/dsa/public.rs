//! PUBKEY: a checked public key, its fingerprint, and verification.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::sync::Arc;

use crypto_bigint::modular::BoxedMontyForm;
use sha1::{Digest, Sha1};

use super::domain::{Domain, scalar_integer};
use super::{Fingerprint, Signature, SignatureError};
use crate::limits::MAX_DSA_MPI_LEN;
use crate::wire::{Codec, DecodeError, Reader, Writer};

/// The key type of DSA.
const TYPE_DSA: u16 = 0;

/// A public key. Cloning shares its numbers and tables.
///
/// Checked when made: p odd and of 1024 to 4096 bits; q odd, of 160 bits and a divisor of p - 1; g and y in
/// 2..=p-2. Compared and hashed by its numbers.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    /// p, q, g and y as in PUBKEY, behind the type.
    mpis: Vec<u8>,
    fingerprint: Fingerprint,
    domain: Domain,
    y: BoxedMontyForm,
}

impl PublicKey {
    /// From big-endian numbers; leading zeros are ignored.
    ///
    /// # Errors
    /// [`DecodeError::Length`] and [`DecodeError::Value`] with the number's name.
    pub fn from_components(p: &[u8], q: &[u8], g: &[u8], y: &[u8]) -> Result<Self, DecodeError> {
        let domain = Domain::new(p, q, g)?;
        let y_residue = domain.element(y, "y")?;
        let mut writer = Writer::default();
        for number in [p, q, g, y] {
            writer.mpi(number);
        }
        let mpis = writer.into_bytes();
        let fingerprint = Fingerprint(Sha1::digest(&mpis).into());
        Ok(Self(Arc::new(Inner { mpis, fingerprint, domain, y: y_residue })))
    }

    /// SHA-1 of the four MPIs.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// The numbers p, q, g and y, big-endian and minimal.
    #[must_use]
    pub fn components(&self) -> [&[u8]; 4] {
        let mut reader = Reader::new(&self.0.mpis);
        [(); 4].map(|()| reader.mpi(MAX_DSA_MPI_LEN, "number").unwrap_or_default())
    }

    /// Checks a signature over a digest, which is an integer of at most 64 bytes. Variable time: all of it is public.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`]; [`SignatureError::DigestLength`].
    pub fn verify(&self, digest: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let domain = &self.0.domain;
        let z = domain.digest(digest)?;
        let (r, s) = signature.scalars();
        let (r, s) = (scalar_integer(r), scalar_integer(s));
        let order = domain.order().as_ref();
        if [&r, &s].iter().any(|scalar| scalar.is_zero().to_bool() || *scalar >= order) {
            return Err(SignatureError::Invalid);
        }
        let inverse = Option::from(domain.scalar(&s).invert_vartime());
        let w: super::domain::Scalar = inverse.ok_or(SignatureError::Invalid)?;
        let v = domain.double_power(&z.mul(&w), &self.0.y, &domain.scalar(&r).mul(&w));
        if domain.project(&v) == r { Ok(()) } else { Err(SignatureError::Invalid) }
    }

    pub(super) fn domain(&self) -> &Domain {
        &self.0.domain
    }

    pub(super) fn y(&self) -> &BoxedMontyForm {
        &self.0.y
    }
}

impl Codec for PublicKey {
    fn encode(&self, writer: &mut Writer) {
        writer.short(TYPE_DSA);
        writer.raw(&self.0.mpis);
    }

    /// SHORT type 0, then MPI p, q, g and y (protocol, section "Public keys, signatures, and fingerprints").
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.short("key type")? != TYPE_DSA {
            return Err(DecodeError::Value("key type"));
        }
        let mut number = |name| reader.mpi(MAX_DSA_MPI_LEN, name);
        let (p, q, g, y) = (number("p")?, number("q")?, number("g")?, number("y")?);
        Self::from_components(p, q, g, y)
    }
}

impl signature::hazmat::PrehashVerifier<Signature> for PublicKey {
    fn verify_prehash(&self, prehash: &[u8], signature: &Signature) -> Result<(), signature::Error> {
        self.verify(prehash, signature).map_err(signature::Error::from_source)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.mpis == other.0.mpis
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.mpis.hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:x})", self.0.fingerprint)
    }
}

#[cfg(feature = "serde")]
mod serde_impl {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{Codec, PublicKey};

    impl Serialize for PublicKey {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.to_bytes())
        }
    }

    impl<'de> Deserialize<'de> for PublicKey {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let bytes = Vec::<u8>::deserialize(deserializer)?;
            Self::from_bytes(&bytes).map_err(D::Error::custom)
        }
    }
}
