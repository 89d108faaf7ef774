//! Rules about crates: dependencies point one way, and every crate takes the workspace's lints.

use super::Finding;
use crate::workspace::Package;

/// Each crate of ours, and which of ours it may build on; the lowest layer first.
const LAYERS: &[(&str, &[&str])] = &[
    ("otr-core", &[]),
    ("o2tr-ekm", &["otr-core"]),
    ("o2tr-omd", &["otr-core"]),
    ("o2tr", &["otr-core", "o2tr-ekm", "o2tr-omd"]),
    // What a delivery is, a transport tells in the words of o2tr-omd; the cryptography is none of its business.
    ("transport-mem", &["o2tr", "o2tr-omd"]),
    ("transport-xmpp", &["o2tr", "o2tr-omd"]),
    ("o2tr-cli", &["otr-core", "o2tr-ekm", "o2tr-omd", "o2tr", "transport-mem", "transport-xmpp"]),
    ("xtask", &["otr-core", "o2tr-ekm", "o2tr-omd", "o2tr", "transport-mem", "transport-xmpp"]),
    ("simulate", &["otr-core", "o2tr-ekm", "o2tr-omd", "o2tr", "transport-mem"]),
    ("explore", &["otr-core", "o2tr-ekm", "o2tr-omd", "o2tr", "simulate"]),
];

/// What tests, benches and examples of any crate may use besides: the harness, the server in memory, the checker of invariants.
const FOR_TESTS: &[&str] = &["xtask", "transport-mem", "simulate"];

/// Crates in which time and randomness are arguments, and what they can therefore not need.
const SANS_IO: &[&str] = &["otr-core", "o2tr-omd"];
const OUTSIDE: &[&str] =
    &["async-trait", "futures", "getrandom", "mio", "rand", "rusqlite", "rustix", "socket2", "tokio"];

/// Checks who builds on whom.
pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == package.name) else {
            findings.push(finding("layers", &package.name, "the crate has no place among the layers".to_owned()));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let ours = LAYERS.iter().any(|(layer, _)| *layer == name);
            // Tests may take their own crate with more features.
            let for_tests = dependency.dev && (FOR_TESTS.contains(&name) || name == package.name);
            if ours && !allowed.contains(&name) && !for_tests {
                findings.push(finding("layers", &package.name, format!("may not build on {name}")));
            }
            if !dependency.dev && SANS_IO.contains(&package.name.as_str()) && OUTSIDE.contains(&name) {
                findings.push(finding("sans-io", &package.name, format!("is sans-IO and cannot need {name}")));
            }
        }
    }
    findings
}

/// Checks that a manifest takes the lints of the workspace.
pub(super) fn check_lints(package: &str, manifest: &str) -> Option<Finding> {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    let inherits = lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line == "workspace = true");
    (!inherits).then(|| finding("lints", package, "`[lints] workspace = true` is missing".to_owned()))
}

fn finding(rule: &'static str, package: &str, message: String) -> Finding {
    Finding { rule, path: format!("{package}/Cargo.toml"), line: 0, message, warning: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn rules(name: &str, dependencies: &[(&str, bool)]) -> Vec<&'static str> {
        let dependencies = dependencies.iter().map(|&(name, dev)| Dependency { name: name.to_owned(), dev }).collect();
        let package = Package { name: name.to_owned(), dependencies, ..Package::default() };
        check(&[package]).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn dependencies_point_one_way() {
        assert_eq!(rules("o2tr", &[("otr-core", false), ("serde", false)]), [""; 0]);
        assert_eq!(rules("otr-core", &[("o2tr", false)]), ["layers"]);
        assert_eq!(rules("o2tr-ekm", &[("o2tr-omd", false)]), ["layers"]);
        assert_eq!(rules("transport-xmpp", &[("otr-core", false)]), ["layers"]);
        assert_eq!(rules("o2tr", &[("transport-mem", false)]), ["layers"]);
    }

    #[test]
    fn tests_may_use_the_harness_but_no_higher_layer() {
        assert_eq!(rules("otr-core", &[("xtask", true)]), [""; 0]);
        assert_eq!(rules("otr-core", &[("xtask", false)]), ["layers"]);
        assert_eq!(rules("otr-core", &[("o2tr", true)]), ["layers"]);
    }

    #[test]
    fn a_sans_io_crate_needs_no_runtime() {
        assert_eq!(rules("otr-core", &[("tokio", false), ("getrandom", false)]), ["sans-io"; 2]);
        assert_eq!(rules("otr-core", &[("getrandom", true)]), [""; 0]);
        assert_eq!(rules("o2tr", &[("tokio", false)]), [""; 0]);
    }

    #[test]
    fn a_crate_without_a_place_is_refused() {
        assert_eq!(rules("surprise", &[]), ["layers"]);
    }

    #[test]
    fn every_crate_takes_the_lints() {
        assert_eq!(check_lints("a", "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n\n[dependencies]\n"), None);
        for manifest in ["[package]\n", "[lints]\n[dependencies]\nworkspace = true\n", "[lints.rust]\nx = \"warn\"\n"] {
            assert!(check_lints("a", manifest).is_some(), "{manifest}");
        }
    }
}
