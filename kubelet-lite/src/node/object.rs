//! The Node and its Lease as JSON. Pure; names, reasons and messages are upstream's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::machine::{Capacity, Machine};
use crate::pod::time::{NANOS_PER_SECOND, Time};
use crate::runtime::Image;

pub const KUBELET_VERSION: &str = "v1.35.0+coracle";
/// Images that a node's status lists, as upstream.
const MAX_IMAGES: usize = 50;
/// A Lease without renewal for this long makes the node NotReady.
pub const LEASE_SECONDS: i64 = 40;

pub struct Facts<'a> {
    pub name: &'a str,
    pub ip: String,
    pub port: u16,
    pub pod_cidr: &'a str,
    pub labels: &'a BTreeMap<String, String>,
    pub taints: &'a [Value],
    pub capacity: &'a Capacity,
    pub machine: &'a Machine,
    pub runtime_version: String,
}

/// What is measured anew for each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    pub memory: bool,
    pub disk: bool,
    pub pids: bool,
}

/// The Node to register, without its status.
pub fn node(facts: &Facts<'_>) -> Value {
    let mut labels = facts.labels.clone();
    let arch = facts.machine.architecture;
    for (key, value) in [
        ("beta.kubernetes.io/arch", arch),
        ("beta.kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", arch),
        ("kubernetes.io/hostname", facts.name),
        ("kubernetes.io/os", "linux"),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    let mut spec = json!({});
    if !facts.pod_cidr.is_empty() {
        spec["podCIDR"] = json!(facts.pod_cidr);
        spec["podCIDRs"] = json!([facts.pod_cidr]);
    }
    if !facts.taints.is_empty() {
        spec["taints"] = json!(facts.taints);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": facts.name, "labels": labels},
        "spec": spec,
    })
}

/// The status apart from conditions: it changes only with the machine and its images.
pub fn status(facts: &Facts<'_>, images: &[Image]) -> Value {
    let machine = facts.machine;
    let list = facts.capacity.list();
    let mut info = json!({
        "machineID": machine.machine_id,
        "systemUUID": machine.system_uuid,
        "bootID": machine.boot_id,
        "kernelVersion": machine.kernel_version,
        "osImage": machine.os_image,
        "containerRuntimeVersion": facts.runtime_version,
        "kubeletVersion": KUBELET_VERSION,
        // Deprecated and still required; upstream's kubelet leaves it empty.
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": machine.architecture,
    });
    if let Some(swap) = machine.swap_bytes {
        info["swap"] = json!({"capacity": swap});
    }
    json!({
        "addresses": [
            {"type": "InternalIP", "address": facts.ip},
            {"type": "Hostname", "address": facts.name},
        ],
        "capacity": list,
        "allocatable": list,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": facts.port}},
        "nodeInfo": info,
        "images": image_list(images),
    })
}

/// The largest first, as upstream.
fn image_list(images: &[Image]) -> Vec<Value> {
    let mut images: Vec<&Image> = images.iter().collect();
    images.sort_by_key(|image| std::cmp::Reverse(image.size_bytes));
    let names =
        |image: &Image| image.digests.iter().chain(&image.tags).cloned().collect::<Vec<_>>();
    images
        .into_iter()
        .take(MAX_IMAGES)
        .map(|image| json!({"names": names(image), "sizeBytes": image.size_bytes}))
        .collect()
}

