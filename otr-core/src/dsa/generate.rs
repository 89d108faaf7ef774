//! Key generation in steps, so that a program can show progress and stop.
//!
//! q is a random prime of 160 bits. p is a random prime of 1024 bits with p = 1 mod q, found as in FIPS 186-4,
//! appendix A.1.1.2, by rounding random numbers down to 1 mod 2q; our own randomness stands in the place of the
//! hash chain, which only serves to convince others. g is 2^((p-1)/q), which generates the subgroup of order q
//! (appendix A.2.1).

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, U192, U256, U1024};
use crypto_primes::Flavor;
use crypto_primes::fips::{FipsOptions, is_prime};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::domain::{scalar_bytes, scalar_integer};
use super::{P_BITS, PrivateKey, SCALAR_LEN};
use crate::group;

/// Rounds of Miller-Rabin with random bases for q; a Lucas test follows. FIPS 186-4, table C.1, asks for 19
/// rounds with a Lucas test at 160 bits.
const Q_ROUNDS: usize = 19;
/// The same for p: 3 rounds with a Lucas test at 1024 bits.
const P_ROUNDS: usize = 4;
/// Candidates for p that one step examines: a few milliseconds.
const BATCH: u32 = 16;

/// What a step of [`Generator`] has achieved.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress {
    /// Go on. `candidates` numbers were examined so far, of about 350 on average.
    Working {
        /// The count of numbers examined.
        candidates: u32,
    },
    /// The key. The generator is back at its start.
    Done(PrivateKey),
}

/// Makes one key, a few milliseconds of work a step. Dropping it cancels.
#[derive(Debug, Default)]
pub struct Generator {
    q: Option<Odd<U192>>,
    candidates: u32,
}

impl Generator {
    /// A generator that has done nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { q: None, candidates: 0 }
    }

    /// Finds q at the first call, then examines some candidates for p a call.
    pub fn step(&mut self, rng: &mut dyn CryptoRng) -> Progress {
        let Some(q) = self.q else {
            self.q = Some(find_q(rng));
            return Progress::Working { candidates: self.candidates };
        };
        for _ in 0..BATCH {
            self.candidates = self.candidates.saturating_add(1);
            if let Some(key) = candidate_p(&q, rng).and_then(|p| finish(&p, &q, rng)) {
                *self = Self::new();
                return Progress::Done(key);
            }
        }
        Progress::Working { candidates: self.candidates }
    }
}

fn find_q(rng: &mut dyn CryptoRng) -> Odd<U192> {
    loop {
        let mut bytes = [0; SCALAR_LEN];
        rng.fill_bytes(&mut bytes);
        let [first, .., last] = &mut bytes;
        *first |= 0x80;
        *last |= 1;
        let q = scalar_integer(&bytes);
        if let Some(q) = Option::from(q.to_odd()).filter(|_| is_prime(rng, Flavor::Any, &q, options(Q_ROUNDS))) {
            return q;
        }
    }
}

/// One random candidate, if it is prime.
fn candidate_p(q: &Odd<U192>, rng: &mut dyn CryptoRng) -> Option<U1024> {
    let mut bytes = [0; P_BITS / 8];
    rng.fill_bytes(&mut bytes);
    let [first, ..] = &mut bytes;
    *first |= 0x80;
    let random = U1024::from_be_slice(&bytes);
    let double_q: U256 = q.as_ref().resize::<{ U256::LIMBS }>().shl_vartime(1);
    let double_q = Option::from(double_q.to_nz())?;
    let excess = random.rem_vartime(&double_q).resize();
    let p = random.wrapping_sub(&excess).wrapping_add(&U1024::ONE);
    let long_enough = usize::try_from(p.bit_width_vartime()) == Ok(P_BITS);
    (long_enough && is_prime(rng, Flavor::Any, &p, options(P_ROUNDS))).then_some(p)
}

/// g, x and y for p and q. `None` if 2 does not lead to a generator, which one p in 2^160 has.
fn finish(p: &U1024, q: &Odd<U192>, rng: &mut dyn CryptoRng) -> Option<PrivateKey> {
    let cofactor = p.wrapping_sub(&U1024::ONE).div_rem_vartime(q.as_nz_ref()).0;
    let params = BoxedMontyParams::new_vartime(Option::from(BoxedUint::from(p).to_odd())?);
    let one = BoxedMontyForm::one(&params);
    let g = group::power(&one.double(), &cofactor.to_be_bytes());
    if g == one {
        return None;
    }
    let x = random_scalar(q, rng);
    let y = group::power(&g, &*x);
    let (p, q) = (p.to_be_bytes(), scalar_bytes(q.as_ref()));
    let (g, y) = (g.retrieve().to_be_bytes(), y.retrieve().to_be_bytes());
    PrivateKey::from_components(&p, &*q, &g, &y, &*x).ok()
}

/// A number in 1..q with a bias below 2^-96 (FIPS 186-4, appendix B.1.1).
fn random_scalar(q: &Odd<U192>, rng: &mut dyn CryptoRng) -> Zeroizing<[u8; SCALAR_LEN]> {
    let mut bytes = Zeroizing::new([0; U256::BYTES]);
    rng.fill_bytes(&mut *bytes);
    let random = Zeroizing::new(U256::from_be_slice(&*bytes));
    let range = q.as_ref().wrapping_sub(&U192::ONE);
    let scalar = match Option::from(range.to_nz()) {
        Some(range) => random.rem(&range).wrapping_add(&U192::ONE),
        None => U192::ONE,
    };
    scalar_bytes(&Zeroizing::new(scalar))
}

const fn options(rounds: usize) -> FipsOptions {
    FipsOptions::with_mr_iterations(rounds).with_lucas_test().with_trial_division_test()
}
