use proptest::prelude::*;
use serde_json::{Value, json};

use super::{PatchError, json as json_patch, merge, strategic};
use crate::schema::{Schema, lookup};

fn kind(group: &str, kind: &str) -> &'static Schema {
    lookup(group, "v1", kind).expect("a built-in kind")
}

/// Applies a patch to a Pod.
fn patched(target: Value, patch: Value) -> Value {
    strategic(kind("", "Pod"), &target, &patch).expect("the patch applies")
}

fn refused(target: Value, patch: Value) -> String {
    strategic(kind("", "Pod"), &target, &patch).expect_err("the patch is refused").to_string()
}

/// A pod whose containers have these names.
fn pod(names: &[&str]) -> Value {
    let containers: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    json!({"spec": {"containers": containers}})
}

fn names(pod: &Value) -> Vec<&str> {
    let containers = pod["spec"]["containers"].as_array().expect("containers");
    containers.iter().filter_map(|container| container["name"].as_str()).collect()
}

#[test]
fn maps_merge_and_null_deletes() {
    let target = json!({"metadata": {"labels": {"a": "1", "b": "2"}, "name": "x"}});
    let patch = json!({"metadata": {"labels": {"a": null, "c": "3"}, "annotations": {"k": null}}});
    let expected =
        json!({"metadata": {"annotations": {}, "labels": {"b": "2", "c": "3"}, "name": "x"}});
    assert_eq!(patched(target, patch), expected);
}

#[test]
fn containers_merge_by_name() {
    let target = json!({"spec": {"containers": [
        {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]},
        {"name": "b", "image": "b:1"},
    ]}});
    let patch = json!({"spec": {"containers": [
        {"name": "b", "image": "b:2"},
        {"name": "a", "env": [{"name": "Y", "value": "2"}]},
        {"name": "c", "image": "c:1", "command": null},
    ]}});
    let expected = json!({"spec": {"containers": [
        {"name": "b", "image": "b:2"},
        {"name": "a", "image": "a:1", "env": [
            {"name": "Y", "value": "2"}, {"name": "X", "value": "1"},
        ]},
        {"name": "c", "image": "c:1"},
    ]}});
    assert_eq!(patched(target, patch), expected);
}

#[test]
fn elements_only_the_live_list_has_keep_their_place_before_those_they_preceded() {
    let cases: [(&[&str], &[&str], &[&str]); 4] = [
        // live, patch, merged
        (&["a", "b"], &["c"], &["c", "a", "b"]),
        (&["a", "b", "c"], &["b"], &["a", "b", "c"]),
        (&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]),
        (&[], &["a"], &["a"]),
    ];
    for (live, patch, expected) in cases {
        let merged = patched(pod(live), pod(patch));
        assert_eq!(names(&merged), expected, "{patch:?} into {live:?}");
    }
}

#[test]
fn set_element_order_orders_the_list() {
    let order = |names: &[&str]| {
        let order: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        json!({"spec": {"$setElementOrder/containers": order}})
    };
    let merged = patched(pod(&["a", "b", "c"]), order(&["c", "b", "a"]));
    assert_eq!(names(&merged), ["c", "b", "a"]);
    // An element that only the server has stays before what it preceded.
    let merged = patched(pod(&["a", "sidecar", "b"]), order(&["b", "a"]));
    assert_eq!(names(&merged), ["sidecar", "b", "a"]);
    let merged = patched(pod(&["a", "b", "sidecar"]), order(&["b", "a"]));
    assert_eq!(names(&merged), ["b", "a", "sidecar"]);
}

#[test]
fn what_kubectl_apply_sends_for_a_changed_container() {
    let target = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": [
        {"name": "web", "image": "nginx:1", "ports": [
            {"containerPort": 80, "protocol": "TCP"}, {"containerPort": 90, "protocol": "TCP"},
        ], "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
    ]}}}});
    let patch = json!({"spec": {"template": {"spec": {
        "$setElementOrder/containers": [{"name": "web"}],
        "containers": [{
            "name": "web",
            "image": "nginx:2",
            "$setElementOrder/env": [{"name": "C"}, {"name": "A"}],
            "env": [{"name": "C", "value": "3"}, {"$patch": "delete", "name": "B"}],
            "$setElementOrder/ports": [{"containerPort": 443}, {"containerPort": 80}],
            "ports": [
                {"containerPort": 443, "name": "https"},
                {"$patch": "delete", "containerPort": 90},
            ],
        }],
    }}}});
    let expected = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": [
        {"name": "web", "image": "nginx:2", "ports": [
            {"containerPort": 443, "name": "https"}, {"containerPort": 80, "protocol": "TCP"},
        ], "env": [{"name": "C", "value": "3"}, {"name": "A", "value": "1"}]},
    ]}}}});
    let merged = strategic(kind("apps", "Deployment"), &target, &patch);
    assert_eq!(merged.expect("the patch applies"), expected);
}

