//! A kubelet may change its own node, its own lease, and the pods bound to it.
//!
//! This is the small form: what a kubelet may read is authorization's matter, and the secrets and
//! service account tokens it may ask for are looked at where those are served.

use api::Status;
use api::resource::fields::{at, entry, map, text};
use serde_json::Value;

use super::{Lister, Operation, Request};

const USER_PREFIX: &str = "system:node:";
const GROUP: &str = "system:nodes";
const LEASE_NAMESPACE: &str = "kube-node-lease";
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";
/// Labels that only an administrator may give to a node.
const RESTRICTED_LABELS: &str = "node-restriction.kubernetes.io";

pub fn admit(request: &mut Request<'_>, lister: &dyn Lister) -> Result<(), Status> {
    if !request.identity.is_in(GROUP) {
        return Ok(());
    }
    let node = match request.identity.user.strip_prefix(USER_PREFIX) {
        Some(node) if !node.is_empty() => node,
        _ => {
            let user = &request.identity.user;
            return Err(request.forbid(&format!("could not determine node from user {user:?}")));
        }
    };
    let verdict = if request.is_any("", "nodes") {
        admit_node(request, node)
    } else if request.is_any("", "pods") {
        admit_pod(request, node, lister)
    } else if request.is_any("coordination.k8s.io", "leases") {
        admit_lease(request, node)
    } else {
        Ok(())
    };
    verdict.map_err(|cause| request.forbid(&cause))
}

fn admit_node(request: &Request<'_>, node: &str) -> Result<(), String> {
    let name = request.object_name();
    if name != node {
        return Err(format!("node {node:?} is not allowed to modify node {name:?}"));
    }
    let (Some(new), Some(old)) = (request.object.as_deref(), request.old) else { return Ok(()) };
    if request.operation != Operation::Update {
        return Ok(());
    }
    if at(new, "spec.taints") != at(old, "spec.taints") {
        return Err(format!("node {node:?} is not allowed to modify taints"));
    }
    let changed = restricted_changes(new, old);
    if !changed.is_empty() {
        return Err(format!(
            "node {node:?} is not allowed to modify labels: {}",
            changed.join(", ")
        ));
    }
    Ok(())
}

/// Restricted labels that `new` and `old` do not agree on.
fn restricted_changes<'a>(new: &'a Value, old: &'a Value) -> Vec<&'a str> {
    let labels = |object: &'a Value| map(object, "metadata.labels").into_iter().flatten();
    let mut changed: Vec<&str> = labels(new)
        .chain(labels(old))
        .map(|(key, _)| key.as_str())
        .filter(|key| {
            let domain = key.split('/').next().unwrap_or_default();
            domain == RESTRICTED_LABELS || domain.ends_with(".node-restriction.kubernetes.io")
        })
        .filter(|key| entry(new, "metadata.labels", key) != entry(old, "metadata.labels", key))
        .collect();
    changed.sort_unstable();
    changed.dedup();
    changed
}

fn admit_pod(request: &Request<'_>, node: &str, lister: &dyn Lister) -> Result<(), String> {
    match (request.subresource, request.operation) {
        ("", Operation::Create) => {
            let Some(pod) = request.object.as_deref() else { return Ok(()) };
            if entry(pod, "metadata.annotations", MIRROR_ANNOTATION).is_none() {
                return Err(format!(
                    "pod does not have {MIRROR_ANNOTATION:?} annotation, node {node:?} can only \
                     create mirror pods"
                ));
            }
            own(pod, node, "create pods")
        }
        ("", Operation::Delete) => {
            let Some(pod) = request.old else { return Ok(()) };
            own(pod, node, "delete pods")
        }
        ("", Operation::Update) => Err(format!(
            "unexpected operation \"UPDATE\", node {node:?} can only create and delete mirror pods"
        )),
        ("status", _) => {
            let Some(old) = request.old else { return Ok(()) };
            own(old, node, "update pod status for pods")?;
            let new = request.object.as_deref();
            if new.is_some_and(|new| at(new, "metadata.labels") != at(old, "metadata.labels")) {
                return Err(format!("node {node:?} cannot update labels through pod status"));
            }
            Ok(())
        }
        ("eviction", _) => {
            match lister.get("", "pods", request.namespace, &request.object_name()) {
                Some(pod) => own(&pod, node, "evict pods"),
                None => Ok(()), // The registry answers 404.
            }
        }
        (other, _) => Err(format!(
            "unexpected pod subresource {other:?}, only 'status' and 'eviction' are allowed"
        )),
    }
}

fn own(pod: &Value, node: &str, what: &str) -> Result<(), String> {
    if text(pod, "spec.nodeName") == node {
        return Ok(());
    }
    Err(format!("node {node:?} can only {what} with spec.nodeName set to itself"))
}

