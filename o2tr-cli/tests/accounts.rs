//! Accounts' files, where passwords come from, and the commands for scripts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use common::network::{path, write_private};
use serde_json::Value;
use tempfile::TempDir;
use xtask::servers::{Certificate, Kind, Server, Setup};

/// Somebody's directories for configuration and data.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn account(&self, name: &str) -> PathBuf {
        self.file(&format!("config/o2tr/accounts/{name}.toml"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_o2tr"));
        command.args(arguments).stdin(Stdio::null());
        command.env("XDG_CONFIG_HOME", self.file("config")).env("XDG_DATA_HOME", self.file("data"));
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.file("bin").display()));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Its one sentence and its status.
    fn fails(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        let words = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), words)
    }

    /// Adds an account of a server, with its password in a file.
    fn add(&self, server: &Server, account: &str) {
        self.add_with(server, account, &[]);
    }

    fn add_with(&self, server: &Server, account: &str, more: &[&str]) {
        let password = self.file(&format!("{account}.password"));
        write_private(&password, &server.password(account));
        let (host, port) = server.host_port();
        let (place, ca) = (format!("{host}:{port}"), path(&server.ca_file()));
        let options = ["--server", &place, "--ca", &ca, "--password-file", password.to_str().unwrap()];
        self.succeeds(&[&["account", "add", account, &server.jid(account)][..], &options, more].concat());
    }

    /// Puts a program into the path.
    fn install(&self, name: &str, script: &str) {
        let path = self.file("bin").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_account_is_made_listed_shown_and_removed() {
    let home = Home::new();
    let add = ["account", "add", "work", "Alice@Example.ORG", "--password-command", "pass show xmpp"];
    home.succeeds(&[&add[..], &["--server", "[::1]:5222", "--threshold", "7", "--no-receipts"]].concat());
    let file = home.account("work");
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("jid = \"alice@example.org\""), "{text}");
    assert_eq!(home.fails(&add).0, Some(2), "it is there already");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    home.succeeds(&["account", "add", "other", "bob@example.org", "--password-prompt"]);

    let listed: Value = serde_json::from_str(&home.succeeds(&["account", "list", "--json"])).unwrap();
    assert_eq!(listed[0]["name"], "other");
    assert_eq!(listed[1]["jid"], "alice@example.org");
    let shown: Value = serde_json::from_str(&home.succeeds(&["account", "show", "work", "--json"])).unwrap();
    assert_eq!(shown["threshold"], 7);
    assert_eq!(shown["receipts"], false);
    assert_eq!(shown["state"], path(&home.file("data/o2tr/work")));
    assert!(home.succeeds(&["account", "show", "work"]).contains("pass show xmpp"));
    home.succeeds(&["account", "remove", "work"]);
    assert!(!file.exists());
    assert_eq!(home.fails(&["account", "show", "work"]).0, Some(2));
}

#[test]
fn a_file_that_is_wrong_is_refused_with_a_hint() {
    let home = Home::new();
    home.succeeds(&["account", "add", "work", "alice@example.org", "--password-prompt"]);
    let file = home.account("work");
    for (text, wanted) in [
        ("jid = 'alice@example.org'\nsevrer = 'x:1'", "is `server` meant?"),
        ("jid = 'alice'", "`jid`"),
        ("jid = 'alice@example.org/desk'", "without a device"),
        ("jid = 'alice@example.org'\nserver = 'x'", "`server`"),
        ("jid = 'alice@example.org'\nproxy = 'http://x'", "`proxy`"),
        ("jid = 'alice@example.org'\nthreshold = 1", "`threshold`"),
        ("jid = 'alice@example.org'\npolicy = 'v9'", "`policy`"),
        ("jid = 'alice@example.org'\nping_s = 0", "`ping_s`"),
        ("jid = ", "line 1"),
    ] {
        write_private(&file, text);
        let (status, words) = home.fails(&["account", "show", "work"]);
        assert_eq!(status, Some(2), "{text}: {words}");
        assert!(words.contains(wanted), "{text}: {words}");
    }
    assert!(home.succeeds(&["account", "list"]).contains("work"), "and listed with what is wrong");
}

