//! Fixed-base exponentiation: Lim and Lee's comb, with constant-time selection from its table.
//!
//! The bits of an exponent are written in rows, one row per tooth. A column of that matrix picks one product
//! of precomputed powers, so that a power costs one multiplication per column and, with the columns split
//! into groups that share their squarings, one squaring per step.

use core::hint::black_box;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{Limb, MontyForm, MontyMultiplier, Word};
use zeroize::{Zeroize, Zeroizing};

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

/// The table of one base, wiped on drop: g2 and g3 of SMP are not for everybody. The exponents may be secret.
#[derive(Clone)]
pub(crate) struct Comb {
    shape: Shape,
    base: BoxedMontyForm,
    /// Per split 2^teeth entries of one residue each, in Montgomery form. Entry `u` is the product of the
    /// powers of the teeth in `u`; entry 0 is one. The lowest limbs of all entries come first, then the second
    /// limbs, and so on: the order in which a lookup is a loop over words that lie side by side.
    table: Box<[Limb]>,
}

impl Comb {
    /// Computes the table: about `bits` squarings and splits * 2^teeth multiplications.
    pub(crate) fn new(base: &BoxedMontyForm, shape: Shape) -> Self {
        let params = base.params();
        let mut multiplier = <BoxedMontyForm as MontyForm>::Multiplier::from(params);
        let mut table = Vec::new();
        let mut splits = Zeroizing::new(vec![Vec::with_capacity(shape.teeth); shape.splits]);
        let mut power = Zeroizing::new(base.clone());
        let mut position = 0;
        for tooth in 0..shape.teeth {
            for (split, powers) in splits.iter_mut().enumerate() {
                let wanted = tooth * shape.columns() + split * shape.steps();
                while position < wanted {
                    multiplier.square_assign(&mut power);
                    position += 1;
                }
                powers.push((*power).clone());
            }
        }
        for powers in splits.iter() {
            let mut entries = Zeroizing::new(vec![BoxedMontyForm::one(params)]);
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
            for number in 0..base.as_montgomery().as_limbs().len() {
                table.extend(entries.iter().filter_map(|entry| entry.as_montgomery().as_limbs().get(number)));
            }
        }
        Self { shape, base: base.clone(), table: table.into_boxed_slice() }
    }

    /// base^exponent for big-endian bytes. Time and memory accesses depend on the length of `exponent` only.
    ///
    /// An exponent of more bytes than the shape has bits is served without the table.
    pub(crate) fn power(&self, exponent: &[u8]) -> BoxedMontyForm {
        let mut masks = Zeroizing::new(vec![0; 1 << self.shape.teeth]);
        self.power_with(exponent, |entries, index, out| {
            select(index, &mut masks);
            pick(entries, &masks, out);
            true
        })
    }

    /// As [`Comb::power`] for a public exponent: a lookup reads one entry, and columns of zeros cost nothing. An
    /// exponent shorter than a tooth has half of them.
    pub(crate) fn power_public(&self, exponent: &[u8]) -> BoxedMontyForm {
        let step = 1 << self.shape.teeth;
        self.power_with(exponent, |entries, index, out| {
            let first = usize::try_from(index).unwrap_or(usize::MAX);
            let limbs = entries.get(first..).unwrap_or_default().iter().step_by(step);
            out.iter_mut().zip(limbs).for_each(|(out, limb)| *out = *limb);
            index != 0
        })
    }

    /// `look_up`: copies the entry of that index to its last argument; false if it need not be multiplied.
    fn power_with(
        &self,
        exponent: &[u8],
        mut look_up: impl FnMut(&[Limb], Word, &mut [Limb]) -> bool,
    ) -> BoxedMontyForm {
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
        let mut started = false;
        for step in (0..steps).rev() {
            if started {
                multiplier.square_assign(&mut product);
            }
            for (split, entries) in self.table.chunks_exact(limbs << teeth).enumerate() {
                let column = split * steps + step;
                if column >= columns {
                    continue;
                }
                let index =
                    (0..teeth).rev().fold(0, |index, tooth| index << 1 | bit(exponent, tooth * columns + column));
                if !look_up(entries, index, picked.as_montgomery_mut().as_mut_limbs()) {
                    continue;
                }
                if started {
                    multiplier.mul_assign(&mut product, &picked);
                } else {
                    product.clone_from(&picked);
                    started = true;
                }
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

impl Drop for Comb {
    fn drop(&mut self) {
        let Self { shape: _, base, table } = self;
        base.zeroize();
        table.zeroize();
    }
}

/// Bit `position` of a big-endian number, 0 beyond its end. Only the position is public.
fn bit(number: &[u8], position: usize) -> Word {
    let byte = number.len().checked_sub(position / 8 + 1).and_then(|index| number.get(index)).copied().unwrap_or(0);
    Word::from((byte >> (position % 8)) & 1)
}

/// Sets the mask at `index` to all ones and the others to zero.
fn select(index: Word, masks: &mut [Word]) {
    for (number, mask) in (0..).zip(masks) {
        let difference: Word = number ^ index;
        // Indices are small, so that only zero borrows from the top bit.
        *mask = (difference.wrapping_sub(1) >> (Word::BITS - 1)).wrapping_neg();
    }
}

/// Copies the entry that `masks` selects to `out`, reading every entry.
fn pick(entries: &[Limb], masks: &[Word], out: &mut [Limb]) {
    // Hides from the compiler that one mask at most is set.
    let masks = black_box(masks);
    for (out, limbs) in out.iter_mut().zip(entries.chunks_exact(masks.len())) {
        out.0 = limbs.iter().zip(masks).fold(0, |sum, (limb, mask)| sum | limb.0 & mask);
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
            let plain = crate::group::power(&base, &exponent);
            prop_assert_eq!(&comb.power_public(&exponent), &plain);
            prop_assert_eq!(&comb.power(&exponent), &plain);
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
        // Four entries of two limbs.
        let entries = [10, 11, 12, 13, 20, 21, 22, 23].map(Limb);
        for index in 0..4 {
            let mut masks = [7; 4];
            select(index, &mut masks);
            let mut out = [Limb::MAX; 2];
            pick(&entries, &masks, &mut out);
            assert_eq!(out, [Limb(10 + index), Limb(20 + index)]);
        }
    }
}
