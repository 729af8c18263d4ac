//! The run's own namespaces.
//!
//! Before it has a second thread, the process leaves the machine's network and mounts for its own,
//! and as an ordinary user its user namespace too, in which it is root. Everything that a run makes
//! (interfaces, routes, file systems) then lives and dies with its processes: there is nothing to
//! clean up, whether the run ends, panics or is killed. Members die with the thread that started
//! them (see [`Member`](super::cluster::Member)), which is the main one.
//!
//! Rejected: named namespaces (`ip netns`) stay behind after a kill; a fault proxy on loopback
//! needs no privilege, but sees connections and not packets, and what it does to a half-open
//! connection is what its author thinks that networks do.

use std::fs;
use std::io;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error(
        "cannot make namespaces for the run: {0}; run as root, or where users may make namespaces"
    )]
    Namespaces(#[source] nix::Error),
    #[error("cannot write {path}: {source}; run as root")]
    Map { path: &'static str, source: io::Error },
    #[error("cannot keep mounts to the run: {0}; run as root")]
    Mounts(#[source] nix::Error),
}

/// Enters them. Call it while the process has one thread; whatever it starts later is inside.
pub fn enter() -> Result<(), SandboxError> {
    let flags = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        unshare(flags).map_err(SandboxError::Namespaces)?;
    } else {
        unshare(flags | CloneFlags::CLONE_NEWUSER).map_err(SandboxError::Namespaces)?;
        map("/proc/self/setgroups", "deny")?;
        map("/proc/self/uid_map", &format!("0 {user} 1"))?;
        map("/proc/self/gid_map", &format!("0 {group} 1"))?;
    }
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).map_err(SandboxError::Mounts)
}

fn map(path: &'static str, text: &str) -> Result<(), SandboxError> {
    fs::write(path, text).map_err(|source| SandboxError::Map { path, source })
}
