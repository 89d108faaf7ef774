//! What stands in a state directory, who may use it, and what becomes of damage.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Endpoint, begin, kill_and_restart, send, state, texts};
use serde_json::json;
use xtask::pipe::{Ended, PipeProcess, Relay, Side};

fn pair(options: &[&str]) -> ([Endpoint; 2], Relay) {
    let ends = [Endpoint::new("alice", "bob", options), Endpoint::new("bob", "alice", &[])];
    let relay = Relay::new(ends[0].start(), ends[1].start());
    (ends, relay)
}

/// Every file with its bytes, except who holds the lock.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in walk(directory) {
        let name = entry.strip_prefix(directory).unwrap().display().to_string();
        if name != "lock" {
            files.insert(name, fs::read(&entry).unwrap());
        }
    }
    files
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

fn code(refused: &Ended) -> &str {
    assert_eq!(refused.events.len(), 1, "{refused}");
    assert!(!refused.stderr.is_empty());
    refused.events[0].text("code").unwrap()
}

#[test]
fn s39_a_second_process_is_refused_and_told_who_is_first() {
    let end = Endpoint::new("alice", "bob", &[]);
    let first = end.start();
    let refused = end.refusal();
    assert_eq!((refused.status, code(&refused)), (Some(3), "locked"));
    let holder = fs::read_to_string(end.state().join("lock")).unwrap();
    let pid = holder.lines().next().unwrap();
    assert!(refused.stderr.contains(&format!("process {pid} (o2tr)")), "{}", refused.stderr);
    assert!(first.quit().unwrap().success());
    drop(end.start());
}

#[test]
fn the_directory_and_its_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    for store in ["sqlite", "files"] {
        let end = Endpoint::new("alice", "bob", &["--store", store]);
        drop(end.start());
        assert_eq!(fs::metadata(end.state()).unwrap().permissions().mode() & 0o777, 0o700);
        for file in walk(&end.state()) {
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{}", file.display());
        }
    }
}

#[test]
fn the_same_directory_is_the_same_endpoint_whatever_its_form() {
    for store in ["sqlite", "files"] {
        let (ends, mut relay) = pair(&["--store", store]);
        let before = relay.process(Side::A).ready().clone();
        begin(&mut relay);
        kill_and_restart(&mut relay, Side::A, &ends[0]);
        let after = relay.process(Side::A).ready();
        assert_eq!(after.text("fingerprint"), before.text("fingerprint"));
        assert_eq!(after.number("instance"), before.number("instance"));
        assert_eq!((after.text("state"), after.flag("restored")), (Some("encrypted"), Some(true)));
        let exchange = relay.run(Side::B, &json!({"cmd": "send", "text": "welcome back"})).unwrap();
        assert_eq!(exchange.texts(Side::A), ["welcome back"]);
    }
}

#[test]
fn at_rest_nothing_of_the_conversation_can_be_read() {
    for store in ["sqlite", "files"] {
        let (ends, mut relay) = pair(&["--store", store, "--policy", "v3,require", "--no-auto-ack"]);
        let fingerprints = [Side::A, Side::B].map(|side| {
            let ready = relay.process(side).ready();
            ready.text("fingerprint").unwrap().to_owned()
        });
        begin(&mut relay);
        relay.run(Side::B, &json!({"cmd": "send", "text": "an incoming secret"})).unwrap();
        for number in 0..8 {
            send(&mut relay, Side::A, &format!("an outgoing secret {number}"));
        }
        let ssid = relay.run(Side::A, &json!({"cmd": "query"})).unwrap();
        let ssid = ssid.only(Side::A, "still_encrypted").unwrap().text("ssid").unwrap().to_owned();
        relay.process(Side::A).terminate().unwrap();

        let mut needles: Vec<Vec<u8>> =
            ["secret", "incoming", "outgoing", "alice", "bob"].map(|text| text.as_bytes().to_vec()).into();
        for hexadecimal in fingerprints.iter().chain([&ssid]) {
            needles.push(hexadecimal.as_bytes().to_vec());
            needles.push(hex::decode(hexadecimal).unwrap());
        }
        // p of every DSA key and the D-H prime would show that a key stands there in clear.
        needles.push(b"?OTR".to_vec());
        for (name, bytes) in files(&ends[0].state()) {
            for needle in &needles {
                let found = bytes.windows(needle.len()).any(|window| window == needle);
                assert!(!found, "{name} holds {:?}", String::from_utf8_lossy(needle));
            }
        }
    }
}

