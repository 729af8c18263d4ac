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
mod snapshot_files;
mod text;
mod txn;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

pub use arguments::Arguments;
pub use output::Hash;
pub use snapshot_files::{
    Progress, Restore, RestoredAs, SnapshotFiles, SnapshotFormat, SnapshotStatus,
};

pub(crate) use failure::Usage;

use arguments::Called;

/// Names under which the binary is this program.
pub const NAMES: [&str; 3] = ["ctl", "etcdctl", "etcdutl"];

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
    let code = failure::parse_exit_code(Called::named(name), error);
    if code == 0 && error.use_stderr() {
        print!("{}", error.render());
    } else {
        // Nothing is left to be done when even that cannot be printed.
        let _ = error.print();
    }
    code.into()
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
