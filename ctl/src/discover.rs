//! Finding the running cluster of this host by its `run.json`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;

use crate::{Host, Usage};

/// The part of `run.json` that a client of the store needs.
#[derive(Debug, Deserialize)]
struct RunFile {
    client: Option<String>,
}

/// A cluster that says it runs: its endpoint, and where its certificates are.
#[derive(Debug)]
pub struct Found {
    pub endpoint: String,
    pub pki: PathBuf,
}

/// Looks in the named directory, else beside `$KUBECONFIG`, else in the default data directory.
///
/// A named directory without a running cluster is an error; the others are just not it.
pub fn find(named: Option<&Path>, host: &Host<'_>) -> anyhow::Result<Option<Found>> {
    if let Some(directory) = named {
        let found = read(directory)?;
        return found.map(Some).with_context(|| {
            format!("no cluster runs in {}: it has no run.json", directory.display())
        });
    }
    let beside_kubeconfig = std::env::var_os("KUBECONFIG")
        .and_then(|path| PathBuf::from(path).parent().map(Path::to_owned));
    for directory in [beside_kubeconfig, host.default_data_dir.clone()].into_iter().flatten() {
        if let Some(found) = read(&directory)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn read(directory: &Path) -> anyhow::Result<Option<Found>> {
    let path = directory.join("run.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let run: RunFile = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not what `coracle up` writes", path.display()))?;
    let Some(endpoint) = run.client else {
        return Err(Usage(format!(
            "the cluster in {} does not listen for etcd clients; start it without \
             --no-etcd-listener",
            directory.display()
        ))
        .into());
    };
    Ok(Some(Found { endpoint, pki: directory.join("pki") }))
}
