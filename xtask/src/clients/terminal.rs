//! A terminal for programs that want one: a private tmux, whose screen can be read.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::process::{Guard, guarded, signal, wait_until};

/// How long tmux may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program in a terminal of its own. Dropping it kills both.
#[derive(Debug)]
pub struct Terminal {
    socket: PathBuf,
    /// Ended first: a program must not see its terminal close and have time to put things in order.
    program: u32,
    _tmux: Guard,
}

/// What runs in a terminal.
#[derive(Debug)]
pub struct Inside<'a> {
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// Environment variables that it gets beside ours.
    pub environment: &'a [(&'a str, &'a str)],
    /// Columns and lines.
    pub size: (u16, u16),
}

impl Terminal {
    /// Starts a program. The folder holds tmux's socket and is the program's working folder.
    ///
    /// # Errors
    ///
    /// tmux does not start.
    pub fn start(folder: &Path, inside: &Inside<'_>) -> Result<Self> {
        let socket = folder.join("tmux");
        let _ = std::fs::remove_file(&socket);
        let mut command = guarded("tmux");
        command.arg("-S").arg(&socket).args(["-f", "/dev/null", "-D"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).env("LANG", "C.UTF-8");
        let tmux = Guard::spawn("tmux", command)?;
        // A screen that stays when its program has ended tells why. The socket is there before anybody listens to it.
        let options = ["set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "status", "off"];
        wait_until("tmux", PATIENCE, || Ok(tmux_says(&socket, &options).ok()))?;
        let (columns, lines) = inside.size;
        let mut arguments = vec!["new-session".to_owned(), "-d".to_owned()];
        arguments.extend(["-x".to_owned(), columns.to_string(), "-y".to_owned(), lines.to_string()]);
        arguments.extend(["-c".to_owned(), folder.display().to_string()]);
        for (name, value) in [&[("LANG", "C.UTF-8")], inside.environment].concat() {
            arguments.extend(["-e".to_owned(), format!("{name}={value}")]);
        }
        // In its own words, not in those of a shell.
        arguments.extend(["setpriv", "--pdeathsig", "KILL", "--"].map(str::to_owned));
        arguments.push(inside.program.display().to_string());
        arguments.extend(inside.arguments.iter().map(|&argument| argument.to_owned()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        tmux_says(&socket, &arguments)?;
        let program = tmux_says(&socket, &["display-message", "-p", "#{pane_pid}"])?;
        let program = program.trim().parse().with_context(|| format!("{program:?} is no process id"))?;
        Ok(Self { socket, program, _tmux: tmux })
    }

    /// The id of the program's process.
    #[must_use]
    pub fn program(&self) -> u32 {
        self.program
    }

    /// Whether the program still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        tmux_says(&self.socket, &["display-message", "-p", "#{pane_dead}"]).is_ok_and(|dead| dead.trim() == "0")
    }

    /// Types a text, as it is.
    ///
    /// # Errors
    ///
    /// tmux does not answer.
    pub fn text(&self, text: &str) -> Result<()> {
        tmux_says(&self.socket, &["send-keys", "-l", "--", text]).map(drop)
    }

    /// Presses a key, by tmux's name of it: `Enter`, `C-c`, `PageUp`.
    ///
    /// # Errors
    ///
    /// tmux does not answer.
    pub fn key(&self, key: &str) -> Result<()> {
        tmux_says(&self.socket, &["send-keys", key]).map(drop)
    }

    /// What is to be seen, without blanks at the ends of lines.
    ///
    /// # Errors
    ///
    /// tmux does not answer.
    pub fn screen(&self) -> Result<String> {
        tmux_says(&self.socket, &["capture-pane", "-p"])
    }

    /// As [`Terminal::screen`], and everything that has scrolled away.
    ///
    /// # Errors
    ///
    /// tmux does not answer.
    pub fn screen_and_before(&self) -> Result<String> {
        tmux_says(&self.socket, &["capture-pane", "-p", "-J", "-S", "-"])
    }

    /// Gives the window another size.
    ///
    /// # Errors
    ///
    /// tmux does not answer.
    pub fn resize(&self, columns: u16, lines: u16) -> Result<()> {
        tmux_says(&self.socket, &["resize-window", "-x", &columns.to_string(), "-y", &lines.to_string()]).map(drop)
    }

    /// Ends the program as a crash would (SIGKILL), and the terminal after it.
    ///
    /// # Errors
    ///
    /// The program does not end.
    pub fn kill(self) -> Result<()> {
        self.kill_program();
        // tmux says that it is dead as soon as nobody holds the terminal any more, which can be earlier.
        wait_until("the end of the program", PATIENCE, || Ok((!is_alive(self.program)).then_some(())))
    }

    fn kill_program(&self) {
        // Once it has ended, its number may be another process's: tmux knows.
        if self.is_running() {
            let _ = signal("KILL", self.program);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.kill_program();
    }
}

/// Whether a process is there and not only waiting for its parent to take note of its end.
fn is_alive(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = status.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

fn tmux_says(socket: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("tmux");
    let output = command.arg("-S").arg(socket).args(arguments).env("LANG", "C.UTF-8").stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let command = arguments.first().copied().unwrap_or_default();
        bail!("tmux {command} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_seen() {
        if !crate::peers::require_programs(&["tmux", "setpriv"]).unwrap() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let inside =
            Inside { program: Path::new("cat"), arguments: &["-"], environment: &[("HOME", "/")], size: (40, 10) };
        let terminal = Terminal::start(folder.path(), &inside).unwrap();
        terminal.text("grüße; $HOME").unwrap();
        terminal.key("Enter").unwrap();
        // Once by the terminal, once by the program.
        let seen = |screen: &str| screen.matches("grüße; $HOME\n").count() == 2;
        wait_until("the text", PATIENCE, || Ok(terminal.screen()?.as_str()).map(|screen| seen(screen).then_some(())))
            .unwrap();
        let program = terminal.program();
        assert!(terminal.is_running() && is_alive(program));
        terminal.kill().unwrap();
        assert!(!is_alive(program));
    }
}
