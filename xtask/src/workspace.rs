//! What cargo knows about this workspace.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::shell;

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    /// Without `default`.
    pub(crate) features: Vec<String>,
    /// The files in `tests/`.
    pub(crate) tests: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Needed by tests, examples and benches only.
    pub(crate) dev: bool,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let answer = shell::output(shell::cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
        Self::parse(&answer).context("cargo metadata answered something unexpected")
    }

    fn parse(answer: &str) -> Result<Self> {
        let answer: Value = serde_json::from_str(answer)?;
        Ok(Self {
            root: text(&answer, "workspace_root")?.into(),
            target: text(&answer, "target_directory")?.into(),
            packages: list(&answer, "packages").map(Package::parse).collect::<Result<_>>()?,
        })
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

impl Package {
    fn parse(value: &Value) -> Result<Self> {
        let features = value.get("features").and_then(Value::as_object).context("no features")?;
        Ok(Self {
            name: text(value, "name")?,
            manifest: text(value, "manifest_path")?.into(),
            features: features.keys().filter(|name| *name != "default").cloned().collect(),
            tests: list(value, "targets")
                .filter(|target| list(target, "kind").any(|kind| kind == "test"))
                .map(|target| text(target, "name"))
                .collect::<Result<_>>()?,
            dependencies: list(value, "dependencies")
                .map(|dependency| {
                    let dev = dependency.get("kind").and_then(Value::as_str) == Some("dev");
                    Ok(Dependency { name: text(dependency, "name")?, dev })
                })
                .collect::<Result<_>>()?,
        })
    }
}

fn text(value: &Value, member: &str) -> Result<String> {
    Ok(value.get(member).and_then(Value::as_str).with_context(|| format!("no {member}"))?.to_owned())
}

fn list<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_that_tasks_need_are_read() {
        let workspace = Workspace::parse(
            r#"{"workspace_root":"/r","target_directory":"/t","packages":[{"name":"p","manifest_path":"/r/p/Cargo.toml",
                "features":{"default":[],"serde":["dep:serde"]},
                "targets":[{"name":"p","kind":["lib"]},{"name":"vectors","kind":["test"]}],
                "dependencies":[{"name":"a","kind":null},{"name":"b","kind":"dev"}]}]}"#,
        )
        .unwrap();
        let package = workspace.package("p").unwrap();
        assert_eq!(package.features, ["serde"]);
        assert_eq!(package.tests, ["vectors"]);
        assert_eq!(
            package.dependencies.iter().map(|d| (d.name.as_str(), d.dev)).collect::<Vec<_>>(),
            [("a", false), ("b", true)]
        );
        assert!(Workspace::parse("{}").is_err());
    }
}
