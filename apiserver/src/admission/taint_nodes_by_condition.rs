//! A new node takes no pods until the node controller has seen it ready.

use api::Status;
use api::resource::fields::{ensure, items, text};
use serde_json::json;

use super::{Lister, Operation, Request};

const NOT_READY: &str = "node.kubernetes.io/not-ready";

pub fn admit(request: &mut Request<'_>, _lister: &dyn Lister) -> Result<(), Status> {
    if !request.is("", "nodes") || request.operation != Operation::Create {
        return Ok(());
    }
    let Some(node) = request.object.as_deref_mut() else { return Ok(()) };
    let mut taints = items(node, "spec.taints").to_vec();
    let is_there = taints
        .iter()
        .any(|taint| text(taint, "key") == NOT_READY && text(taint, "effect") == "NoSchedule");
    if !is_there {
        taints.push(json!({"key": NOT_READY, "effect": "NoSchedule"}));
        if let Some(spec) = ensure(node, "spec") {
            spec.insert("taints".into(), taints.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, World};
    use super::*;

    #[test]
    fn new_nodes_are_tainted_once() {
        let node = json!({"metadata": {"name": "n"}, "spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}});
        let run =
            |node| Case::new("", "nodes").object(node).run(&World::default()).expect("admitted");
        let tainted = run(node);
        assert_eq!(
            tainted["spec"]["taints"],
            json!([{"key": "a", "effect": "NoExecute"}, {"key": NOT_READY, "effect": "NoSchedule"}])
        );
        assert_eq!(run(tainted.clone()), tainted);
        let update = Case::new("", "nodes").operation(Operation::Update).name("n");
        let bare = json!({"metadata": {"name": "n"}});
        assert_eq!(update.object(bare.clone()).old(bare.clone()).run(&World::default()), Ok(bare));
    }
}
