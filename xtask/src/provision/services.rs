//! Servers come as packages that Debian starts at once, on ports that all the world can reach. The tests start their own.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::privilege::Privilege;
use crate::shell;

/// What Debian asks, when it is there, whether a service may be started (invoke-rc.d).
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// 101: the action is forbidden.
const FORBID: &str = "#!/bin/sh\n# Placed by `cargo xtask provision` while it installs.\nexit 101\n";

/// As long as it lives, Debian starts no service that is installed.
#[derive(Debug)]
pub(super) struct NoServices {
    privilege: Privilege,
    attended: bool,
    /// The policy that we placed and will remove; `None` when there was one, whose word counts.
    placed: Option<PathBuf>,
    proc: PathBuf,
    /// Processes of Erlang's name server that ran before.
    name_servers: Vec<u32>,
}

impl NoServices {
    pub(super) fn begin(privilege: Privilege, attended: bool) -> Result<Self> {
        Self::begin_at(privilege, attended, Path::new(POLICY), Path::new("/proc"))
    }

    fn begin_at(privilege: Privilege, attended: bool, policy: &Path, proc: &Path) -> Result<Self> {
        let mut this =
            Self { privilege, attended, placed: None, proc: proc.to_owned(), name_servers: name_servers(proc) };
        if policy.exists() {
            eprintln!("{}: there is one already, which decides what is started", policy.display());
            return Ok(this);
        }
        eprintln!("no service is started: {} forbids it while packages are installed", policy.display());
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(FORBID.as_bytes())?;
        let [from, to] = [file.path(), policy].map(|path| path.display().to_string());
        shell::run(&mut privilege.command(attended, &["install", "-m", "755", &from, &to]))?;
        this.placed = Some(policy.to_owned());
        Ok(this)
    }

    /// Removes the policy, and ends what was started all the same.
    pub(super) fn end(mut self) -> Result<()> {
        self.remove_policy()?;
        // The package of ejabberd starts Erlang's name server, which listens on every interface.
        for process in name_servers(&self.proc) {
            if !self.name_servers.contains(&process) {
                let process = process.to_string();
                eprintln!("ending epmd, process {process}, that the installation has started");
                shell::run(&mut self.privilege.command(self.attended, &["sh", "-c", "kill \"$0\"", &process]))?;
            }
        }
        eprintln!("the services of the new packages are enabled: they start with the machine unless you disable them");
        Ok(())
    }

    fn remove_policy(&mut self) -> Result<()> {
        let Some(policy) = self.placed.take() else { return Ok(()) };
        let path = policy.display().to_string();
        shell::run(&mut self.privilege.command(self.attended, &["rm", "-f", &path]))
            .with_context(|| format!("{path} is still there and keeps every service from being started: remove it"))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        // On the way out of a failed installation.
        if let Err(error) = self.remove_policy() {
            eprintln!("{error:#}");
        }
    }
}

fn name_servers(proc: &Path) -> Vec<u32> {
    let Ok(entries) = proc.read_dir() else { return Vec::new() };
    let processes = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_one = |process: &u32| {
        let name = std::fs::read_to_string(proc.join(process.to_string()).join("comm"));
        name.is_ok_and(|name| name.trim() == "epmd")
    };
    processes.filter(is_one).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn services_are_forbidden_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy-rc.d");
        let guard = NoServices::begin_at(Privilege::Root, false, &policy, folder.path()).unwrap();
        assert_eq!(Command::new(&policy).status().unwrap().code(), Some(101));
        guard.end().unwrap();
        assert!(!policy.exists());
        // After a failure nobody says the end.
        drop(NoServices::begin_at(Privilege::Root, false, &policy, folder.path()).unwrap());
        assert!(!policy.exists());
    }

    #[test]
    fn somebody_elses_policy_stays() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy-rc.d");
        std::fs::write(&policy, "theirs").unwrap();
        std::fs::set_permissions(&policy, std::fs::Permissions::from_mode(0o755)).unwrap();
        NoServices::begin_at(Privilege::Root, false, &policy, folder.path()).unwrap().end().unwrap();
        assert_eq!(std::fs::read_to_string(&policy).unwrap(), "theirs");
    }

    #[test]
    fn a_name_server_that_was_started_is_ended_and_an_older_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy-rc.d");
        let mut processes = [(); 2].map(|()| Command::new("sleep").arg("600").spawn().unwrap());
        let place = |process: u32, name: &str| {
            std::fs::create_dir(folder.path().join(process.to_string())).unwrap();
            std::fs::write(folder.path().join(process.to_string()).join("comm"), name).unwrap();
        };
        place(processes[0].id(), "epmd\n");
        let guard = NoServices::begin_at(Privilege::Root, false, &policy, folder.path()).unwrap();
        place(processes[1].id(), "epmd\n");
        guard.end().unwrap();
        processes[1].wait().unwrap();
        assert!(processes[0].try_wait().unwrap().is_none());
        processes[0].kill().unwrap();
        processes[0].wait().unwrap();
    }
}
