//! Topology spread constraints: one row per rule.

use scheduler::cluster::NodeInfo;
use scheduler::framework::CycleState;
use serde_json::{Value, json};

use crate::world::*;

const HOST: &str = "kubernetes.io/hostname";

/// Two nodes in zone x, one in zone y, one in none.
fn world() -> World {
    World::new([zoned("a", "x"), zoned("b", "x"), zoned("c", "y"), node("d")])
}

fn web(name: &str) -> Value {
    labelled(pod(name, json!({})), json!({"app": "web"}))
}

/// So many web pods on the node.
fn filled(mut world: World, counts: &[(&str, usize)]) -> World {
    for (node, count) in counts {
        for index in 0..*count {
            world = world.with(web(&format!("{node}-{index}")), node);
        }
    }
    world
}

fn rule(skew: i32, key: &str) -> Value {
    json!({"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}}})
}

fn with(mut rule: Value, field: &str, value: Value) -> Value {
    rule[field] = value;
    rule
}

fn spreading(rules: Value) -> Value {
    labelled(
        pod("p", json!({"topologySpreadConstraints": rules})),
        json!({"app": "web", "version": "2"}),
    )
}

/// Each row: web pods by node, the rules, and the nodes that are allowed.
#[test]
fn strict_rules() {
    let other = json!({"matchLabels": {"app": "other"}});
    let rows = [
        (vec![], json!([rule(1, "zone")]), "a b c"),
        (vec![("a", 1)], json!([rule(1, "zone")]), "c"),
        (vec![("a", 1)], json!([rule(2, "zone")]), "a b c"),
        (vec![("a", 1), ("b", 1)], json!([rule(2, "zone")]), "c"),
        (vec![("a", 1), ("c", 1)], json!([rule(1, "zone")]), "a b c"),
        (vec![("a", 2), ("c", 4)], json!([rule(1, "zone")]), "a b"),
        // A node without the label is no place: its pods do not count.
        (vec![("d", 5)], json!([rule(1, "zone")]), "a b c"),
        (vec![("a", 1)], json!([rule(1, HOST)]), "b c d"),
        // Each rule must hold, and only nodes with all labels are places.
        (vec![("a", 1), ("c", 1)], json!([rule(1, "zone"), rule(1, HOST)]), "b"),
        (vec![("d", 0), ("a", 1), ("b", 1), ("c", 1)], json!([rule(1, HOST)]), "d"),
        (vec![("a", 1), ("b", 1), ("c", 2)], json!([rule(1, "zone"), rule(1, HOST)]), "a b"),
        // The pod adds to the skew only if it counts itself.
        (vec![("a", 1)], json!([with(rule(1, "zone"), "labelSelector", other)]), "a b c"),
        (vec![("a", 1)], json!([with(rule(1, "zone"), "labelSelector", Value::Null)]), "a b c"),
        (vec![("a", 1)], json!([with(rule(1, "zone"), "labelSelector", json!({}))]), "c"),
        // With fewer places than asked for, the least filled one counts as empty.
        (vec![("a", 1), ("c", 1)], json!([with(rule(1, "zone"), "minDomains", 2.into())]), "a b c"),
        (vec![("a", 1), ("c", 1)], json!([with(rule(1, "zone"), "minDomains", 3.into())]), ""),
        (
            vec![("a", 1)],
            json!([with(rule(1, "zone"), "whenUnsatisfiable", "ScheduleAnyway".into())]),
            "a b c d",
        ),
    ];
    for (counts, rules, nodes) in rows {
        let text = rules.to_string();
        let world = filled(world(), &counts);
        assert_eq!(world.allowed(spreading(rules)), nodes, "{counts:?} {text}");
    }
}

#[test]
fn only_the_pods_meant_are_counted() {
    let rules = || spreading(json!([rule(1, "zone")]));
    let mut stranger = web("stranger");
    stranger["metadata"]["namespace"] = "red".into();
    assert_eq!(world().with(stranger, "a").allowed(rules()), "a b c");
    let mut leaving = web("leaving");
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    assert_eq!(world().with(leaving, "a").allowed(rules()), "a b c");
    // Of the same version, when told so.
    let old = labelled(pod("old", json!({})), json!({"app": "web", "version": "1"}));
    let same = with(rule(1, "zone"), "matchLabelKeys", json!(["version"]));
    assert_eq!(world().with(old.clone(), "a").allowed(rules()), "c");
    assert_eq!(world().with(old, "a").allowed(spreading(json!([same]))), "a b c");
}

#[test]
fn which_nodes_are_places() {
    // Zone z is empty, and the pod cannot run there.
    let mut tainted = zoned("t", "z");
    tainted["spec"]["taints"] = json!([{"key": "k", "effect": "NoSchedule"}]);
    let mut world = filled(world(), &[("a", 1), ("c", 1)]);
    world.cluster.set_node(light_node(tainted));
    let rules = |policy: &str| {
        let rule = with(rule(1, "zone"), "nodeTaintsPolicy", policy.into());
        spreading(json!([rule]))
    };
    assert_eq!(world.allowed(rules("Honor")), "a b c");
    assert_eq!(world.allowed(rules("Ignore")), "", "the empty zone counts, so all others are full");
    let mut tolerant = rules("Honor");
    tolerant["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    assert_eq!(world.allowed(tolerant), "t");
    // Likewise a zone that the pod does not select.
    let selecting = |policy: Option<&str>| {
        let mut pod = spreading(json!([rule(1, "zone")]));
        pod["spec"]["nodeSelector"] = json!({"zone": "x"});
        if let Some(policy) = policy {
            pod["spec"]["topologySpreadConstraints"][0]["nodeAffinityPolicy"] = policy.into();
        }
        pod
    };
    assert_eq!(world.allowed(selecting(None)), "a b");
    assert_eq!(world.allowed(selecting(Some("Honor"))), "a b");
    assert_eq!(world.allowed(selecting(Some("Ignore"))), "");
}

#[test]
fn refusals_in_upstreams_words() {
    let world = World::new([zoned("a", "x"), zoned("b", "x"), node("d")]);
    let lopsided = with(rule(1, "zone"), "minDomains", 2.into());
    let message = { filled(world, &[("a", 1)]) }.place(spreading(json!([lopsided]))).unwrap_err();
    assert_eq!(
        message,
        "0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing \
         required label), 2 node(s) didn't match pod topology spread constraints. preemption: 0/3 \
         nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims \
         found for incoming pod."
    );
}

#[test]
fn a_rule_that_cannot_be_understood_is_not_left_out() {
    for (field, value) in
        [("whenUnsatisfiable", "Perhaps"), ("nodeTaintsPolicy", "Maybe"), ("maxSkew", "much")]
    {
        let strange = spreading(json!([with(rule(1, "zone"), field, value.into())]));
        let message = world().place(strange).unwrap_err();
        assert!(message.starts_with("0/4 nodes are available: parsing pod: "), "{message}");
    }
}

#[test]
fn less_important_pods_make_way_for_balance() {
    let mut urgent = spreading(json!([rule(1, "zone")]));
    urgent["spec"]["priority"] = 10.into();
    // c is full, so only zone x is left, which has two more web pods than y.
    let full = || requesting("full", json!({"cpu": "4"}));
    let mut world = World::new([zoned("a", "x"), zoned("c", "y")]);
    world = filled(world, &[("a", 2)]).with(full(), "c");
    urgent["spec"]["containers"] = json!([{"name": "c", "resources": {"requests": {"cpu": "1"}}}]);
    let mut important = full();
    important["spec"]["priority"] = 10.into();
    world.cluster.set_pod(info(important), "c");
    let refusal = world.decide(&info(urgent)).expect_err("it would be uneven");
    let (node, victims) = refusal.remedy.preempt.expect("somebody makes way");
    assert_eq!(&*world.cluster.node(node).name, "a");
    assert_eq!(victims.len(), 2, "y has none, so both must go for x to have one");
}

/// A node is judged with other pods on it than it has, as preemption does.
#[test]
fn counts_follow_a_node_that_is_thought_of() {
    let mut world = filled(World::new([zoned("a", "x"), zoned("c", "y")]), &[("a", 2), ("c", 1)]);
    world.profile.filter.retain(|plugin| plugin.name() == "PodTopologySpread");
    let pod = info(spreading(json!([rule(1, "zone")])));
    let mut state = CycleState::default();
    for plugin in &world.profile.pre_filter {
        plugin.pre_filter(&mut state, &pod, &world.cluster).expect("it is not rejected");
    }
    let fits = |changed: &NodeInfo| {
        let filter = &world.profile.filter[0];
        filter.filter_changed(&state, &pod, &world.cluster, changed).is_ok()
    };
    let node = |name: &str| {
        world.cluster.node(world.cluster.find(name).expect("a node of that name")).clone()
    };
    let (mut a, mut c) = (node("a"), node("c"));
    assert!(!fits(&a) && fits(&c));
    a.remove_pod("a-0");
    assert!(fits(&a), "one each");
    c.add_pod(info(web("more")));
    assert!(fits(&c), "two each");
    c.add_pod(info(web("most")));
    assert!(!fits(&c), "c would be two ahead");
    c.add_pod(info(labelled(crate::world::pod("db", json!({})), json!({"app": "db"}))));
    c.remove_pod("most");
    assert!(fits(&c), "the db does not count");
}

#[test]
fn wishes_are_scores() {
    let wish = |key: &str| with(rule(1, key), "whenUnsatisfiable", "ScheduleAnyway".into());
    let load = |name: &str| requesting(name, json!({"cpu": "500m", "memory": "1Gi"}));
    // Load makes c the worst where nothing else counts.
    let world = || filled(world(), &[("a", 2), ("b", 1), ("d", 1)]).with(load("load"), "c");
    assert_ne!(world().place(pod("p", json!({}))).as_deref(), Ok("c"));
    assert_eq!(world().place(spreading(json!([wish("zone")]))).as_deref(), Ok("c"));
    assert_eq!(world().place(spreading(json!([wish(HOST)]))).as_deref(), Ok("c"));
    // Without the label d is no place, and worst of all.
    let crowded = || filled(World::new([zoned("a", "x"), node("d")]), &[("a", 3)]);
    assert_eq!(crowded().place(spreading(json!([wish("zone")]))).as_deref(), Ok("a"));
}

#[test]
fn replicas_spread_one_by_one() {
    let mut world = World::new([zoned("a", "x"), zoned("b", "x"), zoned("c", "y")]);
    let mut zones = Vec::new();
    for index in 0..6 {
        let mut replica = spreading(json!([rule(1, "zone")]));
        replica["metadata"]["uid"] = index.to_string().into();
        zones.push(if world.place(replica).expect("a node") == "c" { "y" } else { "x" });
    }
    for pair in zones.chunks(2) {
        assert_ne!(pair[0], pair[1], "{zones:?}");
    }
}
