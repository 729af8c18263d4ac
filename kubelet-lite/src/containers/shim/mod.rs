//! The process beside a pod: parent of its containers, keeper of their logs and ends.
//!
//! It is the running binary, executed once more per pod, so that a node needs no second program.
//! It has one thread, because libcontainer forks and a fork of a process with threads may find any
//! lock held. It outlives the kubelet: logs go on and ends are written down while nobody is there.

mod child;
mod executor;
mod logs;
mod oom;
mod server;

use std::ffi::OsString;
use std::path::PathBuf;

/// Runs a shim over the sandbox folder that is the one argument. Standard input is the socket of
/// who started it. Returns the exit code.
///
/// To be called before the process has made any thread.
pub fn shim_main(args: impl IntoIterator<Item = OsString>) -> i32 {
    let mut args = args.into_iter();
    let (Some(folder), None) = (args.next(), args.next()) else {
        eprintln!("shim: the one argument is the folder of a sandbox");
        return 2;
    };
    match server::Server::open(PathBuf::from(folder)).and_then(server::Server::run) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("shim: {error}");
            1
        }
    }
}
