//! Which container's log is meant.

use api::Status;
use api::resource::fields::{items, text};
use serde_json::Value;

/// Chooses as upstream: the named one if the pod has it, else the only one.
pub fn choose(pod: &Value, asked: Option<&str>) -> Result<String, Status> {
    let pod_name = text(pod, "metadata.name");
    let names = |path: &str| -> Vec<&str> {
        items(pod, path).iter().map(|container| text(container, "name")).collect()
    };
    let (containers, init, ephemeral) =
        (names("spec.containers"), names("spec.initContainers"), names("spec.ephemeralContainers"));
    if let Some(asked) = asked {
        if containers.iter().chain(&init).chain(&ephemeral).any(|name| *name == asked) {
            return Ok(asked.to_owned());
        }
        return Err(Status::bad_request(format!(
            "container {asked} is not valid for pod {pod_name}"
        )));
    }
    match containers.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(Status::bad_request(format!(
            "a container name must be specified for pod {pod_name}"
        ))),
        several => {
            let mut message = format!(
                "a container name must be specified for pod {pod_name}, choose one of: [{}]",
                several.join(" ")
            );
            if !init.is_empty() {
                message.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
            }
            Err(Status::bad_request(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_container_is_named_or_the_only_one() {
        let pod = |names: &[&str], init: &[&str]| {
            let list = |names: &[&str]| -> Vec<Value> {
                names.iter().map(|name| json!({ "name": name })).collect()
            };
            json!({"metadata": {"name": "p"}, "spec": {
                "containers": list(names), "initContainers": list(init),
            }})
        };
        assert_eq!(choose(&pod(&["a"], &[]), None), Ok("a".to_owned()));
        assert_eq!(choose(&pod(&["a", "b"], &["i"]), Some("i")), Ok("i".to_owned()));
        let message = |pod: &Value, asked| choose(pod, asked).unwrap_err().message;
        assert_eq!(
            message(&pod(&["a", "b"], &["i"]), None),
            "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]"
        );
        assert_eq!(message(&pod(&["a"], &[]), Some("z")), "container z is not valid for pod p");
    }
}
