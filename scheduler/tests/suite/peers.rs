//! Pod affinity and anti-affinity: one row per rule.

use serde_json::{Value, json};

use crate::world::*;

const HOST: &str = "kubernetes.io/hostname";

/// Two nodes in zone x, one in zone y, one in none.
fn world() -> World {
    World::new([zoned("a", "x"), zoned("b", "x"), zoned("c", "y"), node("d")])
        .with_namespace("default", &[("team", "blue")])
        .with_namespace("red", &[("team", "red")])
        .with_namespace("plain", &[])
}

fn app(name: &str, app: &str) -> Value {
    labelled(pod(name, json!({})), json!({"app": app}))
}

fn in_namespace(mut pod: Value, namespace: &str) -> Value {
    pod["metadata"]["namespace"] = namespace.into();
    pod
}

fn term(key: &str, app: &str) -> Value {
    json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}})
}

/// A term with one field more.
fn with(mut term: Value, field: &str, value: Value) -> Value {
    term[field] = value;
    term
}

fn requiring(kind: &str, terms: Value) -> Value {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn preferring(kind: &str, weight: i32, term: Value) -> Value {
    json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution":
        [{"weight": weight, "podAffinityTerm": term}]}}})
}

fn near(terms: Value) -> Value {
    labelled(pod("p", requiring("podAffinity", terms)), json!({"app": "p", "version": "2"}))
}

fn away(terms: Value) -> Value {
    labelled(pod("p", requiring("podAntiAffinity", terms)), json!({"app": "p", "version": "2"}))
}

/// Each row: a pod, and the nodes it may run on, with a web pod on a, and a red one on c.
#[test]
fn required_terms() {
    let world =
        world().with(app("web", "web"), "a").with(in_namespace(app("red", "red"), "red"), "c");
    let expression = |operator: &str, values: Value| {
        json!({"topologyKey": "zone", "labelSelector": {"matchExpressions": [
            {"key": "app", "operator": operator, "values": values}]}})
    };
    let selecting = |selector: Value| with(term("zone", "red"), "namespaceSelector", selector);
    let rows = [
        (near(json!([term("zone", "web")])), "a b"),
        (near(json!([term(HOST, "web")])), "a"),
        (near(json!([term("zone", "none")])), ""),
        (near(json!([expression("In", json!(["web", "other"]))])), "a b"),
        (near(json!([expression("NotIn", json!(["web", "p"]))])), ""),
        (near(json!([expression("Exists", json!([]))])), "a b"),
        (near(json!([{"topologyKey": "zone", "labelSelector": {}}])), "a b"),
        // No selector selects nothing.
        (near(json!([{"topologyKey": "zone"}])), ""),
        (away(json!([{"topologyKey": "zone"}])), "a b c d"),
        // One pod must match all terms; two pods that match one each do not do.
        (near(json!([term("zone", "web"), term(HOST, "web")])), "a"),
        (near(json!([term("zone", "web"), term("zone", "red")])), ""),
        // Any term keeps it away. A node without the label is no place at all.
        (away(json!([term("zone", "web")])), "c d"),
        (away(json!([term(HOST, "web")])), "b c d"),
        (away(json!([term("none", "web")])), "a b c d"),
        (near(json!([term("none", "web")])), ""),
        // Namespaces: the pod's own unless said otherwise.
        (near(json!([term("zone", "red")])), ""),
        (near(json!([with(term("zone", "red"), "namespaces", json!(["red"]))])), "c"),
        (near(json!([with(term("zone", "web"), "namespaces", json!(["red"]))])), ""),
        (near(json!([selecting(json!({"matchLabels": {"team": "red"}}))])), "c"),
        (near(json!([selecting(json!({"matchLabels": {"team": "blue"}}))])), ""),
        (near(json!([selecting(json!({}))])), "c"),
        (near(json!([selecting(Value::Null)])), ""),
        (
            near(json!([with(
                selecting(json!({"matchLabels": {"team": "none"}})),
                "namespaces",
                json!(["red"])
            )])),
            "c",
        ),
        (
            away(json!([selecting(json!({"matchExpressions":
            [{"key": "team", "operator": "Exists"}]}))])),
            "a b d",
        ),
    ];
    for (pod, nodes) in rows {
        let spec = pod["spec"]["affinity"].clone();
        assert_eq!(world.allowed(pod), nodes, "{spec}");
    }
}

