//! The commands that look after a state directory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use common::{Endpoint, begin};
use serde_json::{Value, json};
use xtask::pipe::{PipeProcess, Relay, Side};

fn o2tr(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_o2tr"));
    command.args(arguments).stdin(std::process::Stdio::null());
    command.output().unwrap()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs it on a state directory; it succeeds.
fn on(state: &Path, arguments: &[&str]) -> String {
    let output = o2tr(&[arguments, &["--state", state.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", words(&output.stderr));
    words(&output.stdout)
}

fn json_of(state: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&on(state, &[arguments, &["--json"]].concat())).unwrap()
}

/// It fails with this exit status; what it says.
fn fails(state: &Path, arguments: &[&str], status: i32) -> String {
    let output = o2tr(&[arguments, &["--state", state.to_str().unwrap()]].concat());
    let said = words(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    said
}

/// Alice, after a short conversation with Bob.
fn talked() -> (Endpoint, String) {
    let ends = [Endpoint::new("alice", "bob", &[]), Endpoint::new("bob", "alice", &[])];
    let mut relay = Relay::new(ends[0].start(), ends[1].start());
    let fingerprint = relay.process(Side::B).ready().text("fingerprint").unwrap().to_owned();
    begin(&mut relay);
    relay.quit().unwrap();
    let [alice, _] = ends;
    (alice, fingerprint)
}

#[test]
fn a_key_is_made_shown_exported_and_imported() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("deep/below");
    let made = json_of(&state, &["keys", "new", "ada@example.org"]);
    assert_eq!(json_of(&state, &["keys", "show"]), made);
    assert_eq!(made["account"], "ada@example.org");
    assert!(on(&state, &["keys", "show"]).contains("fingerprint"));
    assert!(fails(&state, &["keys", "new", "eve@example.org"], 2).contains("not empty"));

    let file = folder.path().join("otr.private_key");
    on(&state, &["keys", "export", file.to_str().unwrap()]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fails(&state, &["keys", "export", file.to_str().unwrap()], 2).contains("already"));

    let second = folder.path().join("second");
    let imported = json_of(&second, &["keys", "import", "ada@example.org", file.to_str().unwrap()]);
    assert_eq!(imported["fingerprint"], made["fingerprint"]);
    assert_ne!(imported["instance"], made["instance"], "another device has another tag");
    fs::remove_file(&file).unwrap();
    assert_eq!(json_of(&second, &["keys", "show"]), imported, "the key is in the store now");
    let third = folder.path().join("third");
    fs::write(&file, "(privkeys)\n").unwrap();
    fails(&third, &["keys", "import", "ada@example.org", file.to_str().unwrap()], 2);
}

#[test]
fn xdg_says_where_the_state_is() {
    let folder = tempfile::tempdir().unwrap();
    for (variable, place) in [("XDG_STATE_HOME", "o2tr"), ("HOME", ".local/state/o2tr")] {
        let home = folder.path().join(variable);
        let status = Command::new(env!("CARGO_BIN_EXE_o2tr"))
            .args(["keys", "new", "ada"])
            .env_clear()
            .env(variable, &home)
            .output()
            .unwrap();
        assert!(status.status.success(), "{}", words(&status.stderr));
        assert!(home.join(place).join("cells").is_file());
    }
}

#[test]
fn trust_is_listed_set_and_moved_between_programs() {
    let (alice, bob) = talked();
    let state = alice.state();
    let listed = json_of(&state, &["trust", "list"]);
    let known = json!({"peer": "bob", "fingerprint": bob, "trust": "unverified", "highest_version": 3});
    assert_eq!(listed, json!([known]));
    let set = json_of(&state, &["trust", "set", "bob", &bob, "verified"]);
    assert_eq!(set[0]["trust"], "verified");
    assert!(on(&state, &["trust", "list"]).contains("verified"));
    fails(&state, &["trust", "set", "bob", &"00".repeat(20), "verified"], 2);
    fails(&state, &["trust", "set", "eve", &bob, "verified"], 2);

    let file = state.with_file_name("otr.fingerprints");
    on(&state, &["trust", "export", file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("bob\talice\tprpl-jabber\t{bob}\tverified\n"));
    on(&state, &["trust", "set", "bob", &bob, "unverified"]);
    let imported = json_of(&state, &["trust", "import", file.to_str().unwrap()]);
    assert_eq!(imported[0]["trust"], "verified");

    // The conversation knows it, and is not disturbed.
    let mut process = alice.start();
    let events = process.command(&json!({"cmd": "state"})).unwrap();
    let shown = events.iter().find(|event| event.is("state")).unwrap();
    assert_eq!((shown.text("trust"), shown.text("state")), (Some("verified"), Some("encrypted")));
}

#[test]
fn sessions_are_listed_shown_expired_and_wiped() {
    let (alice, bob) = talked();
    let state = alice.state();
    let list = json_of(&state, &["sessions", "list"]);
    let session = &list["sessions"][0];
    assert_eq!((&session["peer"], &session["state"]), (&json!("bob"), &json!("encrypted")));
    assert_eq!(session["fingerprint"], json!(bob));
    let shown = json_of(&state, &["sessions", "show", "bob"]);
    assert_eq!(shown["ssid"].as_str().unwrap().len(), 16);
    assert!(on(&state, &["sessions", "list"]).contains("encrypted"));
    assert!(on(&state, &["sessions", "show", "bob"]).contains("session id"));
    fails(&state, &["sessions", "show", "eve"], 2);

    on(&state, &["sessions", "expire", "bob"]);
    assert_eq!(json_of(&state, &["sessions", "list"])["sessions"][0]["state"], "keys gone");
    let mut process = alice.start();
    let events = process.command(&json!({"cmd": "send", "text": "not in clear"})).unwrap();
    assert!(events.iter().any(|event| event.is("paused")), "{events:?}");
    let lines = events.iter().filter(|event| event.is("inject"));
    assert!(lines.into_iter().all(|line| line.text("msg").unwrap().starts_with("?OTR")), "{events:?}");
    drop(process);

    assert!(fails(&state, &["sessions", "wipe", "bob"], 2).contains("--yes"));
    on(&state, &["sessions", "wipe", "bob", "--yes"]);
    assert_eq!(json_of(&state, &["sessions", "list"])["sessions"], json!([]));
    let fingerprint = json_of(&state, &["keys", "show"])["fingerprint"].clone();
    assert_eq!(alice.start().ready().get("fingerprint"), Some(&fingerprint), "the identity stays");

    assert!(fails(&state, &["sessions", "wipe", "--everything"], 2).contains("--yes"));
    on(&state, &["sessions", "wipe", "--everything", "--yes"]);
    assert!(!state.exists());
    fails(state.parent().unwrap(), &["sessions", "wipe", "--everything", "--yes"], 2);
    assert!(state.parent().unwrap().exists(), "a directory that is none of ours is left alone");
}

#[test]
fn what_opens_the_store_can_be_changed_and_the_old_opens_nothing() {
    let (alice, _) = talked();
    let state = alice.state();
    let before = json_of(&state, &["keys", "show"]);
    let passphrase = state.with_file_name("passphrase");
    fs::write(&passphrase, "correct horse").unwrap();
    let passphrase = passphrase.to_str().unwrap();
    on(&state, &["passphrase", "--new-passphrase-file", passphrase]);
    assert!(!state.join("key").exists(), "the key file is gone");
    assert!(fails(&state, &["keys", "show"], 3).contains("--passphrase-file"));
    assert_eq!(json_of(&state, &["keys", "show", "--passphrase-file", passphrase]), before);
    let mut command = alice.command();
    let process = PipeProcess::spawn("alice", command.args(["--passphrase-file", passphrase])).unwrap();
    assert_eq!(process.ready().text("state"), Some("encrypted"));
    process.quit().unwrap();

    // A command prints it: this is how a keyring is asked.
    let prints = format!("cat '{passphrase}'");
    assert_eq!(json_of(&state, &["keys", "show", "--passphrase-command", &prints]), before);
    assert!(fails(&state, &["keys", "show", "--passphrase-command", "exit 7"], 2).contains("failed"));
    fails(&state, &["keys", "show", "--passphrase-command", "echo wrong"], 3);
    let mut command = alice.command();
    PipeProcess::spawn("alice", command.args(["--passphrase-command", &prints])).unwrap().quit().unwrap();
    on(&state, &["passphrase", "--new-passphrase-command", "echo battery staple", "--passphrase-file", passphrase]);
    fails(&state, &["keys", "show", "--passphrase-file", passphrase], 3);
    fs::write(passphrase, "battery staple\n").unwrap();

    on(&state, &["passphrase", "--key-file", "--passphrase-file", passphrase]);
    assert_eq!(json_of(&state, &["keys", "show"]), before);
    fails(&state, &["keys", "show", "--passphrase-file", passphrase], 3);
    assert!(fails(&state, &["passphrase"], 2).contains("--new-passphrase-file"), "nobody to ask");
}

#[test]
fn a_directory_in_use_or_not_there_is_told() {
    let (alice, _) = talked();
    let process = alice.start();
    let said = fails(&alice.state(), &["sessions", "list"], 3);
    assert!(said.contains("is in use by process"), "{said}");
    drop(process);
    fails(&alice.state().with_file_name("elsewhere"), &["sessions", "list"], 2);
    assert!(!alice.state().with_file_name("elsewhere").exists());
}

#[test]
fn every_command_explains_itself() {
    for command in ["demo", "pipe", "keys", "trust", "sessions", "passphrase", "completions", "man"] {
        let output = o2tr(&[command, "--help"]);
        assert!(output.status.success(), "{command}");
        let text = words(&output.stdout);
        assert!(text.contains("Usage: o2tr"), "{text}");
        assert!(!text.contains('\u{1b}'), "no colours off a terminal");
    }
    assert_eq!(o2tr(&["dance"]).status.code(), Some(2));
    assert!(words(&o2tr(&["--help"]).stdout).contains("Exit status"));
}

#[test]
fn shells_and_readers_get_their_documents() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(words(&o2tr(&["completions", shell]).stdout).contains("o2tr"));
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(o2tr(&["man", folder.path().to_str().unwrap()]).status.success());
    let page = fs::read_to_string(folder.path().join("o2tr-pipe.1")).unwrap();
    assert!(page.contains("threshold"));
}
