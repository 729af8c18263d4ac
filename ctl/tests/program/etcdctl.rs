//! This crate as a program of its own, without a store's files: what the tests run beside the
//! stock etcdctl. Called as `etcdutl` it is that.

use std::path::Path;
use std::process::ExitCode;

use ctl::{Hash, Progress, Restore, SnapshotFormat, SnapshotStatus};

struct NoFiles;

impl ctl::SnapshotFiles for NoFiles {
    fn status(&self, _snapshot: &Path) -> anyhow::Result<SnapshotStatus> {
        no_files()
    }

    fn restore(&self, _restore: &Restore, _on_progress: &dyn Fn(Progress)) -> anyhow::Result<()> {
        no_files()
    }

    fn convert(
        &self,
        _from: &Path,
        _to: &Path,
        _format: SnapshotFormat,
        _skip_hash_check: bool,
        _on_progress: &dyn Fn(Progress),
    ) -> anyhow::Result<()> {
        no_files()
    }

    /// What a server sends is etcd's, or is not looked into.
    fn format(&self, _snapshot: &Path) -> anyhow::Result<SnapshotFormat> {
        Ok(SnapshotFormat::Etcd)
    }

    fn hash_kv(&self, _file: &Path, _revision: i64) -> anyhow::Result<Hash> {
        no_files()
    }
}

fn no_files<T>() -> anyhow::Result<T> {
    anyhow::bail!("this program reads no files")
}

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let name = words.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    let name = if name == "etcdutl" { "etcdutl" } else { "etcdctl" };
    match ctl::parse(name, words) {
        Ok(arguments) => {
            ctl::run(arguments, &ctl::Host { snapshots: &NoFiles, default_data_dir: None })
        }
        Err(error) => ctl::refuse(name, &error),
    }
}
