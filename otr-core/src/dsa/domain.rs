//! A DSA group: p, q and g with their precomputed arithmetic.

use std::sync::OnceLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams, FixedMontyForm, FixedMontyParams};
use crypto_bigint::{BoxedUint, Limb, Odd, U192, U512};
use zeroize::Zeroizing;

use super::{MAX_DIGEST_LEN, MIN_P_BITS, SCALAR_LEN, SignatureError};
use crate::group::{Comb, Shape, product_of_powers};
use crate::limits::MAX_DSA_MPI_LEN;
use crate::wire::{DecodeError, minimal};

/// Four splits of 32 entries: 16 KiB at 1024 bits, 31 multiplications and 7 squarings a power.
const COMB: Shape = Shape { bits: 160, teeth: 5, splits: 4 };

/// An integer modulo q.
pub(super) type Scalar = FixedMontyForm<{ U192::LIMBS }>;

/// p, q and g. The arithmetic is sound for any odd p and q, prime or not.
pub(super) struct Domain {
    p: BoxedMontyParams,
    q: FixedMontyParams<{ U192::LIMBS }>,
    g: BoxedMontyForm,
    comb: OnceLock<Comb>,
}

impl Domain {
    /// Checks big-endian numbers: p odd and of 1024 to 4096 bits, q odd, of 160 bits and a divisor of p - 1,
    /// 2 <= g <= p-2.
    pub(super) fn new(p: &[u8], q: &[u8], g: &[u8]) -> Result<Self, DecodeError> {
        let (p, q) = (minimal(p), minimal(q));
        if p.len() > MAX_DSA_MPI_LEN {
            return Err(DecodeError::Length { field: "p", length: p.len() });
        }
        if q.len() != SCALAR_LEN || q.first().is_none_or(|&byte| byte < 0x80) {
            return Err(DecodeError::Length { field: "q", length: q.len() });
        }
        let p = BoxedUint::from_be_slice_vartime(p);
        let p_minus_one = p.wrapping_sub(Limb::ONE);
        let q = scalar_integer(q);
        let p = Option::<Odd<_>>::from(p.to_odd()).ok_or(DecodeError::Value("p"))?;
        let q = Option::<Odd<_>>::from(q.to_odd()).ok_or(DecodeError::Value("q"))?;
        if usize::try_from(p.as_ref().bit_width_vartime()).unwrap_or(0) < MIN_P_BITS {
            return Err(DecodeError::Value("p"));
        }
        if p_minus_one.rem_vartime(q.as_nz_ref()) != U192::ZERO {
            return Err(DecodeError::Value("q"));
        }
        let p = BoxedMontyParams::new_vartime(p);
        let q = FixedMontyParams::new_vartime(q);
        let g = element(&p, g, "g")?;
        Ok(Self { p, q, g, comb: OnceLock::new() })
    }

    /// A number modulo p with 2 <= number <= p-2.
    pub(super) fn element(&self, bytes: &[u8], field: &'static str) -> Result<BoxedMontyForm, DecodeError> {
        element(&self.p, bytes, field)
    }

    /// q.
    pub(super) fn order(&self) -> &Odd<U192> {
        self.q.modulus()
    }

    /// The digest as an integer modulo q.
    pub(super) fn digest(&self, digest: &[u8]) -> Result<Scalar, SignatureError> {
        let mut padded = Zeroizing::new([0; MAX_DIGEST_LEN]);
        let start = MAX_DIGEST_LEN.checked_sub(digest.len()).ok_or(SignatureError::DigestLength(digest.len()))?;
        if let Some(tail) = padded.get_mut(start..) {
            tail.copy_from_slice(digest);
        }
        let integer = Zeroizing::new(U512::from_be_slice(&*padded));
        Ok(self.scalar(&integer.rem(self.order().as_nz_ref())))
    }

    /// A number below 2^192 as an integer modulo q.
    pub(super) fn scalar(&self, integer: &U192) -> Scalar {
        Scalar::new(integer, &self.q)
    }

    /// g^exponent modulo p in Montgomery form, for a secret exponent of 20 bytes. The first call makes the table.
    pub(super) fn power_of_g(&self, exponent: &[u8; SCALAR_LEN]) -> BoxedMontyForm {
        self.comb.get_or_init(|| Comb::new(&self.g, COMB)).power(exponent)
    }

    /// g^u1 * y^u2 modulo p, all public.
    pub(super) fn double_power(&self, u1: &Scalar, y: &BoxedMontyForm, u2: &Scalar) -> BoxedMontyForm {
        let (u1, u2) = (scalar_bytes(&u1.retrieve()), scalar_bytes(&u2.retrieve()));
        product_of_powers(&self.p, &[(&self.g, &*u1), (y, &*u2)])
    }

    /// The residue modulo q of a residue modulo p: how r is made.
    pub(super) fn project(&self, element: &BoxedMontyForm) -> U192 {
        element.retrieve().rem(self.order().as_nz_ref())
    }
}

/// At most 24 big-endian bytes as an integer.
pub(super) fn scalar_integer(bytes: &[u8]) -> U192 {
    let mut padded = Zeroizing::new([0; U192::BYTES]);
    let start = padded.len().saturating_sub(bytes.len());
    for (to, from) in padded.iter_mut().skip(start).zip(bytes) {
        *to = *from;
    }
    U192::from_be_slice(&*padded)
}

/// The lowest 20 bytes, which is all of an integer modulo q.
pub(super) fn scalar_bytes(integer: &U192) -> Zeroizing<[u8; SCALAR_LEN]> {
    let mut bytes = Zeroizing::new([0; SCALAR_LEN]);
    let padded = Zeroizing::new(integer.to_be_bytes());
    for (to, from) in bytes.iter_mut().rev().zip(padded.iter().rev()) {
        *to = *from;
    }
    bytes
}

fn element(p: &BoxedMontyParams, bytes: &[u8], field: &'static str) -> Result<BoxedMontyForm, DecodeError> {
    let modulus = p.modulus().as_ref();
    let value = BoxedUint::from_be_slice(minimal(bytes), p.bits_precision())
        .map_err(|_| DecodeError::Length { field, length: bytes.len() })?;
    let largest = modulus.wrapping_sub(Limb::from(2_u8));
    if value.bit_width_vartime() <= 1 || value > largest {
        return Err(DecodeError::Value(field));
    }
    Ok(BoxedMontyForm::new(value, p))
}
