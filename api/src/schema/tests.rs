use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ListType, Numbered, Numbers, Presence, Schema, Type, all, definition, lookup};

fn kind(group: &str, kind: &str) -> &'static Schema {
    lookup(group, "v1", kind).expect("a built-in kind")
}

/// A pod with one container.
fn pod(container: Value) -> Value {
    json!({"spec": {"containers": [container]}})
}

#[test]
fn every_definition_of_the_table_parses() {
    let definitions: Vec<_> = all().collect();
    assert!(definitions.len() > 700, "{} definitions", definitions.len());
    let names: Vec<_> = definitions.iter().map(|schema| schema.name).collect();
    assert!(names.is_sorted(), "look-ups search by halves");
    for schema in definitions {
        let numbered = schema.fields.iter().filter(|field| !field.numbers.is_empty());
        for field in numbered {
            match schema.numbered(field.numbers) {
                Numbered::Field(found) => assert_eq!(found.name, field.name),
                Numbered::Embedded | Numbered::Nothing => {
                    panic!("{} {} is not found by number", schema.name, field.name)
                }
            }
        }
        for field in &schema.fields {
            let condition = field.default.as_ref().and_then(|default| default.condition);
            assert!(
                condition.is_none_or(|(sibling, _)| schema.field(sibling).is_some()),
                "{} {} depends on a sibling that is not there",
                schema.name,
                field.name
            );
            if let Some(ListType::Map(_)) = field.list_type {
                let element = field.kind.schema().expect("lists by key hold objects");
                let keys = field.list_type.into_iter().flat_map(ListType::map_keys);
                assert!(keys.map(|key| element.field(key)).all(|key| key.is_some()));
            }
        }
    }
}

#[test]
fn defaults_have_the_types_of_their_fields() {
    for schema in all() {
        for field in &schema.fields {
            let Some(default) = &field.default else { continue };
            let object = json!({ field.name: default.value });
            schema.check_types(&object).unwrap_or_else(|error| panic!("{}: {error}", schema.name));
            assert_eq!(schema.unknown_fields(&object), [""; 0], "{}", schema.name);
        }
    }
}

#[test]
fn kinds_are_found_by_group_and_version() {
    let name = |group, version, kind| lookup(group, version, kind).map(|schema| schema.name);
    assert_eq!(name("", "v1", "Pod"), Some("api.core.v1.Pod"));
    assert_eq!(name("apps", "v1", "Deployment"), Some("api.apps.v1.Deployment"));
    assert_eq!(name("autoscaling", "v1", "Scale"), Some("api.autoscaling.v1.Scale"));
    assert_eq!(name("policy", "v1", "Eviction"), Some("api.policy.v1.Eviction"));
    assert_eq!(name("", "v1", "PodList"), Some("api.core.v1.PodList"));
    for (group, version) in [("", "v1"), ("apps", "v1"), ("policy", "v1")] {
        let found = name(group, version, "DeleteOptions");
        assert_eq!(found, Some("apimachinery.pkg.apis.meta.v1.DeleteOptions"));
    }
    assert_eq!(name("apps", "v1beta1", "Deployment"), None);
    assert_eq!(name("", "v1", "Deployment"), None);
    assert_eq!(name("", "v1", "pod"), None);
}

#[test]
fn the_facts_of_some_fields() {
    let container = definition("api.core.v1.Container").expect("a definition");
    let ports = container.field("ports").expect("a field");
    assert_eq!(Some(ports.numbers), Numbers::default().then(6));
    assert_eq!(ports.list_type, Some(ListType::Map("containerPort,protocol")));
    let merge = ports.merge.expect("ports merge");
    assert!(merge.merges() && merge.key == Some("containerPort"));
    assert!(matches!(&ports.kind, Type::List(element) if matches!(**element, Type::Object(_))));
    assert!(container.field("name").expect("a field").required);

    // JSON shows a volume's source among the volume's fields; protobuf nests it in field 2.
    let volume = definition("api.core.v1.Volume").expect("a definition");
    let nested = Numbers::default().then(2).and_then(|source| source.then(2));
    assert_eq!(Some(volume.field("emptyDir").expect("a field").numbers), nested);
    let spec = definition("api.core.v1.PodSpec").expect("a definition");
    let volumes = spec.field("volumes").and_then(|field| field.merge).expect("volumes merge");
    assert_eq!((volumes.strategy, volumes.key), ("merge,retainKeys", Some("name")));
    let replicas = definition("api.apps.v1.DeploymentSpec").and_then(|spec| spec.field("replicas"));
    assert_eq!(replicas.map(|field| field.presence), Some(Presence::Pointer));
    assert!(definition("api.core.v1.ObjectReference").is_some_and(|schema| schema.atomic));
}

