//! Processes that end with the test that started them, whatever becomes of the test.

use std::ffi::OsStr;
use std::io;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How often something that is waited for is looked at.
const POLL: Duration = Duration::from_millis(20);

/// A running program. Dropping it kills the process; so does the death of this process, however it comes.
#[derive(Debug)]
pub struct Guard {
    label: String,
    child: Child,
}

/// A command that runs a program which dies when we do; arguments and the rest are added as usual.
#[must_use]
pub fn guarded(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

impl Guard {
    /// Runs a command made by [`guarded`]; `label` names it in errors.
    ///
    /// # Errors
    ///
    /// `setpriv` (package util-linux) cannot be started. A program that is missing shows as an early end.
    pub fn spawn(label: &str, command: Command) -> Result<Self> {
        let child = in_the_nursery(command).with_context(|| format!("{label}: cannot start"))?;
        Ok(Self { label: label.to_owned(), child })
    }

    /// The id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Standard input, if the command asked for a pipe and it was not taken before.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Standard output, if the command asked for a pipe and it was not taken before.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Standard error, if the command asked for a pipe and it was not taken before.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    ///
    /// The system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Ends it as a crash would (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    ///
    /// It has not ended in time; it is killed then.
    pub fn terminate(mut self, patience: Duration) -> Result<ExitStatus> {
        signal("TERM", self.id())?;
        let what = format!("the end of {}", self.label);
        wait_until(&what, patience, || self.ended())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Fails only for a process that is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal, by its name without SIG, to a process that is known to be there.
///
/// # Errors
///
/// There is no shell to do it.
pub fn signal(name: &str, process: u32) -> Result<()> {
    // Every shell can; a program of that name is not everywhere.
    Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &process.to_string()]).status()?;
    Ok(())
}

/// Asks again and again until there is an answer.
///
/// # Errors
///
/// The question failed, or there was no answer in time; the error says what was waited for.
pub fn wait_until<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("waited {patience:?} in vain for {what}");
        }
        std::thread::sleep(POLL);
    }
}

/// Starts a process from a thread that lives as long as we do: the signal that tells a process of its parent's death
/// is sent when the *thread* that started it ends, and a test's thread ends with the test.
fn in_the_nursery(command: Command) -> io::Result<Child> {
    type Order = (Command, Sender<io::Result<Child>>);
    static NURSERY: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let nursery = NURSERY.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // Whoever asked may be gone; then the child is of no use to anybody.
                if let Err(unclaimed) = answer.send(command.spawn())
                    && let Ok(mut child) = unclaimed.0
                {
                    let _ = child.kill();
                }
            }
        });
        Mutex::new(orders)
    });
    let (answer, inbox) = channel();
    let gone = || io::Error::other("the thread that starts processes is gone");
    nursery.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer)).map_err(|_| gone())?;
    inbox.recv().map_err(|_| gone())?
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn sleeper() -> Guard {
        let mut command = guarded("sleep");
        command.arg("600");
        Guard::spawn("sleeper", command).unwrap()
    }

    fn is_alive(id: u32) -> bool {
        Path::new("/proc").join(id.to_string()).exists()
    }

    #[test]
    fn a_dropped_guard_kills() {
        let mut sleeper = sleeper();
        assert!(sleeper.ended().unwrap().is_none());
        let id = sleeper.id();
        drop(sleeper);
        assert!(!is_alive(id));
    }

    #[test]
    fn a_process_outlives_the_thread_that_asked_for_it() {
        let mut sleeper = std::thread::spawn(sleeper).join().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert!(sleeper.ended().unwrap().is_none());
    }

    #[test]
    fn a_process_does_not_outlive_the_one_that_started_it() {
        use std::io::{BufRead as _, BufReader};
        let mut command = guarded("sleep");
        command.arg("600");
        let mut parent = Command::new("sh")
            .args(["-c", "\"$@\" & echo $!; wait", "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let id: u32 = line.trim().parse().unwrap();
        let name = || std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        // Only then has it said that it wants to know.
        wait_until("the program", Duration::from_secs(30), || Ok((name().trim() == "sleep").then_some(()))).unwrap();
        parent.kill().unwrap();
        parent.wait().unwrap();
        wait_until("its end", Duration::from_secs(30), || Ok((name().trim() != "sleep").then_some(()))).unwrap();
    }

    #[test]
    fn a_request_to_end_is_obeyed() {
        use std::os::unix::process::ExitStatusExt as _;
        assert_eq!(sleeper().terminate(Duration::from_secs(30)).unwrap().signal(), Some(15));
    }

    #[test]
    fn waiting_ends() {
        assert!(wait_until("nothing", Duration::ZERO, || Ok(None::<()>)).is_err());
        let mut rounds = 0;
        let third = wait_until("the third round", Duration::from_secs(30), || {
            rounds += 1;
            Ok((rounds == 3).then_some(rounds))
        });
        assert_eq!(third.unwrap(), 3);
    }
}
