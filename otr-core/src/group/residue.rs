//! Residues modulo p: the arithmetic behind D-H and SMP.

use std::sync::LazyLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use zeroize::Zeroizing;

use super::{ELEMENT_LEN, GroupElement, P};
use crate::wire::DecodeError;

const BITS: u32 = 1536;

static MODULUS: LazyLock<BoxedMontyParams> = LazyLock::new(|| BoxedMontyParams::new(Odd::from(&P)));

/// A residue modulo p, possibly secret (wiped on drop). Unlike [`GroupElement`] it may be any value.
#[derive(Clone)]
pub(crate) struct Residue(BoxedMontyForm);

impl Residue {
    /// From at most 192 big-endian bytes.
    pub(crate) fn from_be_bytes(bytes: &[u8; ELEMENT_LEN]) -> Self {
        let integer = BoxedUint::from_be_slice(bytes, BITS).unwrap_or_else(|_| BoxedUint::zero());
        Self(BoxedMontyForm::new(integer, &MODULUS))
    }

    /// The generator, 2.
    pub(crate) fn generator() -> Self {
        let mut bytes = [0; ELEMENT_LEN];
        bytes[ELEMENT_LEN - 1] = 2;
        Self::from_be_bytes(&bytes)
    }

    /// g^exponent, for a secret exponent in big-endian bytes.
    pub(crate) fn power_of_g(exponent: &[u8]) -> Self {
        Self::generator().power(exponent)
    }

    /// self^exponent, for a secret exponent in big-endian bytes; time depends on the number of bytes only.
    pub(crate) fn power(&self, exponent: &[u8]) -> Self {
        let bits = u32::try_from(exponent.len() * 8).unwrap_or(BITS);
        let exponent = BoxedUint::from_be_slice(exponent, bits).unwrap_or_else(|_| BoxedUint::zero());
        Self(self.0.pow_bounded_exp(&exponent, bits))
    }

    /// The product of base^exponent over all pairs. Only for public bases and exponents: variable time.
    pub(crate) fn multi_power_public(pairs: &[(&Self, &[u8])]) -> Self {
        let one = Self(BoxedMontyForm::one(&MODULUS));
        pairs.iter().fold(one, |product, (base, exponent)| product.multiply(&base.power(exponent)))
    }

    pub(crate) fn multiply(&self, other: &Self) -> Self {
        Self(self.0.mul(&other.0))
    }

    /// The inverse; `None` for zero.
    pub(crate) fn invert(&self) -> Option<Self> {
        Option::from(self.0.invert()).map(Self)
    }

    /// 192 big-endian bytes.
    pub(crate) fn to_be_bytes(&self) -> Zeroizing<[u8; ELEMENT_LEN]> {
        let mut bytes = Zeroizing::new([0; ELEMENT_LEN]);
        let integer = Zeroizing::new(self.0.retrieve());
        let encoded = Zeroizing::new(integer.to_be_bytes().to_vec());
        bytes.copy_from_slice(&encoded);
        bytes
    }

    /// As a public value.
    ///
    /// # Errors
    /// [`DecodeError::Value`] outside 2..=p-2.
    pub(crate) fn to_element(&self, field: &'static str) -> Result<GroupElement, DecodeError> {
        GroupElement::from_be_bytes(&*self.to_be_bytes(), field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_agree() {
        let x = Residue::power_of_g(&[5]);
        assert_eq!(x.to_be_bytes()[191], 32);
        let y = x.power(&[0, 2]).multiply(&x.invert().unwrap());
        assert_eq!(y.to_be_bytes(), x.to_be_bytes());
    }
}
