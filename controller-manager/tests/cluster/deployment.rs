//! Deployments: rollouts, their history, pauses.

use serde_json::{Value, json};

use crate::harness::{BROKEN, Cluster, condition, name, template};

const DEPLOYMENTS: &str = "apps/v1/deployments";
const SETS: &str = "apps/v1/replicasets";
const REVISION: &str = "deployment.kubernetes.io/revision";

fn deployment(replicas: i32, image: &str, more: Value) -> Value {
    let mut spec = json!({
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": template("web", image),
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": spec,
    })
}

/// As `kubectl rollout status` judges it.
fn rolled_out(deployment: &Value) -> bool {
    let (spec, status) = (&deployment["spec"], &deployment["status"]);
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "availableReplicas"]
            .iter()
            .all(|field| status[field] == spec["replicas"])
}

fn complete(deployment: &Value) -> bool {
    let progressing = condition(deployment, "Progressing");
    rolled_out(deployment)
        && progressing == ("True".to_owned(), "NewReplicaSetAvailable".to_owned())
        && condition(deployment, "Available").0 == "True"
}

fn at_revision(revision: &str) -> impl Fn(&Value) -> bool {
    let revision = revision.to_owned();
    move |deployment| {
        complete(deployment) && deployment["metadata"]["annotations"][REVISION] == revision
    }
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": template("web", image)}})
}

/// Image and size of each ReplicaSet, in order of revision.
async fn sets(cluster: &Cluster) -> Vec<(String, i64)> {
    let mut sets = cluster.list(SETS).await;
    sets.sort_by_key(|set| {
        let revision = set["metadata"]["annotations"][REVISION].as_str().unwrap_or("0").to_owned();
        revision.parse::<i64>().unwrap_or(0)
    });
    sets.iter()
        .map(|set| {
            let image = &set["spec"]["template"]["spec"]["containers"][0]["image"];
            let replicas = set["spec"]["replicas"].as_i64().unwrap_or(-1);
            (crate::harness::text(image), replicas)
        })
        .collect()
}

fn row(image: &str, replicas: i64) -> (String, i64) {
    (image.to_owned(), replicas)
}

#[tokio::test]
async fn rolls_forth_and_back() {
    let cluster = Cluster::start().await;
    cluster.create(deployment(3, "one", json!({}))).await;
    cluster.until(DEPLOYMENTS, "web", "the first rollout", at_revision("1")).await;
    let pods = cluster.list("v1/pods").await;
    let set = name(&cluster.list(SETS).await[0]);
    let hash = set.strip_prefix("web-").expect("named after its Deployment").to_owned();
    assert!(pods.iter().all(|pod| pod["metadata"]["labels"]["pod-template-hash"] == hash));

    cluster.merge(DEPLOYMENTS, "web", image("two")).await;
    cluster.until(DEPLOYMENTS, "web", "the second rollout", at_revision("2")).await;
    assert_eq!(sets(&cluster).await, [row("one", 0), row("two", 3)]);

    // What `kubectl rollout undo` does: the old template again.
    cluster.merge(DEPLOYMENTS, "web", image("one")).await;
    let undone = cluster.until(DEPLOYMENTS, "web", "the undo", at_revision("3")).await;
    assert_eq!(sets(&cluster).await, [row("two", 0), row("one", 3)]);
    assert_eq!(undone["status"]["observedGeneration"], undone["metadata"]["generation"]);
    let again = cluster.get(SETS, &set).await;
    let history = &again["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"];
    assert_eq!(history, "1");

    cluster
        .eventually("the events of scaling", || async {
            let events = cluster.events("web").await;
            let message = format!("Scaled up replica set {set} from 0 to 3");
            let told = events.contains(&("ScalingReplicaSet".to_owned(), message));
            if told { Ok(()) } else { Err(json!(events)) }
        })
        .await;
}

