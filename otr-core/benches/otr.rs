//! What users wait for: both sides together, in one thread.

#![allow(clippy::unwrap_used, reason = "a bench may fail by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "a bench is no library; the macro makes a public function")]

#[path = "support/pair.rs"]
mod pair;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use otr_core::dsa::PrivateKey;

use pair::{Pair, random};

fn sessions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session");
    let mut pair = Pair::new();
    group.bench_function("AKE", |b| {
        b.iter(|| {
            pair.forget();
            pair.handshake();
        });
    });
    let mut pair = Pair::in_private();
    group.bench_function("two texts of 100 bytes to and fro", |b| b.iter(|| pair.ping_pong(2, &[b'x'; 100])));
    group.bench_function("first message of a restored session", |b| {
        b.iter_batched(
            || {
                let mut pair = Pair::in_private();
                pair.ping_pong(4, b"x");
                pair.burst_send(1, &[b'x'; 100]);
                pair
            },
            |mut pair| {
                pair.restart_bob();
                assert_eq!(pair.burst_receive(), 1);
            },
            BatchSize::SmallInput,
        );
    });
    group.sample_size(20);
    group.bench_function("SMP", |b| b.iter(|| pair.smp()));
    group.bench_function("key generation", |b| b.iter(|| PrivateKey::generate(&mut random())));
    group.finish();
}

fn bursts(criterion: &mut Criterion) {
    const COUNT: usize = 100;
    for length in [100, 10_000] {
        let mut group = criterion.benchmark_group(format!("burst of {length} bytes"));
        group.throughput(Throughput::Elements(COUNT as u64));
        let text = vec![b'x'; length];
        let mut pair = Pair::in_private();
        pair.ping_pong(5, b"x");
        group.bench_function("send", |b| {
            b.iter_batched(|| (), |()| pair.burst_send(COUNT, &text), BatchSize::PerIteration);
            pair.burst_receive();
        });
        group.bench_function("receive", |b| {
            b.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| {
                        pair.burst_send(COUNT, &text);
                        #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
                        let start = std::time::Instant::now();
                        assert_eq!(pair.burst_receive(), COUNT);
                        start.elapsed()
                    })
                    .sum()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, sessions, bursts);
criterion_main!(benches);
