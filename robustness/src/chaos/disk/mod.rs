//! The disk of a member: a file system of its own, under a library that makes it fail and forget.
//!
//! [`Volume`] is the file system, small enough to be filled. [`FaultLibrary`] is `faultfs.c`,
//! compiled for the run and loaded into members. [`Controls`] gives it commands while the member
//! runs. [`power_loss`] takes from a dead member's volume what no sync had covered.

mod controls;
mod journal;
mod library;
mod power;
#[cfg(test)]
mod power_test;
mod volume;

pub use controls::{Controls, Obeyed};
pub use journal::{Name, unsynced_names};
pub use library::FaultLibrary;
pub use power::{Fate, Lost, power_loss};
pub use volume::Volume;

/// Why a disk could not be made, failed or mended.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: std::path::PathBuf, source: std::io::Error },
    #[error("cannot {action} the file system on {}: {source}; run as root", path.display())]
    Mount { action: &'static str, path: std::path::PathBuf, source: nix::Error },
    #[error("cannot compile the fault library: {reason}; install a C compiler named cc")]
    Compiler { reason: String },
    #[error("{}: {reason}", path.display())]
    Journal { path: std::path::PathBuf, reason: String },
}

fn io_error(
    action: &'static str,
    path: &std::path::Path,
) -> impl FnOnce(std::io::Error) -> DiskError {
    let path = path.to_owned();
    move |source| DiskError::Io { action, path, source }
}
