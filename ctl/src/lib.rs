//! etcdctl's and etcdutl's commands over the etcd v3 client protocol.
//!
//! Works against any etcd v3 endpoint. Told nothing, it finds the running cluster of this host by
//! its `run.json`. Knows no storage format: whoever composes the binary hands in
//! [`SnapshotFiles`].

mod arguments;
mod command;
mod connect;
mod discover;
mod output;
mod script;
mod text;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

pub use arguments::Arguments;

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
}

/// What the binary around this program provides.
pub struct Host<'a> {
    pub snapshots: &'a dyn SnapshotFiles,
    /// Where a cluster of this host lives unless told otherwise.
    pub default_data_dir: Option<PathBuf>,
}

#[derive(Debug, Parser)]
#[command(name = "ctl", version, arg_required_else_help = true)]
struct Standalone {
    #[command(flatten)]
    arguments: Arguments,
}

/// Parses the command line of the program called by one of [`NAMES`].
pub fn parse(name: &'static str, arguments: Vec<OsString>) -> Result<Arguments, clap::Error> {
    let command = <Standalone as clap::CommandFactory>::command().name(name);
    let matches = command.try_get_matches_from(arguments)?;
    let standalone = <Standalone as clap::FromArgMatches>::from_arg_matches(&matches)?;
    Ok(standalone.arguments)
}

/// Runs one command and gives the process's exit code: 0 done, 1 failed, 2 wrong usage.
pub fn run(arguments: Arguments, host: &Host<'_>) -> ExitCode {
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
            eprintln!("Error: {error:#}");
            if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// A mistake in the arguments that the parser cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub String);
