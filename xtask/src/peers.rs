//! Where the foreign peers are, and what a test does without them.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The environment variable that names the driver around libotr; `cargo xtask test` sets it.
pub const LIBOTR_PIPE: &str = "O2TR_LIBOTR_PIPE";

/// The driver around libotr, or `None` after saying on standard error that the calling test is skipped.
///
/// # Errors
///
/// The variable names something that is not a file, or it is not set although `CI` is `true`: there a
/// skipped test is a failed one.
pub fn require_driver() -> Result<Option<PathBuf>> {
    let driver = resolve(std::env::var_os(LIBOTR_PIPE), std::env::var_os("CI").as_deref())?;
    if driver.is_none() {
        skipped(&format!("{LIBOTR_PIPE} is not set"))?;
    }
    Ok(driver)
}

/// Whether all of these programs are there; if not, the calling test is said to be skipped.
///
/// # Errors
///
/// One is missing although `CI` is `true`: there a skipped test is a failed one.
pub fn require_programs(names: &[&str]) -> Result<bool> {
    let missing: Vec<&str> = names.iter().copied().filter(|name| find_program(name).is_none()).collect();
    if missing.is_empty() {
        return Ok(true);
    }
    let missing = missing.join(", ");
    if std::env::var_os("CI").as_deref() == Some(OsStr::new("true")) {
        bail!("{missing}: not installed, and with CI=true nothing is skipped");
    }
    skipped(&format!("{missing} not installed"))?;
    Ok(false)
}

/// Where a program is, along the search path and where Debian keeps those of the administrator.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// Says past the test runner's capture, which hides the output of tests that pass, that a test is skipped.
fn skipped(reason: &str) -> Result<()> {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    writeln!(std::io::stderr(), "SKIPPED {test}: {reason}; run `cargo xtask test --provision`")?;
    Ok(())
}

fn resolve(driver: Option<OsString>, ci: Option<&OsStr>) -> Result<Option<PathBuf>> {
    match driver {
        Some(path) if Path::new(&path).is_file() => Ok(Some(PathBuf::from(path))),
        Some(path) => bail!("{LIBOTR_PIPE} names {}, which is not a file", Path::new(&path).display()),
        None if ci == Some(OsStr::new("true")) => {
            bail!("{LIBOTR_PIPE} is not set, and with CI=true nothing is skipped")
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_driver_a_test_is_skipped_but_never_in_ci() {
        assert_eq!(resolve(None, None).unwrap(), None);
        assert_eq!(resolve(None, Some(OsStr::new("false"))).unwrap(), None);
        assert!(resolve(None, Some(OsStr::new("true"))).is_err());
    }

    #[test]
    fn a_driver_that_is_not_there_is_an_error_everywhere() {
        assert!(resolve(Some("no/such/driver".into()), None).is_err());
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(resolve(Some(file.path().into()), None).unwrap(), Some(file.path().into()));
    }
}
