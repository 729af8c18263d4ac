//! What `ctl` needs of the store's own files.

use std::path::Path;

use anyhow::Context;
use ctl::{SnapshotFiles, SnapshotStatus};
use store::snapshot::{self, RestoreOptions};

pub struct StoreSnapshots;

impl SnapshotFiles for StoreSnapshots {
    fn status(&self, file: &Path) -> anyhow::Result<SnapshotStatus> {
        let status = snapshot::status(file)?;
        Ok(SnapshotStatus {
            hash: status.hash,
            revision: status.revision,
            total_keys: status.total_keys,
            total_size: status.total_size,
            version: status.version,
        })
    }

    /// The store goes where `up --data-dir` looks for it; certificates and the rest are made at
    /// the first start.
    fn restore(&self, file: &Path, data_dir: &Path, skip_hash_check: bool) -> anyhow::Result<()> {
        refuse_non_empty(data_dir)?;
        let options = RestoreOptions {
            skip_hash_check,
            name: crate::up::host_name(),
            ..RestoreOptions::default()
        };
        snapshot::restore(file, crate::up::store_path(data_dir), options, &|_| {})?;
        Ok(())
    }
}

fn refuse_non_empty(data_dir: &Path) -> anyhow::Result<()> {
    let entries = match std::fs::read_dir(data_dir) {
        Ok(mut entries) => entries.next(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", data_dir.display()));
        }
    };
    if entries.is_some() {
        anyhow::bail!(
            "data directory {} is not empty: restore into an empty or new directory",
            data_dir.display()
        );
    }
    Ok(())
}
