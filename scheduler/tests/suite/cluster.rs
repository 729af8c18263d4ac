//! The scheduler against the real apiserver over the store in memory, as one process.

use std::net::SocketAddr;
use std::time::Duration;

use api::Identity;
use apiserver::ApiServer;
use k8s_openapi::api::core::v1::{Event, Namespace, Node, Pod, ServiceAccount};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use scheduler::{Config, run};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::world;

/// Far more than anything here takes; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

struct Cluster {
    admin: Client,
    _server: ApiServer,
    _scheduler: DropGuard,
}

impl Cluster {
    async fn start() -> Self {
        let store = store::Embedded::open(store::Config::default()).await.expect("a store");
        let advertise: SocketAddr = "127.0.0.1:6443".parse().expect("an address");
        let cidr = "10.96.0.0/16".parse().expect("a network");
        let server = ApiServer::new(apiserver::Config::new(store, cidr, advertise)).await;
        let server = server.expect("an apiserver");
        let connector = client::connector(server.router());
        let admin = connector(Identity::new("admin", &["system:masters"]));
        // A controller's work, and pods are refused before it is done.
        let accounts = Api::<ServiceAccount>::namespaced(admin.clone(), "default");
        let account = serde_json::from_value(json!({"metadata": {"name": "default"}}));
        let account = account.expect("a service account");
        accounts.create(&PostParams::default(), &account).await.expect("it is created");
        let cancel = CancellationToken::new();
        tokio::spawn(run(Config::new(connector), cancel.clone()));
        Self { admin, _server: server, _scheduler: cancel.drop_guard() }
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.admin.clone(), "default")
    }

    async fn add_node(&self, node: Value) {
        let nodes = Api::<Node>::all(self.admin.clone());
        let name = node["metadata"]["name"].as_str().expect("a name").to_owned();
        let status = json!({"status": node["status"]});
        // Admission marks a new node as not ready; the node's controller would take that away.
        let taints = json!({"spec": {"taints": node["spec"]["taints"]}});
        let node = serde_json::from_value(node).expect("a node");
        nodes.create(&PostParams::default(), &node).await.expect("the node is created");
        let patched =
            nodes.patch_status(&name, &PatchParams::default(), &Patch::Merge(&status)).await;
        patched.expect("its status is written");
        let ready = nodes.patch(&name, &PatchParams::default(), &Patch::Merge(&taints)).await;
        ready.expect("its taints are written");
    }

    async fn add_pod(&self, mut pod: Value) {
        pod["metadata"].as_object_mut().expect("metadata").remove("uid");
        pod["spec"]["containers"][0]["image"] = "hello".into();
        let pod = serde_json::from_value(pod).expect("a pod");
        self.pods().create(&PostParams::default(), &pod).await.expect("the pod is created");
    }

    /// Waits until the pod is as wanted, looking again as often as it is told of it.
    async fn until<T>(&self, pod: &str, what: impl Fn(&Pod) -> Option<T>) -> T {
        let mut last = None;
        let wait = async {
            loop {
                let seen = self.pods().get(pod).await.expect("the pod is there");
                if let Some(found) = what(&seen) {
                    return found;
                }
                last = scheduled(&seen);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(found) => found,
            Err(_) => panic!("{pod} is still {last:?}"),
        }
    }

    async fn event(&self, pod: &str, reason: &str) -> Event {
        let events = Api::<Event>::namespaced(self.admin.clone(), "default");
        let about =
            ListParams::default().fields(&format!("involvedObject.name={pod},reason={reason}"));
        let wait = async {
            loop {
                let found = events.list(&about).await.expect("events are listed").items.pop();
                if let Some(event) = found {
                    return event;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the event is written")
    }
}

fn node_of(pod: &Pod) -> Option<String> {
    pod.spec.as_ref()?.node_name.clone()
}

/// Status, reason and message of PodScheduled.
fn scheduled(pod: &Pod) -> Option<(String, String, String)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    Some((
        condition.status.clone(),
        condition.reason.clone().unwrap_or_default(),
        condition.message.clone().unwrap_or_default(),
    ))
}

#[tokio::test]
async fn bound_through_the_real_api() {
    let cluster = Cluster::start().await;
    cluster.add_pod(world::requesting("web", json!({"cpu": "1"}))).await;
    let refusal =
        cluster.until("web", |pod| scheduled(pod).filter(|(status, ..)| status == "False"));
    let expected = ("False", "Unschedulable", "no nodes available to schedule pods");
    let (status, reason, message) = refusal.await;
    assert_eq!((&*status, &*reason, &*message), expected);

    let mut tainted = world::node("a");
    tainted["spec"]["taints"] = json!([{"key": "k", "value": "v", "effect": "NoSchedule"}]);
    cluster.add_node(tainted).await;
    let text = "0/1 nodes are available: 1 node(s) had untolerated taint(s). preemption: 0/1 nodes \
                are available: 1 Preemption is not helpful for scheduling.";
    cluster.until("web", |pod| scheduled(pod).filter(|(_, _, message)| message == text)).await;
    let failed = cluster.event("web", "FailedScheduling").await;
    assert_eq!(failed.type_.as_deref(), Some("Warning"));
    assert_eq!(
        failed.source.and_then(|source| source.component).as_deref(),
        Some("default-scheduler")
    );

    cluster.add_node(world::node("b")).await;
    assert_eq!(cluster.until("web", node_of).await, "b");
    let (status, ..) = cluster.until("web", scheduled).await;
    assert_eq!(status, "True");
    let event = cluster.event("web", "Scheduled").await;
    assert_eq!(event.message.as_deref(), Some("Successfully assigned default/web to b"));
    assert_eq!(event.type_.as_deref(), Some("Normal"));
}

#[tokio::test]
async fn room_that_is_freed_is_given_to_who_waits() {
    let cluster = Cluster::start().await;
    cluster.add_node(world::node("a")).await;
    cluster.add_pod(world::requesting("first", json!({"cpu": "3"}))).await;
    cluster.until("first", node_of).await;
    cluster.add_pod(world::requesting("second", json!({"cpu": "3"}))).await;
    let text = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: \
                1 No preemption victims found for incoming pod.";
    cluster.until("second", |pod| scheduled(pod).filter(|(_, _, message)| message == text)).await;
    let now = DeleteParams::default().grace_period(0);
    cluster.pods().delete("first", &now).await.expect("the pod is deleted");
    assert_eq!(cluster.until("second", node_of).await, "a");
}

#[tokio::test]
async fn gates_hold_a_pod_until_they_are_gone() {
    let cluster = Cluster::start().await;
    cluster.add_node(world::node("a")).await;
    cluster.add_pod(world::pod("gated", json!({"schedulingGates": [{"name": "g"}]}))).await;
    cluster.add_pod(world::pod("free", json!({}))).await;
    cluster.until("free", node_of).await;
    assert_eq!(node_of(&cluster.pods().get("gated").await.expect("the pod is there")), None);
    let open = Patch::Merge(json!({"spec": {"schedulingGates": null}}));
    let opened = cluster.pods().patch("gated", &PatchParams::default(), &open).await;
    opened.expect("the gate is opened");
    assert_eq!(cluster.until("gated", node_of).await, "a");
}

#[tokio::test]
async fn pods_that_keep_apart_wait_for_each_other_to_leave() {
    let cluster = Cluster::start().await;
    cluster.add_node(world::zoned("a", "x")).await;
    cluster.add_node(world::zoned("b", "y")).await;
    let lonely = |name: &str| {
        let spec = json!({"affinity": {"podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone",
                "labelSelector": {"matchLabels": {"app": "web"}}}]}}});
        world::labelled(world::pod(name, spec), json!({"app": "web"}))
    };
    for name in ["first", "second", "third"] {
        cluster.add_pod(lonely(name)).await;
    }
    let (first, second) =
        (cluster.until("first", node_of).await, cluster.until("second", node_of).await);
    assert_ne!(first, second);
    let text = "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules. \
                preemption: 0/2 nodes are available: 2 No preemption victims found for incoming \
                pod.";
    cluster.until("third", |pod| scheduled(pod).filter(|(_, _, message)| message == text)).await;
    let now = DeleteParams::default().grace_period(0);
    cluster.pods().delete("first", &now).await.expect("the pod is deleted");
    assert_eq!(cluster.until("third", node_of).await, first);
    // Relabelled, the second is none of those that keep apart any more.
    cluster.add_pod(lonely("fourth")).await;
    cluster.until("fourth", |pod| scheduled(pod).filter(|(_, _, message)| message == text)).await;
    let relabel = Patch::Merge(json!({"metadata": {"labels": {"app": "db"}}}));
    let relabelled = cluster.pods().patch("second", &PatchParams::default(), &relabel).await;
    relabelled.expect("the pod is relabelled");
    // Only its own rule still says that no web pod may be near it.
    let text = "0/2 nodes are available: 1 node(s) didn't match pod anti-affinity rules, 1 node(s) \
                didn't satisfy existing pods anti-affinity rules. preemption: 0/2 nodes are \
                available: 2 No preemption victims found for incoming pod.";
    cluster.until("fourth", |pod| scheduled(pod).filter(|(_, _, message)| message == text)).await;
    cluster.pods().delete("second", &now).await.expect("the pod is deleted");
    assert_eq!(cluster.until("fourth", node_of).await, second);
}

