//! Exponentiations and signatures, the whole cost of the protocol.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use otr_core::dsa::{PrivateKey, PublicKey};
use otr_core::wire::Codec;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn dsa(criterion: &mut Criterion) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let key = PrivateKey::generate(&mut rng);
    let digest = [0x5a; 32];
    let signature = key.sign(&digest, &mut rng).unwrap();
    let received = PublicKey::from_bytes(&key.public_key().to_bytes()).unwrap();
    let mut group = criterion.benchmark_group("dsa");
    group.bench_function("sign", |b| b.iter(|| key.sign(black_box(&digest), &mut rng)));
    group.bench_function("verify, key of a peer", |b| b.iter(|| received.verify(black_box(&digest), &signature)));
    group.bench_function("verify, own key", |b| b.iter(|| key.public_key().verify(black_box(&digest), &signature)));
    group.bench_function("parse a public key", |b| {
        let bytes = received.to_bytes();
        b.iter(|| PublicKey::from_bytes(black_box(&bytes)));
    });
    group.bench_function("load a private key", |b| {
        let bytes = key.to_bytes();
        b.iter(|| PrivateKey::from_bytes(black_box(&bytes)));
    });
    group.sample_size(20);
    group.bench_function("generate", |b| b.iter(|| PrivateKey::generate(&mut rng)));
    group.finish();
}

criterion_group!(benches, dsa);
criterion_main!(benches);
