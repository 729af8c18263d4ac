//! Pods get the number that their priority class stands for.
//!
//! There are no PriorityClass objects yet beyond the two that every cluster has; a pod without a
//! class has priority 0 and may preempt, as upstream without a default class.

use api::Status;
use api::resource::fields::{at, text};
use serde_json::Value;

use super::{Lister, Operation, Request};

const SYSTEM_CLASSES: [(&str, i64); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];
const PREEMPTION_POLICY: &str = "PreemptLowerPriority";

pub fn admit(request: &mut Request<'_>, _lister: &dyn Lister) -> Result<(), Status> {
    if !request.is("", "pods") {
        return Ok(());
    }
    match request.operation {
        Operation::Create => set(request),
        Operation::Update => {
            keep(request);
            Ok(())
        }
        Operation::Delete => Ok(()),
    }
}

fn set(request: &mut Request<'_>) -> Result<(), Status> {
    let Some(pod) = request.object.as_deref() else { return Ok(()) };
    let class = text(pod, "spec.priorityClassName");
    let priority = match class {
        "" => 0,
        class => match SYSTEM_CLASSES.iter().find(|(name, _)| *name == class) {
            Some((_, priority)) => *priority,
            None => {
                let cause = format!("no PriorityClass with name {class} was found");
                return Err(request.forbid(&cause));
            }
        },
    };
    if let Some(given) = at(pod, "spec.priority").and_then(Value::as_i64)
        && given != priority
    {
        return Err(request.forbid(&format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority \
             admission controller computed {priority} from the given PriorityClass name"
        )));
    }
    if let Some(given) = at(pod, "spec.preemptionPolicy").and_then(Value::as_str)
        && given != PREEMPTION_POLICY
    {
        return Err(request.forbid(&format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; \
             priority admission controller computed {PREEMPTION_POLICY} from the given \
             PriorityClass name"
        )));
    }
    if let Some(spec) = spec_mut(request) {
        spec.insert("priority".into(), priority.into());
        spec.insert("preemptionPolicy".into(), PREEMPTION_POLICY.into());
    }
    Ok(())
}

/// A client that leaves the fields out of an update does not mean to clear them.
fn keep(request: &mut Request<'_>) {
    let Some(old) = request.old else { return };
    let Some(spec) = spec_mut(request) else { return };
    for field in ["priority", "preemptionPolicy"] {
        if spec.get(field).is_none_or(Value::is_null)
            && let Some(value) = old["spec"].get(field)
        {
            spec.insert(field.into(), value.clone());
        }
    }
}

fn spec_mut<'r>(request: &'r mut Request<'_>) -> Option<&'r mut serde_json::Map<String, Value>> {
    request.object.as_deref_mut()?.get_mut("spec")?.as_object_mut()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Case, World};
    use super::*;

    fn world() -> World {
        World::default().namespace("default", "Active").account("default", "default")
    }

    fn pod(spec: Value) -> Case {
        Case::new("", "pods").object(json!({"metadata": {"name": "p"}, "spec": spec}))
    }

    #[test]
    fn classes() {
        let priority =
            |spec| pod(spec).run(&world()).expect("admitted")["spec"]["priority"].clone();
        assert_eq!(priority(json!({})), 0);
        assert_eq!(
            priority(json!({"priorityClassName": "system-node-critical"})),
            2_000_001_000i64
        );
        assert_eq!(
            pod(json!({"priorityClassName": "x"})).outcome(&world()),
            "403 pods \"p\" is forbidden: no PriorityClass with name x was found"
        );
        assert_eq!(
            pod(json!({"priority": 5})).outcome(&world()),
            "403 pods \"p\" is forbidden: the integer value of priority (5) must not be provided \
             in pod spec; priority admission controller computed 0 from the given PriorityClass \
             name"
        );
    }

    #[test]
    fn updates_keep_it() {
        let updated = pod(json!({}))
            .operation(Operation::Update)
            .name("p")
            .old(json!({"spec": {"priority": 7, "preemptionPolicy": "Never"}}))
            .run(&world())
            .expect("admitted");
        assert_eq!(updated["spec"]["priority"], 7);
        assert_eq!(updated["spec"]["preemptionPolicy"], "Never");
    }
}
