//! Fixed-base exponentiation: Lim and Lee's comb, with constant-time selection from its table.
//!
//! The bits of an exponent are written in rows, one row per tooth. A column of that matrix picks one product
//! of precomputed powers, so that a power costs one multiplication per column and, with the columns split
//! into groups that share their squarings, one squaring per step.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{Limb, MontyForm, MontyMultiplier, Word};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The dimensions of a comb. All are public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bits of the longest exponent.
    pub(crate) bits: usize,
    /// Rows: a lookup scans 2^teeth entries.
    pub(crate) teeth: usize,
    /// Groups of columns: the table has splits * 2^teeth entries.
    pub(crate) splits: usize,
}

impl Shape {
    const fn columns(self) -> usize {
        self.bits.div_ceil(self.teeth)
    }

    const fn steps(self) -> usize {
        self.columns().div_ceil(self.splits)
    }
}

/// The table of one base. The base is public, the exponents need not be.
#[derive(Clone)]
pub(crate) struct Comb {
    shape: Shape,
    base: BoxedMontyForm,
    /// Per split 2^teeth entries of one residue each, in Montgomery form. Entry `u` is the product of the
    /// powers of the teeth in `u`; entry 0 is one.
    table: Box<[Limb]>,
}

impl Comb {
    /// Computes the table: about `bits` squarings and splits * 2^teeth multiplications.
    pub(crate) fn new(base: &BoxedMontyForm, shape: Shape) -> Self {
        let params = base.params();
        let mut multiplier = <BoxedMontyForm as MontyForm>::Multiplier::from(params);
        let mut table = Vec::new();
        let mut splits = vec![Vec::with_capacity(shape.teeth); shape.splits];
        let mut power = base.clone();
        let mut position = 0;
        for tooth in 0..shape.teeth {
            for (split, powers) in splits.iter_mut().enumerate() {
                let wanted = tooth * shape.columns() + split * shape.steps();
                while position < wanted {
                    multiplier.square_assign(&mut power);
                    position += 1;
                }
                powers.push(power.clone());
            }
        }
        for powers in &splits {
            let mut entries = vec![BoxedMontyForm::one(params)];
            for tooth_power in powers {
                let doubled: Vec<_> = entries
                    .iter()
                    .map(|entry| {
                        let mut entry = entry.clone();
                        multiplier.mul_assign(&mut entry, tooth_power);
                        entry
                    })
                    .collect();
                entries.extend(doubled);
            }
            table.extend(entries.iter().flat_map(|entry| entry.as_montgomery().as_limbs()).copied());
        }
        Self { shape, base: base.clone(), table: table.into_boxed_slice() }
    }

    /// base^exponent for big-endian bytes. Time and memory accesses depend on the length of `exponent` only.
    ///
    /// An exponent of more bytes than the shape has bits is served without the table.
    pub(crate) fn power(&self, exponent: &[u8]) -> BoxedMontyForm {
        let Shape { bits, teeth, splits: _ } = self.shape;
        if exponent.len() * 8 > bits.next_multiple_of(8) {
            return super::power(&self.base, exponent);
        }
        let (columns, steps) = (self.shape.columns(), self.shape.steps());
        let params: &BoxedMontyParams = self.base.params();
        let mut multiplier = <BoxedMontyForm as MontyForm>::Multiplier::from(params);
        let mut picked = Zeroizing::new(BoxedMontyForm::one(params));
        let mut product = BoxedMontyForm::one(params);
        let limbs = picked.as_montgomery().as_limbs().len();
        for step in (0..steps).rev() {
            if step + 1 != steps {
                multiplier.square_assign(&mut product);
            }
            for (split, entries) in self.table.chunks_exact(limbs << teeth).enumerate() {
                let column = split * steps + step;
                if column >= columns {
                    continue;
                }
                let index =
                    (0..teeth).rev().fold(0, |index, tooth| index << 1 | bit(exponent, tooth * columns + column));
                pick(entries, index, picked.as_montgomery_mut().as_mut_limbs());
                multiplier.mul_assign(&mut product, &picked);
            }
        }
        product
    }

    /// Bytes of the table.
    #[cfg(test)]
    pub(crate) fn table_len(&self) -> usize {
        self.table.len() * Limb::BYTES
    }
}

/// Bit `position` of a big-endian number, 0 beyond its end. Only the position is public.
fn bit(number: &[u8], position: usize) -> Word {
    let byte = number.len().checked_sub(position / 8 + 1).and_then(|index| number.get(index)).copied().unwrap_or(0);
    Word::from((byte >> (position % 8)) & 1)
}

/// Copies entry `index` to `out`, reading every entry.
fn pick(entries: &[Limb], index: Word, out: &mut [Limb]) {
    out.fill(Limb::ZERO);
    for (number, entry) in (0..).zip(entries.chunks_exact(out.len())) {
        let number: Word = number;
        let mask = Word::from(number.ct_eq(&index).unwrap_u8()).wrapping_neg();
        for (out, limb) in out.iter_mut().zip(entry) {
            out.0 |= limb.0 & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use crypto_bigint::{BoxedUint, Odd};
    use proptest::prelude::*;

    use super::*;

    fn base(bytes: &[u8; 16]) -> BoxedMontyForm {
        let modulus = BoxedUint::from_be_hex("fffffffffffffffffffffffffffffffffffffffffffffff1", 192).unwrap();
        let params = BoxedMontyParams::new(Odd::new(modulus).unwrap());
        BoxedMontyForm::new(BoxedUint::from_be_slice(bytes, 192).unwrap(), &params)
    }

    proptest! {
        #[test]
        fn every_shape_agrees_with_plain_powers(
            bytes: [u8; 16],
            exponent in prop::collection::vec(any::<u8>(), 0..=20),
            teeth in 1_usize..=6,
            splits in 1_usize..=4,
        ) {
            let base = base(&bytes);
            let comb = Comb::new(&base, Shape { bits: 160, teeth, splits });
            prop_assert_eq!(comb.power(&exponent), crate::group::power(&base, &exponent));
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        let base = base(&[7; 16]);
        let comb = Comb::new(&base, Shape { bits: 160, teeth: 5, splits: 4 });
        assert_eq!(comb.table_len(), 4 * 32 * 24);
        assert_eq!(comb.power(&[0; 20]), BoxedMontyForm::one(base.params()));
        assert_eq!(comb.power(&[1]), base);
        for length in [20, 21, 30] {
            let ones = vec![0xff; length];
            assert_eq!(comb.power(&ones), crate::group::power(&base, &ones));
        }
    }

    #[test]
    fn a_pick_reads_one_entry() {
        let entries: Vec<_> = (10..18).map(Limb).collect();
        let mut out = [Limb::ZERO; 2];
        pick(&entries, 3, &mut out);
        assert_eq!(out, [Limb(16), Limb(17)]);
    }
}