fn admit_lease(request: &Request<'_>, node: &str) -> Result<(), String> {
    if request.namespace != LEASE_NAMESPACE {
        return Err(format!("can only access leases in the {LEASE_NAMESPACE:?} system namespace"));
    }
    if request.object_name() != node {
        return Err(
            "can only access node lease with the same name as the requesting node".to_owned()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use api::Identity;
    use serde_json::json;

    use super::super::testing::{Case, World};
    use super::*;

    fn world() -> World {
        World::default().namespace("default", "Active").namespace(LEASE_NAMESPACE, "Active").with(
            "pods",
            "default",
            "other",
            pod("m"),
        )
    }

    fn pod(node: &str) -> Value {
        json!({"metadata": {"name": "p"}, "spec": {"nodeName": node}})
    }

    fn case(group: &str, plural: &str, operation: Operation) -> Case {
        Case::new(group, plural).by(Identity::node("n")).operation(operation)
    }

    fn node(name: &str, extra: Value) -> Value {
        let mut node = json!({"metadata": {"name": name, "labels": {}}, "spec": {}});
        for (key, value) in extra.as_object().expect("an object literal") {
            node["metadata"]["labels"][key] = value.clone();
        }
        node
    }

    #[test]
    fn its_own_node_only() {
        let create = |name| case("", "nodes", Operation::Create).object(node(name, json!({})));
        assert_eq!(create("n").outcome(&world()), "admitted");
        assert_eq!(
            create("m").outcome(&world()),
            "403 nodes \"m\" is forbidden: node \"n\" is not allowed to modify node \"m\""
        );
        let update = |new: Value| {
            case("", "nodes", Operation::Update)
                .name("n")
                .old(node("n", json!({})))
                .object(new)
                .outcome(&world())
        };
        assert_eq!(update(node("n", json!({"a": "b"}))), "admitted");
        assert_eq!(
            update(node("n", json!({"node-restriction.kubernetes.io/x": "y"}))),
            "403 nodes \"n\" is forbidden: node \"n\" is not allowed to modify labels: \
             node-restriction.kubernetes.io/x"
        );
        let mut tainted = node("n", json!({}));
        tainted["spec"]["taints"] = json!([{"key": "a", "effect": "NoSchedule"}]);
        assert_eq!(
            update(tainted),
            "403 nodes \"n\" is forbidden: node \"n\" is not allowed to modify taints"
        );
    }

    #[test]
    fn its_own_pods_only() {
        let status = |on: &str| {
            case("", "pods", Operation::Update)
                .subresource("status")
                .name("p")
                .old(pod(on))
                .object(pod(on))
                .outcome(&world())
        };
        assert_eq!(status("n"), "admitted");
        assert_eq!(
            status("m"),
            "403 pods \"p\" is forbidden: node \"n\" can only update pod status for pods with \
             spec.nodeName set to itself"
        );
        let delete =
            |on: &str| case("", "pods", Operation::Delete).name("p").old(pod(on)).outcome(&world());
        assert_eq!(delete("n"), "admitted");
        assert_eq!(
            delete("m"),
            "403 pods \"p\" is forbidden: node \"n\" can only delete pods with spec.nodeName set \
             to itself"
        );
        assert_eq!(
            case("", "pods", Operation::Create)
                .subresource("eviction")
                .name("other")
                .object(json!({}))
                .outcome(&world()),
            "403 pods \"other\" is forbidden: node \"n\" can only evict pods with spec.nodeName \
             set to itself"
        );
        assert!(
            case("", "pods", Operation::Create)
                .subresource("binding")
                .name("p")
                .object(json!({}))
                .outcome(&world())
                .contains("unexpected pod subresource \"binding\"")
        );
    }

    #[test]
    fn its_own_lease_only() {
        let lease = |namespace, name: &str| {
            case("coordination.k8s.io", "leases", Operation::Create)
                .namespace(namespace)
                .object(json!({"metadata": {"name": name}}))
                .outcome(&world())
        };
        assert_eq!(lease(LEASE_NAMESPACE, "n"), "admitted");
        assert_eq!(
            lease(LEASE_NAMESPACE, "m"),
            "403 leases.coordination.k8s.io \"m\" is forbidden: can only access node lease with \
             the same name as the requesting node"
        );
        assert_eq!(
            lease("default", "n"),
            "403 leases.coordination.k8s.io \"n\" is forbidden: can only access leases in the \
             \"kube-node-lease\" system namespace"
        );
    }

    #[test]
    fn others_are_not_looked_at() {
        let node = node("m", json!({}));
        assert_eq!(Case::new("", "nodes").object(node).outcome(&world()), "admitted");
        let nameless = Identity::new("system:node:", &[GROUP]);
        let case = Case::new("", "nodes").by(nameless).object(json!({"metadata": {"name": "m"}}));
        assert_eq!(
            case.outcome(&world()),
            "403 nodes \"m\" is forbidden: could not determine node from user \"system:node:\""
        );
    }
}
