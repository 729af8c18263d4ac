//! QoS class, cgroup limits and OOM scores from requests and limits; upstream's arithmetic.

use std::collections::BTreeMap;

use api::quantity::{Format, Quantity};

use super::types::{Container, Pod};
use crate::runtime::Resources;

/// The kernel's default period, microseconds.
const CPU_PERIOD: i64 = 100_000;
const MIN_CPU_QUOTA: i64 = 1_000;
const MIN_CPU_SHARES: i64 = 2;
const MAX_CPU_SHARES: i64 = 262_144;

/// What a container of a Guaranteed pod gets: the kernel ends anything else first.
const GUARANTEED_OOM_SCORE: i32 = -997;
const BEST_EFFORT_OOM_SCORE: i32 = 1000;

fn quantity(list: &BTreeMap<String, String>, name: &str) -> Option<Quantity> {
    list.get(name).and_then(|text| Quantity::parse(text).ok())
}

fn limit(container: &Container, name: &str) -> Option<Quantity> {
    quantity(&container.resources.limits, name).filter(|limit| !limit.is_zero())
}

/// A missing request is the limit.
fn request(container: &Container, name: &str) -> Option<Quantity> {
    quantity(&container.resources.requests, name).or_else(|| limit(container, name))
}

/// `Guaranteed` if every container has cpu and memory limits and requests no less; `BestEffort` if
/// none asks for anything; `Burstable` otherwise. Init containers count.
pub fn class(pod: &Pod) -> &'static str {
    let names = ["cpu", "memory"];
    let mut containers = pod.spec.all_containers().peekable();
    if containers.peek().is_none() {
        return "BestEffort";
    }
    let (mut guaranteed, mut best_effort) = (true, true);
    for container in containers {
        for name in names {
            let asked = request(container, name).filter(|request| !request.is_zero());
            let limit = limit(container, name);
            best_effort &= asked.is_none() && limit.is_none();
            guaranteed &= match (asked, limit) {
                (Some(asked), Some(limit)) => {
                    (asked.milli_value(), asked.value()) == (limit.milli_value(), limit.value())
                }
                _ => false,
            };
        }
    }
    match (guaranteed, best_effort) {
        (true, _) => "Guaranteed",
        (false, true) => "BestEffort",
        (false, false) => "Burstable",
    }
}

/// cgroup settings of one container. `memory_capacity` (bytes of the machine) scales the OOM score.
pub fn container_resources(pod: &Pod, container: &Container, memory_capacity: i64) -> Resources {
    let cpu_request = request(container, "cpu").map_or(0, |cpu| cpu.milli_value());
    let cpu_limit = limit(container, "cpu").map(|cpu| cpu.milli_value());
    Resources {
        cpu_shares: Some(cpu_shares(cpu_request)),
        cpu_quota: cpu_limit.map(cpu_quota),
        cpu_period: cpu_limit.and(u64::try_from(CPU_PERIOD).ok()),
        memory_limit_bytes: limit(container, "memory").map(|memory| memory.value()),
        pids_limit: None,
        oom_score_adj: Some(oom_score(pod, container, memory_capacity)),
    }
}

/// The pod's own cgroup: what its containers together may use. A limit is set only where every
/// container has one; init containers run alone, so the largest of them is enough.
pub fn pod_resources(pod: &Pod) -> Resources {
    let total = |read: &dyn Fn(&Container) -> Option<i64>, floor: i64| -> Option<i64> {
        let mut sum: i64 = 0;
        for container in &pod.spec.containers {
            sum = sum.saturating_add(read(container)?);
        }
        let (mut sidecars, mut peak): (i64, i64) = (0, 0);
        for container in &pod.spec.init_containers {
            let value = read(container)?;
            if super::actual::is_sidecar(container) {
                sidecars = sidecars.saturating_add(value);
                peak = peak.max(sidecars);
            } else {
                peak = peak.max(sidecars.saturating_add(value));
            }
        }
        Some(sum.saturating_add(sidecars).max(peak).max(floor))
    };
    let cpu_limit = total(&|container| limit(container, "cpu").map(|cpu| cpu.milli_value()), 1);
    let cpu_request =
        total(&|container| Some(request(container, "cpu").map_or(0, |cpu| cpu.milli_value())), 0);
    Resources {
        cpu_shares: Some(cpu_shares(cpu_request.unwrap_or(0))),
        cpu_quota: cpu_limit.map(cpu_quota),
        cpu_period: cpu_limit.and(u64::try_from(CPU_PERIOD).ok()),
        memory_limit_bytes: total(
            &|container| limit(container, "memory").map(|memory| memory.value()),
            1,
        ),
        pids_limit: None,
        oom_score_adj: None,
    }
}

fn cpu_shares(milli_cpu: i64) -> u64 {
    let shares = milli_cpu.saturating_mul(1024) / 1000;
    u64::try_from(shares.clamp(MIN_CPU_SHARES, MAX_CPU_SHARES)).unwrap_or(2)
}

fn cpu_quota(milli_cpu: i64) -> i64 {
    (milli_cpu.saturating_mul(CPU_PERIOD) / 1000).max(MIN_CPU_QUOTA)
}

