//! Changes in, steps out: the loop's decisions without the loop.

use std::sync::Arc;
use std::time::Duration;

use client::Delta;
use client::light::{Node, Pod};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::core::{Core, Step};
use crate::cluster::{NodeInfo, PodInfo};
use crate::framework::{Events, Permission, Permit, Plugin, Profile, Rejection, Reserve};

struct World {
    core: Core,
    profile: Profile,
    now: Instant,
}

fn node(cpu: &str) -> Value {
    json!({"metadata": {"name": "n"}, "spec": {},
        "status": {"allocatable": {"cpu": cpu, "memory": "1Gi", "pods": "10"}}})
}

fn pod(name: &str, cpu: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "default", "uid": name},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"phase": "Pending"}
    })
}

fn on_node(mut pod: Value) -> Value {
    pod["spec"]["nodeName"] = "n".into();
    pod
}

fn light<T: serde::de::DeserializeOwned>(object: Value) -> Arc<T> {
    Arc::new(serde_json::from_value(object).expect("an object"))
}

impl World {
    fn new(profile: Profile) -> Self {
        Self { core: Core::new(0, 1), profile, now: Instant::now() }
    }

    fn with_node(cpu: &str) -> Self {
        let mut world = Self::new(Profile::default_plugins());
        world.node(Delta::Added(light(node(cpu))));
        world
    }

    fn node(&mut self, delta: Delta<Node>) {
        self.core.node_changed(&delta, &self.profile);
    }

    fn pod(&mut self, delta: Delta<Pod>) {
        self.core.pod_changed(&delta, &self.profile, "default-scheduler", self.now);
    }

    fn add(&mut self, pod: Value) {
        self.pod(Delta::Added(light(pod)));
    }

    /// `bind p`, `refuse p`, `placed` or `idle`.
    fn step(&mut self) -> String {
        match self.core.step(&self.profile, self.now) {
            Step::Bind { pod, .. } => format!("bind {}", pod.key.name),
            Step::Refused { pod, .. } => format!("refuse {}", pod.key.name),
            Step::Placed => "placed".to_owned(),
            Step::Idle(_) => "idle".to_owned(),
        }
    }

    fn release(&mut self, name: &str) {
        let info = PodInfo::of(&light::<Pod>(pod(name, "1")));
        self.core.release(&self.profile, &info, "n");
    }
}

#[test]
fn a_decided_pod_counts_before_it_is_bound() {
    let mut world = World::with_node("1");
    world.add(pod("a", "1"));
    world.add(pod("b", "1"));
    assert_eq!(world.step(), "bind a");
    assert_eq!(world.step(), "refuse b");
    // The binding is observed: nothing is counted twice, nothing is freed.
    world.pod(Delta::Updated { old: light(pod("a", "1")), new: light(on_node(pod("a", "1"))) });
    assert_eq!(world.step(), "idle");
    world.pod(Delta::Deleted(light(on_node(pod("a", "1")))));
    assert_eq!(world.step(), "bind b");
}

#[test]
fn a_failed_binding_frees_its_room() {
    let mut world = World::with_node("1");
    world.add(pod("a", "1"));
    world.add(pod("b", "1"));
    assert_eq!((world.step(), world.step()), ("bind a".to_owned(), "refuse b".to_owned()));
    world.release("a");
    world.core.queue.failed(&"a".into(), world.now);
    assert_eq!(world.step(), "bind b");
    world.now += Duration::from_secs(1);
    assert_eq!(world.step(), "refuse a");
}

#[test]
fn a_pod_bound_by_others_or_deleted_meanwhile_is_left_alone() {
    let mut world = World::with_node("2");
    world.add(pod("a", "1"));
    world.add(pod("b", "1"));
    world.pod(Delta::Updated { old: light(pod("a", "1")), new: light(on_node(pod("a", "1"))) });
    world.pod(Delta::Deleted(light(pod("b", "1"))));
    assert_eq!(world.step(), "idle");
    // Deleted while its binding is under way: the room is free, the failure changes nothing.
    world.add(pod("c", "1"));
    assert_eq!(world.step(), "bind c");
    world.pod(Delta::Deleted(light(pod("c", "1"))));
    world.release("c");
    world.add(pod("d", "1"));
    assert_eq!(world.step(), "bind d");
}

#[test]
fn finished_pods_take_no_room() {
    let mut world = World::with_node("1");
    world.add(on_node(pod("a", "1")));
    world.add(pod("b", "1"));
    assert_eq!(world.step(), "refuse b");
    let mut finished = on_node(pod("a", "1"));
    finished["status"]["phase"] = "Succeeded".into();
    world.pod(Delta::Updated { old: light(on_node(pod("a", "1"))), new: light(finished) });
    assert_eq!(world.step(), "bind b");
}