#[tokio::test]
async fn a_namespace_is_chosen_by_its_labels() {
    let cluster = Cluster::start().await;
    cluster.add_node(world::zoned("a", "x")).await;
    let namespaces = Api::<Namespace>::all(cluster.admin.clone());
    let red = serde_json::from_value(json!({"metadata": {"name": "red"}})).expect("a namespace");
    namespaces.create(&PostParams::default(), &red).await.expect("it is created");
    let accounts = Api::<ServiceAccount>::namespaced(cluster.admin.clone(), "red");
    let account = serde_json::from_value(json!({"metadata": {"name": "default"}}));
    let account = account.expect("a service account");
    accounts.create(&PostParams::default(), &account).await.expect("it is created");
    let mut db = world::labelled(world::pod("db", json!({"nodeName": "a"})), json!({"app": "db"}));
    db["metadata"] = json!({"name": "db", "labels": {"app": "db"}});
    db["spec"]["containers"][0]["image"] = "hello".into();
    let db = serde_json::from_value(db).expect("a pod");
    let pods = Api::<Pod>::namespaced(cluster.admin.clone(), "red");
    pods.create(&PostParams::default(), &db).await.expect("the pod is created");
    let near = json!({"affinity": {"podAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone",
            "namespaceSelector": {"matchLabels": {"team": "red"}},
            "labelSelector": {"matchLabels": {"app": "db"}}}]}}});
    cluster.add_pod(world::pod("web", near)).await;
    let text = "0/1 nodes are available: 1 node(s) didn't match pod affinity rules. preemption: \
                0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    cluster.until("web", |pod| scheduled(pod).filter(|(_, _, message)| message == text)).await;
    let label = Patch::Merge(json!({"metadata": {"labels": {"team": "red"}}}));
    let labelled = namespaces.patch("red", &PatchParams::default(), &label).await;
    labelled.expect("the namespace is labelled");
    assert_eq!(cluster.until("web", node_of).await, "a");
}