/// A burstable container is the likelier to be killed the less memory it has asked for.
fn oom_score(pod: &Pod, container: &Container, memory_capacity: i64) -> i32 {
    match class(pod) {
        "Guaranteed" => return GUARANTEED_OOM_SCORE,
        "BestEffort" => return BEST_EFFORT_OOM_SCORE,
        _ => {}
    }
    let asked = request(container, "memory").map_or(0, |memory| memory.value());
    let score = 1000 - 1000 * i128::from(asked) / i128::from(memory_capacity.max(1));
    let score = i32::try_from(score).unwrap_or(0);
    // Always above a guaranteed container and below a best-effort one.
    score.clamp(1000 + GUARANTEED_OOM_SCORE, BEST_EFFORT_OOM_SCORE - 1)
}

/// The value that a `resourceFieldRef` names, in units of its divisor, rounded up. Without a limit
/// of its own a container may use what the node has (`allocatable`).
///
/// `None` when the resource or the divisor is not one that Kubernetes knows.
pub fn resource_field(
    container: &Container,
    resource: &str,
    divisor: Option<&str>,
    allocatable: &BTreeMap<String, String>,
) -> Option<String> {
    let (list, name) = resource.split_once('.')?;
    let divisor = divisor.map(Quantity::parse).transpose().ok()?;
    let divisor =
        divisor.filter(|divisor| !divisor.is_zero()).unwrap_or(Quantity::new(1, Format::DecimalSi));
    let value = match list {
        "limits" => limit(container, name).or_else(|| quantity(allocatable, name)),
        "requests" => Some(request(container, name).unwrap_or(Quantity::ZERO)),
        _ => None,
    }?;
    let (value, divisor) = match name {
        "cpu" => (value.milli_value(), divisor.milli_value()),
        _ => (value.value(), divisor.value()),
    };
    let divisor = divisor.max(1);
    Some((value.saturating_add(divisor - 1) / divisor).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(containers: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"spec": {"containers": containers}})).expect("a pod")
    }

    #[test]
    fn class_and_scores_follow_requests_and_limits() {
        let full = json!({"cpu": "1", "memory": "1Gi"});
        let cases = [
            (json!([{"name": "a"}]), "BestEffort", 1000),
            (json!([{"name": "a", "resources": {"limits": full}}]), "Guaranteed", -997),
            (
                json!([{"name": "a", "resources": {"requests": full, "limits": {"cpu": "1000m", "memory": "1024Mi"}}}]),
                "Guaranteed",
                -997,
            ),
            (
                json!([{"name": "a", "resources": {"requests": {"memory": "1Gi"}}}]),
                "Burstable",
                750,
            ),
            (json!([{"name": "a", "resources": {"requests": {"cpu": "1"}}}]), "Burstable", 999),
            (
                json!([{"name": "a", "resources": {"limits": full}}, {"name": "b"}]),
                "Burstable",
                750,
            ),
        ];
        for (containers, wanted, score) in cases {
            let pod = pod(containers.clone());
            assert_eq!(class(&pod), wanted, "{containers}");
            let resources = container_resources(&pod, &pod.spec.containers[0], 4 << 30);
            assert_eq!(resources.oom_score_adj, Some(score), "{containers}");
        }
    }

    #[test]
    fn cgroup_values_are_upstreams() {
        let pod = pod(json!([
            {"name": "a", "resources": {"limits": {"cpu": "250m", "memory": "64Mi"}}},
            {"name": "b", "resources": {"limits": {"cpu": "5m"}}}
        ]));
        let [a, b] = [0, 1].map(|i| container_resources(&pod, &pod.spec.containers[i], 1 << 30));
        assert_eq!(
            (a.cpu_shares, a.cpu_quota, a.memory_limit_bytes),
            (Some(256), Some(25_000), Some(64 << 20))
        );
        assert_eq!((b.cpu_shares, b.cpu_quota, b.memory_limit_bytes), (Some(5), Some(1_000), None));
        let all = pod_resources(&pod);
        assert_eq!((all.cpu_quota, all.memory_limit_bytes), (Some(25_500), None));
    }

    #[test]
    fn resource_fields_round_up_and_fall_back_to_the_node() {
        let pod = pod(
            json!([{"name": "a", "resources": {"limits": {"cpu": "1500m"}, "requests": {"memory": "100"}}}]),
        );
        let node = BTreeMap::from([("memory".to_owned(), "2Gi".to_owned())]);
        let cases = [
            ("limits.cpu", None, Some("2")),
            ("limits.cpu", Some("1m"), Some("1500")),
            ("limits.memory", Some("1Mi"), Some("2048")),
            ("requests.memory", None, Some("100")),
            ("requests.cpu", Some("1m"), Some("1500")),
            ("requests.storage", None, Some("0")),
            ("weather.cpu", None, None),
        ];
        for (resource, divisor, wanted) in cases {
            let got = resource_field(&pod.spec.containers[0], resource, divisor, &node);
            assert_eq!(got.as_deref(), wanted, "{resource} {divisor:?}");
        }
    }
}
