//! Which nodes a pod may run on: one row per rule.

use serde_json::{Value, json};

use crate::world::*;

/// A node on which `set` changed something.
fn special(path: &str, value: Value) -> Value {
    let mut special = node("n");
    let (parent, field) = path.rsplit_once('/').expect("a path of two parts or more");
    special.pointer_mut(parent).expect(parent)[field] = value;
    special
}

fn tainted(effect: &str) -> Value {
    special("/spec/taints", json!([{"key": "k", "value": "v", "effect": effect}]))
}

fn labelled(value: &str) -> Value {
    special("/metadata/labels", json!({"size": value}))
}

fn tolerating(toleration: Value) -> Value {
    pod("p", json!({"tolerations": [toleration]}))
}

fn requiring(term: Value) -> Value {
    requiring_any(json!([term]))
}

fn requiring_any(terms: Value) -> Value {
    pod(
        "p",
        json!({"affinity": {"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}}),
    )
}

fn expression(operator: &str, values: Value) -> Value {
    json!({"matchExpressions": [{"key": "size", "operator": operator, "values": values}]})
}

/// Each row: the node, the pod, and the reason why they do not go together (empty if they do).
#[test]
fn rules() {
    const TAINT: &str = "1 node(s) had untolerated taint(s)";
    const AFFINITY: &str = "1 node(s) didn't match Pod's node affinity/selector";
    const CORDON: &str = "1 node(s) were unschedulable";
    let cordoned = || special("/spec/unschedulable", json!(true));
    let anything = || pod("p", json!({}));
    let rows = [
        (node("n"), anything(), ""),
        (cordoned(), anything(), CORDON),
        (
            cordoned(),
            tolerating(json!({"key": "node.kubernetes.io/unschedulable", "operator": "Exists"})),
            "",
        ),
        (tainted("NoSchedule"), anything(), TAINT),
        (tainted("NoExecute"), anything(), TAINT),
        (tainted("PreferNoSchedule"), anything(), ""),
        (tainted("NoSchedule"), tolerating(json!({"operator": "Exists"})), ""),
        (tainted("NoSchedule"), tolerating(json!({"key": "k", "operator": "Exists"})), ""),
        (tainted("NoSchedule"), tolerating(json!({"key": "k", "value": "v"})), ""),
        (tainted("NoSchedule"), tolerating(json!({"key": "k", "value": "other"})), TAINT),
        (tainted("NoSchedule"), tolerating(json!({"key": "other", "operator": "Exists"})), TAINT),
        (
            tainted("NoSchedule"),
            tolerating(json!({"key": "k", "value": "v", "effect": "NoExecute"})),
            TAINT,
        ),
        (labelled("5"), pod("p", json!({"nodeSelector": {"size": "5"}})), ""),
        (labelled("5"), pod("p", json!({"nodeSelector": {"size": "6"}})), AFFINITY),
        (labelled("5"), pod("p", json!({"nodeSelector": {"other": "5"}})), AFFINITY),
        (labelled("5"), requiring(expression("In", json!(["4", "5"]))), ""),
        (labelled("5"), requiring(expression("In", json!(["4"]))), AFFINITY),
        (labelled("5"), requiring(expression("NotIn", json!(["5"]))), AFFINITY),
        (node("n"), requiring(expression("NotIn", json!(["5"]))), ""),
        (labelled("5"), requiring(expression("Exists", json!([]))), ""),
        (node("n"), requiring(expression("Exists", json!([]))), AFFINITY),
        (labelled("5"), requiring(expression("DoesNotExist", json!([]))), AFFINITY),
        (node("n"), requiring(expression("DoesNotExist", json!([]))), ""),
        (labelled("5"), requiring(expression("Gt", json!(["4"]))), ""),
        (labelled("5"), requiring(expression("Gt", json!(["5"]))), AFFINITY),
        (labelled("5"), requiring(expression("Lt", json!(["6"]))), ""),
        (labelled("x"), requiring(expression("Lt", json!(["6"]))), AFFINITY),
        (labelled("5"), requiring(expression("Sideways", json!(["5"]))), AFFINITY),
        (labelled("5"), requiring(json!({})), AFFINITY),
        (labelled("5"), requiring_any(json!([])), AFFINITY),
        (
            labelled("5"),
            requiring_any(json!([expression("In", json!(["4"])), expression("In", json!(["5"]))])),
            "",
        ),
    ];
    for (index, (node, pod, reason)) in rows.into_iter().enumerate() {
        let mut world = World::new([node.clone()]);
        match reason {
            "" => assert_eq!(world.place(pod.clone()).as_deref(), Ok("n"), "row {index}: {pod}"),
            reason => assert_eq!(world.reasons(pod.clone()), reason, "row {index}: {node} {pod}"),
        }
    }
}

#[test]
fn a_daemon_pod_is_looked_for_on_its_node_only() {
    let named = |operator: &str, names: Value| {
        requiring(json!({"matchFields": [
            {"key": "metadata.name", "operator": operator, "values": names}]}))
    };
    let mut world = World::new((0..300).map(|index| node(&format!("n{index}"))));
    let decision = world.decide(&info(named("In", json!(["n42"])))).expect("n42 takes it");
    assert_eq!((&*world.cluster.node(decision.node).name, decision.evaluated), ("n42", 1));
    assert_eq!(
        world.place(named("In", json!(["gone"]))).unwrap_err(),
        "0/300 nodes are available: 300 node(s) didn't satisfy plugin(s) [NodeAffinity]. \
         preemption: 0/300 nodes are available: 300 Preemption is not helpful for scheduling."
    );
    let mut world = World::new([node("a"), node("b")]);
    assert_eq!(world.place(named("NotIn", json!(["a"]))).as_deref(), Ok("b"));
}

#[test]
fn contradicting_names_reject_the_pod() {
    let field = |name: &str| json!({"key": "metadata.name", "operator": "In", "values": [name]});
    let pod = requiring(json!({"matchFields": [field("a"), field("b")]}));
    assert_eq!(
        World::new([node("a")]).place(pod).unwrap_err(),
        "0/1 nodes are available: pod affinity terms conflict. \
         preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    );
}

#[test]
fn resources_are_counted() {
    let mut world =
        World::new([node("n")]).with(requesting("a", json!({"cpu": "3", "memory": "6Gi"})), "n");
    assert_eq!(world.reasons(requesting("p", json!({"cpu": "1001m"}))), "1 Insufficient cpu");
    assert_eq!(
        world.reasons(requesting("p", json!({"cpu": "2", "memory": "3Gi", "x.io/gpu": 1}))),
        "1 Insufficient cpu, 1 Insufficient memory, 1 Insufficient x.io/gpu"
    );
    assert_eq!(
        world.reasons(requesting("p", json!({"ephemeral-storage": "1Gi"}))),
        "1 Insufficient ephemeral-storage"
    );
    assert_eq!(
        world.place(requesting("p", json!({"cpu": "1", "memory": "2Gi"}))).as_deref(),
        Ok("n")
    );
    assert_eq!(world.place(pod("best-effort", json!({}))).as_deref(), Ok("n"));
}

#[test]
fn pods_are_counted() {
    let two = special("/status/allocatable/pods", json!("2"));
    let mut world = World::new([two]).with(pod("a", json!({})), "n").with(pod("b", json!({})), "n");
    assert_eq!(world.reasons(pod("p", json!({}))), "1 Too many pods");
}

#[test]
fn init_containers_and_sidecars_are_counted() {
    let container = |cpu: &str| json!({"name": "c", "resources": {"requests": {"cpu": cpu}}});
    let sidecar = |cpu: &str| {
        let mut container = container(cpu);
        container["restartPolicy"] = json!("Always");
        container
    };
    let cpu = |containers: &[Value], inits: &[Value]| {
        let spec = json!({"containers": containers, "initContainers": inits});
        info(pod("p", spec)).requests.milli_cpu
    };
    assert_eq!(cpu(&[container("1"), container("2")], &[]), 3000);
    assert_eq!(cpu(&[container("1")], &[container("2"), container("3")]), 3000);
    assert_eq!(cpu(&[container("1")], &[sidecar("2"), container("3")]), 5000);
    assert_eq!(cpu(&[container("1")], &[container("3"), sidecar("2")]), 3000);
    let spec = json!({"overhead": {"cpu": "250m"}, "resources": {"requests": {"cpu": "2"}}});
    assert_eq!(info(pod("p", spec)).requests.milli_cpu, 2250);
}

#[test]
fn host_ports_are_taken_once() {
    let with_port = |name: &str, port: Value| {
        pod(name, json!({"containers": [{"name": "c", "ports": [port]}]}))
    };
    let taken = "1 node(s) didn't have free ports for the requested pod ports";
    let first = with_port("a", json!({"containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.1"}));
    let mut world = World::new([node("n")]).with(first, "n");
    let any = json!({"containerPort": 1, "hostPort": 80});
    assert_eq!(world.reasons(with_port("p", any)), taken);
    let on_host = pod(
        "p",
        json!({"hostNetwork": true,
        "containers": [{"name": "c", "ports": [{"containerPort": 80}]}]}),
    );
    assert_eq!(world.reasons(on_host), taken);
    let other_ip = json!({"containerPort": 1, "hostPort": 80, "hostIP": "10.0.0.2"});
    assert!(world.place(with_port("p", other_ip)).is_ok());
    let udp = json!({"containerPort": 1, "hostPort": 80, "protocol": "UDP"});
    assert!(world.place(with_port("q", udp)).is_ok());
    let same = json!({"containerPort": 1, "hostPort": 80, "hostIP": "10.0.0.1"});
    assert_eq!(world.reasons(with_port("r", same.clone())), taken);
    world.cluster.remove_pod("a");
    assert!(world.place(with_port("r", same)).is_ok(), "a freed port is taken again");
}
