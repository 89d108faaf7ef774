//! Bases that a run raises to several exponents, and which of them a step leaves to the next.

use super::SmpExponent;
use crate::SecretBytes;
use crate::group::{PowerTable, Residue, product_of_exponents};

/// A base of powers for secret exponents and for public ones, behind a table (24 KiB).
pub(super) struct Base {
    table: PowerTable,
    /// The base is this power of what the table is for.
    factor: Option<SmpExponent>,
}

impl Base {
    pub(super) fn new(residue: &Residue) -> Self {
        Self { table: PowerTable::for_smp(residue), factor: None }
    }

    /// self^exponent as a base: its powers are powers of this one, so that the table serves on. Whoever chose this
    /// base may have chosen it outside the subgroup of order q; the exponents are multiplied modulo p-1, which holds
    /// for all.
    pub(super) fn raised(self, exponent: &SmpExponent) -> Self {
        let factor = match &self.factor {
            None => exponent.clone(),
            Some(factor) => SecretBytes::new(*product_of_exponents(factor.expose(), exponent.expose())),
        };
        Self { factor: Some(factor), ..self }
    }

    /// The base itself.
    pub(super) fn value(&self) -> Residue {
        self.power(&[1])
    }

    /// The power for a secret exponent of at most 192 bytes; time depends on its number of bytes only.
    pub(super) fn power(&self, exponent: &[u8]) -> Residue {
        match &self.factor {
            None => self.table.power(exponent),
            Some(factor) => self.table.power(&*product_of_exponents(factor.expose(), exponent)),
        }
    }

    /// self^exponent times the powers of the others, for public exponents.
    pub(super) fn product_public(&self, exponent: &[u8], others: &[(&Residue, &[u8])]) -> Residue {
        let power = match &self.factor {
            None => self.table.power_public(exponent),
            // The factor is a secret.
            Some(_) => self.power(exponent),
        };
        power.multiply(&Residue::multi_power_public(others))
    }
}

/// g2 and g3.
pub(super) struct Generators {
    pub(super) g2: Base,
    pub(super) g3: Base,
}

/// What the next step will need again. It follows from the state: whoever restores a state does without.
#[derive(Default)]
pub(super) enum Kept {
    #[default]
    Nothing,
    /// With [`SmpState::Asked`](super::SmpState::Asked) and [`SmpState::Expect3`](super::SmpState::Expect3).
    Generators(Box<Generators>),
    /// Qa/Qb, with [`SmpState::Expect4`](super::SmpState::Expect4).
    Quotient(Box<Base>),
}

impl Kept {
    /// The generators, made by `make` if they are not here.
    pub(super) fn generators(self, make: impl FnOnce() -> Generators) -> Box<Generators> {
        match self {
            Self::Generators(generators) => generators,
            Self::Nothing | Self::Quotient(_) => Box::new(make()),
        }
    }

    /// Qa/Qb, made by `make` if it is not here.
    pub(super) fn quotient(self, make: impl FnOnce() -> Base) -> Box<Base> {
        match self {
            Self::Quotient(base) => base,
            Self::Nothing | Self::Generators(_) => Box::new(make()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// -1 lies outside the subgroup: there the parity of an exponent counts.
    #[test]
    fn a_raised_base_has_the_powers_of_its_value_also_outside_the_subgroup() {
        let square = Residue::power_of_g(&[0x35; 40]);
        let zero = Residue::from_be_bytes(&[0; 192]);
        let other = Residue::from_be_bytes(&zero.minus(&square).to_be_bytes());
        for root in [square, other] {
            for last in [0x10, 0x11] {
                let mut exponent = [0xe7; 192];
                exponent[191] = last;
                let exponent = SecretBytes::new(exponent);
                let value = root.power(exponent.expose());
                let raised = Base::new(&root).raised(&exponent);
                assert_eq!(raised.value().to_be_bytes(), value.to_be_bytes());
                let twice = Base::new(&root).raised(&exponent).raised(&exponent);
                assert_eq!(twice.value().to_be_bytes(), value.power(exponent.expose()).to_be_bytes());
                for power in [&[2][..], &[3], &[0xff; 32], &[0xff; 192], &[0x7f; 192]] {
                    let expected = value.power(power).to_be_bytes();
                    assert_eq!(raised.power(power).to_be_bytes(), expected);
                    assert_eq!(raised.product_public(power, &[]).to_be_bytes(), expected);
                }
            }
        }
    }
}