#[test]
fn volumes_retain_the_keys_they_name() {
    let target = json!({"spec": {"volumes": [
        {"name": "cache", "emptyDir": {"medium": "Memory"}},
        {"name": "other", "emptyDir": {}},
    ]}});
    let patch = json!({"spec": {
        "$setElementOrder/volumes": [{"name": "cache"}, {"name": "new"}],
        "volumes": [
            {"$retainKeys": ["name", "hostPath"], "name": "cache", "emptyDir": null,
             "hostPath": {"path": "/tmp"}},
            {"$retainKeys": ["name", "secret"], "name": "new", "secret": {"secretName": "s"}},
        ],
    }});
    let expected = json!({"spec": {"volumes": [
        {"name": "cache", "hostPath": {"path": "/tmp"}},
        {"name": "other", "emptyDir": {}},
        {"name": "new", "secret": {"secretName": "s"}},
    ]}});
    // `other` follows `cache` in the live list, but nothing named follows it there.
    let mut merged = patched(target, patch);
    let volumes = merged["spec"]["volumes"].as_array_mut().expect("volumes");
    volumes.swap(1, 2);
    assert_eq!(merged, expected);
}

#[test]
fn a_deployment_strategy_retains_its_keys() {
    let target = json!({"spec": {"strategy": {
        "type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1},
    }}});
    let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
    let merged = strategic(kind("apps", "Deployment"), &target, &patch);
    assert_eq!(
        merged.expect("the patch applies"),
        json!({"spec": {"strategy": {"type": "Recreate"}}})
    );
}

#[test]
fn service_ports_merge_by_port() {
    let target = json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}]}});
    let patch = json!({"spec": {"ports": [{"port": 80, "name": "http"}, {"port": 443}]}});
    let expected = json!({"spec": {"ports": [
        {"port": 80, "name": "http", "nodePort": 30080}, {"port": 443},
    ]}});
    let merged = strategic(kind("", "Service"), &target, &patch);
    assert_eq!(merged.expect("the patch applies"), expected);
}

#[test]
fn finalizers_are_a_set_of_scalars() {
    let target = json!({"metadata": {"finalizers": ["a", "b", "c"]}});
    let add = json!({"metadata": {"finalizers": ["d", "b"]}});
    assert_eq!(
        patched(target.clone(), add),
        json!({"metadata": {"finalizers": ["d", "a", "b", "c"]}})
    );
    let remove = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a", "z"]}});
    assert_eq!(patched(target.clone(), remove), json!({"metadata": {"finalizers": ["b", "c"]}}));
    let both = json!({"metadata": {
        "$deleteFromPrimitiveList/finalizers": ["a"],
        "$setElementOrder/finalizers": ["e", "c", "b"],
        "finalizers": ["e"],
    }});
    assert_eq!(patched(target, both), json!({"metadata": {"finalizers": ["e", "c", "b"]}}));
    let nothing_there = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}});
    assert_eq!(patched(json!({}), nothing_there), json!({"metadata": {}}));
}

#[test]
fn lists_without_a_merge_strategy_are_replaced() {
    let target = json!({"spec": {
        "tolerations": [{"key": "a"}], "containers": [{"name": "a", "args": ["1", "2"]}],
    }});
    let patch = json!({"spec": {
        "tolerations": [{"key": "b"}], "containers": [{"name": "a", "args": ["3"]}],
    }});
    assert_eq!(patched(target, patch.clone()), patch);
}

