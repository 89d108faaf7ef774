//! A screen, a keyboard and a message bus that nobody else sees.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::screen::png_from_xwd;
use crate::process::{Guard, guarded, wait_until};

/// How long a window may take to open on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it is made of.
pub(super) const PROGRAMS: [&str; 4] = ["Xvfb", "dbus-daemon", "gdbus", "xdotool"];

/// An X server without a screen (Xvfb) and a session bus. Dropping it ends both.
#[derive(Debug)]
pub(super) struct Desktop {
    folder: PathBuf,
    display: String,
    bus: String,
    _xvfb: Guard,
    _dbus: Guard,
}

impl Desktop {
    /// Starts both; what the programs on it leave behind goes into `folder`.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        for name in ["home", "screen"] {
            std::fs::create_dir(folder.join(name))?;
        }
        let mut command = guarded("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset", "-fbdir"]);
        command.arg(folder.join("screen"));
        let (xvfb, display) = start("Xvfb", command)?;
        let mut command = guarded("dbus-daemon");
        command.args(["--session", "--nofork", "--nosyslog", "--print-address=1"]);
        command.arg(format!("--address=unix:path={}", folder.join("bus").display()));
        let (dbus, bus) = start("dbus-daemon", command)?;
        Ok(Self { folder: folder.to_owned(), display: format!(":{display}"), bus, _xvfb: xvfb, _dbus: dbus })
    }

    /// Gives a command this desktop and nothing of the user's own.
    pub(super) fn furnish(&self, command: &mut Command) {
        let home = self.folder.join("home");
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
            command.env(name, &home);
        }
        command.env("DISPLAY", &self.display).env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        command.env("LC_ALL", "C.UTF-8").env("NO_AT_BRIDGE", "1").env("GSETTINGS_BACKEND", "memory");
        command.env_remove("WAYLAND_DISPLAY").env_remove("XAUTHORITY");
    }

    /// Waits for a window whose title fits this regular expression.
    pub(super) fn window(&self, title: &str) -> Result<String> {
        let what = format!("a window with the title {title}");
        wait_until(&what, PATIENCE, || Ok(self.windows(title)?.pop()))
    }

    /// The windows whose titles fit this regular expression.
    pub(super) fn windows(&self, title: &str) -> Result<Vec<String>> {
        // It fails when it finds none.
        let output = self.xdotool(&["search", "--onlyvisible", "--name", title]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }

    /// Lets a window have the keyboard.
    pub(super) fn focus(&self, window: &str) -> Result<()> {
        self.act(&["windowraise", window, "windowfocus", "--sync", window])
    }

    /// Presses keys, one after the other, in the window that has the keyboard.
    pub(super) fn press(&self, keys: &[&str]) -> Result<()> {
        keys.iter().try_for_each(|key| self.act(&["key", key, "sleep", "0.1"]))
    }

    /// Types a text in the window that has the keyboard.
    pub(super) fn write(&self, text: &str) -> Result<()> {
        self.act(&["type", "--", text])
    }

    /// What is to be seen, as PNG.
    pub(super) fn screenshot(&self) -> Result<Vec<u8>> {
        png_from_xwd(&std::fs::read(self.folder.join("screen").join("Xvfb_screen0"))?)
    }

    fn act(&self, arguments: &[&str]) -> Result<()> {
        let output = self.xdotool(arguments).output().context("cannot run xdotool")?;
        if !output.status.success() {
            // The arguments may hold a secret.
            bail!("xdotool {:?}: {}", arguments.first(), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn xdotool(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("xdotool");
        self.furnish(&mut command);
        command.args(arguments).stdin(Stdio::null());
        command
    }
}

/// Starts a program that says on its first line where it is to be found.
fn start(label: &str, mut command: Command) -> Result<(Guard, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = Guard::spawn(label, command)?;
    let mut line = String::new();
    let mut output = BufReader::new(process.take_stdout().with_context(|| format!("{label} has no output"))?);
    output.read_line(&mut line)?;
    if line.trim().is_empty() {
        bail!("{label} does not come up");
    }
    Ok((process, line.trim().to_owned()))
}
