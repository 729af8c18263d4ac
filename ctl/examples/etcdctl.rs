//! This crate as a program of its own, without a store's files: what the tests run beside the
//! stock etcdctl. Called as `etcdutl` it is that.

use std::path::Path;
use std::process::ExitCode;

struct NoFiles;

impl ctl::SnapshotFiles for NoFiles {
    fn status(&self, snapshot: &Path) -> anyhow::Result<ctl::SnapshotStatus> {
        anyhow::bail!("{} cannot be read by this program", snapshot.display())
    }

    fn restore(&self, snapshot: &Path, _data_dir: &Path, _skip: bool) -> anyhow::Result<()> {
        anyhow::bail!("{} cannot be read by this program", snapshot.display())
    }
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
