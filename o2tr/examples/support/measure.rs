//! Clocks of the measuring programs, and what the kernel says of this process.

#![allow(dead_code, reason = "each program uses its part")]

use rustix::time::{ClockId, clock_gettime};

/// The process CPU time in microseconds: a busy machine does not show in it.
pub(crate) fn cpu_us() -> f64 {
    microseconds(ClockId::ProcessCPUTime)
}

/// Time that passes, in microseconds.
pub(crate) fn wall_us() -> f64 {
    microseconds(ClockId::Monotonic)
}

fn microseconds(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// What `action` gives, and how much CPU time it took.
pub(crate) fn timed<T>(action: impl FnOnce() -> T) -> (T, f64) {
    let start = cpu_us();
    let result = action();
    (result, cpu_us() - start)
}

/// Resident memory of this process in bytes; 0 where the kernel does not tell.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
