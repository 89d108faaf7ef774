//! `cargo xtask matrix`: the program that it tests is exchanged for one that lies, and it notices.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// An endpoint that says yes to everything: it is in private, and whatever is typed has been sent.
const LIAR: &str = r#"#!/bin/sh
echo '{"ev":"ready","fingerprint":"0000000000000000000000000000000000000000","state":"plaintext","restored":false}'
while read -r line; do
    name=${line#*'"cmd":"'}
    name=${name%%'"'*}
    case $name in
        state)
            echo '{"ev":"encrypted","version":3,"fingerprint":"0000000000000000000000000000000000000000"}'
            echo '{"ev":"state","state":"encrypted"}' ;;
        send) echo '{"ev":"sent"}' ;;
    esac
    echo '{"ev":"done","cmd":"'"$name"'"}'
    [ "$name" = quit ] && exit 0
done
"#;

fn matrix(arguments: &[&str], program: &Path, json: &Path, html: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("matrix").args(arguments).arg("--program").arg(program);
    command.arg("--json").arg(json).arg("--html").arg(html).output().unwrap()
}

#[test]
fn an_endpoint_that_only_says_that_all_is_well_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("liar"), LIAR).unwrap();
    std::fs::set_permissions(path("liar"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let only = ["--only", "memory,files,o2tr,begin,none,server"];
    let output = matrix(&only, &path("liar"), &path("json"), &path("html"));
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}\n{errors}");
    assert!(said.contains("✗ memory/files/o2tr/begin/none: never shown"), "{said}");
    assert!(errors.contains("1 of 1 cells failed"), "{errors}");

    let json: Value = serde_json::from_str(&std::fs::read_to_string(path("json")).unwrap()).unwrap();
    let cells = json["cells"].as_array().unwrap();
    let verdicts: Vec<_> = cells.iter().map(|cell| (cell["fault"].clone(), cell["verdict"].clone())).collect();
    assert_eq!(verdicts, [("none".into(), "failed".into()), ("server".into(), "not applicable".into())]);
    assert!(cells[0]["log"].as_str().unwrap().contains(r#"us < {"cmd":"query"}"#));
    let page = std::fs::read_to_string(path("html")).unwrap();
    assert!(page.contains("never shown") && page.contains("there is no server"));
}

#[test]
fn a_name_that_nothing_has_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let output = matrix(&["--only", "memory,nonsense"], &path("none"), &path("json"), &path("html"));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("nothing is called \"nonsense\""));
    assert!(!path("json").exists());
}
