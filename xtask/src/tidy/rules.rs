//! Rules about single files.

use super::Finding;
use super::source::code_only;

const WARN_LINES: usize = 400;
const FAIL_LINES: usize = 600;

/// Where time, randomness and the outside world are arguments: folders whose code is sans-IO ...
const SANS_IO: &[&str] = &["otr-core/src/", "o2tr-omd/src/", "o2tr/src/"];
/// ... but for these, by the beginning of their path: the async client drives the engine, the trait it drives it over is
/// async.
const NOT_SANS_IO: &[&str] = &["o2tr/src/client", "o2tr/src/transport"];

/// Modules of `std` that reach outside.
const OUTSIDE_MODULES: &[&str] = &["env", "fs", "io", "net", "os", "process", "thread"];
/// Other names that do.
const OUTSIDE_NAMES: &[&str] = &[
    "Instant",
    "OsRng",
    "SysRng",
    "SystemTime",
    "async",
    "await",
    "dbg",
    "eprint",
    "eprintln",
    "getrandom",
    "print",
    "println",
    "thread_rng",
    "tokio",
];

/// Folders of one machine or another that mean nothing elsewhere. Spelled in pieces, for this file too is checked.
const MACHINE_PATHS: &[&str] = &[concat!("/", "root/"), concat!("/", "home/"), concat!("/", "Users/")];

/// Applies every rule to one file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if path != "Cargo.lock" {
        machine_paths(path, text, &mut findings);
    }
    if path.ends_with(".rs") {
        let code = code_only(text);
        length(path, text, &mut findings);
        no_mod_rs(path, &mut findings);
        finished(path, &code, &mut findings);
        no_unsafe(path, &code, &mut findings);
        sans_io(path, &code, &mut findings);
    }
    findings
}

fn length(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let lines = text.lines().count();
    if lines > WARN_LINES {
        findings.push(Finding {
            rule: "length",
            path: path.to_owned(),
            line: 0,
            message: format!("{lines} lines; one responsibility takes {WARN_LINES}, and {FAIL_LINES} is the limit"),
            warning: lines <= FAIL_LINES,
        });
    }
}

fn no_mod_rs(path: &str, findings: &mut Vec<Finding>) {
    // A module that several test targets share can only be a `mod.rs`: as `tests/foo.rs` it would be a target.
    let shared_by_tests = path.contains("/tests/");
    if !shared_by_tests && (path == "mod.rs" || path.ends_with("/mod.rs")) {
        findings.push(error("no-mod-rs", path, 0, "a module `foo` is `foo.rs`, its children are in `foo/`".to_owned()));
    }
}

fn finished(path: &str, code: &str, findings: &mut Vec<Finding>) {
    for (line, text) in numbered(code) {
        for name in ["todo", "unimplemented"] {
            if words(text).any(|(at, word)| word == name && text[at + word.len()..].trim_start().starts_with('!')) {
                findings.push(error("finished", path, line, format!("`{name}!` stands where code should")));
            }
        }
        let attribute: String = text.split_whitespace().collect();
        if attribute.contains("#[ignore]") || attribute.contains("#[ignore=") {
            findings.push(error("finished", path, line, "an ignored test proves nothing".to_owned()));
        }
    }
}

/// The crate that exists to call C, for fuzzing only.
const CALLS_C: &str = "fuzz/oracle/";

fn no_unsafe(path: &str, code: &str, findings: &mut Vec<Finding>) {
    if path.starts_with(CALLS_C) {
        return;
    }
    for (line, text) in numbered(code) {
        if words(text).any(|(_, word)| word == "unsafe") {
            findings.push(error("no-unsafe", path, line, "no crate but fuzz/oracle needs `unsafe`".to_owned()));
        }
    }
}

fn sans_io(path: &str, code: &str, findings: &mut Vec<Finding>) {
    let starts = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    if !starts(SANS_IO) || starts(NOT_SANS_IO) {
        return;
    }
    for (line, text) in numbered(code) {
        for (_, word) in words(text).filter(|(_, word)| OUTSIDE_NAMES.contains(word)) {
            findings.push(error("sans-io", path, line, format!("`{word}` in code that is sans-IO")));
        }
    }
    for (line, module) in std_modules(code) {
        if OUTSIDE_MODULES.contains(&module) {
            findings.push(error("sans-io", path, line, format!("`std::{module}` in code that is sans-IO")));
        }
    }
}

fn machine_paths(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (line, text) in numbered(text) {
        for folder in MACHINE_PATHS {
            // In the middle of a longer path or address the same letters are harmless.
            let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~}*/".contains(c));
            if text.match_indices(folder).any(|(at, _)| begins(at)) {
                findings.push(error("machine-path", path, line, format!("`{folder}` exists on one machine only")));
            }
        }
    }
}

fn error(rule: &'static str, path: &str, line: usize, message: String) -> Finding {
    Finding { rule, path: path.to_owned(), line, message, warning: false }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// The identifiers of a text and where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split(|c: char| c != '_' && !c.is_alphanumeric()).filter_map(move |word| {
        // `split` leaves out exactly the separator, whose length the source tells.
        let start = at;
        at = start + word.len();
        at += text[at..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((start, word))
    })
}

