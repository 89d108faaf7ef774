//! Welch's t-test on measured times.

use crate::operations::Secret;

/// Measurements above this share of the sorted times are left out, in turn: interruptions make a long tail that
/// hides small differences. The last keeps everything.
const CROPS: [f64; 8] = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0];

/// |t| from which a difference is beyond doubt, and from which it deserves a longer run. With equal means |t| exceeds
/// 4.5 once in 150,000 comparisons.
const LEAKS: f64 = 10.0;
const SUSPICIOUS: f64 = 4.5;

/// What a comparison shows.
pub(crate) struct Seen {
    /// The t of the crop in which it is farthest from zero.
    pub(crate) t: f64,
    /// How much longer the special secret took in that crop, in nanoseconds.
    pub(crate) longer_ns: f64,
    /// The median time of all measurements, in nanoseconds.
    pub(crate) median_ns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Quiet,
    Suspicious,
    Leaks,
}

impl Verdict {
    pub(crate) fn of(t: f64) -> Self {
        match t.abs() {
            t if t >= LEAKS => Self::Leaks,
            t if t >= SUSPICIOUS => Self::Suspicious,
            _ => Self::Quiet,
        }
    }
}

/// Compares the times of both kinds of secrets.
pub(crate) fn compare(samples: &[(Secret, u64)]) -> Seen {
    let mut sorted: Vec<u64> = samples.iter().map(|(_, time)| *time).collect();
    sorted.sort_unstable();
    let at = |share: f64| {
        let index = (share * (sorted.len().saturating_sub(1)) as f64) as usize;
        sorted.get(index).copied().unwrap_or_default()
    };
    let (t, longer_ns) = CROPS
        .iter()
        .map(|share| {
            let limit = at(*share);
            let (mut special, mut random) = (Moments::default(), Moments::default());
            for (secret, time) in samples.iter().filter(|(_, time)| *time <= limit) {
                match secret {
                    Secret::Special => special.add(*time as f64),
                    Secret::Random => random.add(*time as f64),
                }
            }
            (welch(&special, &random), special.mean - random.mean)
        })
        .fold((0.0, 0.0), |most: (f64, f64), seen| if seen.0.abs() > most.0.abs() { seen } else { most });
    Seen { t, longer_ns, median_ns: at(0.5) }
}

/// Count, mean and sum of squared deviations, after Welford.
#[derive(Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let before = value - self.mean;
        self.mean += before / self.count;
        self.squares += before * (value - self.mean);
    }

    /// The variance of the mean.
    fn uncertainty(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

/// The difference of the means in units of its uncertainty; 0 where there is too little to say.
fn welch(one: &Moments, other: &Moments) -> f64 {
    if one.count < 100.0 || other.count < 100.0 {
        return 0.0;
    }
    let uncertainty = (one.uncertainty() + other.uncertainty()).sqrt();
    if uncertainty == 0.0 { 0.0 } else { (one.mean - other.mean) / uncertainty }
}
