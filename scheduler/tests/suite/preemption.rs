//! Pods that make way for more important ones.

use serde_json::{Value, json};

use crate::world::*;

fn important(name: &str, priority: i32, cpu: &str) -> Value {
    let mut pod = requesting(name, json!({"cpu": cpu}));
    pod["spec"]["priority"] = priority.into();
    pod
}

fn victims(world: &mut World, pod: Value) -> Option<(String, Vec<String>)> {
    let refusal = world.decide(&info(pod)).expect_err("no room");
    let (node, uids) = refusal.remedy.preempt?;
    let mut uids: Vec<_> = uids.iter().map(ToString::to_string).collect();
    uids.sort();
    Some((world.cluster.node(node).name.to_string(), uids))
}

#[test]
fn as_few_and_as_unimportant_as_possible() {
    let mut world = World::new([node("a"), node("b")])
        .with(important("low-1", 1, "1"), "a")
        .with(important("low-2", 2, "2"), "a")
        .with(important("same", 10, "1"), "a")
        .with(important("high", 9, "4"), "b");
    assert_eq!(
        victims(&mut world, important("p", 10, "1")),
        Some(("a".to_owned(), vec!["low-1".to_owned()]))
    );
    assert_eq!(
        victims(&mut world, important("p", 10, "3")),
        Some(("a".to_owned(), vec!["low-1".to_owned(), "low-2".to_owned()]))
    );
    assert_eq!(
        victims(&mut world, important("p", 10, "4")),
        Some(("b".to_owned(), vec!["high".to_owned()]))
    );
}

#[test]
fn nobody_makes_way_for_an_equal_or_in_vain() {
    let mut world = World::new([node("a")])
        .with(important("low", 1, "1"), "a")
        .with(important("same", 5, "3"), "a");
    let mut refused = |pod| world.place(pod).unwrap_err();
    assert!(refused(important("p", 1, "1")).ends_with(
        "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    ));
    assert!(
        refused(important("p", 5, "2"))
            .ends_with("preemption: 0/1 nodes are available: 1 Insufficient cpu.")
    );
    let mut never = important("p", 5, "1");
    never["spec"]["preemptionPolicy"] = "Never".into();
    assert!(refused(never).ends_with("preemption: not eligible due to preemptionPolicy=Never."));
}

#[test]
fn a_pod_waits_for_those_that_leave_already() {
    let mut leaving = important("leaving", 1, "2");
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let mut world = World::new([node("a")]).with(leaving, "a").with(important("low", 1, "2"), "a");
    assert_eq!(victims(&mut world, important("p", 10, "2")), None);
    assert!(victims(&mut world, important("p", 10, "4")).is_some());
}
