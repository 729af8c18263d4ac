//! What `kubectl get pods` shows of a pod.
//!
//! STATUS is a summary: the phase, overruled by the status' reason, by the first init container
//! that is not through, by the containers' waiting and termination reasons, and at last by
//! deletion. The order below is upstream's and decides which of them wins.

use serde_json::{Value, json};

use super::super::Column;
use super::super::age::{age, since, unix_seconds};
use super::super::fields::{at, flag, has, items, number, text, text_or};
use super::super::labels::NONE;

pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::object_name(),
        Column::new("Ready", "string", "Ready containers of all."),
        Column::new("Status", "string", "Summary of the state of the pod."),
        Column::new("Restarts", "string", "Restarts of the containers, and when the last was."),
        Column::age(),
        Column::wide("IP", "string", "Address of the pod."),
        Column::wide("Node", "string", "Node the pod is bound to."),
        Column::wide("Nominated Node", "string", "Node the pod may get once others have left it."),
        Column::wide("Readiness Gates", "string", "Readiness gates that hold, of all."),
    ]
}

pub(super) fn cells(pod: &Value, now: i64) -> Vec<Value> {
    let summary = summarize(pod);
    let name = text(pod, "metadata.name");
    let ready = format!("{}/{}", summary.ready, summary.containers);
    let restarts = match &summary.restarts.last {
        Some((_, time)) if summary.restarts.count != 0 => {
            format!("{} ({} ago)", summary.restarts.count, since(time, now))
        }
        _ => summary.restarts.count.to_string(),
    };
    let ip = items(pod, "status.podIPs").first().map_or("", |address| text(address, "ip"));
    vec![
        name.into(),
        ready.into(),
        summary.reason.into(),
        restarts.into(),
        age(pod, now).into(),
        (if ip.is_empty() { NONE } else { ip }).into(),
        text_or(pod, "spec.nodeName", NONE).into(),
        text_or(pod, "status.nominatedNodeName", NONE).into(),
        readiness_gates(pod).into(),
    ]
}

/// A finished pod's row says so, so that clients can hide it.
pub(super) fn row_conditions(pod: &Value) -> Vec<Value> {
    let message = match text(pod, "status.phase") {
        "Succeeded" => "The pod has completed successfully.",
        "Failed" => "The pod failed.",
        _ => return Vec::new(),
    };
    let reason = text(pod, "status.phase");
    vec![json!({"type": "Completed", "status": "True", "reason": reason, "message": message})]
}

#[derive(Default)]
struct Restarts<'a> {
    count: i64,
    /// Unix seconds and text of the latest end of an earlier run.
    last: Option<(i64, &'a str)>,
}

impl<'a> Restarts<'a> {
    fn count(&mut self, container: &'a Value) {
        self.count += number(container, "restartCount");
        let finished = text(container, "lastState.terminated.finishedAt");
        if let Some(seconds) = unix_seconds(finished)
            && self.last.is_none_or(|(last, _)| last < seconds)
        {
            self.last = Some((seconds, finished));
        }
    }
}

/// Init containers that keep running beside the others (sidecars).
fn is_restartable_init(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}

struct Summary<'a> {
    ready: usize,
    containers: usize,
    reason: String,
    restarts: Restarts<'a>,
}

fn summarize(pod: &Value) -> Summary<'_> {
    let init_containers = items(pod, "spec.initContainers");
    let restartable = |name: &str| {
        init_containers.iter().any(|c| text(c, "name") == name && is_restartable_init(c))
    };
    let mut summary = Summary {
        ready: 0,
        containers: items(pod, "spec.containers").len()
            + init_containers.iter().filter(|c| is_restartable_init(c)).count(),
        reason: phase_reason(pod).to_owned(),
        restarts: Restarts::default(),
    };
    let mut sidecar_restarts = Restarts::default();
    let mut initializing = false;
    for (index, status) in items(pod, "status.initContainerStatuses").iter().enumerate() {
        let is_sidecar = restartable(text(status, "name"));
        summary.restarts.count(status);
        if is_sidecar {
            sidecar_restarts.count(status);
        }
        if has(status, "state.terminated") && number(status, "state.terminated.exitCode") == 0 {
            continue;
        }
        if is_sidecar && flag(status, "started") {
            summary.ready += usize::from(flag(status, "ready"));
            continue;
        }
        summary.reason = init_reason(status, index, init_containers.len());
        initializing = true;
        break;
    }
    if !initializing || condition(pod, "Initialized") == Some("True") {
        summary.restarts = sidecar_restarts;
        count_containers(pod, &mut summary);
    }
    if has(pod, "metadata.deletionTimestamp") {
        if text(pod, "status.reason") == "NodeLost" {
            summary.reason = "Unknown".to_owned();
        } else if !matches!(text(pod, "status.phase"), "Succeeded" | "Failed") {
            summary.reason = "Terminating".to_owned();
        }
    }
    summary
}