/// The modules of `std` that a file names, with their line: `std::fs` as well as `use std::{fmt, fs}`.
fn std_modules(code: &str) -> Vec<(usize, &str)> {
    let mut modules = Vec::new();
    for (at, word) in words(code) {
        let Some(rest) = code[at + word.len()..].trim_start().strip_prefix("::") else { continue };
        if word != "std" {
            continue;
        }
        let rest = rest.trim_start();
        let start = code.len() - rest.len();
        let line = |at: usize| code[..at].matches('\n').count() + 1;
        match rest.strip_prefix('{') {
            // Only what stands directly in the braces names a module.
            Some(group) => {
                let mut depth = 0_usize;
                let mut expect = true;
                for (offset, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => expect = true,
                        c if expect && c.is_alphanumeric() => {
                            expect = false;
                            let at = start + 1 + offset;
                            modules.extend(words(&code[at..]).next().map(|(_, module)| (line(at), module)));
                        }
                        _ => {}
                    }
                }
            }
            None => modules.extend(words(rest).next().map(|(_, module)| (line(start), module))),
        }
    }
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn broken(path: &str, text: &str, expected: &[(&str, usize)]) {
        let found = check(path, text);
        let found: Vec<_> = found.iter().map(|finding| (finding.rule, finding.line)).collect();
        assert_eq!(found, expected, "{path}: {text}");
    }

    #[test]
    fn long_files_warn_and_too_long_ones_fail() {
        let of = |lines: usize| check("a/src/b.rs", &"x\n".repeat(lines));
        assert!(of(400).is_empty());
        assert!(of(401)[0].warning && of(600)[0].warning);
        assert!(!of(601)[0].warning);
        assert!(check("a/b.md", &"x\n".repeat(1000)).is_empty());
    }

    #[test]
    fn mod_rs_is_refused() {
        broken("a/src/b/mod.rs", "", &[("no-mod-rs", 0)]);
        broken("a/src/b/cmod.rs", "", &[]);
        broken("a/tests/common/mod.rs", "", &[]);
    }

    #[test]
    fn what_is_unfinished_is_refused() {
        broken("a/src/b.rs", "fn f() {\n    todo!()\n}", &[("finished", 2)]);
        broken("a/src/b.rs", "unimplemented ! (\"later\")", &[("finished", 1)]);
        broken(
            "a/tests/b.rs",
            "#[test]\n#[ignore]\nfn f() {}\n#[ignore = \"slow\"]",
            &[("finished", 2), ("finished", 4)],
        );
        broken("a/src/b.rs", "// todo!()\nlet todo = \"todo!()\"; if todo != x {}", &[("finished", 2)]);
        broken("a/src/b.rs", "let s = \"#[ignore] todo!()\"; // #[ignore]", &[]);
    }

    #[test]
    fn unsafe_is_refused_but_not_the_word() {
        broken("a/src/b.rs", "unsafe { x() }", &[("no-unsafe", 1)]);
        broken("fuzz/oracle/src/lib.rs", "unsafe { x() }", &[]);
        broken("a/src/b.rs", "#![forbid(unsafe_code)] // unsafe\nlet x = \"unsafe\";", &[]);
    }

    #[test]
    fn the_outside_world_is_refused_where_code_is_sans_io() {
        for path in ["otr-core/src/a.rs", "o2tr-omd/src/lib.rs", "o2tr/src/engine/turn.rs"] {
            broken(path, "let x = std::fs::read(y);", &[("sans-io", 1)]);
            broken(path, "use std::{\n    fmt::{self, env},\n    net::TcpStream,\n};", &[("sans-io", 3)]);
            broken(path, "use std::time::Duration;\nlet now = Instant::now();", &[("sans-io", 2)]);
            broken(path, "async fn f() {}", &[("sans-io", 1)]);
            broken(path, "println!(\"x\");", &[("sans-io", 1)]);
            broken(path, "getrandom::fill(x)", &[("sans-io", 1)]);
        }
    }

    #[test]
    fn other_code_may_see_the_outside_world() {
        for path in ["o2tr/src/client.rs", "o2tr/src/client/writer.rs", "o2tr-ekm/src/a.rs", "otr-core/tests/a.rs"] {
            broken(path, "async fn f() { std::fs::read(Instant::now()) }", &[]);
        }
        broken("otr-core/src/a.rs", "// std::fs and Instant\nuse std::{collections::VecDeque, fmt};", &[]);
        broken("otr-core/src/a.rs", "my::env::x(); thread.env.fs", &[]);
    }

    #[test]
    fn paths_of_one_machine_are_refused_in_every_text() {
        let path = |name: &str, rest: &str| format!("see /{name}/{rest}");
        broken("README.md", &path("root", "x"), &[("machine-path", 1)]);
        broken("a/src/b.rs", &format!("\n// {}", path("Users", "x")), &[("machine-path", 2)]);
        broken("docs/a.md", &path("home", "somebody"), &[("machine-path", 1)]);
        broken("docs/a.md", &format!("https://example.org{}", &path("root", "x")[4..]), &[]);
        broken("Cargo.lock", &path("root", "x"), &[]);
    }

    #[test]
    fn words_know_their_place() {
        let text = "ä std::fs, _x9(é)";
        assert!(words(text).all(|(at, word)| text[at..].starts_with(word)));
        assert_eq!(words(text).map(|(_, word)| word).collect::<Vec<_>>(), ["ä", "std", "fs", "_x9", "é"]);
    }
}
