//! Everything that real libotr recorded, file by file (`tests/vectors`, or the directory that `OTR_VECTORS` names):
//! values are computed again, conversations are held again by peers of ours from the logged randomness, damaged
//! and crafted lines meet the verdict that they met there. Deviations are listed in one table
//! (`harness/deviations.rs`) with their reasons; nothing else may differ, and each of them must.
//!
//! Prints what was checked in each file. A file of a shape that is not known here is a failure.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a vector that cannot be read fails the test")]

#[path = "harness/collision.rs"]
mod collision;
#[path = "harness/conversation.rs"]
mod conversation;
#[path = "harness/deviations.rs"]
mod deviations;
#[path = "harness/fields.rs"]
mod fields;
#[path = "harness/fragments.rs"]
mod fragments;
#[path = "harness/json.rs"]
mod json;
#[path = "harness/lines.rs"]
mod lines;
#[path = "harness/malformed.rs"]
mod malformed;
#[path = "harness/party.rs"]
mod party;
#[path = "harness/report.rs"]
mod report;
#[path = "harness/restore.rs"]
mod restore;
#[path = "harness/rng.rs"]
mod rng;
#[path = "harness/smp.rs"]
mod smp;
#[path = "harness/state.rs"]
mod state;
#[path = "harness/tables.rs"]
mod tables;
#[path = "harness/values.rs"]
mod values;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use otr_core::wire::Codec as _;
use serde_json::Value;

use report::Report;

/// A file and its content.
type File = (String, Value);

#[test]
fn every_file_of_libotr_agrees() {
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test says which vectors")]
    let directory = std::env::var_os("OTR_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"), PathBuf::from);
    let files = load(&directory);
    assert!(!files.is_empty(), "no vectors in {}", directory.display());
    let parties = files.iter().map(|(_, file)| &file["parties"]).find(|parties| parties.is_object()).unwrap();

    let queue = Mutex::new(files.iter());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(file) = { queue.lock().unwrap().next() } {
                    let result = std::panic::catch_unwind(|| run(file, parties, &directory).finish());
                    let result = result.unwrap_or_else(|_| (String::new(), vec![format!("{}: panicked", file.0)]));
                    results.lock().unwrap().push((&file.0, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(name, _)| name.as_str());

    // The figures are wanted also when all is well, so they do not go through the capture of the test harness.
    let mut out = std::io::stdout().lock();
    writeln!(out).unwrap();
    for (_, (shown, _)) in &results {
        write!(out, "{shown}").unwrap();
    }
    let failures: Vec<_> = results.into_iter().flat_map(|(_, (_, failures))| failures).collect();
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

fn load(directory: &Path) -> Vec<File> {
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    };
    paths.iter().map(read).collect()
}

/// What a file holds shows which checks it gets.
fn run((name, file): &File, parties: &Value, directory: &Path) -> Report {
    let mut report = Report::new(name);
    let has = |member: &str| file.get(member).is_some();
    if has("steps") {
        key_files(&mut report, file, directory);
        fields::of_steps(&mut report, file);
        values::akes(&mut report, file);
        values::data_messages(&mut report, file);
        smp::run(&mut report, file);
        conversation::run(&mut report, file);
    } else if has("runs") {
        collision::text_peer(&mut report, file, parties);
    } else if file["cases"][0].get("verdict").is_some() {
        malformed::run(&mut report, file, parties);
    } else if file["cases"][0].get("deliveries").is_some() {
        fragments::run(&mut report, file, parties);
    } else if has("query_bestversion") {
        tables::run(&mut report, file);
    } else {
        report.holds("shapes", name, false, || "no test knows this file".to_owned());
    }
    report
}

/// The key files beside the conversations hold the numbers of the parties.
fn key_files(report: &mut Report, file: &Value, directory: &Path) {
    for party in ["alice", "bob"] {
        let party = &file["parties"][party];
        let name = json::text(party, "key_file");
        let content = std::fs::read_to_string(directory.join(name)).unwrap();
        let numbers: Vec<_> = content.split('#').skip(1).step_by(2).collect();
        let key = json::dsa_key(party);
        let [p, q, g, y] = key.public_key().components();
        let ours = [p, q, g, y, key.secret().expose()].map(|number| hex::encode(json::minimal(number)));
        let theirs = numbers.iter().map(|number| hex::encode(json::minimal(&json::unhex(number)))).collect::<Vec<_>>();
        report.same("key files", name, &ours.as_slice(), &theirs.as_slice());
        // Behind the two bytes of the key type.
        let public = hex::encode(&key.public_key().to_bytes()[2..]);
        report.same("key files", name, &public.as_str(), &json::text(party, "pubkey_without_type"));
    }
}
