//! Light types read what an API server stores.

use client::light::{Node, Pod};
use serde_json::json;

#[test]
fn a_pod_keeps_what_components_read() {
    let pod: Pod = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "web", "namespace": "default", "uid": "1", "resourceVersion": "5",
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"},
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}]
        },
        "spec": {
            "nodeName": "n1", "hostNetwork": true, "tolerations": null,
            "nodeSelector": {"disk": "ssd"},
            "containers": [{
                "name": "c", "image": "i", "resources": {"requests": {"cpu": "100m", "memory": 5}},
                "ports": [{"containerPort": 80, "hostIP": "127.0.0.1", "hostPort": 8080}]
            }]
        },
        "status": {
            "phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
            "hostIP": "192.168.0.1", "startTime": "2026-01-02T03:04:05Z",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "c", "ready": true, "restartCount": 3, "image": "i"}]
        }
    }))
    .expect("a pod");
    assert_eq!(pod.metadata.managed_fields, None);
    assert_eq!(pod.metadata.annotations.iter().flatten().count(), 1);
    assert_eq!(pod.spec.node_name.as_deref(), Some("n1"));
    assert_eq!(pod.spec.node_selector.get("disk"), Some("ssd"));
    assert!(pod.spec.host_network && pod.spec.tolerations.is_empty());
    let container = &pod.spec.containers[0];
    assert_eq!(container.resources.requests.get("cpu"), Some("100m"));
    assert_eq!(container.resources.requests.get("memory"), Some("5"));
    assert_eq!(container.ports[0].host_ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(pod.status.pod_ip.as_deref(), Some("10.0.0.1"));
    assert_eq!(pod.status.container_statuses[0].restart_count, 3);
    assert!(pod.is_ready() && pod.is_active());
    let again: Pod =
        serde_json::from_value(serde_json::to_value(&pod).expect("JSON")).expect("a pod");
    assert_eq!(again.spec.containers, pod.spec.containers);
}

#[test]
fn a_pod_needs_only_metadata() {
    for text in [
        r#"{"metadata":{"name":"a"}}"#,
        r#"{"metadata":{"name":"a"},"spec":null,"status":null}"#,
        r#"{"metadata":{"name":"a"},"spec":{"containers":null,"nodeSelector":null},"status":{}}"#,
    ] {
        let pod: Pod = serde_json::from_str(text).expect(text);
        assert!(pod.spec.containers.is_empty() && pod.is_active());
    }
}

#[test]
fn a_node_keeps_what_components_read() {
    let node: Node = serde_json::from_value(json!({
        "metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "n1"}},
        "spec": {"podCIDR": "10.0.1.0/24", "podCIDRs": ["10.0.1.0/24"], "unschedulable": true,
            "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]},
        "status": {"capacity": {"cpu": "2"}, "allocatable": {"cpu": "2", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "False"}],
            "addresses": [{"type": "InternalIP", "address": "192.168.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "images": [{"names": ["i"], "sizeBytes": 5}]}
    }))
    .expect("a node");
    assert_eq!(node.spec.pod_cidr.as_deref(), Some("10.0.1.0/24"));
    assert!(node.spec.unschedulable && !node.is_ready());
    assert_eq!(node.status.allocatable.get("pods"), Some("110"));
    assert_eq!(node.status.daemon_endpoints.expect("endpoints").kubelet_endpoint.port, 10250);
}
