//! pidgin 2.14 with pidgin-otr 4.0, on a screen of its own: driven over D-Bus, and by keys where D-Bus does not reach.

mod bus;
mod desktop;
mod events;
mod screen;

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use self::bus::{Monitor, Value, call};
use self::desktop::Desktop;
use self::events::{Kind, Shown};
use super::{ChatClient, OtrState, Smp};
use crate::peers::require_programs;
use crate::process::{Guard, guarded, wait_until};
use crate::servers::Server;

/// The program.
const PROGRAM: &str = "pidgin";

/// How long anything may take. Generous: the machine may be building something beside the tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where Debian puts pidgin's plugins.
const PLUGIN: &str = "/usr/lib/pidgin/pidgin-otr.so";

/// Title of the window that asks for a secret, before and after it was given.
const ASKING: &str = "Authenticate Buddy";

/// The environment variable that names a folder for pictures of screens on which a test did not see what it wanted.
const SCREENSHOTS: &str = "O2TR_SCREENSHOTS";

/// What the resource of the account is.
const RESOURCE: &str = "pidgin";

/// A pidgin with one account. Dropping it kills the process and its screen.
#[derive(Debug)]
pub struct Pidgin {
    jid: String,
    // Before the folder, so that it is gone when the folder goes.
    running: Option<Running>,
    desktop: Desktop,
    folder: TempDir,
}

#[derive(Debug)]
struct Running {
    process: Guard,
    monitor: Monitor,
    /// libpurple's number of the account.
    account: Value,
    shown: Vec<Shown>,
    /// Version of the last encoded message from each peer.
    versions: Vec<(String, u8)>,
    smp: Option<(String, Smp)>,
}

impl Pidgin {
    /// Logs in on a new screen, or returns `None` after saying that the calling test is skipped because a program is
    /// missing. It makes its key when it needs it first.
    ///
    /// # Errors
    ///
    /// It does not do as it should, or is missing although `CI` is `true`.
    pub fn require(server: &Server, account: &str) -> Result<Option<Self>> {
        let mut programs = vec![PROGRAM, "setpriv"];
        programs.extend(desktop::PROGRAMS);
        if !require_programs(&programs)? {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("o2tr-pidgin-").tempdir()?;
        let desktop = Desktop::start(folder.path())?;
        let purple = folder.path().join("purple");
        // It would not take an authority of ours, but it takes a certificate that the user has accepted before.
        let accepted = purple.join("certificates/x509/tls_peers");
        std::fs::create_dir_all(&accepted)?;
        std::fs::copy(server.certificate_file(), accepted.join(server.host_port().0))?;
        std::fs::write(purple.join("accounts.xml"), account_file(server, account))?;
        std::fs::write(purple.join("prefs.xml"), preferences())?;
        let mut pidgin = Self { jid: server.jid(account), running: None, desktop, folder };
        pidgin.restart()?;
        Ok(Some(pidgin))
    }

    /// Whether a contact is online as far as it knows.
    ///
    /// # Errors
    ///
    /// It has been killed.
    pub fn sees(&mut self, peer: &str) -> Result<bool> {
        let buddy = self.number("PurpleFindBuddy", &[self.account()?, text(peer)])?;
        if buddy == Value::Number(0) {
            return Ok(false);
        }
        let presence = self.number("PurpleBuddyGetPresence", &[buddy])?;
        Ok(self.number("PurplePresenceIsOnline", &[presence])? == Value::Number(1))
    }

    /// Its remarks in the window of a contact since its last start, such as that a message could not be read.
    ///
    /// # Errors
    ///
    /// It has been killed.
    pub fn remarks(&mut self, peer: &str) -> Result<Vec<String>> {
        self.of_kind(peer, Kind::Remark)
    }

    /// The version of the last OTR message that it got from this contact.
    ///
    /// # Errors
    ///
    /// It has been killed.
    pub fn otr_version(&mut self, peer: &str) -> Result<Option<u8>> {
        let versions = &self.listen()?.versions;
        Ok(versions.iter().rev().find(|(from, _)| from == peer).map(|(_, version)| *version))
    }

    /// Writes what is on the screen into a PNG file.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn screenshot(&self, path: &Path) -> Result<()> {
        std::fs::write(path, self.desktop.screenshot()?).with_context(|| format!("cannot write {}", path.display()))
    }

    fn running(&self) -> Result<&Running> {
        self.running.as_ref().context("pidgin has been killed")
    }

