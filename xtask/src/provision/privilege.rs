//! By what right packages are installed.

use std::process::Command;

use super::needs::find_program;
use crate::shell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privilege {
    Root,
    Sudo,
    None,
}

impl Privilege {
    pub(super) fn find() -> Self {
        if shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0") {
            Self::Root
        } else if find_program("sudo").is_some() {
            Self::Sudo
        } else {
            Self::None
        }
    }

    /// A command with that right; `attended` when somebody is there who can give a password.
    pub(super) fn command(self, attended: bool, arguments: &[&str]) -> Command {
        let mut command = match self {
            Self::Root | Self::None => Command::new("env"),
            Self::Sudo => {
                let mut sudo = Command::new("sudo");
                if !attended {
                    sudo.arg("--non-interactive");
                }
                sudo.arg("env");
                sudo
            }
        };
        command.args(arguments);
        command
    }

    pub(super) fn apt_get(self, attended: bool, arguments: &[&str]) -> Command {
        self.command(attended, &[&["DEBIAN_FRONTEND=noninteractive", "apt-get"], arguments].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_asks_for_a_password_only_when_somebody_is_there() {
        let line = |privilege: Privilege, attended| shell::render(&privilege.apt_get(attended, &["update"]));
        assert_eq!(line(Privilege::Root, false), "env DEBIAN_FRONTEND=noninteractive apt-get update");
        assert_eq!(line(Privilege::Sudo, true), "sudo env DEBIAN_FRONTEND=noninteractive apt-get update");
        assert_eq!(
            line(Privilege::Sudo, false),
            "sudo --non-interactive env DEBIAN_FRONTEND=noninteractive apt-get update"
        );
    }
}
