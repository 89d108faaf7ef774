//! Products of powers of public values, with shared squarings (Straus) and sliding windows.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{MontyForm, MontyMultiplier};

use crate::wire::minimal;

/// The product of base^exponent over all pairs, exponents in big-endian bytes. Variable time in everything:
/// for public values only.
pub(crate) fn product_of_powers(params: &BoxedMontyParams, pairs: &[(&BoxedMontyForm, &[u8])]) -> BoxedMontyForm {
    let mut multiplier = <BoxedMontyForm as MontyForm>::Multiplier::from(params);
    let terms: Vec<Term> = pairs.iter().map(|(base, exponent)| Term::new(base, exponent)).collect();
    let length = terms.iter().map(|term| term.digits.len()).max().unwrap_or(0);
    let mut product = BoxedMontyForm::one(params);
    let mut started = false;
    for position in (0..length).rev() {
        if started {
            multiplier.square_assign(&mut product);
        }
        for factor in terms.iter().filter_map(|term| term.factor(position)) {
            multiplier.mul_assign(&mut product, factor);
            started = true;
        }
    }
    product
}

struct Term {
    /// base^1, base^3, base^5, ...
    odd_powers: Vec<BoxedMontyForm>,
    /// Per bit position 0 or the odd digit that begins there.
    digits: Vec<u8>,
}

impl Term {
    fn new(base: &BoxedMontyForm, exponent: &[u8]) -> Self {
        let exponent = minimal(exponent);
        // Where the cost of the table and of the digits together is least.
        let width = match exponent.len() {
            0..=10 => 3,
            11..=30 => 4,
            31..=84 => 5,
            _ => 6,
        };
        let digits = sliding_digits(exponent, width);
        let largest = digits.iter().copied().max().unwrap_or(0);
        let square = base.square();
        let odd_powers = core::iter::successors(Some(base.clone()), |power| Some(power.mul(&square)))
            .take(usize::from(largest).div_ceil(2))
            .collect();
        Self { odd_powers, digits }
    }

    fn factor(&self, position: usize) -> Option<&BoxedMontyForm> {
        match self.digits.get(position) {
            None | Some(0) => None,
            Some(&digit) => self.odd_powers.get(usize::from(digit / 2)),
        }
    }
}

/// Writes a number as a sum of odd digits below 2^width times powers of two. Lowest position first.
fn sliding_digits(number: &[u8], width: usize) -> Vec<u8> {
    let bits: Vec<u8> = number.iter().rev().flat_map(|byte| (0..8).map(move |shift| byte >> shift & 1)).collect();
    let mut digits = vec![0; bits.len()];
    let mut position = 0;
    while let Some(rest) = bits.get(position..).filter(|rest| !rest.is_empty()) {
        if rest.first() == Some(&0) {
            position += 1;
            continue;
        }
        let digit = rest.iter().take(width).rev().fold(0, |digit, bit| digit << 1 | bit);
        if let Some(slot) = digits.get_mut(position) {
            *slot = digit;
        }
        position += width;
    }
    digits
}

#[cfg(test)]
mod tests {
    use crypto_bigint::{BoxedUint, Odd};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_plain_powers(
            bases: [u64; 3],
            exponents in prop::array::uniform3(prop::collection::vec(any::<u8>(), 0..100)),
        ) {
            let modulus = BoxedUint::from_be_hex("fffffffffffffffffffffffffffffff1", 128).unwrap();
            let params = BoxedMontyParams::new(Odd::new(modulus).unwrap());
            let bases = bases.map(|base| BoxedMontyForm::new(BoxedUint::from(u128::from(base)), &params));
            let pairs: Vec<_> = bases.iter().zip(exponents.iter().map(Vec::as_slice)).collect();
            let expected = pairs
                .iter()
                .fold(BoxedMontyForm::one(&params), |product, (base, exponent)| {
                    product.mul(&crate::group::power(base, exponent))
                });
            prop_assert_eq!(product_of_powers(&params, &pairs), expected);
        }

        #[test]
        fn digits_are_odd_and_add_up(number: [u8; 8], width in 1_usize..=6) {
            let digits = sliding_digits(&number, width);
            prop_assert!(digits.iter().all(|&digit| digit == 0 || digit % 2 == 1 && usize::from(digit) < 1 << width));
            let sum = digits.iter().rev().fold(0_u128, |sum, &digit| sum * 2 + u128::from(digit));
            prop_assert_eq!(sum, u128::from(u64::from_be_bytes(number)));
        }
    }

    #[test]
    fn the_empty_product_is_one() {
        let params = BoxedMontyParams::new(Odd::new(BoxedUint::from(13_u128)).unwrap());
        assert_eq!(product_of_powers(&params, &[]), BoxedMontyForm::one(&params));
    }
}