    /// With everything that has come by now.
    fn listen(&mut self) -> Result<&mut Running> {
        let running = self.running.as_mut().context("pidgin has been killed")?;
        for signal in running.monitor.signals() {
            running.shown.extend(events::shown(&signal));
            running.versions.extend(events::version(&signal));
        }
        if let Some(status) = running.process.ended()? {
            bail!("pidgin ended with {status}");
        }
        Ok(running)
    }

    fn account(&self) -> Result<Value> {
        Ok(self.running()?.account.clone())
    }

    fn of_kind(&mut self, peer: &str, kind: Kind) -> Result<Vec<String>> {
        let shown = &self.listen()?.shown;
        Ok(shown
            .iter()
            .filter(|shown| shown.peer == peer && shown.kind == kind)
            .map(|shown| shown.text.clone())
            .collect())
    }

    /// Calls a function that returns one number.
    fn number(&self, function: &str, arguments: &[Value]) -> Result<Value> {
        let reply = call(&self.desktop, function, arguments)?;
        reply.into_iter().next().with_context(|| format!("{function} returned nothing"))
    }

    /// Hands a line to libpurple as if it had been typed in the window of a contact.
    fn type_line(&mut self, peer: &str, line: &str) -> Result<()> {
        let conversation = self.number("PurpleConversationNew", &[Value::Number(1), self.account()?, text(peer)])?;
        let im = self.number("PurpleConversationGetImData", &[conversation])?;
        let html = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        call(&self.desktop, "PurpleConvImSend", &[im, text(&html)]).map(drop)
    }

    /// Chooses an entry of the menu that pidgin-otr puts into the window of a contact, counted from its top.
    fn choose(&self, peer: &str, entry: usize) -> Result<()> {
        self.number("PurpleConversationNew", &[Value::Number(1), self.account()?, text(peer)])?;
        // Its title is the name that the contact has in the roster, or else the address.
        let window = self.desktop.window(&format!("^{}(@.*)?$", peer.split('@').next().unwrap_or(peer)))?;
        self.desktop.focus(&window)?;
        // The menus are Conversation, Options, Send To (not to be chosen with one device of the peer), OTR, and the icon.
        self.desktop.press(&["F10", "Right", "Right", "Right"])?;
        self.desktop.press(&vec!["Down"; entry])?;
        self.desktop.press(&["Return"])
    }

    /// Writes into the window that asks for a secret, one text for each of its fields, and has it done.
    fn fill_in(&self, fields: &[&str]) -> Result<()> {
        let window = self.desktop.window(ASKING)?;
        self.desktop.focus(&window)?;
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                self.desktop.press(&["Tab"])?;
            }
            self.desktop.write(field)?;
        }
        self.desktop.press(&["alt+a"])
    }

    /// pidgin-otr's note of a peer's fingerprint and of how it was verified.
    fn note(&self, peer: &str) -> Result<Option<(String, String)>> {
        let file = self.purple("otr.fingerprints");
        if !file.exists() {
            return Ok(None);
        }
        let notes = std::fs::read_to_string(file)?;
        Ok(notes.lines().rev().find_map(|line| match line.split('\t').collect::<Vec<_>>().as_slice() {
            [name, _, _, fingerprint, trust @ ..] if *name == peer => {
                Some((fingerprint.to_uppercase(), trust.concat()))
            }
            _ => None,
        }))
    }

    fn purple(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("purple").join(name)
    }
}

