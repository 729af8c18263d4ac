//! What `ctl` needs of the store's own files.

use std::path::Path;

use anyhow::Context;
use ctl::{Hash, Progress, Restore, RestoredAs, SnapshotFiles, SnapshotStatus};
use store::snapshot::{self, Phase, RestoreOptions, SnapshotFormat};

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

    /// The store goes where `up --data-dir` or `store --data-dir` looks for it; certificates and
    /// the rest are made at the first start.
    fn restore(&self, restore: &Restore, on_progress: &dyn Fn(Progress)) -> anyhow::Result<()> {
        let options = RestoreOptions {
            skip_hash_check: restore.skip_hash_check,
            bump_revision: restore.bump_revision,
            ..RestoreOptions::default()
        };
        let (dir, options) = match &restore.member {
            RestoredAs::Host => {
                if !snapshot::is_unfinished(crate::up::store_path(&restore.data_dir)) {
                    refuse_non_empty(&restore.data_dir)?;
                }
                let name = crate::up::host_name();
                (crate::up::store_path(&restore.data_dir), RestoreOptions { name, ..options })
            }
            RestoredAs::Member { name, initial_cluster, token, peer_urls, wal_dir } => {
                let options = RestoreOptions {
                    name: name.clone(),
                    peer_urls: peer_urls.clone(),
                    initial_cluster: snapshot::parse_initial_cluster(initial_cluster)?,
                    token: token.clone(),
                    wal_dir: wal_dir.clone(),
                    ..options
                };
                (restore.data_dir.clone(), options)
            }
        };
        snapshot::restore(&restore.snapshot, dir, options, &|progress| {
            on_progress(told(progress))
        })?;
        Ok(())
    }

    fn convert(
        &self,
        from: &Path,
        to: &Path,
        format: ctl::SnapshotFormat,
        skip_hash_check: bool,
        on_progress: &dyn Fn(Progress),
    ) -> anyhow::Result<()> {
        let format = match format {
            ctl::SnapshotFormat::Coracle => SnapshotFormat::Coracle,
            ctl::SnapshotFormat::Etcd => SnapshotFormat::Etcd,
        };
        let on_progress = |progress| on_progress(told(progress));
        snapshot::convert(from, to, format, !skip_hash_check, &on_progress)?;
        Ok(())
    }

    fn format(&self, file: &Path) -> anyhow::Result<ctl::SnapshotFormat> {
        Ok(match snapshot::format_of(file)? {
            SnapshotFormat::Coracle => ctl::SnapshotFormat::Coracle,
            SnapshotFormat::Etcd => ctl::SnapshotFormat::Etcd,
        })
    }

    fn hash_kv(&self, file: &Path, revision: i64) -> anyhow::Result<Hash> {
        let hashed = snapshot::hash_kv(file, revision)?;
        Ok(Hash {
            hash: hashed.hash,
            revision: hashed.revision,
            compact_revision: hashed.compact_revision,
        })
    }
}

fn told(progress: snapshot::Progress) -> Progress {
    let step = match progress.phase {
        Phase::Checking => "checking",
        Phase::Reading => "reading",
        Phase::Writing => "writing",
    };
    Progress { step, done: progress.done, total: progress.total }
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
        )
    }
    Ok(())
}
