//! `run.json`: where the running cluster is, for other programs of this host.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RunFile {
    pub pid: u32,
    pub apiserver: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    pub kubeconfig: PathBuf,
}

impl RunFile {
    /// Writes it atomically: a reader sees all of it or none.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        certs::write_public(path, &serde_json::to_vec(self)?)?;
        Ok(())
    }
}