#[test]
fn only_a_node_that_changed_for_the_better_wakes() {
    let mut world = World::with_node("1");
    world.add(pod("a", "2"));
    assert_eq!(world.step(), "refuse a");
    let mut heartbeat = node("1");
    heartbeat["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    world.node(Delta::Updated { old: light(node("1")), new: light(heartbeat.clone()) });
    assert_eq!(world.step(), "idle");
    let mut labelled = heartbeat.clone();
    labelled["metadata"]["labels"] = json!({"a": "b"});
    world.node(Delta::Updated { old: light(heartbeat), new: light(labelled.clone()) });
    assert_eq!(world.step(), "idle", "a label does not give it cpus");
    world.node(Delta::Updated { old: light(labelled), new: light(node("2")) });
    assert_eq!(world.step(), "bind a");
}

fn labelled(mut pod: Value, labels: Value) -> Value {
    pod["metadata"]["labels"] = labels;
    pod
}

fn lonely(name: &str) -> Value {
    let mut lonely = labelled(pod(name, "0"), json!({"app": "web"}));
    lonely["spec"]["affinity"]["podAntiAffinity"] = json!({
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone",
            "labelSelector": {"matchLabels": {"app": "web"}}}]});
    lonely
}

fn zone(name: &str, zone: &str) -> Value {
    let mut node = node("4");
    node["metadata"] = json!({"name": name, "labels": {"zone": zone}});
    node
}

fn at(mut pod: Value, node: &str) -> Value {
    pod["spec"]["nodeName"] = node.into();
    pod
}

/// Nodes n and m in zone x, a web pod on n, and one that keeps away from such, refused.
fn apart() -> World {
    let mut world = World::new(Profile::default_plugins());
    world.node(Delta::Added(light(zone("n", "x"))));
    world.node(Delta::Added(light(zone("m", "x"))));
    world.add(at(labelled(pod("web", "0"), json!({"app": "web"})), "n"));
    world.add(lonely("a"));
    assert_eq!(world.step(), "refuse a");
    world
}

#[test]
fn only_a_pod_in_the_way_wakes_one_that_keeps_away() {
    let web = |app: &str| light(at(labelled(pod("web", "0"), json!({"app": app})), "n"));
    let mut world = apart();
    world.add(at(labelled(pod("db", "0"), json!({"app": "db"})), "n"));
    world.pod(Delta::Deleted(light(at(labelled(pod("db", "0"), json!({"app": "db"})), "n"))));
    assert_eq!(world.step(), "idle", "the db has nothing to do with it");
    world.pod(Delta::Updated { old: web("web"), new: web("web") });
    assert_eq!(world.step(), "idle", "nothing changed");
    world.pod(Delta::Updated { old: web("web"), new: web("db") });
    assert_eq!(world.step(), "bind a");
    let mut world = apart();
    world.pod(Delta::Deleted(web("web")));
    assert_eq!(world.step(), "bind a");
}

#[test]
fn a_pod_that_goes_away_wakes_on_every_node_of_its_place() {
    // With n cordoned only m can take the pod, and it is not on m that something changed.
    let mut world = apart();
    let mut cordoned = zone("n", "x");
    cordoned["spec"]["unschedulable"] = true.into();
    world.node(Delta::Updated { old: light(zone("n", "x")), new: light(cordoned) });
    assert_eq!(world.step(), "refuse a");
    world.pod(Delta::Deleted(light(at(labelled(pod("web", "0"), json!({"app": "web"})), "n"))));
    let Step::Bind { node, .. } = world.core.step(&world.profile, world.now) else {
        panic!("a should be bound");
    };
    assert_eq!(&*node, "m");
}