#[test]
fn unknown_fields_have_upstreams_paths() {
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "extra": 1,
        "metadata": {"name": "x", "labels": {"any": "thing"}, "Name": "x"},
        "spec": {"foo": {"bar": 1}, "template": {"spec": {
            "containers": [{"name": "a"}, {"name": "b", "foo": 1, "ports": [{"port": 1}]}],
            "nodeSelector": {"any": "thing"},
        }}},
    });
    let expected = [
        "extra",
        "metadata.Name",
        "spec.foo",
        "spec.template.spec.containers[1].foo",
        "spec.template.spec.containers[1].ports[0].port",
    ];
    let schema = kind("apps", "Deployment");
    assert_eq!(schema.unknown_fields(&object), expected);

    let mut pruned = object;
    schema.prune(&mut pruned);
    assert_eq!(schema.unknown_fields(&pruned), [""; 0]);
    assert_eq!(pruned["spec"]["template"]["spec"]["nodeSelector"]["any"], "thing");
    assert_eq!(pruned["metadata"], json!({"name": "x", "labels": {"any": "thing"}}));
}

#[test]
fn the_schemas_of_custom_resources_are_walked() {
    let schema = kind("apiextensions.k8s.io", "CustomResourceDefinition");
    let object = json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": {
        "properties": {"a": {"items": {"typo": 1, "type": "string"}}, "b": {"typo": 1}},
        "additionalProperties": false,
        "default": {"anything": {"goes": 1}},
    }}}]}});
    let root = "spec.versions[0].schema.openAPIV3Schema.properties";
    assert_eq!(
        schema.unknown_fields(&object),
        [format!("{root}.a.items.typo"), format!("{root}.b.typo")]
    );
    schema.check_types(&object).expect("items, additionalProperties and default fit");
    let mut pruned = object;
    schema.prune(&mut pruned);
    assert_eq!(schema.unknown_fields(&pruned), [""; 0]);
}

#[test]
fn a_deployment_is_defaulted_as_upstream_does() {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "web", "image": "nginx", "ports": [
                {"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"},
            ]}]},
        }},
    });
    let expected = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"a": "b"}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {
                    "containers": [{
                        "name": "web", "image": "nginx",
                        "ports": [
                            {"containerPort": 80, "protocol": "TCP"},
                            {"containerPort": 53, "protocol": "UDP"},
                        ],
                        "resources": {},
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                    }],
                    "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
                    "schedulerName": "default-scheduler", "securityContext": {},
                    "terminationGracePeriodSeconds": 30,
                },
            },
        },
        "status": {},
    });
    kind("apps", "Deployment").default(&mut object);
    assert_eq!(object, expected);
}

