//! What is shipped can neither be copied nor has it planted faults.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::process::Command;

/// The features with which cargo builds a package for its users.
fn features_of(package: &str) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = ["tree", "--offline", "--edges", "normal,build,features", "--prefix", "none", "--package", package];
    let output = Command::new(cargo).args(tree).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_program_that_somebody_uses_can_copy_a_conversation() {
    assert!(features_of("explore").contains("feature \"copies\""), "cargo names features otherwise than expected");
    for package in ["o2tr-cli", "o2tr", "otr-core", "transport-mem"] {
        assert!(!features_of(package).contains("copies"), "{package} is built with copies");
    }
}