#[test]
fn a_change_of_topology_wakes() {
    let mut world = apart();
    world.node(Delta::Added(light(zone("o", "y"))));
    assert_eq!(world.step(), "bind a");
    let mut world = apart();
    world.node(Delta::Updated { old: light(zone("m", "x")), new: light(zone("m", "y")) });
    assert_eq!(world.step(), "bind a");
    // The zone that was least filled is gone, so the other one is.
    let mut world = World::new(Profile::default_plugins());
    world.node(Delta::Added(light(zone("n", "x"))));
    let mut small = zone("m", "y");
    small["status"]["allocatable"]["pods"] = "0".into();
    world.node(Delta::Added(light(small.clone())));
    world.add(at(labelled(pod("web", "0"), json!({"app": "web"})), "n"));
    let mut even = labelled(pod("a", "0"), json!({"app": "web"}));
    even["spec"]["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]);
    world.add(even);
    assert_eq!(world.step(), "refuse a");
    world.node(Delta::Deleted(light(small)));
    assert_eq!(world.step(), "bind a");
}

#[test]
fn company_wakes_one_that_wants_some() {
    let mut world = World::new(Profile::default_plugins());
    world.node(Delta::Added(light(zone("n", "x"))));
    let mut lonesome = lonely("a");
    let terms = lonesome["spec"]["affinity"]["podAntiAffinity"].take();
    lonesome["spec"]["affinity"] = json!({"podAffinity": terms});
    lonesome["metadata"]["labels"] = json!({});
    world.add(lonesome);
    assert_eq!(world.step(), "refuse a");
    world.add(labelled(pod("web", "0"), json!({"app": "web"})));
    assert_eq!(world.step(), "bind web");
    assert_eq!(world.step(), "idle", "it is not bound yet");
    let unbound = labelled(pod("web", "0"), json!({"app": "web"}));
    world.pod(Delta::Updated { old: light(unbound.clone()), new: light(on_node(unbound)) });
    assert_eq!(world.step(), "bind a");
}

#[test]
fn a_failed_binding_frees_its_place() {
    let mut world = World::new(Profile::default_plugins());
    world.node(Delta::Added(light(zone("n", "x"))));
    world.add(lonely("a"));
    world.add(lonely("b"));
    assert_eq!((world.step(), world.step()), ("bind a".to_owned(), "refuse b".to_owned()));
    world.release("a");
    world.core.queue.failed(&"a".into(), world.now);
    assert_eq!(world.step(), "bind b");
}

#[test]
fn namespaces_that_change_wake() {
    let namespace =
        |labels: Value| light(json!({"metadata": {"name": "default", "labels": labels}}));
    let mut world = World::new(Profile::default_plugins());
    world.node(Delta::Added(light(zone("n", "x"))));
    world.core.namespace_changed(&Delta::Added(namespace(json!({"a": "b"}))), &world.profile);
    world.add(at(labelled(pod("web", "0"), json!({"app": "web"})), "n"));
    let mut choosy = lonely("a");
    let term = &mut choosy["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        [0];
    term["namespaceSelector"] = json!({"matchLabels": {"a": "b"}});
    world.add(choosy);
    assert_eq!(world.step(), "refuse a");
    let same =
        Delta::Updated { old: namespace(json!({"a": "b"})), new: namespace(json!({"a": "b"})) };
    world.core.namespace_changed(&same, &world.profile);
    assert_eq!(world.step(), "idle");
    let other = Delta::Updated { old: namespace(json!({"a": "b"})), new: namespace(json!({})) };
    world.core.namespace_changed(&other, &world.profile);
    assert_eq!(world.step(), "bind a");
}

#[test]
fn the_first_node_wakes_what_waits() {
    let mut world = World::new(Profile::default_plugins());
    world.add(pod("a", "1"));
    assert_eq!(world.step(), "refuse a");
    world.node(Delta::Added(light(node("1"))));
    assert_eq!(world.step(), "bind a");
}

#[test]
fn pods_of_others_and_leaving_pods_are_not_ours() {
    let mut world = World::with_node("1");
    let mut other = pod("a", "1");
    other["spec"]["schedulerName"] = "mine".into();
    world.add(other);
    let mut leaving = pod("b", "1");
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    world.add(leaving);
    assert_eq!(world.step(), "idle");
}

/// Refuses, in Reserve or Permit, pods named after the point; holds those named `hold`.
struct Picky;

impl Plugin for Picky {
    fn name(&self) -> &'static str {
        "Picky"
    }

    fn events(&self) -> Events {
        Events::ROOM_FREED
    }
}

impl Reserve for Picky {
    fn reserve(&self, pod: &PodInfo, _: &NodeInfo) -> Result<(), Rejection> {
        match &*pod.key.name {
            "reserve" => Err(Rejection::final_("not reserved")),
            _ => Ok(()),
        }
    }

    fn unreserve(&self, _: &PodInfo, _: &str) {}
}

impl Permit for Picky {
    fn permit(&self, pod: &PodInfo, _: &NodeInfo) -> Permission {
        match &*pod.key.name {
            "permit" => Permission::Denied(Rejection::final_("not permitted")),
            "hold" => Permission::Wait(Duration::from_secs(5)),
            _ => Permission::Granted,
        }
    }
}

#[test]
fn what_reserve_and_permit_refuse_takes_no_room() {
    let mut profile = Profile::default_plugins();
    profile.reserve.push(Arc::new(Picky));
    profile.permit.push(Arc::new(Picky));
    for (name, reason) in [("reserve", "not reserved"), ("permit", "not permitted")] {
        let mut world = World::with_node("1");
        std::mem::swap(&mut world.profile, &mut profile);
        world.add(pod(name, "1"));
        let Step::Refused { refusal, .. } = world.core.step(&world.profile, world.now) else {
            panic!("{name} should be refused");
        };
        let message = refusal.error.to_string();
        assert_eq!(message, format!("0/1 nodes are available: 1 {reason}."));
        world.add(pod("b", "1"));
        assert_eq!(world.step(), "bind b");
        std::mem::swap(&mut world.profile, &mut profile);
    }
}

#[test]
fn a_held_pod_keeps_its_room_until_it_is_let_go() {
    let mut world = World::with_node("1");
    world.profile.permit.push(Arc::new(Picky));
    world.add(pod("hold", "1"));
    let Step::Bind { holds, .. } = world.core.step(&world.profile, world.now) else {
        panic!("hold should be bound later");
    };
    assert_eq!((holds.len(), holds[0].until), (1, world.now + Duration::from_secs(5)));
    assert_eq!(world.profile.waiting.held_by("Picky"), ["hold".into()]);
    world.add(pod("b", "1"));
    assert_eq!(world.step(), "refuse b");
    assert!(!world.profile.waiting.allow("hold", "Other"));
    assert!(world.profile.waiting.allow("hold", "Picky"));
    assert!(world.profile.waiting.held_by("Picky").is_empty());
}