#[test]
fn the_private_key_is_nowhere_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("otr.private_key");
    let end = Endpoint::new("alice", "bob", &[]);
    let fingerprint = end.start().ready().text("fingerprint").unwrap().to_owned();
    // The program writes its key into a libotr file when it is asked to: so we learn it.
    let mut command = end.command();
    let process = PipeProcess::spawn("alice", command.arg("--libotr-key").arg(&key_file)).unwrap();
    assert_eq!(process.ready().text("fingerprint"), Some(fingerprint.as_str()), "it is the same identity");
    process.quit().unwrap();
    let text = fs::read_to_string(&key_file).unwrap();
    let numbers: Vec<_> = text.split('#').skip(1).step_by(2).map(|digits| hex::decode(digits).unwrap()).collect();
    assert_eq!(numbers.len(), 5, "p, q, g, y, x");
    for (name, bytes) in files(&end.state()) {
        for number in &numbers {
            let piece = &number[number.len() - 16..];
            assert!(!bytes.windows(16).any(|window| window == piece), "{name}");
        }
    }
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let right = folder.path().join("right");
    let wrong = folder.path().join("wrong");
    fs::write(&right, "correct horse\n").unwrap();
    fs::write(&wrong, "battery staple\n").unwrap();
    let end = Endpoint::new("alice", "bob", &[]);
    let with = |file: &Path| {
        let mut command = end.command();
        PipeProcess::spawn("alice", command.arg("--passphrase-file").arg(file))
    };
    let fingerprint = {
        let process = with(&right).unwrap();
        let fingerprint = process.ready().text("fingerprint").unwrap().to_owned();
        process.quit().unwrap();
        fingerprint
    };
    let before = files(&end.state());
    let refused: Ended = with(&wrong).unwrap_err().downcast().unwrap();
    assert_eq!((refused.status, code(&refused)), (Some(3), "wrong_key"));
    let refused = end.refusal();
    assert_eq!((refused.status, code(&refused)), (Some(3), "wrong_key"));
    assert!(refused.stderr.contains("--passphrase-file"), "{}", refused.stderr);
    assert_eq!(files(&end.state()), before);
    assert_eq!(with(&right).unwrap().ready().text("fingerprint"), Some(fingerprint.as_str()));
}

#[test]
fn damage_is_told_and_never_becomes_a_new_identity() {
    for store in ["sqlite", "files"] {
        let (ends, mut relay) = pair(&["--store", store]);
        begin(&mut relay);
        let fingerprint = relay.process(Side::A).ready().text("fingerprint").unwrap().to_owned();
        relay.quit().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("good");
        copy(&ends[0].state(), &good);
        let names: Vec<_> = files(&good).into_keys().collect();
        for name in names {
            type Fault = fn(&mut Vec<u8>);
            let faults: [(&str, Fault); 3] = [
                ("cut off", |bytes| bytes.truncate(bytes.len() / 2)),
                ("emptied", Vec::clear),
                ("flipped", |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x55)),
            ];
            for (what, fault) in faults {
                let path = ends[0].state().join(&name);
                let mut bytes = fs::read(&path).unwrap();
                fault(&mut bytes);
                fs::write(&path, &bytes).unwrap();
                let before = files(&ends[0].state());
                match ends[0].try_start() {
                    // Some files hold nothing that is still needed.
                    Ok(process) => {
                        assert_eq!(process.ready().text("fingerprint"), Some(fingerprint.as_str()), "{name} {what}");
                    }
                    Err(error) => {
                        let refused: Ended = error.downcast().unwrap();
                        assert_eq!(refused.status, Some(3), "{name} {what}: {refused}");
                        assert!(
                            ["damaged", "wrong_key", "format"].contains(&code(&refused)),
                            "{name} {what}: {refused}"
                        );
                        let after = files(&ends[0].state());
                        let changed: Vec<_> =
                            after.keys().filter(|file| before.get(*file) != after.get(*file)).collect();
                        let lost: Vec<_> = before.keys().filter(|file| !after.contains_key(*file)).collect();
                        assert!(changed.is_empty() && lost.is_empty(), "{name} {what}: {changed:?} {lost:?}");
                    }
                }
                fs::remove_dir_all(ends[0].state()).unwrap();
                copy(&good, &ends[0].state());
            }
        }
    }
}

