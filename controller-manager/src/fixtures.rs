//! Objects for tests.

use client::light::{Node, Pod};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{NodeCondition, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;

use crate::clock::stamp;
use crate::objects::{ReplicaSet, Template};

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time of our century")
}

pub fn meta(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some("default".to_owned()),
        uid: Some(format!("uid-{name}")),
        labels: Some([("app".to_owned(), "web".to_owned())].into()),
        ..ObjectMeta::default()
    }
}

/// A Pod in `default`, labelled `app: web`.
pub fn pod(name: &str) -> Pod {
    Pod { metadata: meta(name), ..Pod::default() }
}

pub fn on_node(mut pod: Pod, node: &str) -> Pod {
    pod.spec.node_name = Some(node.into());
    pod
}

pub fn with_phase(mut pod: Pod, phase: &str) -> Pod {
    pod.status.phase = Some(phase.into());
    pod
}

pub fn ready_at(mut pod: Pod, second: i64) -> Pod {
    pod.status.conditions = vec![PodCondition {
        type_: "Ready".to_owned(),
        status: "True".to_owned(),
        last_transition_time: Some(stamp(at(second))),
        ..PodCondition::default()
    }];
    pod
}

/// A ReplicaSet in `default` of Pods labelled `app: web`.
pub fn replica_set(name: &str, replicas: i32) -> ReplicaSet {
    let mut set = ReplicaSet { metadata: meta(name), ..ReplicaSet::default() };
    set.spec.replicas = Some(replicas);
    set.spec.selector.match_labels = set.metadata.labels.clone();
    set.spec.template = Template::of(&json!({"metadata": {"labels": {"app": "web"}}, "spec": {}}));
    set
}

/// A node whose condition Ready has this status.
pub fn node(name: &str, ready: &str) -> Node {
    let mut node = Node::default();
    node.metadata.name = Some(name.to_owned());
    node.status.conditions = vec![NodeCondition {
        type_: "Ready".to_owned(),
        status: ready.to_owned(),
        ..NodeCondition::default()
    }];
    node
}