#[tokio::test]
async fn replicas_spread_over_zones() {
    let cluster = Cluster::start().await;
    for (name, zone) in [("a", "x"), ("b", "x"), ("c", "y")] {
        cluster.add_node(world::zoned(name, zone)).await;
    }
    let replica = |name: &str| {
        let spec = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}}}]});
        world::labelled(world::pod(name, spec), json!({"app": "web"}))
    };
    let mut in_y = 0;
    for index in 0..8 {
        cluster.add_pod(replica(&format!("p{index}"))).await;
    }
    for index in 0..8 {
        in_y += usize::from(cluster.until(&format!("p{index}"), node_of).await == "c");
    }
    assert_eq!(in_y, 4);
}

#[tokio::test]
async fn many_pods_spread_over_many_nodes() {
    const NODES: usize = 5;
    const PODS: usize = 100;
    let cluster = Cluster::start().await;
    for index in 0..NODES {
        cluster.add_node(world::node(&format!("n{index}"))).await;
    }
    for index in 0..PODS {
        cluster.add_pod(world::pod(&format!("p{index}"), json!({}))).await;
    }
    let mut counts = std::collections::BTreeMap::new();
    for index in 0..PODS {
        let node = cluster.until(&format!("p{index}"), node_of).await;
        *counts.entry(node).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [PODS / NODES; NODES]);
}