#[test]
fn one_half_of_a_store_alone_is_refused() {
    let (ends, mut relay) = pair(&[]);
    begin(&mut relay);
    relay.quit().unwrap();
    for name in ["cells", "rows.sqlite", "key"] {
        let path = ends[0].state().join(name);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let refused = ends[0].refusal();
        assert_eq!(refused.status, Some(3), "{name}: {refused}");
        assert!(!path.exists(), "{name} is not made anew");
        fs::write(&path, bytes).unwrap();
        if name == "key" {
            let status = Command::new("chmod").arg("600").arg(&path).status().unwrap();
            assert!(status.success());
        }
    }
}

#[test]
fn an_old_copy_put_back_is_quarantined_and_repeats_no_counter() {
    let (ends, mut relay) = pair(&[]);
    begin(&mut relay);
    relay.process(Side::A).terminate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old");
    copy(&ends[0].state(), &old);

    // The conversation goes on: counters are used, keys change.
    drop(relay.replace(Side::A, ends[0].start()));
    let mut lines = Vec::new();
    for number in 0..3 {
        send(&mut relay, Side::A, &format!("only once {number}"));
    }
    lines.extend(relay.pending(Side::B).iter().cloned());
    relay.settle().unwrap();
    relay.run(Side::B, &json!({"cmd": "send", "text": "an answer"})).unwrap();
    relay.process(Side::A).terminate().unwrap();

    fs::remove_dir_all(ends[0].state()).unwrap();
    copy(&old, &ends[0].state());
    drop(relay.replace(Side::A, ends[0].start()));
    let first = relay.command(Side::A, &json!({"cmd": "state"})).unwrap();
    let quarantined = first.iter().find(|event| event.is("quarantined")).unwrap();
    assert_eq!(quarantined.text("reason"), Some("copied"), "{first:?}");

    // Nothing is sent under the old keys: the text waits for a handshake.
    let events = send(&mut relay, Side::A, "after the accident");
    assert!(events.iter().any(|event| event.is("paused")), "{events:?}");
    let sent: Vec<_> = relay.pending(Side::B).iter().filter(|line| line.starts_with("?OTR:AAMD")).cloned().collect();
    assert!(sent.iter().all(|line| lines.contains(line)), "only what had left before may leave again: {sent:?}");
    // What arrives is read, and marked.
    let exchange = relay.settle().unwrap();
    let shown = texts(&exchange.b);
    assert!(shown.contains(&"after the accident".to_owned()), "{exchange:?}");
    for side in [Side::A, Side::B] {
        assert_eq!(state(&mut relay, side).text("state"), Some("encrypted"));
        let exchange = relay.run(side, &json!({"cmd": "send", "text": "all is well"})).unwrap();
        assert_eq!(exchange.texts(side.other()), ["all is well"], "{exchange:?}");
    }
}