#[test]
fn label_keys_narrow_a_selector() {
    let version = |name: &str, version: &str| {
        labelled(pod(name, json!({})), json!({"app": "web", "version": version}))
    };
    let world = world().with(version("old", "1"), "a").with(version("new", "2"), "c");
    let keys = |field: &str, keys: Value| with(term("zone", "web"), field, keys);
    // The pod is of version 2.
    assert_eq!(world.allowed(near(json!([keys("matchLabelKeys", json!(["version"]))]))), "c");
    assert_eq!(world.allowed(near(json!([keys("mismatchLabelKeys", json!(["version"]))]))), "a b");
    assert_eq!(world.allowed(near(json!([keys("matchLabelKeys", json!(["none"]))]))), "a b c");
}

#[test]
fn the_first_of_pods_that_belong_together_may_begin() {
    let together = || near(json!([term("zone", "p")]));
    // Anywhere where there is a zone, as long as there is no such pod anywhere in one.
    assert_eq!(world().allowed(together()), "a b c");
    assert_eq!(world().with(app("nowhere", "p"), "d").allowed(together()), "a b c");
    assert_eq!(world().with(app("other", "p"), "c").allowed(together()), "c");
    // In another namespace it is not such a pod.
    let stranger = in_namespace(app("stranger", "p"), "red");
    assert_eq!(world().with(stranger, "c").allowed(together()), "a b c");
    // It has to match every term of its own.
    let half = near(json!([term("zone", "p"), term("zone", "web")]));
    assert_eq!(world().allowed(half), "");
}

#[test]
fn placed_pods_keep_others_away_too() {
    let loner = |terms: Value| pod("loner", requiring("podAntiAffinity", terms));
    let world = |terms: Value| world().with(loner(terms), "a");
    let web = || app("p", "web");
    assert_eq!(world(json!([term("zone", "web")])).allowed(web()), "c d");
    assert_eq!(world(json!([term(HOST, "web")])).allowed(web()), "b c d");
    assert_eq!(world(json!([term("zone", "other")])).allowed(web()), "a b c d");
    // Seen from the namespace of who has the rule.
    let red = || in_namespace(web(), "red");
    assert_eq!(world(json!([term("zone", "web")])).allowed(red()), "a b c d");
    let selecting = |team: &str| {
        with(term("zone", "web"), "namespaceSelector", json!({"matchLabels": {"team": team}}))
    };
    assert_eq!(world(json!([selecting("red")])).allowed(red()), "c d");
    assert_eq!(world(json!([selecting("red")])).allowed(web()), "a b c d");
    // Relabelling the namespace changes that.
    let mut changed = world(json!([selecting("red")]));
    changed = changed.with_namespace("red", &[("team", "green")]);
    assert_eq!(changed.allowed(red()), "a b c d");
}

#[test]
fn a_pod_that_left_keeps_nobody_away() {
    let loner = pod("loner", requiring("podAntiAffinity", json!([term("zone", "web")])));
    let mut world = world().with(loner, "a");
    assert_eq!(world.allowed(app("p", "web")), "c d");
    world.cluster.remove_pod("loner");
    assert_eq!(world.allowed(app("p", "web")), "a b c d");
}

#[test]
fn refusals_in_upstreams_words() {
    let refused = |world: World, pod: Value| { world }.place(pod).unwrap_err();
    let two = || World::new([zoned("a", "x"), zoned("b", "y")]);
    let lonely = || pod("p", requiring("podAffinity", json!([term("zone", "web")])));
    assert_eq!(
        refused(two(), lonely()),
        "0/2 nodes are available: 2 node(s) didn't match pod affinity rules. preemption: 0/2 \
         nodes are available: 2 Preemption is not helpful for scheduling."
    );
    let full = two().with(app("one", "p"), "a").with(app("two", "p"), "b");
    assert_eq!(
        refused(full, away(json!([term("zone", "p")]))),
        "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules. preemption: 0/2 \
         nodes are available: 2 No preemption victims found for incoming pod."
    );
    let loner = pod("loner", requiring("podAntiAffinity", json!([term("zone", "p")])));
    let shy = two().with(loner, "a").with(app("two", "p"), "b");
    assert_eq!(
        refused(shy, away(json!([term("zone", "p")]))),
        "0/2 nodes are available: 1 node(s) didn't match pod anti-affinity rules, 1 node(s) \
         didn't satisfy existing pods anti-affinity rules. preemption: 0/2 nodes are available: \
         2 No preemption victims found for incoming pod."
    );
}

