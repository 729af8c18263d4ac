//! Real containers, without a container daemon.
//!
//! ```text
//! kubelet ── Containers ──socket──► shim (one per pod) ── pause        holds the namespaces
//!               │                    │ libcontainer    ├─ container    own mounts, cgroup, PIDs
//!               │                    └─ logs, ends     └─ container
//!               ├─ image store, overlay mounts
//!               └─ network namespace, bridge, addresses
//! ```
//!
//! **Ownership.** The runtime (this process) makes and removes what outlives a process: folders,
//! mounts, namespaces' names, interfaces, cgroups. The shim owns the processes: it alone starts,
//! signals and waits for them, writes their logs and, when one ends, its `status.json`.
//!
//! **Ordering.** A record is on disk before the first thing it names is made, and is removed after
//! the last. So whatever a crash leaves is found by the record, and what has no record but carries
//! our name is rubbish ([`recover`](self)). A container's end is in its file before it is reported.
//!
//! **Crash.** The shims outlive the runtime. The next one connects to their sockets, asks what runs,
//! and carries on; a pod whose shim is gone too is shown as ended, for the kubelet to replace.
//!
//! **Rejected.** containerd behind CRI: another daemon to install, 180–390 ms per pod against 60.
//! Running containers as children of this process: they would die with it, and libcontainer forks,
//! which a process with threads must not.

mod backend;
mod capability;
mod cgroup;
mod client;
mod config;
mod create;
mod device;
mod exec;
mod folder;
mod pod;
mod protocol;
mod recover;
mod rootfs;
mod sandbox;
mod shim;
mod spec;
mod state;
mod user;

pub use config::{ContainersConfig, OpenError, check};
pub use shim::shim_main;
pub use state::Containers;
