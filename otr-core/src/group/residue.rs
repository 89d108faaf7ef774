//! Residues modulo p: the arithmetic behind D-H and SMP.

use core::fmt;
use std::sync::LazyLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use zeroize::{Zeroize, Zeroizing};

use super::{Comb, DH_SECRET_LEN, ELEMENT_LEN, GroupElement, P, Shape, product_of_powers};
use crate::wire::DecodeError;

const BITS: u32 = 1536;

/// For g and exponents of 320 bits: 72 KiB, 53 multiplications and 8 squarings.
const G_DH: Shape = Shape { bits: 320, teeth: 6, splits: 6 };
/// For g and exponents of 1536 bits: 96 KiB, 255 multiplications and 31 squarings.
const G_SMP: Shape = Shape { bits: 1536, teeth: 6, splits: 8 };

static MODULUS: LazyLock<BoxedMontyParams> = LazyLock::new(|| BoxedMontyParams::new_vartime(Odd::from(&P)));
static GENERATOR: LazyLock<BoxedMontyForm> = LazyLock::new(|| BoxedMontyForm::one(&MODULUS).double());
static G_DH_COMB: LazyLock<Comb> = LazyLock::new(|| Comb::new(&GENERATOR, G_DH));
static G_SMP_COMB: LazyLock<Comb> = LazyLock::new(|| Comb::new(&GENERATOR, G_SMP));

/// A residue modulo p, possibly secret: wiped on drop, not printed. Unlike [`GroupElement`] it may be any value.
///
/// Exponents are big-endian bytes. Unless a method says otherwise, time and memory accesses depend on their
/// length only.
#[derive(Clone)]
pub struct Residue(pub(super) BoxedMontyForm);

impl Residue {
    /// From 192 big-endian bytes.
    #[must_use]
    pub fn from_be_bytes(bytes: &[u8; ELEMENT_LEN]) -> Self {
        Self(BoxedMontyForm::new(BoxedUint::from_be_slice_truncated(bytes, BITS), &MODULUS))
    }

    /// The generator, 2.
    #[must_use]
    pub fn generator() -> Self {
        Self(GENERATOR.clone())
    }

    /// g^exponent, from a table. The first call for up to 40 bytes makes a table of 72 KiB, the first for up to
    /// 192 bytes one of 96 KiB; both stay.
    #[must_use]
    pub fn power_of_g(exponent: &[u8]) -> Self {
        Self(comb_of_g(exponent.len()).power(exponent))
    }

    /// self^exponent.
    #[must_use]
    pub fn power(&self, exponent: &[u8]) -> Self {
        Self(super::power(&self.0, exponent))
    }

    /// The product of base^exponent over all pairs. Only for public bases and exponents: variable time.
    ///
    /// Powers of g come from its table; the others share their squarings.
    #[must_use]
    pub fn multi_power_public(pairs: &[(&Self, &[u8])]) -> Self {
        let (of_g, others): (Vec<_>, Vec<_>) = pairs.iter().partition(|(base, _)| base.0 == *GENERATOR);
        let others: Vec<_> = others.iter().map(|(base, exponent)| (&base.0, *exponent)).collect();
        let product = Self(product_of_powers(&MODULUS, &others));
        of_g.iter().fold(product, |product, (_, exponent)| {
            product.multiply(&Self(comb_of_g(exponent.len()).power_public(exponent)))
        })
    }

    /// self * other.
    #[must_use]
    pub fn multiply(&self, other: &Self) -> Self {
        Self(self.0.mul(&other.0))
    }

    /// self - other.
    #[cfg(test)]
    pub(crate) fn minus(&self, other: &Self) -> Self {
        Self(self.0.sub(&other.0))
    }

    /// The inverse; `None` for zero.
    #[must_use]
    pub fn invert(&self) -> Option<Self> {
        Option::from(self.0.invert()).map(Self)
    }

    /// 192 big-endian bytes.
    #[must_use]
    pub fn to_be_bytes(&self) -> Zeroizing<[u8; ELEMENT_LEN]> {
        integer_bytes(&Zeroizing::new(self.0.retrieve()))
    }

