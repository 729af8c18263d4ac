//! Holds the workspace to its dependency direction: which room may use which.
//!
//! Only what ends up in the product counts; a crate's tests may use what they like.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

/// Each crate with the crates of this workspace that it may use. `ARCHITECTURE.md` says why.
const MAY_USE: [(&str, &[&str]); 18] = [
    ("api", &[]),
    ("store-proto", &[]),
    ("base2histogram", &[]),
    ("store", &["store-proto"]),
    ("certs", &[]),
    ("certs-tool", &["certs", "store-proto"]),
    ("network", &[]),
    ("client", &["api", "certs"]),
    ("apiserver", &["api", "certs", "store"]),
    ("controller-manager", &["api", "certs", "client"]),
    ("scheduler", &["api", "client"]),
    ("kubelet-lite", &["api", "certs", "client", "network"]),
    ("ctl", &["store-proto"]),
    (
        "coracle",
        &[
            "api",
            "apiserver",
            "certs",
            "certs-tool",
            "client",
            "controller-manager",
            "ctl",
            "kubelet-lite",
            "network",
            "scheduler",
            "store",
        ],
    ),
    ("tests", &[]),
    ("bench", &["certs", "store", "store-proto"]),
    ("robustness", &["certs", "store", "store-proto"]),
    ("xtask", &[]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`; none for a normal dependency.
    kind: Option<String>,
    path: Option<String>,
}

pub fn run() -> anyhow::Result<()> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let faults = faults(&metadata);
    if !faults.is_empty() {
        bail!("the workspace breaks its own layers:\n  {}", faults.join("\n  "));
    }
    println!("layers hold: {} crates", metadata.packages.len());
    Ok(())
}

fn faults(metadata: &Metadata) -> Vec<String> {
    let rules: BTreeMap<&str, BTreeSet<&str>> =
        MAY_USE.iter().map(|(name, uses)| (*name, uses.iter().copied().collect())).collect();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let Some(allowed) = rules.get(package.name.as_str()) else {
            faults.push(format!("{} has no row in xtask/src/layers.rs", package.name));
            continue;
        };
        let used = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some() && dependency.kind.is_none());
        for dependency in used {
            if !allowed.contains(dependency.name.as_str()) {
                faults.push(format!("{} must not use {}", package.name, dependency.name));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependency: &str, kind: Option<&str>) -> Metadata {
        let dependency = Dependency {
            name: dependency.to_owned(),
            kind: kind.map(str::to_owned),
            path: Some(String::new()),
        };
        let packages = vec![Package { name: name.to_owned(), dependencies: vec![dependency] }];
        Metadata { packages }
    }

    #[test]
    fn a_component_may_not_use_another() {
        assert_eq!(faults(&package("scheduler", "client", None)), [""; 0]);
        let fault = faults(&package("scheduler", "controller-manager", None));
        assert_eq!(fault, ["scheduler must not use controller-manager"]);
        assert_eq!(faults(&package("scheduler", "apiserver", Some("dev"))), [""; 0]);
        assert_eq!(faults(&package("api", "store", None)), ["api must not use store"]);
        assert_eq!(faults(&package("newcomer", "api", None)).len(), 1);
    }
}