fn phase_reason(pod: &Value) -> &str {
    let gated = items(pod, "status.conditions").iter().any(|condition| {
        text(condition, "type") == "PodScheduled" && text(condition, "reason") == "SchedulingGated"
    });
    if gated {
        return "SchedulingGated";
    }
    match text(pod, "status.reason") {
        "" => text(pod, "status.phase"),
        reason => reason,
    }
}

/// The reason that an init container which is not through gives.
fn init_reason(status: &Value, index: usize, total: usize) -> String {
    if let Some(terminated) = at(status, "state.terminated") {
        return format!("Init:{}", termination_reason(terminated));
    }
    match text(status, "state.waiting.reason") {
        "" | "PodInitializing" => format!("Init:{index}/{total}"),
        reason => format!("Init:{reason}"),
    }
}

fn termination_reason(terminated: &Value) -> String {
    match (text(terminated, "reason"), number(terminated, "signal")) {
        ("", 0) => format!("ExitCode:{}", number(terminated, "exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// The containers proper; as upstream from the last to the first, so that the first's reason
/// stands.
fn count_containers<'a>(pod: &'a Value, summary: &mut Summary<'a>) {
    let mut has_running = false;
    let mut error_reason = String::new();
    for status in items(pod, "status.containerStatuses").iter().rev() {
        summary.restarts.count(status);
        let waiting = text(status, "state.waiting.reason");
        if !waiting.is_empty() {
            summary.reason = waiting.to_owned();
        } else if let Some(terminated) = at(status, "state.terminated") {
            summary.reason = termination_reason(terminated);
            if number(terminated, "exitCode") != 0 {
                error_reason.clone_from(&summary.reason);
            }
        } else if flag(status, "ready") && has(status, "state.running") {
            has_running = true;
            summary.ready += 1;
        }
    }
    if summary.reason == "Completed" {
        if has_running && condition(pod, "Ready") == Some("True") {
            summary.reason = "Running".to_owned();
        } else if !error_reason.is_empty() {
            summary.reason = error_reason;
        } else if has_running {
            summary.reason = "NotReady".to_owned();
        }
    }
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a str> {
    items(pod, "status.conditions")
        .iter()
        .find(|condition| text(condition, "type") == kind)
        .map(|condition| text(condition, "status"))
}

fn readiness_gates(pod: &Value) -> String {
    let gates = items(pod, "spec.readinessGates");
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let hold = gates
        .iter()
        .filter(|gate| condition(pod, text(gate, "conditionType")) == Some("True"))
        .count();
    format!("{hold}/{}", gates.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_226_200; // 2026-01-01T00:10:00Z

    /// READY, STATUS and RESTARTS of a pod with two containers, `a` and `b`.
    fn shown(status: Value) -> String {
        shown_with(json!({}), status)
    }

    fn shown_with(extra: Value, status: Value) -> String {
        let mut pod = json!({
            "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"containers": [{"name": "a"}, {"name": "b"}]},
            "status": status});
        json_patch::merge(&mut pod, &extra);
        let cells = cells(&pod, NOW);
        cells[1..4]
            .iter()
            .map(|cell| cell.as_str().expect("a string"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn container(state: Value, ready: bool, restarts: i64) -> Value {
        json!({"state": state, "ready": ready, "restartCount": restarts})
    }

    #[test]
    fn summaries_of_containers() {
        let running = || container(json!({"running": {}}), true, 0);
        let waiting = |reason: &str| container(json!({"waiting": {"reason": reason}}), false, 0);
        let ended = |code: i64, reason: &str| {
            container(json!({"terminated": {"exitCode": code, "reason": reason}}), false, 0)
        };
        let cases = [
            ("Pending", vec![], "0/2 Pending 0"),
            ("Pending", vec![waiting("ContainerCreating"); 2], "0/2 ContainerCreating 0"),
            ("Running", vec![running(), running()], "2/2 Running 0"),
            ("Running", vec![running(), waiting("CrashLoopBackOff")], "1/2 CrashLoopBackOff 0"),
            (
                "Running",
                vec![waiting("ImagePullBackOff"), waiting("ErrImagePull")],
                "0/2 ImagePullBackOff 0",
            ),
            ("Succeeded", vec![ended(0, "Completed"), ended(0, "Completed")], "0/2 Completed 0"),
            ("Running", vec![ended(0, "Completed"), running()], "1/2 NotReady 0"),
            ("Failed", vec![ended(0, "Completed"), ended(1, "Error")], "0/2 Error 0"),
            ("Failed", vec![ended(137, "OOMKilled"), ended(0, "Completed")], "0/2 OOMKilled 0"),
            ("Failed", vec![ended(3, ""), ended(0, "Completed")], "0/2 ExitCode:3 0"),
        ];
        for (phase, statuses, wanted) in cases {
            assert_eq!(shown(json!({"phase": phase, "containerStatuses": statuses})), wanted);
        }
        let signal = json!({"terminated": {"exitCode": 137, "signal": 9}});
        assert_eq!(
            shown(json!({"phase": "Failed", "containerStatuses": [container(signal, false, 0)]})),
            "0/2 Signal:9 0"
        );
        assert_eq!(
            shown(json!({"phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [ended(0, "Completed"), running()]})),
            "1/2 Running 0"
        );
        assert_eq!(shown(json!({"phase": "Failed", "reason": "Evicted"})), "0/2 Evicted 0");
        assert_eq!(
            shown(json!({"phase": "Pending", "conditions":
                [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]})),
            "0/2 SchedulingGated 0"
        );
    }

    #[test]
    fn restarts_tell_when_the_last_was() {
        let mut a = container(json!({"running": {}}), true, 2);
        a["lastState"] = json!({"terminated": {"finishedAt": "2026-01-01T00:05:00Z"}});
        let mut b = container(json!({"running": {}}), true, 1);
        b["lastState"] = json!({"terminated": {"finishedAt": "2026-01-01T00:03:00Z"}});
        assert_eq!(
            shown(json!({"phase": "Running", "containerStatuses": [a, b]})),
            "2/2 Running 3 (5m ago)"
        );
    }

    #[test]
    fn init_containers_hold_the_rest_back() {
        let spec = || json!({"spec": {"initContainers": [{"name": "i"}, {"name": "j"}]}});
        let init = |statuses: Value| {
            shown_with(spec(), json!({"phase": "Pending", "initContainerStatuses": statuses}))
        };
        let done = json!({"name": "i", "state": {"terminated": {"exitCode": 0}}});
        assert_eq!(init(json!([{"name": "i", "state": {"running": {}}}])), "0/2 Init:0/2 0");
        assert_eq!(
            init(json!([done, {"name": "j", "state": {"waiting": {"reason": "PodInitializing"}}}])),
            "0/2 Init:1/2 0"
        );
        assert_eq!(
            init(json!([{"name": "i", "restartCount": 4,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}}])),
            "0/2 Init:CrashLoopBackOff 4"
        );
        assert_eq!(
            init(
                json!([{"name": "i", "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}])
            ),
            "0/2 Init:Error 0"
        );
        assert_eq!(
            init(json!([{"name": "i", "state": {"terminated": {"exitCode": 2}}}])),
            "0/2 Init:ExitCode:2 0"
        );
    }

    #[test]
    fn sidecars_count_as_containers() {
        let spec = json!({"spec": {"initContainers": [{"name": "s", "restartPolicy": "Always"}]}});
        let status = json!({"phase": "Running",
            "initContainerStatuses":
                [{"name": "s", "started": true, "ready": true, "state": {"running": {}}}],
            "containerStatuses": [container(json!({"running": {}}), true, 0)]});
        assert_eq!(shown_with(spec, status), "2/3 Running 0");
    }

    #[test]
    fn deletion_shows() {
        let gone = || json!({"metadata": {"deletionTimestamp": "2026-01-01T00:09:00Z"}});
        assert_eq!(shown_with(gone(), json!({"phase": "Running"})), "0/2 Terminating 0");
        assert_eq!(shown_with(gone(), json!({"phase": "Failed"})), "0/2 Failed 0");
        assert_eq!(
            shown_with(gone(), json!({"phase": "Running", "reason": "NodeLost"})),
            "0/2 Unknown 0"
        );
    }

    #[test]
    fn wide_cells() {
        let pod = json!({
            "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"containers": [], "nodeName": "n1",
                     "readinessGates": [{"conditionType": "x"}, {"conditionType": "y"}]},
            "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.7"}],
                       "conditions": [{"type": "x", "status": "True"}]}});
        assert_eq!(
            Value::from(cells(&pod, NOW)),
            json!(["p", "0/0", "Running", "0", "10m", "10.0.0.7", "n1", "<none>", "1/2"])
        );
        assert!(row_conditions(&pod).is_empty());
        assert_eq!(row_conditions(&json!({"status": {"phase": "Failed"}}))[0]["reason"], "Failed");
    }
}
