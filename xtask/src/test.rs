//! `cargo xtask test`

use anyhow::{Result, bail};
use xtask::peers::LIBOTR_PIPE;

use crate::provision::Group;
use crate::workspace::Workspace;
use crate::{driver, matrix, provision, shell};

/// Tests that are heavy enough to be worth a second run as the users will run the code: package, test file.
const ALSO_OPTIMISED: &[(&str, &str)] = &[("otr-core", "vectors")];

/// How many cells of the matrix run at a time: they wait more than they work.
const MATRIX_JOBS: usize = 3;

pub(crate) fn run(workspace: &Workspace, install: bool) -> Result<()> {
    if install {
        provision::install(&[Group::All])?;
    }
    let missing = provision::missing(&[Group::All]);
    if !missing.is_empty() {
        provision::report(&missing);
        if shell::in_ci() {
            bail!(
                "something is missing, and with CI=true nothing is skipped; `cargo xtask test --provision` installs it"
            );
        }
    }
    // A variable of the caller's names a driver of the caller's: leave it alone.
    let driver = match std::env::var_os(LIBOTR_PIPE) {
        Some(path) => Some(path),
        None if provision::missing(&[Group::Libotr]).is_empty() => Some(driver::build(workspace)?.into()),
        None => None,
    };
    let with_driver = |arguments: &[&str]| {
        let mut cargo = shell::cargo();
        cargo.arg("test").args(arguments).current_dir(&workspace.root);
        if let Some(path) = &driver {
            cargo.env(LIBOTR_PIPE, path);
        }
        shell::run(&mut cargo)
    };
    // Features only add API, so one run with all of them tests everything.
    with_driver(&["--workspace", "--all-features"])?;
    for (package, file) in ALSO_OPTIMISED {
        if workspace.package(package).is_some_and(|package| package.tests.iter().any(|test| test == file)) {
            with_driver(&["--release", "--package", package, "--test", file])?;
        }
    }
    // Real processes with each other; the driver and the program were built above.
    let quick = matrix::Options { quick: true, jobs: MATRIX_JOBS, provision: false, ..matrix::Options::default() };
    matrix::run(workspace, &quick)?;
    if driver.is_none() || !missing.is_empty() {
        eprintln!("passed, but not everything was tested: see what is missing above");
    }
    Ok(())
}
