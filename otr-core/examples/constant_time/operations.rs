//! What is measured: each operation with a secret of a special kind and with a random one.
//!
//! Before the clock starts each input is copied to the same place for both kinds, so that no address tells them apart.

use std::hint::black_box;
use std::rc::Rc;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U192};
use otr_core::dsa::PrivateKey;
use otr_core::group::{PowerTable, Residue};
use otr_core::smp::{Smp, SmpContext};
use otr_core::wire::{DataFlags, DataMessage, Route};
use otr_core::{SecretBytes, toolkit};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Secrets that lie ready for each kind.
const POOL: usize = 64;
/// Bits that a short nonce lacks. A leak of so many, over some hundred signatures, gives a DSA key away.
const SHORT_BY: u32 = 7;
/// How often a comparison of a few nanoseconds is done in one measurement.
const REPEATED: usize = 64;

/// A DSA key whose q is the largest prime below 2^160: no candidate for a nonce is ever refused, which would take time and
/// tell nothing.
const KEY: [&str; 5] = [
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
     ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
     fffffffffffffe07fffffffffffffffd7d823a1f0000000000005c89",
    "ffffffffffffffffffffffffffffffffffffffd1",
    "528d70bdda6a9e53843beaea9a1df3fc32bf48664354a476003af8caae22a09cc5ee09b3a7475c0788ac729ab56be4c58c28\
     2e12abe62f809753a66c310c3437214c5477401d047ac35c35470f300a0cbd0f317ec3ae9cac23e79d8da065e2f31f6b752a\
     f2c8e8a1db11dba8bdbc5530b7e8366a7199a06c9401861d07118f15",
    "7e45928cfa01071b3e1fa07382fe6736090537212457383189e9bb95341b9f54d4bdbb752256fe85f75f91d704a48833e115\
     dc72a519ae9d43ef217a93803328b111550ab452c553b120f9350516d928129280e0eae24c5e43fe051898927a985ea67590\
     c5cccb65fbf7fec4cd0503f96288340760450959a4fef49a3645b1c4",
    "0102030405060708090a0b0c0d0e0f1011121314",
];

/// The kind of the secret in a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Small, of few bits, or wrong at once: whatever would make sloppy code quick.
    Special,
    /// Any.
    Random,
}

/// Work on one secret, to be timed.
pub(crate) type Work = Box<dyn FnOnce()>;

/// Makes work on a secret of the wanted kind.
type Prepare = Box<dyn FnMut(Secret, &mut ChaCha20Rng) -> Work>;

pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// It leaks on purpose: the test must find it.
    pub(crate) leaky: bool,
    pub(crate) prepare: Prepare,
}

/// All operations, the two planted leaks first.
pub(crate) fn all(rng: &mut ChaCha20Rng) -> Vec<Operation> {
    let base = Rc::new(Residue::power_of_g(&bytes::<40>(rng)));
    let for_dh = Rc::new(PowerTable::for_dh(&base));
    let for_smp = Rc::new(PowerTable::for_smp(&base));
    let leaky_base = Rc::clone(&base);
    let (dh_base, smp_base) = (Rc::clone(&base), Rc::clone(&base));
    vec![
        power::<40>("planted: power in variable time", true, rng, move |x| {
            black_box(Residue::multi_power_public(&[(&leaky_base, x)]));
        }),
        comparison("planted: comparison that stops early", true, rng, |one, other| {
            one.iter().zip(other).all(|(one, other)| black_box(one) == black_box(other))
        }),
        power::<40>("D-H: g^x, 320 bits", false, rng, |x| drop(black_box(Residue::power_of_g(x)))),
        power::<40>("D-H: y^x, 320 bits", false, rng, move |x| drop(black_box(dh_base.power(x)))),
        power::<40>("D-H: y^x by the table of y", false, rng, move |x| drop(black_box(for_dh.power(x)))),
        power::<192>("SMP: g^x, 1536 bits", false, rng, |x| drop(black_box(Residue::power_of_g(x)))),
        power::<192>("SMP: y^x, 1536 bits", false, rng, move |x| drop(black_box(smp_base.power(x)))),
        power::<192>("SMP: y^x by the table of y", false, rng, move |x| drop(black_box(for_smp.power(x)))),
        smp_answer(rng),
        signing(rng),
        mac(rng),
    ]
}