#[test]
fn what_is_read_with_a_copied_store_is_marked_as_unverified() {
    let (ends, mut relay) = pair(&[]);
    begin(&mut relay);
    relay.process(Side::A).terminate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copied = folder.path().join("copy");
    copy(&ends[0].state(), &copied);
    fs::remove_dir_all(ends[0].state()).unwrap();
    copy(&copied, &ends[0].state());
    send(&mut relay, Side::B, "to a copy");
    drop(relay.replace(Side::A, ends[0].start()));
    let events = relay.deliver(Side::A).unwrap().unwrap();
    let text = events.iter().find(|event| event.is("plaintext")).unwrap();
    assert_eq!((text.text("text"), text.text("provenance")), (Some("to a copy"), Some("unverified")));
}

#[test]
fn an_identity_in_libotr_files_is_used_and_its_loss_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("otr.private_key");
    let tags = folder.path().join("otr.instance_tags");
    let options = ["--libotr-key", key.to_str().unwrap(), "--libotr-instag", tags.to_str().unwrap()];
    let end = Endpoint::new("alice", "bob", &options);
    let ready = end.start().ready().clone();
    assert!(fs::read_to_string(&key).unwrap().contains("prpl-jabber"));
    let tag = format!("{:08x}", ready.number("instance").unwrap());
    assert!(fs::read_to_string(&tags).unwrap().contains(&format!("alice\tprpl-jabber\t{tag}")));
    assert_eq!(end.start().ready(), &ready);
    fs::remove_file(&key).unwrap();
    let refused = end.refusal();
    assert_eq!((refused.status, code(&refused)), (Some(3), "identity"));
    assert!(!key.exists());
}

#[test]
fn s02_old_rows_beside_new_keys_begin_anew_and_nothing_leaves_in_clear() {
    for name in ["rows.sqlite", "cells"] {
        let (ends, mut relay) = pair(&["--policy", "v3"]);
        begin(&mut relay);
        // Left in order, so that everything stands in the file itself.
        relay.command(Side::A, &json!({"cmd": "quit"})).unwrap();
        let path = ends[0].state().join(name);
        let old = fs::read(&path).unwrap();
        drop(relay.replace(Side::A, restart(&ends[0])));
        for round in 0..3 {
            for side in [Side::A, Side::B] {
                relay.run(side, &json!({"cmd": "send", "text": format!("key change {round}")})).unwrap();
            }
        }
        relay.command(Side::A, &json!({"cmd": "quit"})).unwrap();
        fs::write(&path, old).unwrap();

        match try_restart(&ends[0]) {
            Ok(process) => drop(relay.replace(Side::A, process)),
            Err(error) => {
                let refused: Ended = error.downcast().unwrap();
                assert_eq!((refused.status, code(&refused)), (Some(3), "damaged"), "{refused}");
                assert_eq!(name, "cells", "new rows have no keys in old cells: {refused}");
                continue;
            }
        }
        let events = relay.command(Side::A, &json!({"cmd": "state"})).unwrap();
        assert!(events.iter().any(|event| event.is("quarantined")), "{name}: {events:?}");
        let events = send(&mut relay, Side::A, "not in clear");
        assert!(events.iter().any(|event| event.is("paused")), "{name}: {events:?}");
        assert!(relay.pending(Side::B).iter().all(|line| line.starts_with("?OTR:AAMC")), "{name}: a D-H Commit");
        let exchange = relay.settle().unwrap();
        assert!(exchange.texts(Side::B).contains(&"not in clear"), "{name}: {exchange:?}");
        assert_eq!(state(&mut relay, Side::A).text("state"), Some("encrypted"));
    }
}

/// A process that was told to quit may still be about to.
fn try_restart(end: &Endpoint) -> anyhow::Result<PipeProcess> {
    loop {
        match end.try_start() {
            Err(error) if error.downcast_ref().is_some_and(|refused| code(refused) == "locked") => {}
            started => return started,
        }
    }
}

fn restart(end: &Endpoint) -> PipeProcess {
    try_restart(end).unwrap()
}