#[test]
fn defaults_and_zero_values() {
    // group, kind, given, where to look, expected there
    let cases = [
        // Zero values that Go leaves out take the default; pointers to zero stay.
        ("apps", "Deployment", json!({"spec": {"replicas": 0}}), "/spec/replicas", json!(0)),
        ("apps", "Deployment", json!({"spec": {"replicas": null}}), "/spec/replicas", json!(1)),
        (
            "apps",
            "Deployment",
            json!({"spec": {"strategy": {"type": "Recreate"}}}),
            "/spec/strategy",
            json!({"type": "Recreate"}),
        ),
        (
            "apps",
            "Deployment",
            json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": 2}}}}),
            "/spec/strategy",
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": "25%"}}),
        ),
        ("apps", "ReplicaSet", json!({}), "/status", json!({"replicas": 0})),
        (
            "",
            "Pod",
            pod(json!({"ports": [{"containerPort": 1, "protocol": "", "hostPort": 0}]})),
            "/spec/containers/0/ports/0",
            json!({"containerPort": 1, "protocol": "TCP"}),
        ),
        (
            "",
            "Pod",
            pod(json!({"stdin": false, "name": "a"})),
            "/spec/containers/0",
            json!({
                "name": "a", "resources": {}, "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }),
        ),
        (
            "",
            "Pod",
            pod(json!({"resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {}}})),
            "/spec/containers/0/resources",
            json!({"limits": {"cpu": "500m", "memory": "1Gi"}}),
        ),
        (
            "",
            "Pod",
            json!({"spec": {"securityContext": {"runAsUser": 0}, "nodeSelector": {}}}),
            "/spec",
            json!({
                "containers": null, "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
                "schedulerName": "default-scheduler", "securityContext": {"runAsUser": 0},
                "terminationGracePeriodSeconds": 30,
            }),
        ),
        (
            "",
            "Pod",
            json!({"spec": {"volumes": [{"name": "a", "emptyDir": {}, "hostPath": null}]}}),
            "/spec/volumes",
            json!([{"name": "a", "emptyDir": {}}]),
        ),
        (
            "",
            "Pod",
            json!({"spec": {"volumes": [{"secret": {"secretName": "s"}}]}}),
            "/spec/volumes/0",
            json!({"name": "", "secret": {"defaultMode": 420, "secretName": "s"}}),
        ),
        (
            "",
            "Pod",
            json!({"status": {"conditions": [{"type": "Ready", "status": "True",
                "lastTransitionTime": "2026-01-02T04:04:05.5+01:00"}]}}),
            "/status/conditions/0",
            json!({"type": "Ready", "status": "True", "lastProbeTime": null,
                "lastTransitionTime": "2026-01-02T03:04:05Z"}),
        ),
        (
            "",
            "Service",
            json!({}),
            "/spec",
            json!({
                "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            }),
        ),
        (
            "",
            "Service",
            json!({"spec": {"type": "ExternalName"}}),
            "/spec",
            json!({
                "type": "ExternalName", "sessionAffinity": "None",
            }),
        ),
        (
            "",
            "Service",
            json!({"spec": {"type": "LoadBalancer", "sessionAffinity": "ClientIP"}}),
            "/spec",
            json!({
                "type": "LoadBalancer", "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
                "allocateLoadBalancerNodePorts": true, "internalTrafficPolicy": "Cluster",
                "externalTrafficPolicy": "Cluster",
            }),
        ),
        ("", "Service", json!({}), "/status", json!({"loadBalancer": {}})),
        (
            "",
            "Secret",
            json!({"data": {"a": "aGVs\nbG8="}}),
            "",
            json!({
                "metadata": {}, "type": "Opaque", "data": {"a": "aGVsbG8="},
            }),
        ),
        (
            "",
            "ConfigMap",
            json!({"metadata": {"creationTimestamp": null, "labels": {}}}),
            "",
            json!({"metadata": {}}),
        ),
        (
            "",
            "Namespace",
            json!({}),
            "",
            json!({
                "metadata": {}, "spec": {}, "status": {"phase": "Active"},
            }),
        ),
        (
            "coordination.k8s.io",
            "Lease",
            json!({"spec": {"renewTime": "2026-01-02T03:04:05.678901234Z"}}),
            "/spec",
            json!({"renewTime": "2026-01-02T03:04:05.678901Z"}),
        ),
        (
            "rbac.authorization.k8s.io",
            "ClusterRole",
            json!({}),
            "",
            json!({
                "metadata": {}, "rules": null,
            }),
        ),
        ("", "Pod", pod(Value::Null), "/spec/containers/0/name", json!("")),
    ];
    for (group, name, mut object, pointer, expected) in cases {
        let schema = kind(group, name);
        let given = object.clone();
        schema.default(&mut object);
        assert_eq!(object.pointer(pointer), Some(&expected), "{name} {given}");
        let once = object.clone();
        schema.default(&mut object);
        assert_eq!(object, once, "defaulting {given} again changes nothing");
    }
}

#[test]
fn what_is_malformed_is_left_for_the_type_check() {
    let mut object = json!({"metadata": [], "spec": {"containers": "x"}, "status": null, "odd": 1});
    kind("", "Pod").default(&mut object);
    assert_eq!(object["metadata"], json!([]));
    assert_eq!(object["spec"]["containers"], json!("x"));
    assert_eq!(object["odd"], json!(1));
}

#[test]
fn type_errors_tell_field_and_type() {
    let deployment = kind("apps", "Deployment");
    let pod_kind = kind("", "Pod");
    let prefix = "json: cannot unmarshal";
    let cases = [
        (
            deployment,
            json!({"spec": {"replicas": "3"}}),
            format!("{prefix} string into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ),
        (
            deployment,
            json!({"spec": {"replicas": 1.5}}),
            format!("{prefix} number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ),
        (
            deployment,
            json!({"spec": {"replicas": 4_294_967_296_i64}}),
            format!(
                "{prefix} number 4294967296 into Go struct field DeploymentSpec.spec.replicas of type int32"
            ),
        ),
        (
            pod_kind,
            pod(json!({"image": true})),
            format!("{prefix} bool into Go struct field Container.spec.containers[0].image of type string"),
        ),
        (
            pod_kind,
            json!({"metadata": {"labels": {"a": 1}}}),
            format!("{prefix} number into Go struct field ObjectMeta.metadata.labels.a of type string"),
        ),
        (
            pod_kind,
            json!({"spec": {"containers": {}}}),
            format!("{prefix} object into Go struct field PodSpec.spec.containers of type []v1.Container"),
        ),
        (
            pod_kind,
            json!({"spec": []}),
            format!("{prefix} array into Go struct field Pod.spec of type v1.PodSpec"),
        ),
        (pod_kind, json!([]), format!("{prefix} array into Go value of type v1.Pod")),
        (
            pod_kind,
            pod(json!({"resources": {"limits": {"cpu": "much"}}})),
            "spec.containers[0].resources.limits.cpu: quantities must match the regular expression \
             '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                .to_owned(),
        ),
        (
            pod_kind,
            json!({"metadata": {"deletionTimestamp": "yesterday"}}),
            "metadata.deletionTimestamp: parsing time \"yesterday\" as \
             \"2006-01-02T15:04:05Z07:00\": not such a time"
                .to_owned(),
        ),
        (
            kind("", "Secret"),
            json!({"data": {"a": "aGVs*G8="}}),
            "data.a: illegal base64 data at input byte 4".to_owned(),
        ),
        (
            kind("", "Secret"),
            json!({"data": {"a": "aGVsbG8"}}),
            "data.a: illegal base64 data at input byte 7".to_owned(),
        ),
    ];
    for (schema, object, expected) in cases {
        let error = schema.check_types(&object).expect_err("a wrong type");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn what_fits_passes_the_type_check() {
    let pod_kind = kind("", "Pod");
    let objects = [
        json!({}),
        json!({"metadata": null, "spec": {"containers": null, "terminationGracePeriodSeconds": -1}}),
        json!({"unknown": 1, "metadata": {"creationTimestamp": "2026-01-02T03:04:05.123+02:00"}}),
        pod(json!({"resources": {"limits": {"cpu": 2, "memory": "1Gi"}}, "ports": [
            {"containerPort": 80},
        ], "livenessProbe": {"httpGet": {"port": "http"}, "tcpSocket": {"port": 80}}})),
    ];
    for object in objects {
        pod_kind.check_types(&object).unwrap_or_else(|error| panic!("{object}: {error}"));
    }
    kind("apps", "ControllerRevision")
        .check_types(&json!({"data": {"any": [1, "thing"]}, "revision": 1}))
        .expect("data may be any object");
    kind("", "Secret").check_types(&json!({"data": {"a": "", "b": "aGVs\nbG8="}})).expect("base64");
}

/// Objects of a definition's fields, with values that often have the right type.
fn any_object(schema: &'static Schema, depth: u32) -> BoxedStrategy<Value> {
    let member = (0..schema.fields.len().max(1)).prop_flat_map(move |index| {
        let Some(field) = schema.fields.get(index) else {
            return ("[a-z]{1,3}".boxed(), Just(Value::Null).boxed());
        };
        let name = prop_oneof![20 => Just(field.name.to_owned()), 1 => "[a-z]{1,3}"];
        (name.boxed(), any_value(&field.kind, depth))
    });
    proptest::collection::vec(member, 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
        .boxed()
}

fn any_value(kind: &'static Type, depth: u32) -> BoxedStrategy<Value> {
    let fitting = match kind {
        Type::Object(_) | Type::List(_) | Type::Map(_) if depth == 0 => Just(json!({})).boxed(),
        Type::Object(entry) => any_object(entry.schema(), depth - 1),
        Type::List(element) => proptest::collection::vec(any_value(element, depth - 1), 0..3)
            .prop_map(Value::from)
            .boxed(),
        Type::Map(value) => {
            proptest::collection::btree_map("[a-z]{0,2}", any_value(value, depth - 1), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
                .boxed()
        }
        Type::Int32 | Type::Int64 | Type::Double => (-2..3_i64).prop_map(Value::from).boxed(),
        Type::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Type::Quantity => prop_oneof![Just(json!("0.5")), Just(json!(2)), Just(json!("x"))].boxed(),
        Type::Time | Type::MicroTime => Just(json!("2026-01-02T03:04:05.678+01:00")).boxed(),
        _ => prop_oneof![Just(json!("")), Just(json!("TCP")), Just(json!("a"))].boxed(),
    };
    let other = prop_oneof![Just(Value::Null), Just(json!([])), Just(json!("")), Just(json!([1]))];
    prop_oneof![12 => fitting, 1 => other].boxed()
}

fn any_kind() -> impl Strategy<Value = (&'static Schema, Value)> {
    let kinds = [
        kind("", "Pod"),
        kind("", "Service"),
        kind("apps", "StatefulSet"),
        kind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        kind("apiextensions.k8s.io", "CustomResourceDefinition"),
    ];
    proptest::sample::select(kinds.to_vec())
        .prop_flat_map(|schema| (Just(schema), any_object(schema, 8)))
}

proptest! {
    #[test]
    fn walks_of_any_object_end_well((schema, mut object) in any_kind()) {
        let fits = schema.check_types(&object).is_ok();
        schema.prune(&mut object);
        prop_assert_eq!(schema.unknown_fields(&object), [""; 0]);
        schema.default(&mut object);
        let once = object.clone();
        schema.default(&mut object);
        prop_assert_eq!(&object, &once);
        prop_assert_eq!(schema.unknown_fields(&object), [""; 0]);
        if fits {
            prop_assert_eq!(schema.check_types(&object), Ok(()));
        }
    }
}
