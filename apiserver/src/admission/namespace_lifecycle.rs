//! Nothing new comes into a namespace that is not there or is going, and the namespaces that the
//! cluster itself lives in stay.

use api::Status;
use api::resource::fields::text;
use api::status::{ResourceName, Target};

use super::{Lister, Operation, Request};

const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

pub fn admit(request: &mut Request<'_>, lister: &dyn Lister) -> Result<(), Status> {
    if request.is_any("", "namespaces") {
        let protected = request.operation == Operation::Delete
            && request.subresource.is_empty()
            && IMMORTAL.contains(&request.name);
        return if protected {
            Err(request.forbid("this namespace may not be deleted"))
        } else {
            Ok(())
        };
    }
    if request.namespace.is_empty() || request.operation == Operation::Delete {
        return Ok(());
    }
    let Some(namespace) = lister.get("", "namespaces", "", request.namespace) else {
        let resource = ResourceName { group: "", plural: "namespaces" };
        return Err(Status::not_found(Target::new(resource, request.namespace)));
    };
    let terminating = text(&namespace, "status.phase") == "Terminating"
        || !text(&namespace, "metadata.deletionTimestamp").is_empty();
    if request.operation == Operation::Create && terminating {
        return Err(refuse_terminating(request));
    }
    Ok(())
}

fn refuse_terminating(request: &Request<'_>) -> Status {
    let namespace = request.namespace;
    request
        .forbid(&format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        ))
        .with_cause(
            "NamespaceTerminating",
            "metadata.namespace",
            format!("namespace {namespace} is being terminated"),
        )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Case, World};
    use super::*;

    fn config_map() -> Case {
        Case::new("", "configmaps").object(json!({"metadata": {"name": "c"}}))
    }

    #[test]
    fn namespaces_must_be_there_and_stay() {
        let world =
            World::default().namespace("default", "Active").namespace("going", "Terminating");
        assert_eq!(config_map().outcome(&world), "admitted");
        assert_eq!(
            config_map().namespace("nope").outcome(&world),
            "404 namespaces \"nope\" not found"
        );
        let refusal = config_map().namespace("going").run(&world).expect_err("refused");
        assert_eq!(
            refusal.message,
            "configmaps \"c\" is forbidden: unable to create new content in namespace going \
             because it is being terminated"
        );
        let causes = refusal.to_json()["details"]["causes"].clone();
        assert_eq!(
            causes,
            json!([{"reason": "NamespaceTerminating",
                    "message": "namespace going is being terminated",
                    "field": "metadata.namespace"}])
        );
        let update = config_map().namespace("going").name("c").operation(Operation::Update);
        assert_eq!(update.old(json!({})).outcome(&world), "admitted");
    }

    #[test]
    fn some_namespaces_cannot_be_deleted() {
        let delete = |name| {
            Case::new("", "namespaces")
                .operation(Operation::Delete)
                .name(name)
                .outcome(&World::default())
        };
        for name in ["default", "kube-system", "kube-public"] {
            let wanted = format!(
                "403 namespaces \"{name}\" is forbidden: this namespace may not be deleted"
            );
            assert_eq!(delete(name), wanted);
        }
        assert_eq!(delete("mine"), "admitted");
    }
}
