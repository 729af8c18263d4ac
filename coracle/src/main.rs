//! The one binary: arguments, composition, nothing else.
//!
//! `main` stays synchronous until it knows what to run: a pod's shim must fork before any thread
//! exists, so it is recognised first, before an async runtime or an allocator arena is made.

mod cli;
mod completion;
mod exit;
mod image;
mod kubelet;
mod logging;
mod program;
mod snapshots;
mod store;
mod tls;
mod token;
mod up;
mod version;

use std::process::ExitCode;

/// The hidden command under which the binary is the shim of one pod.
const SHIM: &str = "shim";

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == SHIM) {
        let code = kubelet_lite::containers::shim_main(arguments.into_iter().skip(2));
        return u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from);
    }
    program::run(arguments)
}