#[test]
fn a_rule_that_cannot_be_understood_is_not_left_out() {
    let strange = json!([{"topologyKey": "zone", "labelSelector": {"matchExpressions":
        [{"key": "app", "operator": "Like", "values": ["w*"]}]}}]);
    let message = world().place(away(strange)).unwrap_err();
    assert!(message.starts_with("0/4 nodes are available: parsing pod: "), "{message}");
    assert!(message.contains("Like"), "{message}");
}

#[test]
fn less_important_pods_make_way_for_a_lonely_one() {
    let mut lonely = away(json!([term("zone", "web")]));
    lonely["spec"]["priority"] = 10.into();
    let world = || World::new([zoned("a", "x"), zoned("b", "x")]);
    // Evicting one on the node is not enough while there is another one in the zone.
    let both = world().with(app("one", "web"), "a").with(app("two", "web"), "b");
    let refusal = { both }.decide(&info(lonely.clone())).expect_err("it is kept away");
    assert_eq!(refusal.remedy.preempt, None);
    // Of the pods on the node only the one in its way goes.
    let mut one = world().with(app("one", "web"), "a").with(app("other", "db"), "a");
    let refusal = one.decide(&info(lonely.clone())).expect_err("it is kept away");
    let (node, victims) = refusal.remedy.preempt.expect("somebody makes way");
    assert_eq!(&*one.cluster.node(node).name, "a");
    assert_eq!(victims, ["one".into()]);
    // So does one that would not have it near.
    lonely["spec"].as_object_mut().expect("a spec").remove("affinity");
    let loner = pod("loner", requiring("podAntiAffinity", json!([term("zone", "p")])));
    let refusal = { world().with(loner, "a") }.decide(&info(lonely)).expect_err("not wanted");
    let (_, victims) = refusal.remedy.preempt.expect("somebody makes way");
    assert_eq!(victims, ["loner".into()]);
}

/// Each row: a pod that is placed on a, the pod, and where it goes.
#[test]
fn preferences_of_both_sides_count() {
    let world = || World::new([zoned("a", "x"), zoned("b", "y")]);
    let load = || requesting("load", json!({"cpu": "1", "memory": "2Gi"}));
    let wishing = |kind: &str, app: &str| {
        labelled(pod("p", preferring(kind, 100, term("zone", app))), json!({"app": "p"}))
    };
    let placed = |spec: Value| labelled(pod("placed", spec), json!({"app": "web"}));
    let plain = || app("p", "p");
    let wish = |kind: &str| preferring(kind, 100, term("zone", "p"));
    let rows = [
        (placed(json!({})), wishing("podAffinity", "web"), "a"),
        (placed(json!({})), wishing("podAntiAffinity", "web"), "b"),
        (placed(json!({})), wishing("podAffinity", "none"), "b"),
        (placed(wish("podAffinity")), plain(), "a"),
        (placed(wish("podAntiAffinity")), plain(), "b"),
        // Who needs company is glad of more, even if that pod does not care.
        (placed(requiring("podAffinity", json!([term("zone", "p")]))), plain(), "a"),
        (placed(requiring("podAffinity", json!([term("zone", "q")]))), plain(), "b"),
    ];
    for (index, (placed, pod, node)) in rows.into_iter().enumerate() {
        // The load on a makes b the better one where nobody has a wish.
        let mut world = world().with(load(), "a").with(placed, "a");
        assert_eq!(world.place(pod).as_deref(), Ok(node), "row {index}");
    }
}

#[test]
fn wishes_against_each_other_are_weighed() {
    let term = |app: &str, weight: i32| {
        json!({"weight": weight, "podAffinityTerm": {"topologyKey": "zone",
            "labelSelector": {"matchLabels": {"app": app}}}})
    };
    let torn = |web: i32, db: i32| {
        pod(
            "p",
            json!({"affinity": {"podAffinity":
            {"preferredDuringSchedulingIgnoredDuringExecution": [term("web", web), term("db", db)]}}}),
        )
    };
    let world = || {
        let nodes = World::new([zoned("a", "x"), zoned("b", "y")]);
        nodes.with(app("web", "web"), "a").with(app("db", "db"), "b")
    };
    assert_eq!(world().place(torn(60, 40)).as_deref(), Ok("a"));
    assert_eq!(world().place(torn(40, 60)).as_deref(), Ok("b"));
}