/// Conditions at `now`; one whose status is as in `since` keeps that transition time.
pub fn conditions(pressure: Pressure, since: &Transitions, now: Time) -> Vec<Value> {
    let rows = [
        (
            "MemoryPressure",
            pressure.memory,
            "KubeletHasInsufficientMemory",
            "kubelet has insufficient memory available",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        (
            "DiskPressure",
            pressure.disk,
            "KubeletHasDiskPressure",
            "kubelet has disk pressure",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
        ),
        (
            "PIDPressure",
            pressure.pids,
            "KubeletHasInsufficientPID",
            "kubelet has insufficient PID available",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
        ("Ready", true, "KubeletReady", "kubelet is posting ready status", "", ""),
    ];
    rows.into_iter()
        .map(|(kind, on, on_reason, on_message, off_reason, off_message)| {
            let status = if on { "True" } else { "False" };
            let (reason, message) =
                if on { (on_reason, on_message) } else { (off_reason, off_message) };
            json!({
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": now,
                "lastTransitionTime": since.get(kind, status).unwrap_or(now),
            })
        })
        .collect()
}

/// Since when each condition has the status it has, from the Node in the API.
#[derive(Clone, Debug, Default)]
pub struct Transitions(Vec<(String, String, Time)>);

impl Transitions {
    pub fn of(node: &Value) -> Self {
        let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
        let read = |condition: &Value| {
            let text = |name: &str| condition.get(name)?.as_str().map(str::to_owned);
            let time = Time::parse(&text("lastTransitionTime")?)?;
            Some((text("type")?, text("status")?, time))
        };
        Self(conditions.into_iter().flatten().filter_map(read).collect())
    }

    fn get(&self, kind: &str, status: &str) -> Option<Time> {
        let same = |row: &&(String, String, Time)| row.0 == kind && row.1 == status;
        self.0.iter().find(same).map(|row| row.2)
    }
}

pub fn lease(node_name: &str, node_uid: &str, now_nanos: i64) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": node_name,
            "namespace": "kube-node-lease",
            "ownerReferences": [owner(node_name, node_uid)],
        },
        "spec": lease_spec(node_name, now_nanos),
    })
}

/// A renewal; it also heals the owner, whose uid changes when the Node is registered anew.
pub fn renewal(node_name: &str, node_uid: &str, now_nanos: i64) -> Value {
    json!({
        "metadata": {"ownerReferences": [owner(node_name, node_uid)]},
        "spec": lease_spec(node_name, now_nanos),
    })
}

fn owner(node_name: &str, node_uid: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "name": node_name, "uid": node_uid})
}

fn lease_spec(node_name: &str, now_nanos: i64) -> Value {
    json!({
        "holderIdentity": node_name,
        "leaseDurationSeconds": LEASE_SECONDS,
        "renewTime": micro_time(now_nanos),
    })
}

/// `2026-01-02T03:04:05.000006Z`: always six digits, as a MicroTime is written.
pub fn micro_time(nanos: i64) -> String {
    let seconds = Time::from_nanos(nanos).to_string();
    let micros = nanos.rem_euclid(NANOS_PER_SECOND) / 1000;
    format!("{}.{micros:06}Z", seconds.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn micro_times_have_six_digits() {
        assert_eq!(micro_time(1_000_000_042_001), "1970-01-01T00:16:40.000042Z");
        assert_eq!(micro_time(0), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn a_condition_keeps_its_transition_time_until_it_changes() {
        let node = json!({"status": {"conditions": [
            {"type": "Ready", "status": "Unknown", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            {"type": "DiskPressure", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        ]}});
        let now = Time::parse("2026-02-01T00:00:00Z").expect("a time");
        let rows = conditions(
            Pressure { memory: true, ..Default::default() },
            &Transitions::of(&node),
            now,
        );
        let row = |kind: &str| rows.iter().find(|row| row["type"] == kind).expect("a row").clone();
        assert_eq!(row("Ready")["lastTransitionTime"], "2026-02-01T00:00:00Z");
        assert_eq!(row("DiskPressure")["lastTransitionTime"], "2026-01-01T00:00:00Z");
        assert_eq!(row("MemoryPressure")["reason"], "KubeletHasInsufficientMemory");
    }

    #[test]
    fn the_largest_images_are_listed() {
        let image = |size_bytes| Image {
            id: String::new(),
            tags: vec![format!("t{size_bytes}")],
            digests: vec![],
            size_bytes,
            uid: None,
            username: None,
        };
        let images: Vec<Image> = (0..60).map(image).collect();
        let list = image_list(&images);
        assert_eq!((list.len(), list[0]["names"][0].as_str()), (50, Some("t59")));
    }
}
