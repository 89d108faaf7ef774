//! The questions, and which one follows which.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use zeroize::Zeroizing;

use super::make::{Made, Plan, Stage};
use crate::account::file::AccountFile;
use crate::account::{Account, folder};
use crate::chat::editor::{Editor, SecretInput};
use crate::chat::text::clean_line;
use crate::password::keyring::TAKES_SECRETS;
use crate::password::{SecretSource, keyring};

/// What is asked at present.
#[derive(Debug)]
pub(super) enum Step {
    Address,
    Server,
    /// Where the password is kept.
    Source,
    /// The command or file it comes from.
    Place,
    Password,
    /// What opens the store.
    Store,
    Passphrase,
    Repeat,
    Working,
    Outcome(Box<Made>),
}

/// What follows a key.
pub(super) enum Next {
    Stay,
    GiveUp,
    Make(Box<Plan>),
    BreakOff,
    Keep(Box<Made>),
}

/// Where a password can be kept.
pub(super) const SOURCES: [&str; 4] = [
    "in the keyring of this system (needs secret-tool)",
    "nowhere: ask for it at each start",
    "a command prints it, a password manager's for instance",
    "in a file that only you may read",
];
/// What can open a store.
pub(super) const STORES: [&str; 2] = [
    "a key file beside it: nothing to type; whoever has the whole directory can read it",
    "a passphrase, asked for at each start: the directory alone tells nothing",
];
/// What can be done when the login failed.
pub(super) const AFTER_FAILURE: [&str; 3] = ["Go back and mend it", "Keep the account all the same", "Give up"];

/// The state of the questions.
#[derive(Debug)]
pub(super) struct Wizard {
    pub(super) step: Step,
    pub(super) line: Editor,
    pub(super) choice: usize,
    pub(super) secret: SecretInput,
    first: Zeroizing<String>,
    password: Zeroizing<String>,
    passphrase: Option<Zeroizing<String>>,
    pub(super) file: AccountFile,
    pub(super) error: Option<String>,
    pub(super) stage: Stage,
    pub(super) beats: usize,
}

impl Wizard {
    pub(super) fn new(file: AccountFile) -> Self {
        Self {
            step: Step::Address,
            line: Editor::default(),
            choice: 0,
            secret: SecretInput::default(),
            first: Zeroizing::default(),
            password: Zeroizing::default(),
            passphrase: None,
            file,
            error: None,
            stage: Stage::Key,
            beats: 0,
        }
    }

    /// Something did not work: back to the beginning, with a word. What was typed is still there.
    pub(super) fn failed(&mut self, why: String) -> Step {
        self.error = Some(clean_line(&why));
        self.line.set(&self.file.jid.clone());
        Step::Address
    }

    pub(super) fn paste(&mut self, text: &str) {
        let text = text.trim();
        match self.step {
            Step::Password | Step::Passphrase | Step::Repeat => self.secret.push(text),
            Step::Address | Step::Server | Step::Place => {
                // What is too long is no address.
                let _ = self.line.insert(&clean_line(text));
            }
            Step::Source | Step::Store | Step::Working | Step::Outcome(_) => {}
        }
    }

