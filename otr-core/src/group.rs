//! The D-H group: 1536-bit MODP (RFC 3526 group 5), generator 2.
//!
//! All arithmetic modulo p and q of the crate stands here, and the exponentiation methods that DSA shares.
//! Operations on secrets are constant time in their values; the length in bytes of an exponent is public.

use crypto_bigint::modular::BoxedMontyForm;
use crypto_bigint::{BoxedUint, Odd, U1536};
use zeroize::Zeroizing;

mod comb;
mod element;
mod exponent;
mod power_table;
mod residue;
mod straus;

pub use element::GroupElement;
pub use power_table::PowerTable;
pub use residue::Residue;

pub(crate) use comb::{Comb, Shape};
pub(crate) use exponent::{ExponentModQ, product_of_exponents};
pub(crate) use straus::product_of_powers;

/// Bytes of a group element at full length.
pub const ELEMENT_LEN: usize = 192;
/// Bytes of a D-H private exponent: 320 bits.
pub const DH_SECRET_LEN: usize = 40;
/// Bytes of an SMP exponent: 1536 bits.
pub const SMP_EXPONENT_LEN: usize = 192;

/// p. All of its highest and lowest 64 bits are one.
#[rustfmt::skip]
const P: Odd<U1536> = Odd::<U1536>::from_be_hex("\
ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd\
ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f\
83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca237327ffffffffffffffff");

/// q = (p-1)/2, the prime order of the subgroup of squares.
#[rustfmt::skip]
const Q: Odd<U1536> = Odd::<U1536>::from_be_hex("\
7fffffffffffffffe487ed5110b4611a62633145c06e0e68948127044533e63a0105df531d89cd9128a5043cc71a026e\
f7ca8cd9e69d218d98158536f92f8a1ba7f09ab6b6a8e122f242dabb312f3f637a262174d31bf6b585ffae5b7a035bf6\
f71c35fdad44cfd2d74f9208be258ff324943328f6722d9ee1003e5c50b1df82cc6d241b0e2ae9cd348b1fd47e9267af\
c1b2ae91ee51d6cb0e3179ab1042a95dcf6a9483b84b4b36b3861aa7255e4c0278ba36046511b993ffffffffffffffff");

/// base^exponent for big-endian bytes, modulo whatever the base's modulus is. Time depends on the length of
/// `exponent` only.
pub(crate) fn power(base: &BoxedMontyForm, exponent: &[u8]) -> BoxedMontyForm {
    let bits = u32::try_from(exponent.len() * 8).unwrap_or(u32::MAX);
    let exponent = Zeroizing::new(BoxedUint::from_be_slice_truncated(exponent, bits));
    base.pow_bounded_exp(&exponent, bits)
}
