//! What the programs over the checker have in common.

use std::panic;
use std::process::ExitCode;

/// Does the work of a program and turns what came of it into its exit status: 0 if all held, 1 if something did not or
/// the work could not be done, which is said.
///
/// A panic of an engine is a failure like any other: whoever catches it tells it once, so it is not told here.
pub fn run(name: &str, work: impl FnOnce() -> anyhow::Result<bool>) -> ExitCode {
    panic::set_hook(Box::new(|_| {}));
    match work() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
