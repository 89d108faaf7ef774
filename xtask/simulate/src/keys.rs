//! What is expensive to compute and the same in every world: computed once per thread or program.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;

use otr_core::dsa::PrivateKey;
use otr_core::group::GroupElement;
use otr_core::{SecretBytes, toolkit};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// Long-term keys that exist.
const KEYS: usize = 6;
/// Results kept, at most: a few hundred bytes each.
const MOST: usize = 100_000;

/// A long-term key, always the same for the same number.
#[must_use]
pub fn key(index: usize) -> PrivateKey {
    static MADE: [OnceLock<PrivateKey>; KEYS] = [const { OnceLock::new() }; KEYS];
    let make = || PrivateKey::generate(&mut ChaCha20Rng::seed_from_u64(index as u64 % KEYS as u64));
    match MADE.get(index % KEYS) {
        Some(made) => made.get_or_init(make).clone(),
        None => make(),
    }
}

type Macs = HashMap<([u8; 40], Vec<u8>), Option<[u8; 20]>>;

thread_local! {
    static PUBLIC: RefCell<HashMap<[u8; 40], Option<GroupElement>>> = RefCell::default();
    static MACS: RefCell<Macs> = RefCell::default();
}

/// The public value of a private exponent; `None` if it has none that is legal.
pub(crate) fn public_value(secret: &SecretBytes<40>) -> Option<GroupElement> {
    PUBLIC.with_borrow_mut(|known| {
        if known.len() > MOST {
            known.clear();
        }
        *known.entry(*secret.expose()).or_insert_with(|| toolkit::public_value(secret))
    })
}

/// The MAC key under which the owner of `secret` receives from the owner of `theirs`.
pub(crate) fn receiving_mac(secret: &SecretBytes<40>, theirs: &GroupElement) -> Option<[u8; 20]> {
    MACS.with_borrow_mut(|known| {
        if known.len() > MOST {
            known.clear();
        }
        let compute = || toolkit::data_keys(secret, theirs).map(|keys| *keys.receiving.mac.expose());
        *known.entry((*secret.expose(), theirs.as_minimal().to_vec())).or_insert_with(compute)
    })
}
