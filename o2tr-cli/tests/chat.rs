//! Two people with `o2tr chat` in terminals, over a real server: they talk, check each other, one is killed, and reads
//! afterwards what it missed. The screens at the end of each step are compared with those in `tests/snapshots`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use xtask::clients::{Inside, Terminal};
use xtask::peers::require_programs;
use xtask::process::wait_until;
use xtask::servers::{Kind, Server, Setup};

/// How long something that must happen may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// One of the two: what outlives the program, and the program.
struct Person {
    home: TempDir,
    arguments: Vec<String>,
    terminal: Option<Terminal>,
}

impl Person {
    fn new(server: &Server, name: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let password = home.path().join("password");
        std::fs::write(&password, server.password(name)).unwrap();
        set_private(&password);
        let (host, port) = server.host_port();
        let arguments = [
            "chat".to_owned(),
            server.jid(name),
            format!("--server={host}:{port}"),
            format!("--ca={}", server.ca_file().display()),
            format!("--password-file={}", password.display()),
            format!("--state={}", home.path().join("state").display()),
            "--no-color".to_owned(),
        ];
        Self { home, arguments: arguments.to_vec(), terminal: None }
    }

    fn start(&mut self, size: (u16, u16)) {
        let arguments = self.arguments.clone();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.start_with(&arguments, size);
    }

    fn start_with(&mut self, arguments: &[&str], size: (u16, u16)) {
        let home = self.home.path().display().to_string();
        let inside = Inside {
            program: Path::new(env!("CARGO_BIN_EXE_o2tr")),
            arguments,
            environment: &[("HOME", &home), ("XDG_CONFIG_HOME", &home), ("XDG_DATA_HOME", &home), ("TZ", "UTC")],
            size,
        };
        self.terminal = Some(Terminal::start(self.home.path(), &inside).unwrap());
    }

    fn terminal(&self) -> &Terminal {
        self.terminal.as_ref().unwrap()
    }

    fn screen(&self) -> String {
        self.terminal().screen().unwrap()
    }

    /// Types a line.
    fn line(&self, text: &str) {
        self.terminal().text(text).unwrap();
        self.key("Enter");
    }

    fn key(&self, key: &str) {
        self.terminal().key(key).unwrap();
    }

    /// Waits until the screen shows all of this.
    #[track_caller]
    fn sees(&self, words: &[&str]) -> String {
        let mut last = String::new();
        let seen = wait_until("words on the screen", PATIENCE, || {
            last = self.screen();
            let shown = squeezed(&last);
            Ok(words.iter().all(|word| shown.contains(&squeezed(word))).then(|| last.clone()))
        });
        seen.unwrap_or_else(|_| panic!("waiting for {words:?}; the screen is\n{last}"))
    }

    fn kill(&mut self) {
        self.terminal.take().unwrap().kill().unwrap();
    }
}

/// With one blank where there are several: columns may be wider or not.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn set_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A server, or nothing if a test has to be skipped.
fn server(setup: Setup) -> Option<Server> {
    if !require_programs(&["tmux", "setpriv"]).unwrap() {
        return None;
    }
    Server::require(Kind::Prosody, setup).unwrap()
}

