//! Exponentiations and signatures, the whole cost of the protocol.

#![allow(clippy::unwrap_used, reason = "a bench may fail by panicking")]
#![allow(missing_docs, reason = "the macro makes a public function")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use otr_core::dsa::{PrivateKey, PublicKey};
use otr_core::group::{PowerTable, Residue};
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
    group.bench_function("verify", |b| b.iter(|| received.verify(black_box(&digest), &signature)));
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

fn group(criterion: &mut Criterion) {
    let (short, long) = ([0xa5; 40], [0x5a; 192]);
    let base = Residue::power_of_g(&[0xc3; 40]);
    let element = base.to_element("base").unwrap();
    let mut group = criterion.benchmark_group("group");
    group.bench_function("g^320 bits", |b| b.iter(|| Residue::power_of_g(black_box(&short))));
    group.bench_function("base^320 bits", |b| b.iter(|| base.power(black_box(&short))));
    group.bench_function("table for 320 bits", |b| b.iter(|| PowerTable::for_dh(black_box(&base))));
    let table = PowerTable::for_dh(&base);
    group.bench_function("table^320 bits", |b| b.iter(|| table.power(black_box(&short))));
    group.bench_function("g^1536 bits", |b| b.iter(|| Residue::power_of_g(black_box(&long))));
    group.bench_function("base^1536 bits", |b| b.iter(|| base.power(black_box(&long))));
    group.bench_function("table for 1536 bits", |b| b.iter(|| PowerTable::for_smp(black_box(&base))));
    let table = PowerTable::for_smp(&base);
    group.bench_function("table^1536 bits", |b| b.iter(|| table.power(black_box(&long))));
    group.bench_function("public g^1536 * base^256", |b| {
        let g = Residue::generator();
        b.iter(|| Residue::multi_power_public(black_box(&[(&g, &long[..]), (&base, &long[..32])])));
    });
    group.bench_function("public base^1536 * base^1536 * base^256", |b| {
        let other = base.multiply(&base);
        let third = other.multiply(&base);
        b.iter(|| Residue::multi_power_public(black_box(&[(&base, &long), (&other, &long), (&third, &long[..32])])));
    });
    group.bench_function("invert", |b| b.iter(|| black_box(&base).invert()));
    group.bench_function("multiply", |b| b.iter(|| black_box(&base).multiply(&base)));
    group.bench_function("to an element", |b| b.iter(|| black_box(&base).to_element("base")));
    group.bench_function("from an element", |b| b.iter(|| Residue::from_be_bytes(black_box(element.as_padded()))));
    group.finish();
}

criterion_group!(benches, group, dsa);
criterion_main!(benches);
