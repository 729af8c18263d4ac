//! Refusals in upstream's words.

use serde_json::json;

use crate::world::*;

#[test]
fn reasons_are_counted_and_sorted() {
    let tainted = |name: &str, key: &str| {
        let mut node = node(name);
        node["spec"]["taints"] = json!([{"key": key, "effect": "NoSchedule"}]);
        node
    };
    let mut world = World::new([node("a"), tainted("b", "x"), tainted("c", "y")])
        .with(requesting("big", json!({"cpu": "4"})), "a");
    assert_eq!(
        world.place(requesting("p", json!({"cpu": "1"}))).unwrap_err(),
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). \
         preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, \
         2 Preemption is not helpful for scheduling."
    );
}

#[test]
fn more_than_a_node_has_is_hopeless() {
    let mut world = World::new([node("a"), node("b")]);
    assert_eq!(
        world.place(requesting("p", json!({"cpu": "64"}))).unwrap_err(),
        "0/2 nodes are available: 2 Insufficient cpu. \
         preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    );
}

#[test]
fn without_nodes() {
    let message = World::new([]).place(pod("p", json!({}))).unwrap_err();
    assert_eq!(message, "no nodes available to schedule pods");
}

#[test]
fn a_node_that_is_gone_does_not_count() {
    let mut world = World::new([node("a"), node("b")]).with(pod("on-a", json!({})), "a");
    world.cluster.remove_node("a");
    assert_eq!(world.place(pod("p", json!({}))).as_deref(), Ok("b"));
    world.cluster.remove_node("b");
    assert_eq!(
        world.place(pod("q", json!({}))).unwrap_err(),
        "no nodes available to schedule pods"
    );
}
