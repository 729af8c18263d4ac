//! etcdctl's and etcdutl's commands over the etcd v3 client protocol.
//!
//! ```text
//! arguments ──▶ command ──▶ connect ──▶ any etcd v3 endpoint
//!                  └──────▶ output      (simple, table, json, fields, protobuf)
//! ```
//!
//! Works against any etcd v3 endpoint. Told nothing, it finds the running cluster of this host by
//! its `run.json`. Knows no storage format: whoever composes the binary hands in
//! [`SnapshotFiles`].

mod arguments;
mod command;
mod connect;
mod discover;
mod failure;
mod go;
mod output;
mod secret;
mod signals;
mod text;
mod txn;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use arguments::Arguments;
pub use output::Hash;

pub(crate) use failure::Usage;

use arguments::Called;

/// Names under which the binary is this program.
pub const NAMES: [&str; 3] = ["ctl", "etcdctl", "etcdutl"];

/// What a snapshot file is said to hold.
#[derive(Clone, Debug)]
pub struct SnapshotStatus {
    pub hash: u32,
    pub revision: i64,
    pub total_keys: i64,
    /// Bytes.
    pub total_size: i64,
    pub version: String,
}

/// Reading snapshot files, which only the store knows how to do.
pub trait SnapshotFiles {
    fn status(&self, snapshot: &Path) -> anyhow::Result<SnapshotStatus>;

    /// Makes a data directory from a snapshot; refuses one that is not empty.
    fn restore(
        &self,
        snapshot: &Path,
        data_dir: &Path,
        skip_hash_check: bool,
    ) -> anyhow::Result<()>;

    /// Hashes the history in a file up to a revision, 0 for the latest.
    fn hash_kv(&self, file: &Path, _revision: i64) -> anyhow::Result<Hash> {
        anyhow::bail!(
            "the history in {} cannot be hashed from its file; ask a server that has it, with \
             `endpoint hashkv`",
            file.display()
        )
    }

    /// Gives space that is free inside a store that does not run back to the file system.
    fn defragment(&self, data_dir: &Path) -> anyhow::Result<()> {
        anyhow::bail!(
            "{} gives its free space back by itself while it runs; for now there is `etcdctl \
             defrag`",
            data_dir.display()
        )
    }
}

/// What the binary around this program provides.
pub struct Host<'a> {
    pub snapshots: &'a dyn SnapshotFiles,
    /// Where a cluster of this host lives unless told otherwise.
    pub default_data_dir: Option<PathBuf>,
}

/// Parses the command line of the program called by one of [`NAMES`].
pub fn parse(name: &str, arguments: Vec<OsString>) -> Result<Arguments, clap::Error> {
    arguments::parse(Called::named(name), arguments)
}

/// Tells of a command line that [`parse`] refused, or of the help that was asked for, and gives
/// the exit code that goes with it under that name.
pub fn refuse(name: &str, error: &clap::Error) -> ExitCode {
    // Nothing is left to be done when even that cannot be printed.
    let _ = error.print();
    failure::parse_exit_code(Called::named(name), error).into()
}

/// Runs one command and gives the process's exit code: 0 done, 1 failed, 2 wrong usage; those of
/// etcdctl when called so.
pub fn run(arguments: Arguments, host: &Host<'_>) -> ExitCode {
    let called = arguments.called;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("Error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command::run(arguments, host)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is::<failure::Told>() {
                eprintln!("Error: {error:#}");
            }
            failure::exit_code(called, &error).into()
        }
    }
}
