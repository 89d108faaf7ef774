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
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Written past the test runner's capture, which hides the output of tests that pass.
        writeln!(std::io::stderr(), "SKIPPED {test}: {LIBOTR_PIPE} is not set; run `cargo xtask test --provision`")?;
    }
    Ok(driver)
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