#[tokio::test]
async fn stays_within_surge_and_unavailability() {
    let cluster = Cluster::start().await;
    let bounds = json!({"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}});
    cluster.create(deployment(6, "one", bounds)).await;
    cluster.until(DEPLOYMENTS, "web", "the first rollout", complete).await;
    cluster.merge(DEPLOYMENTS, "web", image("two")).await;
    let within = |deployment: &Value| {
        let status = &deployment["status"];
        assert!(status["replicas"].as_i64().unwrap_or(0) <= 7, "surge: {status}");
        assert!(status["availableReplicas"].as_i64().unwrap_or(0) >= 5, "availability: {status}");
        at_revision("2")(deployment)
    };
    cluster.until(DEPLOYMENTS, "web", "the second rollout", within).await;
}

#[tokio::test]
async fn a_rollout_that_does_not_get_on_keeps_the_old_and_times_out() {
    let cluster = Cluster::start().await;
    let deadline = json!({"progressDeadlineSeconds": 1});
    cluster.create(deployment(3, "one", deadline)).await;
    cluster.until(DEPLOYMENTS, "web", "the first rollout", complete).await;
    let mut broken = image("two");
    broken["spec"]["template"]["metadata"]["annotations"] = json!({BROKEN: "true"});
    cluster.merge(DEPLOYMENTS, "web", broken).await;
    let timed_out = |deployment: &Value| {
        let exceeded = ("False".to_owned(), "ProgressDeadlineExceeded".to_owned());
        deployment["status"]["updatedReplicas"] == 1
            && condition(deployment, "Progressing") == exceeded
    };
    let stuck = cluster.until(DEPLOYMENTS, "web", "the deadline", timed_out).await;
    assert_eq!(stuck["status"]["availableReplicas"], 3);
    assert_eq!(condition(&stuck, "Available").1, "MinimumReplicasAvailable");
}

#[tokio::test]
async fn recreate_never_mixes() {
    let cluster = Cluster::start().await;
    let recreate = json!({"strategy": {"type": "Recreate"}});
    cluster.create(deployment(3, "one", recreate)).await;
    cluster.until(DEPLOYMENTS, "web", "the first rollout", complete).await;
    cluster.merge(DEPLOYMENTS, "web", image("two")).await;
    cluster
        .eventually("the second rollout", || async {
            let pods = cluster.list("v1/pods").await;
            let images: std::collections::BTreeSet<_> =
                pods.iter().map(|pod| pod["spec"]["containers"][0]["image"].to_string()).collect();
            assert!(images.len() <= 1, "old and new at a time: {images:?}");
            let deployment = cluster.get(DEPLOYMENTS, "web").await;
            if at_revision("2")(&deployment) { Ok(()) } else { Err(deployment) }
        })
        .await;
}

#[tokio::test]
async fn a_pause_holds_the_template_but_not_the_size() {
    let cluster = Cluster::start().await;
    cluster.create(deployment(2, "one", json!({}))).await;
    cluster.until(DEPLOYMENTS, "web", "the first rollout", complete).await;
    cluster.merge(DEPLOYMENTS, "web", json!({"spec": {"paused": true}})).await;
    let paused = |deployment: &Value| condition(deployment, "Progressing").1 == "DeploymentPaused";
    cluster.until(DEPLOYMENTS, "web", "the pause", paused).await;
    let mut change = image("two");
    change["spec"]["replicas"] = json!(4);
    cluster.merge(DEPLOYMENTS, "web", change).await;
    let grown = |deployment: &Value| {
        deployment["status"]["availableReplicas"] == 4
            && deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"]
    };
    cluster.until(DEPLOYMENTS, "web", "four Pods", grown).await;
    assert_eq!(sets(&cluster).await, [row("one", 4)]);
    cluster.merge(DEPLOYMENTS, "web", json!({"spec": {"paused": false}})).await;
    cluster.until(DEPLOYMENTS, "web", "the rollout after the pause", at_revision("2")).await;
}

#[tokio::test]
async fn old_revisions_beyond_the_limit_go() {
    let cluster = Cluster::start().await;
    cluster.create(deployment(1, "v1", json!({"revisionHistoryLimit": 1}))).await;
    cluster.until(DEPLOYMENTS, "web", "the first rollout", complete).await;
    for (version, revision) in [("v2", "2"), ("v3", "3")] {
        cluster.merge(DEPLOYMENTS, "web", image(version)).await;
        cluster.until(DEPLOYMENTS, "web", "a rollout", at_revision(revision)).await;
    }
    let two = |sets: &[Value]| sets.len() == 2;
    cluster.until_list(SETS, "one old revision", two).await;
    assert_eq!(sets(&cluster).await, [row("v2", 0), row("v3", 1)]);
}

#[tokio::test]
async fn a_name_that_is_taken_counts_a_collision() {
    let cluster = Cluster::start().await;
    cluster.create(deployment(1, "one", json!({}))).await;
    cluster.until(DEPLOYMENTS, "web", "the first rollout", complete).await;
    let set = name(&cluster.list(SETS).await[0]);
    let orphan = kube::api::DeleteParams {
        propagation_policy: Some(kube::api::PropagationPolicy::Orphan),
        ..Default::default()
    };
    cluster.delete(DEPLOYMENTS, "web", &orphan).await;
    let gone = |deployment: &Value| deployment.is_null();
    cluster.until(DEPLOYMENTS, "web", "the Deployment gone", gone).await;
    // The name now belongs to somebody else's ReplicaSet.
    let labels = json!({"app": "other", "pod-template-hash": "other"});
    cluster.merge(SETS, &set, json!({"metadata": {"labels": labels}})).await;
    cluster.create(deployment(1, "one", json!({}))).await;
    let deployment = cluster.until(DEPLOYMENTS, "web", "a rollout all the same", complete).await;
    assert_eq!(deployment["status"]["collisionCount"], 1);
    let sets = cluster.list(SETS).await;
    assert_eq!(sets.len(), 2);
}