impl ChatClient for Pidgin {
    fn program(&self) -> &'static str {
        PROGRAM
    }

    fn jid(&self) -> &str {
        &self.jid
    }

    fn start_otr(&mut self, peer: &str) -> Result<()> {
        // libotr puts its own query in the place of one that is typed.
        self.type_line(peer, "?OTRv23?")
    }

    fn end_otr(&mut self, peer: &str) -> Result<()> {
        self.choose(peer, 2)
    }

    fn send(&mut self, peer: &str, text: &str) -> Result<()> {
        self.type_line(peer, text)
    }

    fn received(&mut self, peer: &str) -> Result<Vec<String>> {
        self.of_kind(peer, Kind::Received)
    }

    fn otr_state(&mut self, peer: &str) -> Result<OtrState> {
        let remarks = self.of_kind(peer, Kind::Remark)?;
        Ok(remarks.iter().rev().find_map(|remark| events::state(remark)).unwrap_or(OtrState::Plain))
    }

    fn fingerprint(&mut self) -> Result<String> {
        bail!("pidgin shows its own fingerprint only in a window; the peer knows it")
    }

    fn peer_fingerprint(&mut self, peer: &str) -> Result<Option<String>> {
        let private = matches!(self.otr_state(peer)?, OtrState::Unverified | OtrState::Verified);
        Ok(self.note(peer)?.filter(|_| private).map(|(fingerprint, _)| fingerprint))
    }

    fn trust(&mut self, _: &str) -> Result<()> {
        bail!("pidgin verifies a fingerprint only in a window; use SMP")
    }

    fn ask_smp(&mut self, peer: &str, question: Option<&str>, secret: &str) -> Result<()> {
        self.choose(peer, 3)?;
        let question = question.context("pidgin's window begins with a question")?;
        self.fill_in(&[question, secret])?;
        self.listen()?.smp = Some((peer.to_owned(), Smp::Running));
        Ok(())
    }

    fn answer_smp(&mut self, peer: &str, secret: &str) -> Result<()> {
        self.fill_in(&[secret])?;
        self.listen()?.smp = Some((peer.to_owned(), Smp::Running));
        Ok(())
    }

    fn smp(&mut self, peer: &str) -> Result<Smp> {
        let begun = self.listen()?.smp.clone().filter(|(with, _)| with == peer).map(|(_, smp)| smp);
        let trusted = self.note(peer)?.is_some_and(|(_, trust)| trust == "smp");
        Ok(match begun {
            Some(Smp::Running) if trusted => Smp::Succeeded,
            Some(smp) => smp,
            None if !self.desktop.windows(ASKING)?.is_empty() => Smp::Asked(None),
            None => Smp::None,
        })
    }

    fn screen(&mut self) -> String {
        // What cannot be read any more is not needed: the rest says why.
        let _ = self.listen();
        if let Some(folder) = std::env::var_os(SCREENSHOTS) {
            let _ = self.screenshot(&Path::new(&folder).join(format!("pidgin-{}.png", std::process::id())));
        }
        let shown = self.running.iter().flat_map(|running| &running.shown);
        shown.map(|shown| format!("{:?} {}: {}\n", shown.kind, shown.peer, shown.text)).collect()
    }

    fn kill(&mut self) -> Result<()> {
        self.running.take().map_or(Ok(()), |running| running.process.kill())
    }

    fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let monitor = Monitor::start(&self.desktop)?;
        let output = File::options().create(true).append(true).open(self.folder.path().join("output"))?;
        let mut command = guarded(PROGRAM);
        // Forced online, for there is no network manager to say that we are.
        command.args(["--multiple", "--force-online", "--config"]).arg(self.folder.path().join("purple"));
        self.desktop.furnish(&mut command);
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        let mut process = Guard::spawn(PROGRAM, command)?;
        let account = wait_until("pidgin to log in", PATIENCE, || {
            if let Some(status) = process.ended()? {
                bail!("pidgin ended with {status}");
            }
            // Before it has come up its bus name is not known.
            let Ok(accounts) = call(&self.desktop, "PurpleAccountsGetAllActive", &[]) else { return Ok(None) };
            let Some(account) = accounts.into_iter().next() else { return Ok(None) };
            let connected = call(&self.desktop, "PurpleAccountIsConnected", std::slice::from_ref(&account))?;
            Ok((connected == [Value::Number(1)]).then_some(account))
        })?;
        let (shown, versions) = (Vec::new(), Vec::new());
        self.running = Some(Running { process, monitor, account, shown, versions, smp: None });
        Ok(())
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn account_file(server: &Server, account: &str) -> String {
    let (host, port) = server.host_port();
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<account version='1.0'><account>\
         <protocol>prpl-jabber</protocol><name>{}/{RESOURCE}</name><password>{}</password>\
         <settings><setting name='connect_server' type='string'>{host}</setting>\
         <setting name='port' type='int'>{port}</setting>\
         <setting name='connection_security' type='string'>require_tls</setting></settings>\
         <settings ui='gtk-gaim'><setting name='auto-login' type='bool'>1</setting></settings>\
         </account></account>\n",
        server.jid(account),
        server.password(account)
    )
}

fn preferences() -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<pref version='1' name='/'><pref name='pidgin'><pref name='plugins'>\
         <pref name='loaded' type='pathlist'><item value='{PLUGIN}'/></pref></pref></pref></pref>\n"
    )
}
