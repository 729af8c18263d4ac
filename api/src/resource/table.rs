//! The list of the built-in resources.

use std::sync::Arc;

use super::{
    Resource, binding, certificate_signing_request, config_map, deployment, endpoint_slice,
    endpoints, event, lease, namespace, node, pod, replica_set, replication_controller, secret,
    service, service_account,
};

/// Every built-in resource, in the order discovery lists them: by group, then by plural.
pub fn builtin() -> Vec<Arc<Resource>> {
    [
        binding::row(),
        config_map::row(),
        endpoints::row(),
        event::row(),
        namespace::row(),
        node::row(),
        pod::row(),
        replication_controller::row(),
        secret::row(),
        service_account::row(),
        service::row(),
        deployment::row(),
        replica_set::row(),
        certificate_signing_request::row(),
        lease::row(),
        endpoint_slice::row(),
    ]
    .into_iter()
    .map(Arc::new)
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::resource::Verb;

    #[test]
    fn rows_are_whole() {
        let mut prefixes = BTreeSet::new();
        for resource in builtin() {
            let name = resource.group_resource();
            let object = json!({"metadata": {"name": "a"}});
            let strategy = &resource.strategy;
            assert_eq!(strategy.cells(&object, 0).len(), resource.columns.len(), "{name}");
            assert_eq!(
                strategy.selectable_values(&object).len(),
                resource.selectable_fields.len(),
                "{name}"
            );
            assert!(prefixes.insert(resource.storage_prefix.clone()), "{name}");
            assert_eq!(strategy.has_status(), resource.subresource("status").is_some(), "{name}");
            assert_eq!(resource.columns.iter().filter(|c| c.format == "name").count(), 1, "{name}");
        }
    }

    #[test]
    fn storage_is_laid_out_as_upstream() {
        let table = builtin();
        let prefix = |plural: &str| {
            let row = table.iter().find(|row| row.plural == plural).expect("in the table");
            row.storage_prefix.to_string()
        };
        for (plural, wanted) in [
            ("nodes", "/registry/minions"),
            ("services", "/registry/services/specs"),
            ("endpoints", "/registry/services/endpoints"),
            ("replicationcontrollers", "/registry/controllers"),
            ("deployments", "/registry/deployments"),
            ("replicasets", "/registry/replicasets"),
            ("leases", "/registry/leases"),
            ("endpointslices", "/registry/endpointslices"),
            ("pods", "/registry/pods"),
            ("certificatesigningrequests", "/registry/certificatesigningrequests"),
        ] {
            assert_eq!(prefix(plural), wanted);
        }
    }

    #[test]
    fn namespaces_are_not_deleted_in_bulk() {
        let table = builtin();
        let row = table.iter().find(|row| row.plural == "namespaces").expect("in the table");
        assert!(!row.verbs.contains(&Verb::DeleteCollection));
    }

    /// Whole objects of every shape the strategies look into.
    fn rich() -> Value {
        let template = json!({
            "metadata": {"labels": {"app": "a"}, "annotations": {"b": "c"}},
            "spec": {
                "restartPolicy": "Always", "hostNetwork": true, "nodeSelector": {"a": "b"},
                "activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 1,
                "serviceAccount": "s", "imagePullSecrets": [{"name": "a"}],
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "schedulingGates": [{"name": "g"}], "readinessGates": [{"conditionType": "x"}],
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions":
                        [{"key": "a", "operator": "In", "values": ["b"]}]}]}}},
                "volumes": [{"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}},
                    {"name": "w", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
                    {"name": "x", "downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]}}],
                "initContainers": [{"name": "i", "restartPolicy": "Always"}],
                "containers": [{"name": "a", "image": "i", "ports": [{"containerPort": 1}],
                    "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                    "envFrom": [{"configMapRef": {"name": "c"}}],
                    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                    "livenessProbe": {"httpGet": {"port": 1}}, "lifecycle": {"preStop": {"exec": {"command": ["a"]}}},
                    "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": 1}}}]}});
        let mut spec = template["spec"].clone();
        let more = json!({
            "selector": {"matchLabels": {"app": "a"}}, "template": template, "replicas": 1,
            "type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
            "sessionAffinity": "ClientIP", "externalIPs": ["1.1.1.1"], "ipFamilies": ["IPv4"],
            "ports": [{"port": 1, "nodePort": 30000, "protocol": "TCP", "targetPort": "x"}],
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
            "taints": [{"key": "a", "effect": "NoSchedule"}], "podCIDRs": ["10.0.0.0/24"],
            "finalizers": ["kubernetes"], "leaseDurationSeconds": 1, "holderIdentity": "h",
            "signerName": "a.b/c", "usages": ["any"], "request": "MQ==", "expirationSeconds": 600});
        json_patch::merge(&mut spec, &more);
        json!({
            "metadata": {"name": "a", "namespace": "b", "labels": {"a": "b"}, "finalizers": ["a/b"],
                "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": {"a": "b"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b"}]},
            "spec": spec, "type": "Opaque", "immutable": true,
            "data": {"a": "MQ=="}, "stringData": {"b": "c"}, "binaryData": {"d": "MQ=="},
            "secrets": [{"name": "s"}], "addressType": "IPv4",
            "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 1}]}],
            "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"name": "a", "port": 1}],
            "involvedObject": {"kind": "Pod", "name": "a"}, "series": {"count": 1},
            "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}], "capacity": {"cpu": "1"},
                "conditions": [{"type": "Ready", "status": "True"}],
                "addresses": [{"type": "InternalIP", "address": "1.1.1.1"}],
                "loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]},
                "containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 1}}}],
                "initContainerStatuses": [{"name": "i", "lastState": {"terminated": {"finishedAt": "x"}}}]}})
    }

    /// Puts `odd` somewhere into `value`; `way` picks the place.
    fn distort(value: &mut Value, way: &[u8], odd: &Value) {
        let Some((turn, rest)) = way.split_first() else {
            *value = odd.clone();
            return;
        };
        let children: Vec<&mut Value> = match value {
            Value::Object(map) => map.values_mut().collect(),
            Value::Array(items) => items.iter_mut().collect(),
            _ => Vec::new(),
        };
        let count = children.len().max(1);
        match children.into_iter().nth(usize::from(*turn) % count) {
            Some(child) => distort(child, rest, odd),
            None => *value = odd.clone(),
        }
    }

    proptest! {
        // Each case runs every strategy several times over.
        #![proptest_config(ProptestConfig {
            cases: 96,
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// Schemas are checked before, but a strategy must not lean on it: wherever something of
        /// the wrong type stands, it answers, and a second round of defaults changes nothing.
        #[test]
        fn no_shape_of_object_breaks_a_strategy(
            way in prop::collection::vec(any::<u8>(), 0..9),
            odd in prop::sample::select(vec![
                Value::Null, json!(7), json!("text"), json!(true), json!([]), json!({}), json!([1]),
                json!({"a": 1}), json!(-1), json!([{}]),
            ]),
        ) {
            let (old, mut object) = (rich(), rich());
            distort(&mut object, &way, &odd);
            prop_assume!(object.is_object());
            for resource in builtin() {
                let strategy = &resource.strategy;
                let mut new = object.clone();
                strategy.default(&mut new);
                let once = new.clone();
                strategy.default(&mut new);
                prop_assert!(new == once, "{} defaults anew: {new}", resource.plural);
                strategy.prepare_for_create(&mut new);
                strategy.validate(&new);
                for (mut new, old) in [(once.clone(), old.clone()), (old.clone(), once)] {
                    strategy.prepare_for_update(&mut new, &old);
                    strategy.prepare_for_status_update(&mut new, &old);
                    strategy.prepare_for_approval(&mut new, &old);
                    strategy.validate_update(&new, &old);
                    strategy.validate_status_update(&new, &old);
                    strategy.validate_approval(&new, &old);
                    strategy.warnings(&new);
                    strategy.deletion(&new, None);
                    prop_assert_eq!(strategy.cells(&new, 0).len(), resource.columns.len());
                    strategy.row_conditions(&new);
                    let values = strategy.selectable_values(&new).len();
                    prop_assert_eq!(values, resource.selectable_fields.len());
                    crate::validation::metadata::validate(&new, true, strategy.name_check());
                    crate::validation::metadata::validate_update(&new, &old);
                }
            }
        }
    }
}
