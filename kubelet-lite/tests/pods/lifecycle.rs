//! Pods from creation to end.

use serde_json::{Value, json};

use crate::cluster::{Cluster, condition, pod_path};

fn phase<'a>(wanted: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |pod| pod["status"]["phase"] == wanted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_runs_and_is_deleted_in_full() {
    let cluster = Cluster::hollow().await;
    let kubelet = cluster.kubelet().await;
    cluster.pod("web", json!({}), json!({})).await;
    let pod = cluster.until_pod("web", "running", phase("Running")).await;
    let status = &pod["status"];
    assert_eq!(status["podIP"], "10.77.0.2");
    assert_eq!(status["podIPs"], json!([{"ip": "10.77.0.2"}]));
    assert_eq!(status["hostIP"], "127.0.0.1");
    assert_eq!(status["qosClass"], "BestEffort");
    let container = &status["containerStatuses"][0];
    assert_eq!((&container["ready"], &container["started"]), (&json!(true), &json!(true)));
    assert_eq!(container["restartCount"], 0);
    assert!(container["containerID"].as_str().is_some_and(|id| id.starts_with("hollow://")));
    for kind in ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"] {
        assert_eq!(condition(&pod, kind)["status"], "True", "{kind}");
    }
    assert_eq!(cluster.until_event("web", "Started").await, "Container started");

    cluster.delete(&pod_path("web"), json!({})).await;
    cluster.until_pod("web", "gone", Value::is_null).await;
    cluster.until_runtime_is_empty().await;
    assert_eq!(cluster.until_event("web", "Killing").await, "Stopping container c");
    kubelet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_that_end_decide_the_phase_by_the_restart_policy() {
    let cluster = Cluster::hollow().await;
    let _kubelet = cluster.kubelet().await;
    let ends = |code: &str| json!({"coracle.dev/hollow-run-seconds": "0", "coracle.dev/hollow-exit-code": code});
    cluster.pod("good", ends("0"), json!({"restartPolicy": "OnFailure"})).await;
    cluster.pod("bad", ends("3"), json!({"restartPolicy": "Never"})).await;
    cluster.pod("loop", ends("1"), json!({})).await;

    let good = cluster.until_pod("good", "succeeded", phase("Succeeded")).await;
    assert_eq!(condition(&good, "Ready")["reason"], "PodCompleted");
    let ended = &good["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&ended["reason"], &ended["exitCode"]), (&json!("Completed"), &json!(0)));

    let bad = cluster.until_pod("bad", "failed", phase("Failed")).await;
    let ended = &bad["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&ended["reason"], &ended["exitCode"]), (&json!("Error"), &json!(3)));
    assert_eq!(bad["status"]["containerStatuses"][0]["restartCount"], 0);

    let waits = |pod: &Value| {
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    };
    let looping = cluster.until_pod("loop", "in a crash loop", waits).await;
    let container = &looping["status"]["containerStatuses"][0];
    assert_eq!(
        (&looping["status"]["phase"], &container["restartCount"]),
        (&json!("Running"), &json!(1))
    );
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 1);
    let message = container["state"]["waiting"]["message"].as_str().expect("a message");
    assert!(
        message.starts_with("back-off 10s restarting failed container=c pod=loop_default("),
        "{message}"
    );
    let event = cluster.until_event("loop", "BackOff").await;
    assert!(
        event.starts_with("Back-off restarting failed container c in pod loop_default("),
        "{event}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_containers_run_in_order_and_a_sidecar_stays() {
    let cluster = Cluster::hollow().await;
    let _kubelet = cluster.kubelet().await;
    // The annotation ends every container after a second, so the sidecar is restarted meanwhile.
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [
            {"name": "first", "image": "i:1"},
            {"name": "side", "image": "i:1", "restartPolicy": "Always"},
            {"name": "second", "image": "i:1"}
        ]
    });
    cluster.pod("steps", json!({"coracle.dev/hollow-run-seconds": "1"}), spec).await;
    let waiting = cluster
        .until_pod("steps", "initialising", |pod| {
            pod["status"]["initContainerStatuses"][0]["state"]["running"].is_object()
        })
        .await;
    assert_eq!(condition(&waiting, "Initialized")["reason"], "ContainersNotInitialized");
    let state = &waiting["status"]["containerStatuses"][0]["state"];
    assert_eq!(state["waiting"]["reason"], "PodInitializing");
    let done = cluster.until_pod("steps", "succeeded", phase("Succeeded")).await;
    let inits = done["status"]["initContainerStatuses"].as_array().expect("statuses");
    let ended = |at: usize, field: &str| {
        inits[at]["state"]["terminated"][field].as_str().unwrap_or_default().to_owned()
    };
    assert!(ended(0, "finishedAt") <= ended(2, "startedAt"), "{inits:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_fails_the_pod() {
    let cluster = Cluster::hollow().await;
    let _kubelet = cluster.kubelet().await;
    cluster.pod("late", json!({}), json!({"activeDeadlineSeconds": 1})).await;
    let pod = cluster.until_pod("late", "failed", phase("Failed")).await;
    assert_eq!(pod["status"]["reason"], "DeadlineExceeded");
    let message = "Pod was active on the node longer than the specified deadline";
    assert_eq!(pod["status"]["message"], message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubelet_that_comes_back_adopts_what_runs_and_ends_what_is_gone() {
    let cluster = Cluster::hollow().await;
    let kubelet = cluster.kubelet().await;
    cluster.pod("stays", json!({}), json!({})).await;
    cluster.pod("goes", json!({}), json!({})).await;
    cluster.pod("ends", json!({}), json!({})).await;
    let before = cluster.until_pod("stays", "running", phase("Running")).await;
    cluster.until_pod("goes", "running", phase("Running")).await;
    cluster.until_pod("ends", "running", phase("Running")).await;
    kubelet.stop().await;
    cluster.delete(&pod_path("goes"), json!({"gracePeriodSeconds": 0})).await;
    cluster.delete(&pod_path("ends"), json!({})).await;
    assert_eq!(cluster.runtime.list_containers(None).await.expect("a list").len(), 3);

    let _kubelet = cluster.kubelet().await;
    cluster.until_pod("ends", "gone", Value::is_null).await;
    let only_one = |containers: &[kubelet_lite::runtime::Container]| containers.len() == 1;
    while !only_one(&cluster.runtime.list_containers(None).await.expect("a list")) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let after = cluster.get(&pod_path("stays")).await.expect("there");
    assert_eq!(after["status"]["containerStatuses"], before["status"]["containerStatuses"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_whose_sandbox_is_lost_gets_another_and_counts_on() {
    let cluster = Cluster::hollow().await;
    let kubelet = cluster.kubelet().await;
    cluster.pod("web", json!({}), json!({})).await;
    cluster.until_pod("web", "running", phase("Running")).await;
    kubelet.stop().await;
    cluster.runtime.shutdown().await.expect("everything ends");
    let _kubelet = cluster.kubelet().await;
    let again = |pod: &Value| {
        let container = &pod["status"]["containerStatuses"][0];
        container["restartCount"] == 1 && container["state"]["running"].is_object()
    };
    let pod = cluster.until_pod("web", "running again", again).await;
    assert_eq!(pod["status"]["phase"], "Running");
}
