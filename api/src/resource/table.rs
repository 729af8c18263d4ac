//! The list of the built-in resources.

use std::sync::Arc;

use super::{
    Resource, binding, config_map, deployment, endpoint_slice, endpoints, event, lease, namespace,
    node, pod, replica_set, replication_controller, secret, service, service_account,
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

    use serde_json::json;

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
}
