//! Pods stay five minutes on a node that is not ready or cannot be reached, unless they say
//! otherwise.

use api::Status;
use api::resource::fields::{ensure, items, text};
use serde_json::{Value, json};

use super::{Lister, Operation, Request};

const SECONDS: i64 = 300;
const TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

pub fn admit(request: &mut Request<'_>, _lister: &dyn Lister) -> Result<(), Status> {
    if !request.is("", "pods") || request.operation == Operation::Delete {
        return Ok(());
    }
    let Some(pod) = request.object.as_deref_mut() else { return Ok(()) };
    let missing: Vec<Value> = TAINTS
        .into_iter()
        .filter(|taint| !tolerates(items(pod, "spec.tolerations"), taint))
        .map(|taint| {
            json!({"key": taint, "operator": "Exists", "effect": "NoExecute",
                   "tolerationSeconds": SECONDS})
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut tolerations = items(pod, "spec.tolerations").to_vec();
    tolerations.extend(missing);
    if let Some(spec) = ensure(pod, "spec") {
        spec.insert("tolerations".into(), tolerations.into());
    }
    Ok(())
}

fn tolerates(tolerations: &[Value], taint: &str) -> bool {
    tolerations.iter().any(|toleration| {
        let (key, effect) = (text(toleration, "key"), text(toleration, "effect"));
        (key == taint || key.is_empty()) && matches!(effect, "NoExecute" | "")
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, World};
    use super::*;

    fn keys(tolerations: Value) -> Vec<String> {
        let world = World::default().namespace("default", "Active").account("default", "default");
        let pod = json!({"metadata": {"name": "p"}, "spec": {"tolerations": tolerations}});
        let admitted = Case::new("", "pods").object(pod).run(&world).expect("admitted");
        items(&admitted, "spec.tolerations").iter().map(|t| text(t, "key").to_owned()).collect()
    }

    #[test]
    fn adds_what_is_missing() {
        assert_eq!(keys(json!([])), TAINTS);
        assert_eq!(
            keys(json!([{"key": TAINTS[1], "operator": "Exists", "effect": "NoExecute"}])),
            [TAINTS[1], TAINTS[0]]
        );
        assert_eq!(
            keys(json!([{"key": TAINTS[0], "operator": "Exists", "effect": "NoSchedule"}])),
            [TAINTS[0], TAINTS[0], TAINTS[1]]
        );
        assert_eq!(keys(json!([{"operator": "Exists"}])), [""]);
    }
}
