//! The plug-ins in their order.

use api::Status;

use super::{
    Lister, Request, certificate_approval, certificate_signing, certificate_subject,
    default_toleration_seconds, namespace_lifecycle, node_restriction, priority, service_account,
    taint_nodes_by_condition,
};

type Plugin = fn(&mut Request<'_>, &dyn Lister) -> Result<(), Status>;

const CHAIN: [Plugin; 9] = [
    namespace_lifecycle::admit,
    service_account::admit,
    node_restriction::admit,
    taint_nodes_by_condition::admit,
    priority::admit,
    default_toleration_seconds::admit,
    certificate_approval::admit,
    certificate_signing::admit,
    certificate_subject::admit,
];

/// Runs the chain: the object changed in place and warnings for the client, or the first refusal.
pub fn admit(request: &mut Request<'_>, lister: &dyn Lister) -> Result<Vec<String>, Status> {
    for plugin in CHAIN {
        plugin(request, lister)?;
    }
    // None of these plug-ins warns; policies and webhooks will.
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use api::resource::fields::{items, text};
    use serde_json::json;

    use super::super::Operation;
    use super::super::testing::{Case, World};

    #[test]
    fn a_pod_gets_all_it_needs() {
        let world = World::default().namespace("default", "Active").account("default", "default");
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": []}});
        let admitted = Case::new("", "pods").object(pod).run(&world).expect("admitted");
        assert_eq!(text(&admitted, "spec.serviceAccountName"), "default");
        assert_eq!(admitted["spec"]["priority"], 0);
        assert_eq!(items(&admitted, "spec.tolerations").len(), 2);
        let again = Case::new("", "pods").object(admitted.clone()).run(&world).expect("admitted");
        assert_eq!(again, admitted, "admitting twice changes nothing");
    }

    #[test]
    fn a_missing_namespace_is_told_of_first() {
        let pod = json!({"metadata": {"name": "p"}, "spec": {}});
        let refusal =
            Case::new("", "pods").object(pod).run(&World::default()).expect_err("refused");
        assert_eq!(
            (refusal.code, refusal.message.as_str()),
            (404, "namespaces \"default\" not found")
        );
    }

    #[test]
    fn deletes_pass() {
        let world = World::default();
        let case = Case::new("", "pods").operation(Operation::Delete).name("p");
        assert!(case.run(&world).is_ok());
    }
}
