//! Brings the public packages onto this machine with the tools that serve them: pip and go.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::definitions::{self, Definitions};

const PACKAGE: &str = "kubernetes-validate==1.37.0";
const DEFINITIONS: &str =
    "kubernetes_validate/kubernetes-json-schema/v1.35.0-local/_definitions.json";

/// The Go modules whose types the definitions name, with the prefix that OpenAPI gives them.
const MODULES: [(&str, &str); 4] = [
    ("api", "io.k8s.api"),
    ("apimachinery", "io.k8s.apimachinery"),
    ("apiextensions-apiserver", "io.k8s.apiextensions-apiserver"),
    ("kube-aggregator", "io.k8s.kube-aggregator"),
];
const MODULE_VERSION: &str = "v0.35.0";

/// A Go module's directory and the prefix of its types' definition names.
pub struct Module {
    pub root: PathBuf,
    pub prefix: &'static str,
}

pub fn definitions() -> anyhow::Result<Definitions> {
    let dir = tempfile::tempdir()?;
    output(
        Command::new("pip").args(["download", "--quiet", "--no-deps", PACKAGE]).current_dir(&dir),
    )?;
    let wheel = std::fs::read_dir(&dir)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip downloaded no wheel")?;
    output(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(dir.path()))?;
    definitions::read(&dir.path().join(DEFINITIONS))
}

pub fn modules(cache: Option<&Path>) -> anyhow::Result<Vec<Module>> {
    let cache = match cache {
        Some(path) => path.to_path_buf(),
        None => PathBuf::from(output(Command::new("go").args(["env", "GOMODCACHE"]))?.trim()),
    };
    let dir = tempfile::tempdir()?;
    MODULES
        .into_iter()
        .map(|(name, prefix)| {
            let root = cache.join("k8s.io").join(format!("{name}@{MODULE_VERSION}"));
            if !root.is_dir() {
                let module = format!("k8s.io/{name}@{MODULE_VERSION}");
                output(Command::new("go").args(["mod", "download", &module]).current_dir(&dir))?;
            }
            if !root.is_dir() {
                bail!("go downloaded k8s.io/{name}, but {} is not there", root.display());
            }
            Ok(Module { root, prefix })
        })
        .collect()
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}
