//! Integers modulo q = (p-1)/2: the exponents that SMP sends.

use std::sync::LazyLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, U1536};
use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, Zeroizing};

use super::residue::integer_bytes;
use super::{ELEMENT_LEN, Q};

const BITS: u32 = 1536;

static ORDER: LazyLock<BoxedMontyParams> = LazyLock::new(|| BoxedMontyParams::new_vartime(Odd::from(&Q)));

/// An integer modulo q, possibly secret (wiped on drop).
#[derive(Clone)]
pub(crate) struct ExponentModQ(BoxedMontyForm);

impl ExponentModQ {
    /// Reduces at most 192 big-endian bytes.
    pub(crate) fn reduce(bytes: &[u8]) -> Self {
        Self(BoxedMontyForm::new(BoxedUint::from_be_slice_truncated(bytes, BITS), &ORDER))
    }

    /// self - a * c mod q: the response of every SMP proof.
    pub(crate) fn minus_product(&self, a: &Self, c: &Self) -> Self {
        let product = Zeroizing::new(a.0.mul(&c.0));
        Self(self.0.sub(&product))
    }

    /// 192 big-endian bytes.
    pub(crate) fn to_be_bytes(&self) -> Zeroizing<[u8; ELEMENT_LEN]> {
        integer_bytes(&Zeroizing::new(self.0.retrieve()))
    }
}

/// a * b modulo p-1, for at most 192 big-endian bytes each: (base^a)^b is the power of any base with this exponent.
pub(crate) fn product_of_exponents(a: &[u8], b: &[u8]) -> Zeroizing<[u8; ELEMENT_LEN]> {
    let odd = |number: &[u8]| number.last().map_or(0, |byte| byte & 1);
    let product = Zeroizing::new(ExponentModQ::reduce(a).0.mul(&ExponentModQ::reduce(b).0));
    // p-1 is 2q: of the product modulo q and q more, the one of the right parity.
    let modulo_q = integer_bytes(&Zeroizing::new(product.retrieve()));
    let differs = Choice::from(odd(&*modulo_q) ^ (odd(a) & odd(b)));
    let modulo_q = Zeroizing::new(U1536::from_be_slice(&*modulo_q));
    let added = Zeroizing::new(U1536::conditional_select(&U1536::ZERO, Q.as_ref(), differs));
    let mut bytes = Zeroizing::new([0; ELEMENT_LEN]);
    bytes.copy_from_slice(&Zeroizing::new(modulo_q.wrapping_add(&added)).to_be_bytes());
    bytes
}

impl Drop for ExponentModQ {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_response_is_reduced() {
        let number = |value: u8| ExponentModQ::reduce(&[value]);
        let mut minus_one = [0; ELEMENT_LEN];
        minus_one.copy_from_slice(&Q.to_be_bytes());
        minus_one[ELEMENT_LEN - 1] -= 1;
        assert_eq!(*number(5).minus_product(&number(2), &number(3)).to_be_bytes(), minus_one);
        assert_eq!(number(7).minus_product(&number(2), &number(3)).to_be_bytes()[ELEMENT_LEN - 1], 1);
    }

    #[test]
    fn a_product_of_exponents_keeps_its_parity() {
        let product = |a: &[u8], b: &[u8]| product_of_exponents(a, b);
        assert_eq!(product(&[3], &[5])[ELEMENT_LEN - 1], 15);
        assert_eq!(*product(&[], &[5]), [0; ELEMENT_LEN]);
        // q * 2 = p-1 is 0, and q * 3 is q.
        let q = Q.to_be_bytes();
        assert_eq!(*product(q.as_slice(), &[2]), [0; ELEMENT_LEN]);
        assert_eq!(product(q.as_slice(), &[3]).as_slice(), q.as_slice());
    }

    proptest! {
        #[test]
        fn reduction_is_idempotent(bytes in prop::collection::vec(any::<u8>(), 0..=192)) {
            let once = ExponentModQ::reduce(&bytes).to_be_bytes();
            prop_assert!(once.as_slice() < Q.to_be_bytes().as_slice());
            prop_assert_eq!(ExponentModQ::reduce(&*once).to_be_bytes(), once);
        }
    }
}
