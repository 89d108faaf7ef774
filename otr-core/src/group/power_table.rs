//! Tables for bases that are raised more than once: a peer's D-H key, the generators of an SMP run.

use core::fmt;

use super::{Comb, Residue, Shape};

/// For a peer's public key: 6 KiB; to build it costs 256 squarings, to use it 63 and 63 multiplications.
const DH: Shape = Shape { bits: 320, teeth: 5, splits: 1 };
/// For a base of SMP: 24 KiB; to build it costs 1408 squarings, to use it 127 and 255 multiplications.
const SMP: Shape = Shape { bits: 1536, teeth: 6, splits: 2 };

/// Precomputed powers of one public base. Each use is constant time in the exponent.
///
/// In a conversation each key of the peer is the base of two powers, with our key and with the one before; in SMP
/// a generator is the base of five. Building a table costs two thirds of a plain power (three quarters for SMP),
/// using it one third (one quarter), so that it pays from the second power on. It holds 6 KiB (24 KiB).
#[derive(Clone)]
pub struct PowerTable(Comb);

impl PowerTable {
    /// For exponents of up to 40 bytes.
    #[must_use]
    pub fn for_dh(base: &Residue) -> Self {
        Self(Comb::new(&base.0, DH))
    }

    /// For exponents of up to 192 bytes.
    #[must_use]
    pub fn for_smp(base: &Residue) -> Self {
        Self(Comb::new(&base.0, SMP))
    }

    /// base^exponent, for big-endian bytes. An exponent longer than the table is served without it.
    #[must_use]
    pub fn power(&self, exponent: &[u8]) -> Residue {
        Residue(self.0.power(exponent))
    }

    /// As [`PowerTable::power`], only for public exponents: memory accesses depend on their bits.
    #[must_use]
    pub fn power_public(&self, exponent: &[u8]) -> Residue {
        Residue(self.0.power_public(exponent))
    }
}

impl fmt::Debug for PowerTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PowerTable(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tables_have_the_documented_size() {
        let base = Residue::power_of_g(&[77; 40]);
        assert_eq!(PowerTable::for_dh(&base).0.table_len(), 6 << 10);
        assert_eq!(PowerTable::for_smp(&base).0.table_len(), 24 << 10);
    }

    #[test]
    fn the_ends_of_the_range() {
        let base = Residue::power_of_g(&[77; 40]);
        for (table, length) in [(PowerTable::for_dh(&base), 40), (PowerTable::for_smp(&base), 192)] {
            for length in [0, 1, length - 1, length, length + 1] {
                for byte in [0, 1, 0xff] {
                    let exponent = vec![byte; length];
                    assert_eq!(table.power(&exponent).to_be_bytes(), base.power(&exponent).to_be_bytes());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_table_gives_plain_powers(
            base: [u8; 32],
            short in prop::collection::vec(any::<u8>(), 0..=40),
            long in prop::collection::vec(any::<u8>(), 0..=192),
        ) {
            let base = Residue::power_of_g(&base);
            prop_assert_eq!(PowerTable::for_dh(&base).power(&short).to_be_bytes(), base.power(&short).to_be_bytes());
            let (table, plain) = (PowerTable::for_smp(&base), base.power(&long).to_be_bytes());
            prop_assert_eq!(&table.power(&long).to_be_bytes(), &plain);
            prop_assert_eq!(&table.power_public(&long).to_be_bytes(), &plain);
        }
    }
}