#[test]
fn two_talk_one_is_killed_and_reads_what_it_missed() {
    let Some(server) = server(Setup::default()) else { return };
    let (mut alice, mut bob) = (Person::new(&server, "alice"), Person::new(&server, "bob"));
    alice.start((100, 30));
    bob.start((100, 30));
    alice.sees(&["alice@localhost  online", "● bob", "○ carol"]);
    bob.sees(&["bob@localhost  online", "● alice"]);

    // The first text waits for the handshake that it starts, and leaves.
    alice.line("/open bob");
    alice.sees(&["NOT PRIVATE", "bob@localhost (there)"]);
    alice.line("hello bob");
    alice.sees(&["PRIVATE, unverified", "First contact with the key"]);
    bob.sees(&["● alice        1 new otr"]);
    bob.key("C-n");
    bob.sees(&["alice: hello bob", "PRIVATE, unverified"]);
    bob.line("hello alice, this is private");
    alice.sees(&["live     bob: hello alice, this is private", "read     me: hello bob"]);

    // They check that they know the same.
    alice.line("/smp");
    alice.sees(&["Check a secret"]);
    alice.terminal().text("Lisbon").unwrap();
    alice.sees(&["••••••"]);
    alice.key("Enter");
    bob.sees(&["Answer a check"]);
    bob.terminal().text("Lisbon").unwrap();
    bob.key("Enter");
    for person in [&alice, &bob] {
        person.sees(&["┌ Verified", "PRIVATE, verified by SMP"]);
        person.key("Enter");
    }
    let screen = settled(&alice, &["know the same secret", "bob@localhost (there)"]);
    snapshot("story_verified_100x30", &screen);

    // Bob's program dies without a word. What Alice writes meanwhile is not lost.
    bob.kill();
    for text in ["one while you were gone", "two while you were gone", "three while you were gone"] {
        alice.line(text);
    }
    alice.sees(&["me: three while you were gone"]);
    bob.start((100, 30));
    bob.sees(&["bob@localhost  online", "3 new"]);
    bob.key("C-n");
    let screen = settled(
        &bob,
        &[
            "Recovered: the session",
            "offline alice: one while you were gone",
            "offline alice: two while you were gone",
            "offline alice: three while you were gone",
            "Refreshed: fresh keys",
            // Half a minute later the recovered session is renewed in the background.
            "Still private (OTR 3), with new keys.",
            "PRIVATE, verified by SMP",
        ],
    );
    for text in ["one", "two", "three"] {
        let text = format!("{text} while you were gone");
        assert_eq!(screen.matches(&text).count(), 1, "{screen}");
    }
    snapshot("story_recovered_100x30", &screen);

    // They go on, and nothing was read twice or is still under way.
    bob.line("I am back and read all three");
    alice.sees(&["live     bob: I am back and read all three", "read     me: three while you were gone"]);
    alice.line("/outbox");
    alice.sees(&["Outbox: nothing waits"]);

    // Small screens.
    for (columns, rows) in [(80, 24), (40, 12)] {
        bob.terminal().resize(columns, rows).unwrap();
        let screen = bob.sees(&["I am back", "PRIVATE, verified"]);
        assert!(screen.lines().count() <= usize::from(rows), "{screen}");
        assert!(!screen.contains('│'), "one pane\n{screen}");
    }

    // What was looked at does not come again.
    bob.line("/quit");
    wait_until("the end", PATIENCE, || Ok((!bob.terminal().is_running()).then_some(()))).unwrap();
    bob.start((100, 30));
    bob.sees(&["bob@localhost  online"]);
    bob.key("C-n");
    let screen = bob.sees(&["PRIVATE, verified by SMP"]);
    assert!(!screen.contains("while you were gone"), "{screen}");
}

#[test]
fn what_nobody_looked_at_comes_again_after_a_crash() {
    let Some(server) = server(Setup::default()) else { return };
    let (mut alice, mut bob) = (Person::new(&server, "alice"), Person::new(&server, "bob"));
    alice.start((100, 30));
    bob.start((100, 30));
    alice.sees(&["alice@localhost  online", "● bob"]);
    bob.sees(&["bob@localhost  online"]);
    alice.line("/open bob");
    alice.line("did you see this?");
    alice.sees(&["PRIVATE, unverified", "sent     me: did you see this?"]);
    bob.sees(&["1 new"]);
    bob.kill();
    bob.start((100, 30));
    bob.sees(&["1 new"]);
    bob.key("C-n");
    let screen = bob.sees(&["did you see this?"]);
    assert_eq!(screen.matches("did you see this?").count(), 1, "{screen}");
}

#[test]
fn signals_give_the_terminal_back() {
    let Some(server) = server(Setup::default()) else { return };
    let mut alice = Person::new(&server, "alice");
    for signal in ["TERM", "HUP"] {
        alice.start((80, 24));
        alice.sees(&["alice@localhost  online"]);
        let program = alice.terminal().program();
        let sent = std::process::Command::new("kill").args([format!("-{signal}"), program.to_string()]).status();
        assert!(sent.unwrap().success());
        wait_until("the end", PATIENCE, || Ok((!alice.terminal().is_running()).then_some(()))).unwrap();
        let screen = alice.screen();
        assert!(!screen.contains("online"), "the former screen is back: {screen}");
    }
}

#[test]
fn a_wrong_password_is_said_and_nothing_breaks() {
    let Some(server) = server(Setup::default()) else { return };
    let mut alice = Person::new(&server, "alice");
    std::fs::write(alice.home.path().join("password"), "not this one").unwrap();
    alice.start((100, 30));
    alice.sees(&["ENDED: ", "password"]);
    alice.line("/open bob@localhost");
    alice.line("/quit");
    wait_until("the end", PATIENCE, || Ok((!alice.terminal().is_running()).then_some(()))).unwrap();
}