    /// As a public value.
    ///
    /// # Errors
    /// [`DecodeError::Value`] outside 2..=p-2.
    pub fn to_element(&self, field: &'static str) -> Result<GroupElement, DecodeError> {
        GroupElement::from_be_bytes(&*self.to_be_bytes(), field)
    }
}

impl Drop for Residue {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Residue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(_) = self;
        f.write_str("Residue(..)")
    }
}

/// The table of g for exponents of so many bytes.
fn comb_of_g(length: usize) -> &'static Comb {
    if length <= DH_SECRET_LEN { &G_DH_COMB } else { &G_SMP_COMB }
}

/// An integer of 1536 bits as 192 big-endian bytes.
pub(super) fn integer_bytes(integer: &BoxedUint) -> Zeroizing<[u8; ELEMENT_LEN]> {
    let mut bytes = Zeroizing::new([0; ELEMENT_LEN]);
    let encoded = Zeroizing::new(Vec::from(integer.to_be_bytes()));
    for (to, from) in bytes.iter_mut().rev().zip(encoded.iter().rev()) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(exponent: &[u8]) -> Residue {
        Residue(crate::group::power(&GENERATOR, exponent))
    }

    #[test]
    fn powers_agree() {
        let x = Residue::power_of_g(&[5]);
        assert_eq!(x.to_be_bytes()[191], 32);
        let y = x.power(&[0, 2]).multiply(&x.invert().unwrap());
        assert_eq!(y.to_be_bytes(), x.to_be_bytes());
    }

    #[test]
    fn powers_of_g_at_the_ends_of_both_tables() {
        for length in [0, 1, 39, 40, 41, 191, 192, 193, 200] {
            for byte in [0, 1, 0x80, 0xff] {
                let exponent = vec![byte; length];
                assert_eq!(Residue::power_of_g(&exponent).0, plain(&exponent).0, "{length} bytes {byte:#04x}");
            }
        }
    }

    #[test]
    fn the_tables_have_the_documented_size() {
        assert_eq!(G_DH_COMB.table_len(), 72 << 10);
        assert_eq!(G_SMP_COMB.table_len(), 96 << 10);
    }

    #[test]
    fn zero_has_no_inverse_and_one_is_no_element() {
        assert!(Residue::from_be_bytes(&[0; ELEMENT_LEN]).invert().is_none());
        assert_eq!(Residue::power_of_g(&[]).to_element("x"), Err(DecodeError::Value("x")));
        assert_eq!(format!("{:?}", Residue::generator()), "Residue(..)");
    }

    #[test]
    fn a_value_above_p_is_reduced() {
        // 2^1536 - 1 = (p - 1) + (2^1536 - p).
        let above = Residue::from_be_bytes(&[0xff; ELEMENT_LEN]);
        let expected = Residue(MODULUS_RADIX.clone().sub(&BoxedMontyForm::one(&MODULUS)));
        assert_eq!(above.to_be_bytes(), expected.to_be_bytes());
    }

    /// 2^1536.
    static MODULUS_RADIX: LazyLock<BoxedMontyForm> = LazyLock::new(|| crate::group::power(&GENERATOR, &[6, 0]));

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn powers_of_g_are_powers(
            short in prop::collection::vec(any::<u8>(), 0..=40),
            long in prop::collection::vec(any::<u8>(), 41..=192),
        ) {
            prop_assert_eq!(&Residue::power_of_g(&short).0, &plain(&short).0);
            prop_assert_eq!(&Residue::power_of_g(&long).0, &plain(&long).0);
        }

        #[test]
        fn a_product_of_powers_is_one(
            bases in prop::array::uniform2(prop::array::uniform32(any::<u8>())),
            exponents in prop::array::uniform3(prop::collection::vec(any::<u8>(), 0..=192)),
        ) {
            let [g, a, b] = [Residue::generator(), plain(&bases[0]), plain(&bases[1])];
            let [x, y, z] = exponents;
            let product = Residue::multi_power_public(&[(&g, &x), (&a, &y), (&b, &z)]);
            let expected = g.power(&x).multiply(&a.power(&y)).multiply(&b.power(&z));
            prop_assert_eq!(&product.0, &expected.0);
        }
    }
}
