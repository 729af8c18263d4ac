//! What holds for every cluster and every order of pods.

use proptest::prelude::*;
use scheduler::cluster::Resources;
use serde_json::{Value, json};

use crate::world::*;

#[derive(Clone, Debug)]
struct Wish {
    cpu: i64,
    memory: i64,
    port: Option<u16>,
    tolerates: bool,
    priority: i32,
}

fn wish() -> impl Strategy<Value = Wish> {
    (0..3000_i64, 0..3000_i64, prop::option::weighted(0.2, 80..83_u16), any::<bool>(), 0..3)
        .prop_map(|(cpu, memory, port, tolerates, priority)| Wish {
            cpu,
            memory,
            port,
            tolerates,
            priority,
        })
}

fn to_pod(index: usize, wish: &Wish) -> Value {
    let mut container = json!({"name": "c", "resources": {"requests":
        {"cpu": format!("{}m", wish.cpu), "memory": format!("{}Mi", wish.memory)}}});
    if let Some(port) = wish.port {
        container["ports"] = json!([{"containerPort": 1, "hostPort": port}]);
    }
    let mut spec = json!({"containers": [container], "priority": wish.priority});
    if wish.tolerates {
        spec["tolerations"] = json!([{"operator": "Exists"}]);
    }
    pod(&format!("p{index}"), spec)
}

fn nodes(tainted: &[bool]) -> Vec<Value> {
    let build = |(index, tainted): (usize, &bool)| {
        let mut node = node(&format!("n{index}"));
        if *tainted {
            node["spec"]["taints"] = json!([{"key": "k", "effect": "NoSchedule"}]);
        }
        node
    };
    tainted.iter().enumerate().map(build).collect()
}

/// No node holds more than it has, and no host port twice.
fn assert_not_overcommitted(world: &World) {
    for id in world.cluster.nodes() {
        let node = world.cluster.node(*id);
        let mut sum = Resources::default();
        let mut ports = Vec::new();
        for pod in node.pods() {
            sum.add(&pod.requests);
            for port in &pod.ports {
                assert!(!ports.contains(&port), "{port:?} twice on {}", node.name);
                ports.push(port);
            }
        }
        assert_eq!(sum, node.requested, "the sum kept for {} is wrong", node.name);
        assert!(sum.milli_cpu <= node.allocatable.milli_cpu, "{} overcommitted", node.name);
        assert!(sum.memory <= node.allocatable.memory, "{} overcommitted", node.name);
    }
}

proptest! {
    #[test]
    fn never_overcommits(
        tainted in prop::collection::vec(any::<bool>(), 1..6),
        wishes in prop::collection::vec((wish(), any::<prop::sample::Index>(), any::<bool>()), 1..60),
    ) {
        let mut world = World::new(nodes(&tainted));
        let mut placed: Vec<String> = Vec::new();
        for (index, (wish, victim, leaves)) in wishes.iter().enumerate() {
            if world.place(to_pod(index, wish)).is_ok() {
                placed.push(format!("p{index}"));
            }
            if *leaves && !placed.is_empty() {
                let gone = placed.swap_remove(victim.index(placed.len()));
                world.cluster.remove_pod(&gone);
            }
            assert_not_overcommitted(&world);
        }
        for uid in placed {
            world.cluster.remove_pod(&uid);
        }
        for id in world.cluster.nodes() {
            let node = world.cluster.node(*id);
            prop_assert!(node.requested.is_zero() && node.pods().is_empty(), "{node:?}");
        }
    }

    /// A refused pod is refused again, for the same reasons: deciding leaves no trace.
    #[test]
    fn deciding_twice_changes_nothing(
        tainted in prop::collection::vec(any::<bool>(), 1..6),
        wishes in prop::collection::vec(wish(), 1..40),
        last in wish(),
    ) {
        let mut world = World::new(nodes(&tainted));
        for (index, wish) in wishes.iter().enumerate() {
            let _ = world.place(to_pod(index, wish));
        }
        let pod = info(to_pod(999, &last));
        let start = (world.cursor, world.rng.clone());
        let first = world.decide(&pod).map_err(|refusal| (refusal.error.to_string(), refusal.remedy));
        (world.cursor, world.rng) = start;
        let second = world.decide(&pod).map_err(|refusal| (refusal.error.to_string(), refusal.remedy));
        prop_assert_eq!(first, second);
    }

    /// Evicting what a preemption names makes room for the pod, and only less important pods go.
    #[test]
    fn preemption_makes_room(
        tainted in prop::collection::vec(any::<bool>(), 1..4),
        wishes in prop::collection::vec(wish(), 1..40),
        last in wish(),
    ) {
        let mut world = World::new(nodes(&tainted));
        for (index, wish) in wishes.iter().enumerate() {
            let _ = world.place(to_pod(index, wish));
        }
        let pod = info(to_pod(999, &last));
        if let Err(refusal) = world.decide(&pod)
            && let Some((node, victims)) = refusal.remedy.preempt
        {
            prop_assert!(!victims.is_empty());
            for uid in &victims {
                let info = world.cluster.node(node);
                let victim = info.pods().iter().find(|pod| pod.uid == *uid).expect("is on the node");
                prop_assert!(victim.priority < pod.priority);
                world.cluster.remove_pod(uid);
            }
            prop_assert!(world.profile.fits(&pod, world.cluster.node(node)));
        }
    }
}
