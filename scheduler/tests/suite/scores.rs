//! Which of the possible nodes is best.

use std::collections::BTreeMap;

use serde_json::json;

use crate::world::*;

#[test]
fn the_emptiest_node_wins() {
    let mut world = World::new([node("a"), node("b"), node("c")])
        .with(requesting("x", json!({"cpu": "2", "memory": "4Gi"})), "a")
        .with(requesting("y", json!({"cpu": "1", "memory": "2Gi"})), "c");
    let placed = world.place(requesting("p", json!({"cpu": "1", "memory": "2Gi"})));
    assert_eq!(placed.as_deref(), Ok("b"));
}

#[test]
fn pods_without_requests_spread_too() {
    let mut world = World::new([node("a"), node("b"), node("c")]);
    let mut counts = BTreeMap::new();
    for index in 0..30 {
        let node = world.place(pod(&format!("p{index}"), json!({}))).expect("a node");
        *counts.entry(node).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [10, 10, 10]);
}

#[test]
fn a_node_used_evenly_is_preferred() {
    // As free as the other on average, but its cpu would be used up while memory lies idle.
    let mut world = World::new([node("uneven"), node("even")])
        .with(requesting("x", json!({"cpu": "3", "memory": "1Mi"})), "uneven")
        .with(requesting("y", json!({"cpu": "1500m", "memory": "3Gi"})), "even");
    let placed = world.place(requesting("p", json!({"cpu": "500m", "memory": "1Gi"})));
    assert_eq!(placed.as_deref(), Ok("even"));
}

#[test]
fn preferred_affinity_outweighs_load() {
    let mut world = World::new([node("a"), node("b")])
        .with(requesting("x", json!({"cpu": "2", "memory": "4Gi"})), "a");
    let prefer = |weight: i64, name: &str| {
        json!({"weight": weight, "preference": {"matchExpressions": [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}]}})
    };
    let spec = json!({"affinity": {"nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [prefer(10, "b"), prefer(90, "a")]}}});
    assert_eq!(world.place(pod("p", spec)).as_deref(), Ok("a"));
}

#[test]
fn prefer_no_schedule_is_a_preference() {
    let mut tainted = node("a");
    tainted["spec"]["taints"] = json!([{"key": "k", "effect": "PreferNoSchedule"}]);
    let mut world = World::new([tainted, node("b")])
        .with(requesting("x", json!({"cpu": "2", "memory": "4Gi"})), "b");
    assert_eq!(world.place(pod("p", json!({}))).as_deref(), Ok("b"));
    let tolerant = json!({"tolerations": [{"key": "k", "operator": "Exists"}]});
    assert_eq!(world.place(pod("q", tolerant)).as_deref(), Ok("a"));
}

#[test]
fn a_large_cluster_is_sampled_in_turn() {
    let mut world = World::new((0..1000).map(|index| node(&format!("n{index}"))));
    let p = info(pod("p", json!({})));
    let first = world.decide(&p).expect("a node");
    assert_eq!((first.evaluated, first.feasible), (420, 420));
    // The next sample begins where the first ended, so three of them have seen every node.
    let mut seen = vec![0; 1000];
    for round in 0..50 {
        let name = world.place(pod(&format!("p{round}"), json!({}))).expect("a node");
        let index: usize = name[1..].parse().expect("a number");
        seen[index / 100] += 1;
    }
    assert!(seen[..10].iter().filter(|count| **count > 0).count() >= 8, "{:?}", &seen[..10]);
    world.cursor.percentage = 100;
    assert_eq!(world.decide(&p).expect("a node").evaluated, 1000);
}
