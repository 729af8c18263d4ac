//! Every pod runs as a service account of its namespace.
//!
//! No token is mounted yet: that needs the TokenRequest API and projected volumes of its kind.

use api::Status;
use api::resource::fields::{entry, items, text};

use super::{Lister, Operation, Request};

const DEFAULT_ACCOUNT: &str = "default";
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

pub fn admit(request: &mut Request<'_>, lister: &dyn Lister) -> Result<(), Status> {
    if !request.is("", "pods") || request.operation != Operation::Create {
        return Ok(());
    }
    let Some(pod) = request.object.as_deref() else { return Ok(()) };
    if entry(pod, "metadata.annotations", MIRROR_ANNOTATION).is_some() {
        // The kubelet's picture of a static pod runs already, as nobody.
        if !text(pod, "spec.serviceAccountName").is_empty() {
            return Err(request.forbid("a mirror pod may not reference service accounts"));
        }
        return Ok(());
    }
    let name = match text(pod, "spec.serviceAccountName") {
        "" => DEFAULT_ACCOUNT.to_owned(),
        name => name.to_owned(),
    };
    let namespace = request.namespace;
    let Some(account) = lister.get("", "serviceaccounts", namespace, &name) else {
        return Err(request.forbid(&format!(
            "error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not \
             found"
        )));
    };
    let Some(spec) = request
        .object
        .as_deref_mut()
        .and_then(|pod| pod.get_mut("spec"))
        .and_then(serde_json::Value::as_object_mut)
    else {
        return Ok(());
    };
    spec.insert("serviceAccountName".into(), name.clone().into());
    spec.insert("serviceAccount".into(), name.into());
    let secrets = items(&account, "imagePullSecrets");
    let has_own = spec
        .get("imagePullSecrets")
        .and_then(|own| own.as_array())
        .is_some_and(|own| !own.is_empty());
    if !secrets.is_empty() && !has_own {
        spec.insert("imagePullSecrets".into(), secrets.to_vec().into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{Case, World};

    fn pod(spec: Value) -> Case {
        Case::new("", "pods").object(json!({"metadata": {"name": "p"}, "spec": spec}))
    }

    #[test]
    fn accounts() {
        let world = World::default().namespace("default", "Active").with(
            "serviceaccounts",
            "default",
            "default",
            json!({"imagePullSecrets": [{"name": "s"}]}),
        );
        let admitted = pod(json!({})).run(&world).expect("admitted");
        assert_eq!(admitted["spec"]["serviceAccountName"], "default");
        assert_eq!(admitted["spec"]["serviceAccount"], "default");
        assert_eq!(admitted["spec"]["imagePullSecrets"], json!([{"name": "s"}]));
        let own = pod(json!({"imagePullSecrets": [{"name": "o"}]})).run(&world).expect("admitted");
        assert_eq!(own["spec"]["imagePullSecrets"], json!([{"name": "o"}]));
        assert_eq!(
            pod(json!({"serviceAccountName": "x"})).outcome(&world),
            "403 pods \"p\" is forbidden: error looking up service account default/x: \
             serviceaccount \"x\" not found"
        );
    }

    #[test]
    fn mirror_pods_have_none() {
        let world = World::default().namespace("default", "Active");
        let mirror = json!({"metadata": {"name": "p",
            "annotations": {"kubernetes.io/config.mirror": "x"}}, "spec": {}});
        let admitted = Case::new("", "pods").object(mirror).run(&world).expect("admitted");
        assert_eq!(admitted["spec"].get("serviceAccountName"), None);
    }
}