#[test]
fn the_first_account_is_set_up_or_leaves_nothing() {
    let Some(server) = server(Setup::default()) else { return };
    let mut alice = Person::new(&server, "alice");
    let (host, port) = server.host_port();
    let ca = format!("--ca={}", server.ca_file().display());
    let server_option = format!("--server={host}:{port}");
    let arguments = ["chat", "--no-color", &ca, &server_option];
    let left = |person: &Person| -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![person.home.path().join("o2tr")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    };

    // Given up after the work was done.
    let answer = |person: &Person, password: &str| {
        person.sees(&["set up an account (1 of 5)"]);
        person.line("Alice@localhost");
        person.sees(&["The server (2 of 5)", &format!("{host}:{port}")]);
        person.key("Enter");
        person.sees(&["Where is the password"]);
        person.key("Down");
        person.key("Enter");
        person.sees(&["The password of alice@localhost"]);
        person.line(password);
        person.sees(&["The store (4 of 5)"]);
        person.key("Enter");
    };
    alice.start_with(&arguments, (80, 24));
    answer(&alice, "not this one");
    alice.sees(&["The login failed: ", "Go back and mend it"]);
    alice.key("C-c");
    wait_until("the end", PATIENCE, || Ok((!alice.terminal().is_running()).then_some(()))).unwrap();
    assert_eq!(left(&alice), Vec::<PathBuf>::new());

    // Gone through.
    alice.start_with(&arguments, (80, 24));
    answer(&alice, &server.password("alice"));
    let screen = alice.sees(&["The login worked.", "Your key was made: "]);
    snapshot("wizard_done_80x24", &masked(&screen));
    alice.key("Enter");
    alice.sees(&["alice@localhost  online"]);
    let names: Vec<_> =
        left(&alice).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert!(names.contains(&"alice.toml".to_owned()) && names.contains(&"cells".to_owned()), "{names:?}");
    alice.line("/quit");
    wait_until("the end", PATIENCE, || Ok((!alice.terminal().is_running()).then_some(()))).unwrap();
}

/// Waits for the words, and then until the screen has stopped changing.
#[track_caller]
fn settled(person: &Person, words: &[&str]) -> String {
    let mut last = person.sees(words);
    wait_until("a screen that stays", PATIENCE, || {
        std::thread::sleep(Duration::from_secs(1));
        let screen = person.sees(words);
        Ok((core::mem::replace(&mut last, screen.clone()) == screen).then_some(()))
    })
    .unwrap();
    masked(&last)
}

/// The screen without what differs from run to run: times, days, keys, instances, counts of a key's uses.
fn masked(screen: &str) -> String {
    let mut lines = Vec::new();
    for line in screen.lines() {
        let mut line: String = line.trim_end().to_owned();
        if let Some((before, _)) = line.split_once("── ") {
            line = if line.contains("── new") { line } else { format!("{before}── DAY") };
        }
        let words: Vec<_> = line.split(' ').map(mask_word).collect();
        // Whether the other side has spoken in the session yet is a matter of moments.
        lines.push(words.join(" ").replace(", o2tr", "").trim_end().to_owned());
    }
    handshake_in_order(&mut lines);
    lines.into_iter().map(|line| line + "\n").collect()
}

/// What the handshake tells comes in the order in which its messages crossed: the first contact, which takes two lines,
/// goes last.
fn handshake_in_order(lines: &mut [String]) {
    let place = |part: &str| lines.iter().position(|line| line.contains(part));
    if let (Some(contact), Some(end)) = (place("! First contact with the key"), place("-- Nothing waits any more."))
        && let Some(block) = lines.get_mut(contact..=end)
        && block.len() >= 2
    {
        block.rotate_left(2);
    }
}

fn mask_word(word: &str) -> String {
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let hexadecimal = bare.len() == 8 && bare.chars().all(|c| c.is_ascii_hexdigit());
    if hexadecimal {
        return word.replace(bare, "XXXXXXXX");
    }
    if !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit()) {
        return word.replace(bare, "N");
    }
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match bare.split_once([':', '/']) {
        Some((left, right)) if digits(left) && digits(right) && bare.contains(':') => word.replace(bare, "TT:TT"),
        Some((left, right)) if digits(left) && digits(right) => word.replace(bare, &format!("N/{right}")),
        _ => word.to_owned(),
    }
}

/// Compares with the file `tests/snapshots/NAME.txt`; with UPDATE_SNAPSHOTS set, writes it instead.
#[track_caller]
fn snapshot(name: &str, shown: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        return std::fs::write(path, shown).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(
        expected == shown,
        "{name} is not as in {}; UPDATE_SNAPSHOTS=1 takes it over.\n--- expected\n{expected}--- shown\n{shown}",
        path.display()
    );
}
