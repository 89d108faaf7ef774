//! What is shipped has no planted faults in it, and its conversations cannot be copied.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::process::Command;

/// Features of audited crates that only tools of this repository may switch on.
const FOR_TOOLS: [&str; 2] = ["planted-faults", "copies"];

/// The features with which cargo builds a package for its users.
fn features_of(package: &str) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = ["tree", "--offline", "--edges", "normal,build,features", "--prefix", "none", "--package", package];
    let output = Command::new(cargo).args(tree).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_program_that_somebody_uses_has_features_for_tools() {
    assert!(features_of("explore").contains("feature \"copies\""), "cargo names features otherwise than expected");
    for package in ["o2tr-cli", "o2tr", "otr-core", "o2tr-ekm", "transport-mem", "transport-xmpp"] {
        let features = features_of(package);
        assert!(features.contains(package), "cargo tells nothing of {package}");
        for feature in FOR_TOOLS {
            assert!(!features.contains(feature), "{package} is built with {feature}");
        }
    }
}
