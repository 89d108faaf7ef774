//! ejabberd
use super::Server;
use anyhow::{Result, bail};
use std::process::Command;
pub(super) const PROGRAM: &str = "ejabberdctl";
pub(super) fn prepare(_server: &Server) -> Result<()> {
    bail!("not yet")
}
pub(super) fn command(_server: &Server) -> Command {
    Command::new("false")
}
