//! Does the time of an operation depend on its secret? A statistical test after Reparaz, Balasch and Verbauwhede,
//! "Dude, is my code constant time?" (2017): each operation runs many times, at random either with a secret of one
//! special kind or with a random one, and Welch's t-test looks for a difference of the two mean times.
//!
//! Run with `cargo xtask constant-time`, or
//! `cargo run --release -p otr-core --example constant_time -- --seconds 20 [--json] [NAME...]`.
//! Two operations are leaky on purpose: if the test does not find them, it has found nothing, and the run fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a measuring program may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "it measures time, and no two runs shall be alike")]

mod operations;
mod statistics;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::json;

use operations::{Operation, Secret};
use statistics::Verdict;

/// Measurements between two looks at the clock.
const BATCH: usize = 200;

struct Arguments {
    each: Duration,
    json: bool,
    names: Vec<String>,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("usage: constant_time [--seconds N] [--json] [NAME...]");
        return ExitCode::from(2);
    };
    let mut rng = ChaCha20Rng::seed_from_u64(rand_seed());
    let mut failed = false;
    let mut rows = Vec::new();
    if !arguments.json {
        println!(
            "{:<40} {:>9} {:>10} {:>10} {:>8}  verdict",
            "operation", "samples", "median ns", "longer ns", "max |t|"
        );
    }
    for mut operation in operations::all(&mut rng) {
        let name = operation.name;
        if !arguments.names.is_empty() && !arguments.names.iter().any(|wanted| name.contains(wanted)) {
            continue;
        }
        let samples = measure(&mut operation, arguments.each, &mut rng);
        let seen = statistics::compare(&samples);
        let verdict = Verdict::of(seen.t);
        let as_expected = operation.leaky == (verdict == Verdict::Leaks);
        // A suspicion is worth a longer run, not an alarm; a leak that is planted must be found.
        failed |= !as_expected && (operation.leaky || verdict == Verdict::Leaks);
        let words = match (operation.leaky, verdict) {
            (true, Verdict::Leaks) => "leaks, as it must: the test works",
            (true, Verdict::Suspicious | Verdict::Quiet) => "NOT FOUND: this test proves nothing",
            (false, Verdict::Leaks) => "LEAKS",
            (false, Verdict::Suspicious) => "suspicious: run it longer",
            (false, Verdict::Quiet) => "no difference seen",
        };
        if !arguments.json {
            let (count, t) = (samples.len(), seen.t.abs());
            println!("{name:<40} {count:>9} {:>10} {:>10.2} {t:>8.2}  {words}", seen.median_ns, seen.longer_ns);
        }
        rows.push(json!({
            "operation": name, "samples": samples.len(), "median_ns": seen.median_ns, "longer_ns": seen.longer_ns, "t": seen.t,
            "planted": operation.leaky, "verdict": words,
        }));
    }
    if arguments.json {
        println!("{}", json!({ "seconds_each": arguments.each.as_secs(), "operations": rows }));
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs an operation with secrets of both kinds in random order.
fn measure(operation: &mut Operation, time: Duration, rng: &mut ChaCha20Rng) -> Vec<(Secret, u64)> {
    let mut samples = Vec::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        for _ in 0..BATCH {
            let secret = if rng.next_u32() & 1 == 0 { Secret::Special } else { Secret::Random };
            let run = (operation.prepare)(secret, rng);
            let start = Instant::now();
            run();
            let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            samples.push((secret, nanoseconds));
        }
    }
    samples
}

fn rand_seed() -> u64 {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).unwrap();
    u64::from_le_bytes(seed)
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments { each: Duration::from_secs(10), json: false, names: Vec::new() };
    let mut given = std::env::args().skip(1);
    while let Some(word) = given.next() {
        match word.as_str() {
            "--seconds" => arguments.each = Duration::from_secs(given.next()?.parse().ok()?),
            "--json" => arguments.json = true,
            flag if flag.starts_with('-') => return None,
            name => arguments.names.push(name.to_owned()),
        }
    }
    Some(arguments)
}
