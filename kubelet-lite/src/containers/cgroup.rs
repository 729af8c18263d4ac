//! Control groups: pods' limits, and the end of whatever still runs in one.
//!
//! A machine has one hierarchy per controller (v1, or v1 beside an empty v2) or one for all (v2).
//! libcontainer makes and limits the containers' own groups. What is above and around them is done
//! here with plain files: [`remove`] must work on what a crash left, without anyone's state.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::runtime::Resources;

/// A process that was sent SIGKILL is gone within milliseconds, or hangs in the kernel.
const REMOVE_ATTEMPTS: u32 = 500;
const REMOVE_PAUSE: Duration = Duration::from_millis(4);
const DEFAULT_PERIOD: u64 = 100_000;

/// Where the hierarchies are mounted.
pub(crate) fn root() -> &'static Path {
    Path::new("/sys/fs/cgroup")
}

/// The root of every mounted hierarchy.
fn hierarchies() -> Vec<PathBuf> {
    if is_unified() {
        return vec![root().to_owned()];
    }
    let Ok(entries) = fs::read_dir(root()) else {
        return vec![];
    };
    // `cpu` may be a link to `cpu,cpuacct`: the same hierarchy, to be worked on once.
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

/// Names of v1's hierarchies, links among them included; none where there is v2 alone.
pub(crate) fn hierarchy_names() -> Vec<String> {
    if is_unified() {
        return vec![];
    }
    let Ok(entries) = fs::read_dir(root()) else {
        return vec![];
    };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Whether there is the one hierarchy of v2 alone.
pub(crate) fn is_unified() -> bool {
    root().join("cgroup.controllers").exists()
}

/// Whether memory limits can include swap.
pub(crate) fn counts_swap() -> bool {
    is_unified() || root().join("memory/memory.memsw.limit_in_bytes").exists()
}

/// Whether pods can be confined here at all; otherwise the reason.
pub(crate) fn check() -> Result<(), String> {
    let hierarchies = hierarchies();
    let Some(first) = hierarchies.first() else {
        return Err(format!("no cgroup hierarchy is mounted at {}", root().display()));
    };
    let probe = first.join(format!("coracle-probe-{:016x}", rand::random::<u64>()));
    let made = fs::create_dir(&probe).map_err(|error| format!("cgroups: {error}"));
    let _ = fs::remove_dir(&probe);
    made
}

/// Creates a pod's group with its limits. A controller that is not there limits nothing.
pub(crate) fn create(path: &str, resources: &Resources) -> io::Result<()> {
    if is_unified() {
        return create_unified(path, resources);
    }
    for hierarchy in hierarchies() {
        let group = join(&hierarchy, path);
        // `cpuset` groups need their processors set at each level, which libcontainer does.
        if hierarchy.ends_with("cpuset") || hierarchy.ends_with("unified") {
            continue;
        }
        fs::create_dir_all(&group)?;
    }
    let write = |controller: &str, file: &str, value: String| {
        let group = join(&root().join(controller), path);
        match group.exists() {
            true => fs::write(group.join(file), value),
            false => Ok(()),
        }
    };
    if let Some(limit) = resources.memory_limit_bytes {
        write("memory", "memory.limit_in_bytes", limit.to_string())?;
    }
    if let Some(shares) = resources.cpu_shares {
        write("cpu", "cpu.shares", shares.to_string())?;
    }
    if let Some(quota) = resources.cpu_quota {
        let period = resources.cpu_period.unwrap_or(DEFAULT_PERIOD);
        write("cpu", "cpu.cfs_period_us", period.to_string())?;
        write("cpu", "cpu.cfs_quota_us", quota.to_string())?;
    }
    if let Some(limit) = resources.pids_limit {
        write("pids", "pids.max", limit.to_string())?;
    }
    Ok(())
}

fn create_unified(path: &str, resources: &Resources) -> io::Result<()> {
    // Controllers are handed down level by level.
    let mut group = root().to_owned();
    for part in path.trim_matches('/').split('/') {
        for controller in ["+cpu", "+memory", "+pids", "+cpuset"] {
            let _ = fs::write(group.join("cgroup.subtree_control"), controller);
        }
        group.push(part);
        match fs::create_dir(&group) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    let write = |file: &str, value: String| fs::write(group.join(file), value);
    if let Some(limit) = resources.memory_limit_bytes {
        write("memory.max", limit.to_string())?;
    }
    if let Some(shares) = resources.cpu_shares {
        write("cpu.weight", weight(shares).to_string())?;
    }
    if let Some(quota) = resources.cpu_quota {
        let period = resources.cpu_period.unwrap_or(DEFAULT_PERIOD);
        write("cpu.max", format!("{quota} {period}"))?;
    }
    if let Some(limit) = resources.pids_limit {
        write("pids.max", limit.to_string())?;
    }
    Ok(())
}

/// v2's weight (1 to 10,000) for v1's shares (2 to 262,144), as the OCI runtimes convert.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

/// Sends SIGKILL to every process in a group and below it.
pub(crate) fn kill_all(path: &str) {
    for pid in processes(path) {
        let _ = kill(pid, Signal::SIGKILL);
    }
}

/// Processes in a group and below it, in any hierarchy.
pub(crate) fn processes(path: &str) -> Vec<Pid> {
    let mut pids = vec![];
    for hierarchy in hierarchies() {
        collect(&join(&hierarchy, path), &mut pids);
    }
    pids.sort_unstable_by_key(|pid| pid.as_raw());
    pids.dedup();
    pids
}

fn collect(group: &Path, pids: &mut Vec<Pid>) {
    let Ok(text) = fs::read_to_string(group.join("cgroup.procs")) else {
        return;
    };
    let parsed = text.lines().filter_map(|line| line.parse().ok());
    // 0 stands for a process of a PID namespace that is not ours to see.
    pids.extend(parsed.filter(|pid| *pid > 0).map(Pid::from_raw));
    for child in groups(group) {
        collect(&child, pids);
    }
}

/// Kills what runs in a group and below it and removes it. Idempotent. Blocks until the processes
/// are gone, up to two seconds.
pub(crate) fn remove(path: &str) -> io::Result<()> {
    let mut attempts = 0;
    loop {
        let mut busy = None;
        for hierarchy in hierarchies() {
            if let Err(error) = remove_tree(&join(&hierarchy, path)) {
                busy = Some(error);
            }
        }
        let Some(error) = busy else {
            return Ok(());
        };
        attempts += 1;
        if attempts == REMOVE_ATTEMPTS {
            return Err(error);
        }
        kill_all(path);
        std::thread::sleep(REMOVE_PAUSE);
    }
}

fn remove_tree(group: &Path) -> io::Result<()> {
    for child in groups(group) {
        remove_tree(&child)?;
    }
    match fs::remove_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Names of the groups directly below a group, in any hierarchy.
pub(crate) fn children(path: &str) -> Vec<String> {
    let mut names: Vec<String> = hierarchies()
        .iter()
        .flat_map(|hierarchy| groups(&join(hierarchy, path)))
        .filter_map(|group| Some(group.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn groups(group: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(group) else {
        return vec![];
    };
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

fn join(hierarchy: &Path, path: &str) -> PathBuf {
    hierarchy.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_weights() {
        for (shares, expected) in
            [(0, 1), (2, 1), (1024, 39), (262_144, 10_000), (u64::MAX, 10_000)]
        {
            assert_eq!(weight(shares), expected, "{shares}");
        }
    }
}
