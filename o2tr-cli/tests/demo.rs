//! The demo does what it says: with O2TR nothing is lost, with plain OTR what was under way is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::process::{Command, Output};
use std::time::Instant;

use serde_json::Value;

fn demo(options: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_o2tr")).arg("demo").args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The steps of an act that have this name.
fn steps<'a>(act: &'a Value, name: &str) -> Vec<&'a Value> {
    let scenes = act["scenes"].as_array().unwrap();
    let steps = scenes.iter().flat_map(|scene| scene["steps"].as_array().unwrap());
    steps.filter(|step| step["step"] == name).collect()
}

#[test]
fn o2tr_loses_nothing_and_plain_otr_what_was_under_way() {
    let began = Instant::now();
    let timeline: Value = serde_json::from_slice(&demo(&["--json"]).stdout).unwrap();
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    let [kept, plain] = timeline["acts"].as_array().unwrap().as_slice() else { panic!("two acts") };
    assert_eq!(kept["tally"], serde_json::json!({"written": 15, "read": 15, "repeated": 0}));
    assert_eq!(plain["tally"], serde_json::json!({"written": 5, "read": 2, "repeated": 0}));

    assert_eq!(steps(kept, "killed").len(), 2);
    assert_eq!(steps(kept, "recovered").len(), 2);
    assert_eq!(steps(kept, "refreshed").len(), 2);
    assert_eq!(steps(kept, "paused").len(), 2, "at the threshold");
    assert_eq!(steps(plain, "killed").len(), 1);
    assert_eq!(steps(plain, "rejected").len(), 3);
    assert!(steps(plain, "recovered").is_empty());

    let lines = steps(kept, "line");
    let used = lines.iter().filter_map(|step| step["line"]["used"].as_u64()).max();
    assert_eq!(used, timeline["threshold"].as_u64(), "no key is used more often, and one is used so often");
    // Every text that a key encrypts is named.
    let first = lines.iter().filter(|step| step["line"]["repeated"] == false);
    let named = first.filter(|step| step["line"]["text"].is_string()).count();
    assert_eq!(named, 15);
}

#[test]
fn the_page_stands_alone_and_the_words_have_no_colours_off_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.html");
    let output = demo(&["--trace", path.to_str().unwrap()]);
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(words.contains("none lost") && words.contains("3 lost"), "{words}");
    assert!(!words.contains('\u{1b}'), "escape sequences in {words}");
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.contains("<svg") && page.contains("A2·B3"));
    for foreign in ["http:", "https:", "src=", "<script", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}