    /// A key was pressed; F12 leaves.
    pub(super) fn press(&mut self, key: KeyEvent) -> Next {
        match key.code {
            KeyCode::F(12) => return Next::GiveUp,
            KeyCode::Esc => return self.back(),
            KeyCode::Enter => return self.forward(),
            _ => {}
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match &self.step {
            Step::Address | Step::Server | Step::Place => edit(&mut self.line, key),
            Step::Password | Step::Passphrase | Step::Repeat => match key.code {
                KeyCode::Char('r') if control => self.secret.visible = !self.secret.visible,
                KeyCode::Char('u') if control => self.secret.clear(),
                KeyCode::Char(c) if !control => self.secret.push(c.encode_utf8(&mut [0; 4])),
                KeyCode::Backspace => self.secret.pop(),
                _ => {}
            },
            Step::Source => self.choose(key, SOURCES.len()),
            Step::Store => self.choose(key, STORES.len()),
            Step::Outcome(made) if made.fault.is_some() => self.choose(key, AFTER_FAILURE.len()),
            Step::Outcome(_) | Step::Working => {}
        }
        Next::Stay
    }

    fn choose(&mut self, key: KeyEvent, count: usize) {
        match key.code {
            KeyCode::Up | KeyCode::BackTab => self.choice = (self.choice + count - 1) % count,
            KeyCode::Down | KeyCode::Tab => self.choice = (self.choice + 1) % count,
            _ => {}
        }
    }

    /// A step back; from the first one, out.
    fn back(&mut self) -> Next {
        self.error = None;
        self.secret.clear();
        let (step, line) = match &self.step {
            Step::Address => return Next::GiveUp,
            Step::Server => (Step::Address, self.file.jid.clone()),
            Step::Source => (Step::Server, self.file.server.clone().unwrap_or_default()),
            Step::Place | Step::Password => (Step::Source, String::new()),
            Step::Store => (Step::Source, String::new()),
            Step::Passphrase | Step::Repeat => (Step::Store, String::new()),
            Step::Working => {
                self.enter(Step::Store, "");
                return Next::BreakOff;
            }
            Step::Outcome(_) => (Step::Address, self.file.jid.clone()),
        };
        self.enter(step, &line);
        Next::Stay
    }

    fn enter(&mut self, step: Step, line: &str) {
        self.step = step;
        self.line.set(line);
        self.choice = 0;
        self.secret.clear();
    }

    fn complain(&mut self, why: impl Into<String>) -> Next {
        self.error = Some(clean_line(&why.into()));
        Next::Stay
    }

    /// The answer is taken, or refused with a word.
    fn forward(&mut self) -> Next {
        self.error = None;
        let line = self.line.text().trim().to_owned();
        match core::mem::replace(&mut self.step, Step::Working) {
            Step::Address => {
                self.step = Step::Address;
                match crate::xmpp::address(&line) {
                    Ok(address) => {
                        self.file.jid = address.as_str().to_owned();
                        let server = self.file.server.clone().unwrap_or_default();
                        self.enter(Step::Server, &server);
                    }
                    Err(fault) => return self.complain(format!("{line}: {fault}")),
                }
            }
            Step::Server => {
                self.step = Step::Server;
                self.file.server = (!line.is_empty()).then_some(line);
                if let Err(failure) = self.account() {
                    return self.complain(failure);
                }
                self.enter(Step::Source, "");
            }
            Step::Source => {
                let choice = self.choice;
                if choice == 0 && !TAKES_SECRETS {
                    self.step = Step::Source;
                    return self.complain("on this system the keyring asks for itself: use `o2tr account add`");
                }
                self.file.password = if choice == 0 { SecretSource::Keyring } else { SecretSource::Prompt };
                match choice {
                    2 => self.file.password = SecretSource::Command(String::new()),
                    3 => self.file.password = SecretSource::File(std::path::PathBuf::new()),
                    _ => {}
                }
                self.enter(if choice > 1 { Step::Place } else { Step::Password }, "");
            }
            Step::Place => {
                self.step = Step::Place;
                if line.is_empty() {
                    return self.complain("it cannot be empty");
                }
                self.file.password = match self.file.password {
                    SecretSource::Command(_) => SecretSource::Command(line),
                    _ => match std::path::absolute(&line) {
                        Ok(path) => SecretSource::File(path),
                        Err(error) => return self.complain(error.to_string()),
                    },
                };
                let fetched = self.file.password.fetch(&self.file.jid, crate::password::Purpose::Password);
                match fetched {
                    Ok(password) => self.password = password,
                    Err(failure) => return self.complain(failure.to_string()),
                }
                return self.ask_for_store();
            }
            Step::Password => {
                self.step = Step::Password;
                if self.secret.is_empty() {
                    return self.complain("it cannot be empty");
                }
                self.password = self.secret.take();
                return self.ask_for_store();
            }
            Step::Store => {
                if self.choice == 0 {
                    self.passphrase = None;
                    self.file.passphrase = None;
                    self.step = Step::Store;
                    return self.start();
                }
                self.enter(Step::Passphrase, "");
            }
            Step::Passphrase => {
                self.step = Step::Passphrase;
                if self.secret.is_empty() {
                    return self.complain("it cannot be empty");
                }
                self.first = self.secret.take();
                self.enter(Step::Repeat, "");
            }
            Step::Repeat => {
                let again = self.secret.take();
                if *again != *self.first {
                    self.enter(Step::Passphrase, "");
                    return self.complain("they differ: type it once more");
                }
                self.passphrase = Some(again);
                self.file.passphrase = Some(SecretSource::Prompt);
                self.step = Step::Repeat;
                return self.start();
            }
            Step::Working => {}
            Step::Outcome(made) => {
                return match (&made.fault, self.choice) {
                    (None, _) | (Some(_), 1) => Next::Keep(made),
                    (Some(_), 2) => Next::GiveUp,
                    (Some(_), _) => {
                        // What was made is removed with it.
                        drop(made);
                        let jid = self.file.jid.clone();
                        self.enter(Step::Address, &jid);
                        Next::Stay
                    }
                };
            }
        }
        Next::Stay
    }

    /// A store that is there is used; a new one is asked about.
    fn ask_for_store(&mut self) -> Next {
        let account = match self.account() {
            Ok(account) => account,
            Err(fault) => return self.complain(fault),
        };
        match account.state() {
            Ok(directory) if directory.exists() => {
                let has_key_file = directory.join(crate::state::KEY_FILE).exists();
                self.file.passphrase = (!has_key_file).then_some(SecretSource::Prompt);
                self.start()
            }
            Ok(_) => {
                self.enter(Step::Store, "");
                Next::Stay
            }
            Err(failure) => self.complain(failure.to_string()),
        }
    }

    fn start(&mut self) -> Next {
        match self.account() {
            Ok(account) => {
                self.enter(Step::Working, "");
                let Self { password, passphrase, .. } = self;
                let plan = Plan { account, password: password.clone(), passphrase: passphrase.take() };
                Next::Make(Box::new(plan))
            }
            Err(fault) => self.complain(fault),
        }
    }

    /// The account so far, called by what stands before the `@`.
    fn account(&self) -> Result<Account, String> {
        let local = self.file.jid.split('@').next().unwrap_or_default();
        let name = if folder::check_name(local).is_ok() { local } else { "account" };
        Account::new(name.to_owned(), self.file.clone()).map_err(|failure| failure.to_string())
    }
}

/// Whether the keyring is to be given the password.
pub(super) fn store_password(account: &Account, password: &str) -> Result<(), crate::failure::Failure> {
    if account.file.password == SecretSource::Keyring {
        keyring::store(account.address.as_str(), crate::password::Purpose::Password, password)?;
    }
    Ok(())
}

fn edit(line: &mut Editor, key: KeyEvent) {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Left => line.left(),
        KeyCode::Right => line.right(),
        KeyCode::Home => line.line_start(),
        KeyCode::End => line.line_end(),
        KeyCode::Backspace => line.backspace(),
        KeyCode::Delete => line.delete(),
        KeyCode::Char('u') if control => line.delete_to_start(),
        KeyCode::Char(c) if !control => {
            // What is too long is no address.
            let _ = line.insert(c.encode_utf8(&mut [0; 4]));
        }
        _ => {}
    }
}