#[test]
fn what_others_can_read_is_refused() {
    let home = Home::new();
    home.succeeds(&["account", "add", "work", "alice@example.org", "--password-prompt"]);
    fs::set_permissions(home.account("work"), fs::Permissions::from_mode(0o640)).unwrap();
    let (status, words) = home.fails(&["account", "show", "work"]);
    assert_eq!(status, Some(2));
    assert!(words.contains("chmod 600"), "{words}");
    let password = home.file("password");
    fs::write(&password, "swordfish").unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
    let login = ["listen", "--xmpp", "alice@example.org", "--password-file", password.to_str().unwrap()];
    let (status, words) = home.fails(&login);
    assert_eq!(status, Some(2));
    assert!(words.contains("chmod 600") && !words.contains("swordfish"), "{words}");
}

#[test]
fn a_password_is_not_taken_from_a_command_line_and_not_asked_for_without_a_terminal() {
    let home = Home::new();
    let xmpp = ["listen", "--xmpp", "alice@example.org"];
    assert_eq!(home.fails(&[&xmpp[..], &["--password", "swordfish"]].concat()).0, Some(2));
    let (status, words) = home.fails(&[&xmpp[..], &["--password-prompt"]].concat());
    assert_eq!(status, Some(2));
    assert!(words.contains("--password-file"), "{words}");
    let (status, words) = home.fails(&[&xmpp[..], &["--proxy", "socks5://me:swordfish@localhost:1"]].concat());
    assert_eq!(status, Some(2));
    assert!(words.contains("account's file"), "{words}");
    let (status, words) = home.fails(&[&xmpp[..], &["--password-command", "echo no >&2; exit 3"]].concat());
    assert_eq!(status, Some(2));
    assert!(words.contains("password command failed"), "{words}");
    assert!(home.fails(&["pipe", "--name", "a", "--peer", "b", "--memory", "--server", "x:1"]).1.contains("--xmpp"));
}

/// A keyring is asked by the program that comes with it; this is a stand-in that notes how it was called.
#[test]
fn the_keyring_is_asked_with_fixed_attributes() {
    let home = Home::new();
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {calls}\ncase $1 in\nlookup) [ -f {kept} ] && cat {kept};;\nclear) rm -f {kept};;\nesac\n",
        calls = home.file("calls").display(),
        kept = home.file("kept").display()
    );
    home.install("secret-tool", &script);
    fs::create_dir_all(home.account("work").parent().unwrap()).unwrap();
    write_private(&home.account("work"), "jid = 'alice@localhost'\nserver = '127.0.0.1:1'\n");
    let check = ["account", "check", "work", "--timeout", "1"];
    let (status, words) = home.fails(&check);
    assert_eq!(status, Some(2));
    assert!(words.contains("set-password"), "{words}");
    fs::write(home.file("kept"), "swordfish").unwrap();
    // With a password it gets as far as the network.
    assert_eq!(home.fails(&check).0, Some(4));
    home.succeeds(&["account", "remove", "work"]);
    assert!(!home.file("kept").exists());
    let calls = fs::read_to_string(home.file("calls")).unwrap();
    let attributes = "application o2tr account alice@localhost secret password";
    let wanted: Vec<_> = ["lookup", "lookup", "clear"].iter().map(|action| format!("{action} {attributes}")).collect();
    assert_eq!(calls.lines().collect::<Vec<_>>(), wanted);
    assert!(!calls.contains("swordfish"));
}

#[test]
fn a_check_says_what_was_found_or_what_is_wrong() {
    let Some(mut server) = Server::require(Kind::Prosody, Setup::default()).unwrap() else { return };
    let home = Home::new();
    home.add(&server, "alice");
    let found: Value = serde_json::from_str(&home.succeeds(&["account", "check", "alice", "--json"])).unwrap();
    assert_eq!((&found["address"], &found["tls"]), (&"alice@localhost".into(), &"1.3".into()), "{found}");
    assert!(found["mechanism"].as_str().unwrap().starts_with("SCRAM-SHA-"), "{found}");
    for ability in ["stream_management", "resumption", "offline", "archive", "carbons"] {
        assert_eq!(found[ability], true, "{ability}: {found}");
    }
    assert!(home.succeeds(&["account", "check", "alice"]).contains("logged in"));
    write_private(&home.file("alice.password"), "wrong");
    let (status, words) = home.fails(&["account", "check", "alice"]);
    assert_eq!(status, Some(4));
    assert!(words.contains("password") && words.lines().count() == 1, "{words}");
    server.kill().unwrap();
    let (status, words) = home.fails(&["account", "check", "alice", "--timeout", "5"]);
    assert_eq!(status, Some(4));
    assert!(words.contains("cannot be reached"), "{words}");
}

