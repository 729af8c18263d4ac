//! Volumes, environment and images, against a runtime that records what it is asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kubelet_lite::rest::{self, PatchKind};
use serde_json::{Value, json};

use crate::cluster::{Cluster, pod_path};
use crate::recorder::Recorder;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn running(pod: &Value) -> bool {
    pod["status"]["phase"] == "Running"
}

async fn map(cluster: &Cluster, name: &str, data: Value) {
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
    cluster.create(MAPS, &map).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn volumes_and_variables_are_filled_and_follow_their_objects() {
    let recorder = Arc::new(Recorder::new());
    let cluster = Cluster::with(recorder.clone()).await;
    let _kubelet = cluster.kubelet().await;
    map(&cluster, "settings", json!({"mode": "fast"})).await;
    let spec = json!({
        "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["db", "db.local"]}],
        "volumes": [
            {"name": "settings", "configMap": {"name": "settings"}},
            {"name": "scratch", "emptyDir": {}},
            {"name": "me", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}}
        ],
        "containers": [{
            "name": "c", "image": "hello:1", "args": ["--mode=$(MODE)"],
            "env": [
                {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode"}}},
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
            ],
            "volumeMounts": [
                {"name": "settings", "mountPath": "/settings"},
                {"name": "scratch", "mountPath": "/scratch", "subPath": "a/b"},
                {"name": "me", "mountPath": "/me"}
            ],
            "resources": {"limits": {"memory": "64Mi"}}
        }]
    });
    cluster.pod("web", json!({}), spec).await;
    cluster.until_pod("web", "running", running).await;
    let config = recorder.config("c");
    assert_eq!(config.args, ["--mode=fast"]);
    assert_eq!(config.resources.memory_limit_bytes, Some(64 << 20));
    let variable = |name: &str| {
        config.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    assert_eq!((variable("MODE"), variable("IP")), (Some("fast"), Some("10.78.0.2")));
    assert_eq!(variable("KUBERNETES_SERVICE_HOST"), Some("10.96.0.1"));
    let host = |path: &str| -> PathBuf {
        let mount = config.mounts.iter().find(|mount| mount.container_path == Path::new(path));
        mount.unwrap_or_else(|| panic!("no mount at {path}")).host_path.clone()
    };
    let mode = host("/settings").join("mode");
    assert_eq!(fs::read_to_string(&mode).expect("a file"), "fast");
    assert_eq!(fs::read_to_string(host("/me").join("name")).expect("a file"), "web");
    assert!(host("/scratch").ends_with("a/b") && host("/scratch").is_dir());
    let hosts = fs::read_to_string(host("/etc/hosts")).expect("a file");
    assert!(
        hosts.contains("10.78.0.2\tweb\n") && hosts.contains("1.2.3.4\tdb\tdb.local\n"),
        "{hosts}"
    );
    assert!(host("/dev/termination-log").is_file());
    let directory = config.log_path.parent().expect("a directory");
    assert!(directory.is_dir() && config.log_path.ends_with("c/0.log"));

    let change = json!({"data": {"mode": "slow"}});
    let path = format!("{MAPS}/settings");
    rest::patch::<Value>(&cluster.admin, &path, PatchKind::Merge, &change).await.expect("patched");
    while fs::read_to_string(&mode).expect("always a file") != "slow" {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }

    cluster.delete(&pod_path("web"), json!({})).await;
    cluster.until_pod("web", "gone", Value::is_null).await;
    cluster.until_runtime_is_empty().await;
    let left = || fs::read_dir(cluster.files().join("pods")).map_or(0, Iterator::count);
    while left() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_pod_lacks_is_told_and_waited_for() {
    let recorder = Arc::new(Recorder::new());
    let cluster = Cluster::with(recorder.clone()).await;
    let _kubelet = cluster.kubelet().await;
    let from = json!([{"configMapRef": {"name": "late"}}]);
    let spec = json!({"containers": [{"name": "env", "image": "hello:1", "envFrom": from}]});
    cluster.pod("env", json!({}), spec).await;
    let spec = json!({
        "volumes": [{"name": "v", "configMap": {"name": "late"}}],
        "containers": [{"name": "volume", "image": "hello:1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]
    });
    cluster.pod("volume", json!({}), spec).await;
    let waits = |reason: &'static str| {
        move |pod: &Value| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason
        }
    };
    cluster.until_pod("env", "refused", waits("CreateContainerConfigError")).await;
    assert_eq!(cluster.until_event("env", "Failed").await, r#"Error: configmap "late" not found"#);
    cluster.until_pod("volume", "waiting", waits("ContainerCreating")).await;
    let message = cluster.until_event("volume", "FailedMount").await;
    assert_eq!(message, r#"MountVolume.SetUp failed for volume "v" : configmap "late" not found"#);

    map(&cluster, "late", json!({"A": "1"})).await;
    cluster.until_pod("env", "running", running).await;
    cluster.until_pod("volume", "running", running).await;
    assert!(recorder.config("env").env.contains(&("A".to_owned(), "1".to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_cannot_be_had_is_told_as_upstream_tells_it() {
    let cluster = Cluster::with(Arc::new(Recorder::new())).await;
    let _kubelet = cluster.kubelet().await;
    let never =
        json!({"containers": [{"name": "c", "image": "missing:1", "imagePullPolicy": "Never"}]});
    cluster.pod("never", json!({}), never).await;
    let pull = json!({"containers": [{"name": "c", "image": "missing:1"}]});
    cluster.pod("pull", json!({}), pull).await;
    let reason = |wanted: &'static str| {
        move |pod: &Value| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == wanted
        }
    };
    cluster.until_pod("never", "refused", reason("ErrImageNeverPull")).await;
    let pod = cluster.until_pod("pull", "failed", reason("ErrImagePull")).await;
    assert_eq!(pod["status"]["phase"], "Pending");
    cluster.until_pod("pull", "backing off", reason("ImagePullBackOff")).await;
    assert_eq!(
        cluster.until_event("pull", "BackOff").await,
        "Back-off pulling image \"missing:1\""
    );
    cluster.delete(&pod_path("pull"), json!({})).await;
    cluster.until_pod("pull", "gone", Value::is_null).await;
}
