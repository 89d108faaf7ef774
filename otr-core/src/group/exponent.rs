//! Integers modulo q = (p-1)/2: the exponents that SMP sends.

use std::sync::LazyLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use zeroize::Zeroizing;

use super::{ELEMENT_LEN, Q};

const BITS: u32 = 1536;

static ORDER: LazyLock<BoxedMontyParams> = LazyLock::new(|| BoxedMontyParams::new(Odd::from(&Q)));

/// An integer modulo q, possibly secret (wiped on drop).
#[derive(Clone)]
pub(crate) struct ExponentModQ(BoxedMontyForm);

impl ExponentModQ {
    /// Reduces big-endian bytes of at most 192 bytes.
    pub(crate) fn reduce(bytes: &[u8]) -> Self {
        let integer = BoxedUint::from_be_slice(bytes, BITS).unwrap_or_else(|_| BoxedUint::zero());
        Self(BoxedMontyForm::new(integer, &ORDER))
    }

    /// self - a * c mod q: the response of every SMP proof.
    pub(crate) fn minus_product(&self, a: &Self, c: &Self) -> Self {
        Self(self.0.sub(&a.0.mul(&c.0)))
    }

    /// 192 big-endian bytes.
    pub(crate) fn to_be_bytes(&self) -> Zeroizing<[u8; ELEMENT_LEN]> {
        let mut bytes = Zeroizing::new([0; ELEMENT_LEN]);
        let integer = Zeroizing::new(self.0.retrieve());
        let encoded = Zeroizing::new(integer.to_be_bytes().to_vec());
        bytes.copy_from_slice(&encoded);
        bytes
    }
}
