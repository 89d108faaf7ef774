//! Every plan that once showed a fault, shortened: what it broke holds now.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::fs;
use std::path::Path;

use simulate::plan::Plan;
use simulate::run::run;

#[test]
fn what_was_found_once_does_not_come_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let plans: Vec<_> = files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")).collect();
    assert!(!plans.is_empty(), "no plans in {}", folder.display());
    for file in plans {
        let plan: Plan = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        if let Some(failure) = run(&plan, false).failure {
            panic!("{}, action {}: {}", file.display(), failure.at, failure.violation);
        }
    }
}