fn bytes<const N: usize>(rng: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Takes one of the pool, at random.
fn pick<T: Copy>(pool: &[T], rng: &mut ChaCha20Rng) -> T {
    let index = usize::try_from(rng.next_u32()).unwrap() % pool.len();
    *pool.get(index).unwrap()
}

/// A power of a secret exponent: of a single bit, or random.
fn power<const N: usize>(
    name: &'static str,
    leaky: bool,
    rng: &mut ChaCha20Rng,
    work: impl Fn(&[u8; N]) + 'static,
) -> Operation {
    let special: Vec<[u8; N]> = (0..POOL)
        .map(|bit| {
            let mut exponent = [0; N];
            *exponent.get_mut(N - 1 - bit / 8).unwrap() = 1 << (bit % 8);
            exponent
        })
        .collect();
    let random: Vec<[u8; N]> = (0..POOL).map(|_| bytes(rng)).collect();
    let work = Rc::new(work);
    Operation {
        name,
        leaky,
        prepare: Box::new(move |secret, rng| {
            let exponent = pick(if secret == Secret::Special { &special } else { &random }, rng);
            let work = Rc::clone(&work);
            Box::new(move || work(black_box(&exponent)))
        }),
    }
}

/// A comparison of 20 bytes that fails at the first byte, or at a random one.
fn comparison(
    name: &'static str,
    leaky: bool,
    rng: &mut ChaCha20Rng,
    equal: impl Fn(&[u8; 20], &[u8; 20]) -> bool + 'static,
) -> Operation {
    let right: Rc<[u8; 20]> = Rc::new(bytes(rng));
    let wrong_at = wrong(&right);
    let equal = Rc::new(equal);
    Operation {
        name,
        leaky,
        prepare: Box::new(move |secret, rng| {
            let (given, right) = (wrong_for(secret, &wrong_at, rng), Rc::clone(&right));
            let equal = Rc::clone(&equal);
            Box::new(move || {
                for _ in 0..REPEATED {
                    black_box(equal(black_box(&right), black_box(&given)));
                }
            })
        }),
    }
}

/// The bytes with an error at each place.
fn wrong(right: &[u8; 20]) -> Vec<[u8; 20]> {
    (0..right.len())
        .map(|place| {
            let mut given = *right;
            *given.get_mut(place).unwrap() ^= 1;
            given
        })
        .collect()
}

fn wrong_for(secret: Secret, wrong_at: &[[u8; 20]], rng: &mut ChaCha20Rng) -> [u8; 20] {
    let any = pick(wrong_at, rng);
    // What comes before the clock starts must take the same time as well: it may still be under way then.
    let first = *wrong_at.first().unwrap();
    let special = u8::from(secret == Secret::Special).wrapping_neg();
    core::array::from_fn(|place| {
        let of = |bytes: &[u8; 20]| *bytes.get(place).unwrap();
        (of(&first) & special) | (of(&any) & !special)
    })
}

/// Reading a data message whose authenticator is wrong at the first byte or at a random one.
fn mac(rng: &mut ChaCha20Rng) -> Operation {
    let next_dh = Residue::power_of_g(&bytes::<40>(rng)).to_element("next_dh").unwrap();
    let cipher: Rc<SecretBytes<16>> = Rc::new(SecretBytes::new(bytes(rng)));
    let authenticated: Rc<[u8; 100]> = Rc::new(bytes(rng));
    let bytes_of_it = Rc::clone(&authenticated);
    let message = move |authenticator: &[u8; 20], read: &mut dyn FnMut(&DataMessage<'_>)| {
        read(&DataMessage {
            route: Route::V2,
            flags: DataFlags::empty(),
            sender_keyid: 1,
            recipient_keyid: 1,
            next_dh,
            counter: 1,
            encrypted: &[0; 10],
            authenticated: &*bytes_of_it,
            authenticator: *authenticator,
            old_mac_keys: &[],
        });
    };
    let mut right = [0; 20];
    message(&[0; 20], &mut |message| right = toolkit::authenticate(toolkit::mac_key(&cipher).expose(), message));
    message(&right, &mut |message| assert!(toolkit::read(message, &cipher).is_ok(), "the right one is accepted"));
    let message = Rc::new(message);
    let wrong_at = wrong(&right);
    Operation {
        name: "data message: authenticator",
        leaky: false,
        prepare: Box::new(move |secret, rng| {
            let given = wrong_for(secret, &wrong_at, rng);
            let (message, cipher) = (Rc::clone(&message), Rc::clone(&cipher));
            Box::new(move || {
                message(black_box(&given), &mut |message| drop(black_box(toolkit::read(message, &cipher))));
            })
        }),
    }
}

/// A whole answer to SMP's first message: the same small secret with the same exponents, or random ones.
fn smp_answer(rng: &mut ChaCha20Rng) -> Operation {
    let (ours, theirs, ssid) = ([0xa; 20], [0xb; 20], [1; 8]);
    let context = SmpContext { ours: &ours, theirs: &theirs, ssid: &ssid };
    let mut smp = Smp::default();
    let one = Smp::default().start(b"a secret", None, context, rng).unwrap().message;
    assert!(smp.handle(one, rng).reply.is_none(), "the user is asked first");
    let asked = smp.snapshot();
    Operation {
        name: "SMP: answer to message 1",
        leaky: false,
        prepare: Box::new(move |secret, rng| {
            let (seed, text) = (rng.next_u64(), bytes::<8>(rng));
            let (seed, text) = if secret == Secret::Special { (7, [0; 8]) } else { (seed, text) };
            let mut exponents = ChaCha20Rng::seed_from_u64(seed);
            let mut smp = Smp::restore(asked.clone());
            Box::new(move || {
                let context = SmpContext { ours: &[0xb; 20], theirs: &[0xa; 20], ssid: &[1; 8] };
                drop(black_box(smp.respond(black_box(&text), context, &mut exponents)));
            })
        }),
    }
}

/// A DSA signature whose nonce is seven bits short, or any.
fn signing(rng: &mut ChaCha20Rng) -> Operation {
    let [p, q, g, y, x] = KEY.map(|number| hex::decode(number).unwrap());
    let key = Rc::new(PrivateKey::from_components(&p, &q, &g, &y, &x).unwrap());
    let (mut short, mut any) = (Vec::new(), Vec::new());
    while short.len() < POOL {
        let digest: [u8; 16] = bytes(rng);
        if nonce_bits(&key, &digest) + SHORT_BY <= 160 {
            short.push(digest);
        } else if any.len() < POOL {
            any.push(digest);
        }
    }
    Operation {
        name: "DSA: signature, short or any nonce",
        leaky: false,
        prepare: Box::new(move |secret, rng| {
            let digest = pick(if secret == Secret::Special { &short } else { &any }, rng);
            let key = Rc::clone(&key);
            Box::new(move || {
                let _ = black_box(key.sign_deterministic(black_box(&digest)));
            })
        }),
    }
}

/// Bits of the nonce behind the deterministic signature of a digest: k = (digest + x r) / s mod q.
fn nonce_bits(key: &PrivateKey, digest: &[u8]) -> u32 {
    let number = |bytes: &[u8]| {
        let mut padded = [0; U192::BYTES];
        padded.get_mut(U192::BYTES - bytes.len()..).unwrap().copy_from_slice(bytes);
        U192::from_be_slice(&padded)
    };
    let signature = key.sign_deterministic(digest).unwrap();
    let (r, s) = signature.as_bytes().split_at(20);
    let [_, q, ..] = key.public_key().components();
    let params = FixedMontyParams::new(Odd::new(number(q)).unwrap());
    let residue = |bytes: &[u8]| FixedMontyForm::new(&number(bytes), &params);
    let sum = residue(digest) + residue(key.secret().expose()) * residue(r);
    (sum * residue(s).invert().unwrap()).retrieve().bit_width()
}
