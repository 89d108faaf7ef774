//! DSA against libotr's signatures, the vectors of RFC 6979, and the crate `dsa`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crypto_bigint::BoxedUint;
use dsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use otr_core::dsa::{Fingerprint, Generator, KeyError, PrivateKey, Progress, PublicKey, Signature, SignatureError};
use otr_core::wire::{Codec, DecodeError};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::Value;
use sha2::{Digest, Sha256};
use signature::hazmat::RandomizedPrehashSigner as _;

fn vectors() -> Value {
    serde_json::from_str(include_str!("dsa_signatures.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn key(name: &str) -> PrivateKey {
    let numbers = &vectors()["keys"][name]["dsa"];
    let [p, q, g, y, x] = ["p", "q", "g", "y", "x"].map(|number| bytes(&numbers[number]));
    PrivateKey::from_components(&p, &q, &g, &y, &x).unwrap()
}

fn padded_signature(r: &[u8], s: &[u8]) -> Signature {
    let mut signature = [0; 40];
    signature[20 - r.len()..20].copy_from_slice(r);
    signature[40 - s.len()..].copy_from_slice(s);
    Signature(signature)
}

#[test]
fn libotrs_signatures_and_fingerprints_are_ours() {
    let vectors = vectors();
    let signatures = vectors["signatures"].as_array().unwrap();
    assert!(signatures.len() > 40);
    for entry in signatures {
        let digest = bytes(&entry["digest"]);
        let signature = padded_signature(&bytes(&entry["r"]), &bytes(&entry["s"]));
        let signer = entry["signer"].as_str().unwrap();
        let other = if signer == "alice" { "bob" } else { "alice" };
        assert_eq!(key(signer).public_key().verify(&digest, &signature), Ok(()));
        assert_eq!(key(other).public_key().verify(&digest, &signature), Err(SignatureError::Invalid));
        // The FIPS reading, cut to 160 bits, is another digest.
        assert_eq!(key(signer).public_key().verify(&digest[..20], &signature), Err(SignatureError::Invalid));
    }
    for name in ["alice", "bob"] {
        let entry = &vectors["keys"][name];
        let fingerprint = key(name).public_key().fingerprint();
        assert_eq!(fingerprint.to_string(), entry["fingerprint_human"].as_str().unwrap());
        assert_eq!(format!("{fingerprint:x}"), entry["fingerprint"].as_str().unwrap());
    }
}

/// RFC 6979, appendix A.2.1: the key.
fn rfc_key() -> PrivateKey {
    let [p, q, g, y, x] = [
        "86f5ca03dcfeb225063ff830a0c769b9dd9d6153ad91d7ce27f787c43278b447e6533b86b18bed6e8a48b784a14c252c5be0dbf60b86d6385bd2f12fb763ed8873abfd3f5ba2e0a8c0a59082eac056935e529daf7c610467899c77adedfc846c881870b7b19b2b58f9be0521a17002e3bdd6b86685ee90b3d9a1b02b782b1779",
        "996f967f6c8e388d9e28d01e205fba957a5698b1",
        "07b0f92546150b62514bb771e2a0c0ce387f03bda6c56b505209ff25fd3c133d89bbcd97e904e09114d9a7defdeadfc9078ea544d2e401aeecc40bb9fbbf78fd87995a10a1c27cb7789b594ba7efb5c4326a9fe59a070e136db77175464adca417be5dce2f40d10a46a3a3943f26ab7fd9c0398ff8c76ee0a56826a8a88f1dbd",
        "5df5e01ded31d0297e274e1691c192fe5868fef9e19a84776454b100cf16f65392195a38b90523e2542ee61871c0440cb87c322fc4b4d2ec5e1e7ec766e1be8d4ce935437dc11c3c8fd426338933ebfe739cb3465f4d3668c5e473508253b1e682f65cbdc4fae93c2ea212390e54905a86e2223170b44eaa7da5dd9ffcfb7f3b",
        "411602cb19a6ccc34494d79d98ef1e7ed5af25f7",
    ]
    .map(|number| hex::decode(number).unwrap());
    PrivateKey::from_components(&p, &q, &g, &y, &x).unwrap()
}

#[test]
fn rfc_6979_vectors() {
    for (message, r, s) in [
        ("sample", "81f2f5850be5bc123c43f71a3033e9384611c545", "4cdd914b65eb6c66a8aaad27299bee6b035f5e89"),
        ("test", "22518c127299b0f6fdc9872b282b9e70d0790812", "6837ec18f150d55de95b5e29be7af5d01e4fe160"),
    ] {
        // The RFC cuts the digest; a digest that is already short means the same to both.
        let digest = Sha256::digest(message);
        let signature = rfc_key().sign_deterministic(&digest[..20]).unwrap();
        assert_eq!(hex::encode(signature.as_bytes()), format!("{r}{s}"));
        assert_eq!(rfc_key().public_key().verify(&digest[..20], &signature), Ok(()));
    }
}

fn oracle(key: &PrivateKey) -> dsa::SigningKey {
    let [p, q, g, y] = key.public_key().components().map(BoxedUint::from_be_slice_vartime);
    let components = dsa::Components::from_components(p, q, g).unwrap();
    let public = dsa::VerifyingKey::from_components(components, y).unwrap();
    let x = BoxedUint::from_be_slice(key.secret().expose(), 160).unwrap();
    dsa::SigningKey::from_components(public, x).unwrap()
}

fn to_oracle(signature: &Signature) -> dsa::Signature {
    let (r, s) = signature.as_bytes().split_at(20);
    let [r, s] = [r, s].map(|scalar| BoxedUint::from_be_slice(scalar, 160).unwrap());
    dsa::Signature::from_components(r, s).unwrap()
}

fn from_oracle(signature: &dsa::Signature) -> Signature {
    let [r, s] = [signature.r(), signature.s()].map(|scalar| scalar.to_be_bytes_trimmed_vartime());
    padded_signature(&r, &s)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_crate_dsa_agrees(digest: [u8; 20], seed: u64) {
        let key = rfc_key();
        let oracle = oracle(&key);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let ours = key.sign(&digest, &mut rng).unwrap();
        prop_assert!(oracle.verifying_key().verify_prehash(&digest, &to_oracle(&ours)).is_ok());
        let theirs = from_oracle(&oracle.sign_prehash(&digest).unwrap());
        prop_assert_eq!(key.public_key().verify(&digest, &theirs), Ok(()));
        prop_assert_eq!(key.sign_deterministic(&digest).unwrap(), theirs);
    }

    #[test]
    fn a_long_digest_counts_modulo_q(digest: [u8; 32], seed: u64) {
        let key = rfc_key();
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let signature = key.sign(&digest, &mut rng).unwrap();
        let [_, q, ..] = key.public_key().components();
        let q = BoxedUint::from_be_slice_vartime(q).to_nz().unwrap();
        let reduced = BoxedUint::from_be_slice(&digest, 256).unwrap().rem_vartime(&q);
        let reduced = reduced.to_be_bytes();
        let reduced = &reduced[reduced.len() - 20..];
        prop_assert!(oracle(&key).verifying_key().verify_prehash(reduced, &to_oracle(&signature)).is_ok());
        prop_assert_eq!(key.public_key().verify(&digest, &signature), Ok(()));
    }

    #[test]
    fn one_bit_refuses(digest: [u8; 32], bit in 0_usize..320) {
        let key = key("alice");
        let mut signature = key.sign_deterministic(&digest).unwrap();
        signature.0[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(key.public_key().verify(&digest, &signature), Err(SignatureError::Invalid));
    }

    #[test]
    fn a_public_key_survives_the_wire_or_is_refused(position in 0_usize..500, value: u8) {
        let bytes = key("bob").public_key().to_bytes();
        prop_assert_eq!(PublicKey::from_bytes(&bytes).unwrap().to_bytes(), bytes.clone());
        let mut changed = bytes.clone();
        let position = position % changed.len();
        changed[position] = value;
        if let Ok(key) = PublicKey::from_bytes(&changed) {
            prop_assert!(key.verify(&[1; 32], &Signature([1; 40])).is_err());
        }
    }
}

#[test]
fn hedged_signatures_differ_and_the_traits_sign() {
    let key = key("alice");
    let digest = [7; 32];
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (first, second) = (key.sign(&digest, &mut rng).unwrap(), key.sign(&digest, &mut rng).unwrap());
    let third = key.sign_prehash_with_rng(&mut rng, &digest).unwrap();
    assert!(first != second && second != third && first != third);
    for signature in [first, second, third] {
        assert_eq!(key.public_key().verify(&digest, &signature), Ok(()));
    }
    assert_eq!(key.sign(&[0; 65], &mut rng), Err(SignatureError::DigestLength(65)));
    assert_eq!(key.public_key().verify(&[0; 65], &first), Err(SignatureError::DigestLength(65)));
}

#[test]
fn scalars_outside_the_range_are_refused() {
    let key = key("alice");
    let public = key.public_key();
    let [_, q, ..] = public.components();
    let good = key.sign_deterministic(&[9; 32]).unwrap();
    let (r, s) = good.as_bytes().split_at(20);
    for (r, s) in [(&[0; 20][..], s), (r, &[0; 20][..]), (q, s), (r, q), (&[0xff; 20], s), (r, &[0xff; 20])] {
        assert_eq!(public.verify(&[9; 32], &padded_signature(r, s)), Err(SignatureError::Invalid));
    }
}

#[test]
fn unusable_public_keys() {
    let key = key("alice");
    let [p, q, g, y] = key.public_key().components();
    let with = |p: &[u8], q: &[u8], g: &[u8], y: &[u8]| PublicKey::from_components(p, q, g, y).map(|_| ());
    assert_eq!(with(p, q, g, y), Ok(()));

    let even = |number: &[u8]| {
        let mut number = number.to_vec();
        *number.last_mut().unwrap() &= 0xfe;
        number
    };
    assert_eq!(with(&even(p), q, g, y), Err(DecodeError::Value("p")));
    assert_eq!(with(p, &even(q), g, y), Err(DecodeError::Value("q")));
    assert_eq!(with(&p[1..], q, g, y), Err(DecodeError::Value("p")));
    assert_eq!(with(&[0xff; 513], q, g, y), Err(DecodeError::Length { field: "p", length: 513 }));
    assert_eq!(with(&[], q, g, y), Err(DecodeError::Value("p")));
    assert_eq!(with(p, &q[1..], g, y), Err(DecodeError::Length { field: "q", length: 19 }));
    assert_eq!(with(p, p, g, y), Err(DecodeError::Length { field: "q", length: 128 }));
    // Odd and of the right length, but no divisor of p - 1.
    assert_eq!(with(p, &[0xff; 20], g, y), Err(DecodeError::Value("q")));
    // p - 1 has order 2.
    for bad in [&[][..], &[0], &[1], p, &even(p), &[0xff; 128]] {
        assert_eq!(with(p, q, bad, y), Err(DecodeError::Value("g")), "{bad:02x?}");
        assert_eq!(with(p, q, g, bad), Err(DecodeError::Value("y")), "{bad:02x?}");
    }
    assert_eq!(with(p, q, &[0xff; 129], y), Err(DecodeError::Length { field: "g", length: 129 }));
}

#[test]
fn unusable_private_keys() {
    let key = key("alice");
    let [p, q, g, y] = key.public_key().components();
    let with = |x: &[u8]| PrivateKey::from_components(p, q, g, y, x).map(|_| ());
    assert_eq!(with(&[]), Err(KeyError::PrivateValue));
    assert_eq!(with(q), Err(KeyError::PrivateValue));
    assert_eq!(with(&[1; 21]), Err(KeyError::PrivateValue));
    assert_eq!(with(&[5]), Err(KeyError::Mismatch));
    assert_eq!(with(key.secret().expose()), Ok(()));
}

#[test]
fn a_private_key_is_stored_and_read_back() {
    let key = key("bob");
    let bytes = key.to_bytes();
    let again = PrivateKey::from_bytes(&bytes).unwrap();
    assert!(bool::from(subtle::ConstantTimeEq::ct_eq(&key, &again)));
    let mut other_type = bytes.to_vec();
    other_type[1] = 1;
    assert_eq!(PrivateKey::from_bytes(&other_type).unwrap_err(), KeyError::Public(DecodeError::Value("key type")));
    for length in 0..bytes.len() {
        assert!(PrivateKey::from_bytes(&bytes[..length]).is_err());
    }
    let trailing = [&bytes[..], &[0]].concat();
    assert_eq!(PrivateKey::from_bytes(&trailing).unwrap_err(), KeyError::Public(DecodeError::Trailing(1)));
}

#[test]
fn debug_names_the_key_and_hides_x() {
    let key = key("alice");
    assert_eq!(format!("{key:?}"), "PrivateKey(a4b9209d4cb70d4f7a6d1682134ee0aee82351d0, ..)");
    assert_eq!(format!("{:?}", key.public_key()), "PublicKey(a4b9209d4cb70d4f7a6d1682134ee0aee82351d0)");
}

#[test]
fn keys_go_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<PrivateKey>();
    shared::<PublicKey>();
}

#[test]
fn a_generated_key_satisfies_the_oracle() {
    let mut rng = ChaCha20Rng::seed_from_u64(20);
    let mut generator = Generator::new();
    let mut steps = 0;
    let key = loop {
        steps += 1;
        match generator.step(&mut rng) {
            Progress::Working { candidates } => assert!(candidates < 20_000),
            Progress::Done(key) => break key,
            other => panic!("{other:?}"),
        }
    };
    assert!(steps >= 2);
    let [p, q, ..] = key.public_key().components();
    assert_eq!((p.len(), q.len()), (128, 20));
    assert!(p[0] >= 0x80 && q[0] >= 0x80);
    let digest = [0xc3; 20];
    let signature = key.sign(&digest, &mut rng).unwrap();
    // The oracle refuses a q that is not prime and a g outside the subgroup.
    assert!(oracle(&key).verifying_key().verify_prehash(&digest, &to_oracle(&signature)).is_ok());
    assert_eq!(PublicKey::from_bytes(&key.public_key().to_bytes()).as_ref(), Ok(key.public_key()));
    let other = PrivateKey::generate(&mut rng);
    assert_ne!(other.public_key().fingerprint(), key.public_key().fingerprint());
}

#[test]
fn a_fingerprint_reads_what_users_write() {
    let human = "A4B9209D 4CB70D4F 7A6D1682 134EE0AE E82351D0";
    let fingerprint: Fingerprint = human.parse().unwrap();
    assert_eq!(fingerprint, key("alice").public_key().fingerprint());
    assert_eq!(fingerprint.to_string(), human);
}

#[cfg(feature = "serde")]
#[test]
fn serde_takes_the_wire_form() {
    let public = key("alice").public_key().clone();
    let json = serde_json::to_string(&(public.clone(), public.fingerprint())).unwrap();
    assert!(json.starts_with("[[0,0,0,0,0,128,183,220"), "{json}");
    let (again, fingerprint): (PublicKey, Fingerprint) = serde_json::from_str(&json).unwrap();
    assert_eq!((&again, fingerprint), (&public, public.fingerprint()));
    assert!(serde_json::from_str::<PublicKey>("[0,0,0,0,0,1,3]").is_err());
}
