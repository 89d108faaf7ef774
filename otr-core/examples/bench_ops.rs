//! One operation, so many times, in microseconds of process CPU time: our side of `cargo xtask bench peers`.
//!
//! Run with `cargo run --release -p otr-core --example bench_ops -- ake 100`. The answer is one line of JSON with
//! the members of the libotr driver's `--bench`.

#![expect(clippy::unwrap_used, reason = "a bench may fail by panicking")]
#![allow(unreachable_pub, reason = "shared with a bench")]

#[path = "../benches/support/pair.rs"]
mod pair;

use std::process::ExitCode;

use otr_core::dsa::PrivateKey;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use pair::{Pair, random};

/// Messages of one burst; the driver around libotr has as many.
const BURST: usize = 100;

/// The process CPU time, in microseconds: a busy machine does not show in it.
fn cpu_us() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (i32::try_from(now.tv_sec).unwrap(), i32::try_from(now.tv_nsec).unwrap());
    f64::from(seconds) * 1e6 + f64::from(nanoseconds) / 1e3
}

/// How long `action` takes.
fn timed(action: impl FnOnce()) -> f64 {
    let start = cpu_us();
    action();
    cpu_us() - start
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(what), Some(count)) = (arguments.first(), arguments.get(1).and_then(|count| count.parse().ok())) else {
        eprintln!("usage: bench_ops keygen|ake|pingpong|burst100|burst10k|smp|restored COUNT");
        return ExitCode::from(2);
    };
    let Some(mut result) = measure(what, count) else {
        eprintln!("no such operation: {what}");
        return ExitCode::from(2);
    };
    result["impl"] = concat!("o2tr ", env!("CARGO_PKG_VERSION")).into();
    result["bench"] = what.as_str().into();
    result["n"] = count.into();
    println!("{result}");
    ExitCode::SUCCESS
}

fn measure(what: &str, count: u32) -> Option<Value> {
    let mut pair = Pair::in_private();
    Some(match what {
        "keygen" => per_operation(
            count,
            timed(|| {
                (0..count).for_each(|_| drop(PrivateKey::generate(&mut random())));
            }),
        ),
        "ake" => {
            let total = (0..count).map(|_| {
                pair.forget();
                timed(|| pair.handshake())
            });
            per_operation(count, total.sum())
        }
        "pingpong" => {
            pair.ping_pong(4, &[b'x'; 100]);
            per_operation(count, timed(|| pair.ping_pong(count as usize, &[b'x'; 100])))
        }
        "burst100" => burst(&mut pair, count, 100),
        "burst10k" => burst(&mut pair, count, 10_000),
        "smp" => per_operation(count, timed(|| (0..count).for_each(|_| pair.smp()))),
        "restored" => {
            let total = (0..count).map(|_| {
                pair.ping_pong(4, b"x");
                pair.burst_send(1, &[b'x'; 100]);
                timed(|| {
                    pair.restart_bob();
                    assert_eq!(pair.burst_receive(), 1);
                })
            });
            per_operation(count, total.sum())
        }
        _ => return None,
    })
}

fn burst(pair: &mut Pair, count: u32, length: usize) -> Value {
    let text = vec![b'x'; length];
    // The first message of a key pays for its secrets.
    pair.burst_send(1, &text);
    pair.burst_receive();
    let (mut sending, mut receiving) = (0.0, 0.0);
    let mut left = count as usize;
    while left > 0 {
        let burst = left.min(BURST);
        sending += timed(|| pair.burst_send(burst, &text));
        let mut texts = 0;
        receiving += timed(|| texts = pair.burst_receive());
        assert_eq!(texts, burst);
        left -= burst;
    }
    let count = f64::from(count);
    json!({"send_cpu_us_per_op": sending / count, "receive_cpu_us_per_op": receiving / count})
}

fn per_operation(count: u32, total: f64) -> Value {
    json!({"cpu_us_per_op": total / f64::from(count)})
}
