//! `cargo xtask simulate`.

fn main() {
    let seed: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    let count: u64 = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(1);
    let started = std::time::Instant::now();
    let mut steps = 0;
    for seed in seed..seed + count {
        let plan = simulate::plan::generate(seed, 80);
        let outcome = simulate::run::run(&plan, count == 1);
        steps += outcome.steps;
        if let Some(failure) = outcome.failure {
            println!("seed {seed} {:?} at {}: {}", simulate::plan::Theme::of(seed), failure.at, failure.violation);
            if count == 1 {
                failure.story.iter().for_each(|line| println!("{line}"));
            }
        }
    }
    println!("{steps} steps, {:.0}/s", steps as f64 / started.elapsed().as_secs_f64());
}