#[test]
fn a_check_names_a_certificate_that_is_not_good() {
    let setup = Setup { certificate: Certificate::Expired, ..Setup::default() };
    let Some(server) = Server::require(Kind::Prosody, setup).unwrap() else { return };
    let home = Home::new();
    home.add(&server, "alice");
    let (status, words) = home.fails(&["account", "check", "alice"]);
    assert_eq!(status, Some(4));
    assert!(words.contains("expired"), "{words}");
}

/// A running `o2tr listen`.
struct Listener(Child, BufReader<std::process::ChildStdout>);

impl Listener {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut command = home.command(&[&["listen"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Listener {
    /// Ends it as a user does.
    fn stop(&mut self) {
        let interrupted = Command::new("kill").args(["-2", &self.0.id().to_string()]).status().unwrap();
        assert!(interrupted.success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn texts_are_sent_and_listened_to_by_scripts() {
    let Some(server) = Server::require(Kind::Prosody, Setup::default()).unwrap() else { return };
    let (here, there) = (Home::new(), Home::new());
    here.add(&server, "alice");
    // With two messages under a key the first is answered at once, which is the proof that it was read.
    there.add_with(&server, "bob", &["--threshold", "2"]);
    // Nobody is there: it waits, and says so.
    let (status, words) = here.fails(&["send", "bob@localhost", "early", "--timeout", "3"]);
    assert_eq!(status, Some(5), "{words}");
    assert!(words.contains("private conversation"), "{words}");

    let mut listener = Listener::start(&there, &["--json"]);
    let sent = here.succeeds(&["send", "bob@localhost", "now\u{1b}[2J", "--json"]);
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!((&sent["state"], &sent["encrypted"]), (&"sent".into(), &true.into()));
    for wanted in ["early", "now\u{1b}[2J"] {
        let text: Value = serde_json::from_str(&listener.line()).unwrap();
        assert_eq!(
            (&text["text"], &text["encrypted"], &text["peer"]),
            (&wanted.into(), &true.into(), &"alice@localhost".into())
        );
    }
    let read = here.succeeds(&["send", "bob@localhost", "heard?", "--wait", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&read).unwrap()["state"], "acknowledged");
    assert!(listener.line().contains("heard?"));
    listener.stop();

    // Away: it leaves encrypted and is read later, where the terminal is safe from it.
    assert!(
        here.succeeds(&["send", "bob@localhost", "later\u{1b}[2J\nand more"])
            .contains("sent encrypted to bob@localhost")
    );
    let mut listener = Listener::start(&there, &["--count", "1"]);
    assert_eq!(listener.line(), "alice@localhost: later\u{fffd}");
    assert_eq!(listener.line(), "\tand more");
    assert!(listener.0.wait().unwrap().success());

    // A command that fails has not taken the text.
    here.succeeds(&["send", "bob@localhost", "for a program"]);
    let kept = there.file("kept");
    let fails = format!("cat > {}; exit 1", kept.display());
    let mut listener = Listener::start(&there, &["--exec", &fails]);
    wait_for(&kept, "for a program");
    listener.stop();
    let works = format!("(echo $O2TR_PEER $O2TR_ENCRYPTED; cat) > {}", kept.display());
    let mut listener = Listener::start(&there, &["--exec", &works, "--count", "1"]);
    assert!(listener.0.wait().unwrap().success());
    assert_eq!(fs::read_to_string(&kept).unwrap(), "alice@localhost yes\nfor a program");
}

#[test]
fn a_text_is_sent_in_clear_only_on_the_explicit_word() {
    let Some(server) = Server::require(Kind::Prosody, Setup::default()).unwrap() else { return };
    let (here, there) = (Home::new(), Home::new());
    here.add(&server, "alice");
    there.add(&server, "bob");
    let mut listener = Listener::start(&there, &["--json"]);
    assert!(here.succeeds(&["send", "--clear", "bob@localhost", "for all to see"]).contains("sent in clear"));
    let text: Value = serde_json::from_str(&listener.line()).unwrap();
    assert_eq!((&text["text"], &text["encrypted"]), (&"for all to see".into(), &false.into()));
}

/// Waits until a file has this content.
fn wait_for(file: &Path, content: &str) {
    for _ in 0..600 {
        if fs::read_to_string(file).is_ok_and(|found| found == content) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{} never held {content:?}", file.display());
}
