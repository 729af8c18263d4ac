//! What a cluster has on the machine: processes, mounts, interfaces, namespaces, cgroups.

use std::fs;
use std::path::Path;

/// The tag in the names of everything that a data directory's cluster makes in the kernel. `None`
/// before its first pod network.
pub fn tag(data_dir: &Path) -> Option<String> {
    let text = fs::read(data_dir.join("runtime/network.json")).ok()?;
    let network: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(network["cluster_id"].as_str()?.to_owned())
}

/// Everything that is there, one line each.
pub fn traces(data_dir: &Path, tag: &str) -> Vec<String> {
    let group = format!("coracle-{tag}");
    let netns = format!("cora-{tag}-");
    let (bridge, veth) = (format!("cora-{tag}"), format!("cv{tag}-"));
    let mut found: Vec<String> =
        processes(data_dir, &group).into_iter().map(|one| format!("process {one}")).collect();
    found.extend(mounts(data_dir).into_iter().map(|one| format!("mount {one}")));
    let links = names("/sys/class/net").into_iter();
    let ours = links.filter(|link| *link == bridge || link.starts_with(&veth));
    found.extend(ours.map(|link| format!("link {link}")));
    let namespaces = names("/run/netns").into_iter().filter(|name| name.starts_with(&netns));
    found.extend(namespaces.map(|name| format!("network namespace {name}")));
    found.extend(cgroups(&group).into_iter().map(|one| format!("cgroup {one}")));
    found
}

/// Processes that have the data directory on their command line, or run in the cluster's cgroup.
fn processes(data_dir: &Path, group: &str) -> Vec<String> {
    let directory = data_dir.to_str().expect("UTF-8");
    let pids = names("/proc").into_iter().filter(|name| name.parse::<u32>().is_ok());
    pids.filter_map(|pid| {
        // What ends in between has no files any more.
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?.replace('\0', " ");
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let is_ours = words.contains(directory) || groups.contains(&format!("/{group}/"));
        is_ours.then(|| format!("{pid} {words}"))
    })
    .collect()
}

/// Pids of the shims of a data directory: one for each pod.
pub fn shims(data_dir: &Path) -> Vec<i32> {
    let directory = data_dir.to_str().expect("UTF-8");
    let pids = names("/proc").into_iter().filter_map(|name| name.parse::<i32>().ok());
    pids.filter(|pid| {
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split('\0').nth(1) == Some("shim") && words.contains(directory)
    })
    .collect()
}

/// How much of a container's id names its cgroup.
const ID_DIGITS: usize = 16;

/// Pids in the cgroup of a container, by its id.
pub fn container_processes(container_id: &str) -> Vec<i32> {
    let id = container_id.rsplit('/').next().expect("split gives one part at least");
    let id = id.get(..ID_DIGITS).expect("ids are longer");
    let pids = names("/proc").into_iter().filter_map(|name| name.parse::<i32>().ok());
    pids.filter(|pid| {
        fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| groups.contains(id))
    })
    .collect()
}

fn mounts(data_dir: &Path) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").expect("readable");
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    points.filter(|point| Path::new(point).starts_with(data_dir)).map(str::to_owned).collect()
}

/// The cluster's cgroup in the one hierarchy of v2, or in each of v1.
fn cgroups(group: &str) -> Vec<String> {
    let root = Path::new("/sys/fs/cgroup");
    let mut places = vec![root.join(group)];
    places.extend(names("/sys/fs/cgroup").iter().map(|name| root.join(name).join(group)));
    places.retain(|place| place.exists());
    places.iter().map(|place| place.display().to_string()).collect()
}

fn names(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