#[test]
fn owner_references_and_conditions_merge_by_their_keys() {
    let target = json!({
        "metadata": {"ownerReferences": [{"uid": "1", "name": "a"}]},
        "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "x"}]},
    });
    let patch = json!({
        "metadata": {"ownerReferences": [{"uid": "1", "controller": true}, {"uid": "2"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": null}]},
    });
    let expected = json!({
        "metadata": {"ownerReferences": [
            {"uid": "1", "name": "a", "controller": true}, {"uid": "2"},
        ]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    assert_eq!(patched(target, patch), expected);
}

#[test]
fn patch_directives_replace_and_delete_maps_and_lists() {
    let cases = [
        (
            json!({"metadata": {"labels": {"a": "1"}}}),
            json!({"metadata": {"labels": {"$patch": "replace", "b": "2"}}}),
            json!({"metadata": {"labels": {"b": "2"}}}),
        ),
        (
            json!({"metadata": {"labels": {"a": "1"}}}),
            json!({"metadata": {"labels": {"$patch": "delete"}}}),
            json!({"metadata": {"labels": {}}}),
        ),
        (
            json!({"metadata": {}}),
            json!({"metadata": {"labels": {"$patch": "delete"}}}),
            json!({"metadata": {}}),
        ),
        (
            pod(&["a", "b"]),
            json!({"spec": {"containers": [{"$patch": "replace"}, {"name": "c"}]}}),
            pod(&["c"]),
        ),
        (
            pod(&["a", "b"]),
            json!({"spec": {"containers": [{"$patch": "delete", "name": "a"}]}}),
            pod(&["b"]),
        ),
        (
            pod(&["a"]),
            json!({"spec": {"containers": [{"$patch": "delete", "name": "z"}]}}),
            pod(&["a"]),
        ),
        (pod(&["a"]), json!({"$patch": "replace", "kind": "Pod"}), json!({"kind": "Pod"})),
    ];
    for (target, patch, expected) in cases {
        assert_eq!(patched(target, patch.clone()), expected, "{patch}");
    }
}

#[test]
fn a_value_of_another_type_is_replaced() {
    let patch = json!({"metadata": {"labels": {"b": "2", "c": null}}});
    assert_eq!(
        patched(json!({"metadata": {"labels": "x"}}), patch),
        json!({"metadata": {"labels": {"b": "2"}}})
    );
    assert_eq!(patched(json!({}), json!({"spec": {"a": [null]}})), json!({"spec": {"a": [null]}}));
}

#[test]
fn refusals_name_the_place() {
    let cases = [
        (
            json!({"metadata": {"labels": {"$patch": "shred"}}}),
            r#"metadata.labels: unknown patch type: "shred""#,
        ),
        (
            json!({"spec": {"containers": [{"image": "x"}]}}),
            "spec.containers: the list element does not contain declared merge key: name",
        ),
        (
            json!({"spec": {"containers": ["x"]}}),
            "spec.containers: expected an object, but received a string",
        ),
        (
            json!({"spec": {"containers": [[1]]}}),
            "spec.containers: lists of lists are not supported",
        ),
        (
            json!({"spec": {"containers": [{"$patch": "merge", "name": "a"}]}}),
            "spec.containers: merging lists cannot yet be specified in the patch",
        ),
        (
            json!({"spec": {"$retainKeys": ["a"], "hostname": "x"}}),
            "spec: $retainKeys does not list \"hostname\", which the patch sets",
        ),
        (json!({"spec": {"$retainKeys": "a"}}), "spec: expected a list, but received a string"),
        (
            json!({"spec": {
                "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
                "containers": [{"name": "b"}, {"name": "a"}],
            }}),
            "spec.containers: the order of the patch does not match its $setElementOrder",
        ),
        (
            json!({"$deleteFromPrimitiveList/spec": "a"}),
            "spec: expected a list, but received a string",
        ),
        (json!([]), "a patch must be an object, not a list"),
    ];
    for (patch, expected) in cases {
        let mut target = pod(&["a"]);
        target["metadata"] = json!({"labels": {}});
        assert_eq!(refused(target, patch), expected);
    }
}

#[test]
fn directives_mean_nothing_where_there_is_nothing_to_merge_with() {
    let patch = json!({"metadata": {"labels": {"$patch": "shred"}}});
    assert_eq!(patched(json!({}), patch), json!({"metadata": {}}));
    let patch = json!({"spec": {"containers": [
        {"name": "a", "$setElementOrder/env": [{"name": "X"}], "env": [{"name": "X"}]},
    ]}});
    let expected = json!({"spec": {"containers": [{"name": "a", "env": [{"name": "X"}]}]}});
    assert_eq!(patched(json!({"spec": {"containers": []}}), patch.clone()), expected);
    assert_eq!(patched(json!({}), patch), expected);
}

#[test]
fn an_empty_patch_changes_nothing() {
    let target = json!({"spec": {"containers": [{"name": "a"}], "x": null}});
    assert_eq!(patched(target.clone(), json!({})), target);
    assert_eq!(merge(&target, &json!({})), target);
}

#[test]
fn json_merge_patch() {
    let target = json!({"a": "b", "c": {"d": "e", "f": "g"}, "l": [1, 2]});
    let patch = json!({"a": "z", "c": {"f": null}, "l": [3], "n": {"x": null}});
    assert_eq!(merge(&target, &patch), json!({"a": "z", "c": {"d": "e"}, "l": [3], "n": {}}));
    assert_eq!(merge(&target, &json!([1])), json!([1]));
}

#[test]
fn json_patch_operations() {
    let target = json!({"spec": {"replicas": 1, "list": [1, 2]}});
    let patch = br#"[
        {"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "add", "path": "/spec/list/-", "value": 3},
        {"op": "remove", "path": "/spec/list/0"},
        {"op": "copy", "from": "/spec/list", "path": "/spec/copy"},
        {"op": "move", "from": "/spec/copy", "path": "/a~1b"}
    ]"#;
    assert_eq!(
        json_patch(&target, patch),
        Ok(json!({"spec": {"replicas": 3, "list": [2, 3]}, "a/b": [2, 3]}))
    );
}

#[test]
fn json_patch_refusals() {
    let target = json!({"spec": {"replicas": 1}});
    let refusal = |patch: &str| json_patch(&target, patch.as_bytes()).expect_err("refused");
    assert_eq!(
        refusal(r#"[{"op": "test", "path": "/spec/replicas", "value": 2}]"#).to_string(),
        "operation 0 of the JSON patch: testing value /spec/replicas failed"
    );
    assert_eq!(
        refusal(
            r#"[{"op":"remove","path":"/spec/replicas"},{"op":"remove","path":"/spec/replicas"}]"#
        )
        .to_string(),
        "operation 1 of the JSON patch: remove \"/spec/replicas\": path is invalid"
    );
    assert!(matches!(refusal(r#"{"spec": {}}"#), PatchError::MalformedJsonPatch(_)));
    assert!(matches!(
        refusal(r#"[{"op": "burn", "path": "/"}]"#),
        PatchError::MalformedJsonPatch(_)
    ));
    assert!(matches!(refusal(r#"[{"op": "add"#), PatchError::MalformedJsonPatch(_)));
    let many = vec![r#"{"op":"test","path":"/spec/replicas","value":1}"#; 10_001].join(",");
    assert_eq!(refusal(&format!("[{many}]")), PatchError::TooManyOperations(10_001));
}

#[test]
fn copies_cannot_grow_without_bound() {
    let target = json!({"a": "x".repeat(1024)});
    let doubling: Vec<String> =
        (0..40).map(|step| format!(r#"{{"op":"copy","from":"","path":"/c{step}"}}"#)).collect();
    let patch = format!("[{}]", doubling.join(","));
    assert_eq!(json_patch(&target, patch.as_bytes()), Err(PatchError::TooLarge));
}

fn any_patch() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("$patch"),
        Just("$retainKeys"),
        Just("$setElementOrder/containers"),
        Just("$deleteFromPrimitiveList/finalizers"),
        Just("containers"),
        Just("finalizers"),
        Just("metadata"),
        Just("spec"),
        Just("name"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!("delete")),
        Just(json!("replace")),
        Just(json!("name")),
        Just(json!(1)),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => proptest::collection::vec((name.clone(), inner), 0..5).prop_map(|members| {
                Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_patch_of_anything_ends(target in any_patch(), patch in any_patch()) {
        let schema = kind("", "Pod");
        if let Ok(merged) = strategic(schema, &target, &patch) {
            prop_assert!(merged.is_object());
        }
        let merged = merge(&target, &patch);
        prop_assert_eq!(merge(&merged, &patch), merged, "a merge patch is idempotent");
        let _ = json_patch(&target, patch.to_string().as_bytes());
    }
}
