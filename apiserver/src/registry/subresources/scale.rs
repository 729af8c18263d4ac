//! `/scale`: an autoscaling/v1 Scale over spec.replicas and status.replicas.

use api::Status;
use api::resource::fields::{at, number, text};
use api::validation::FieldError;
use serde_json::{Map, Value, json};

/// The Scale of an object that carries its resourceVersion.
pub fn scale_of(object: &Value) -> Value {
    let mut metadata = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(field) {
            metadata.insert(field.into(), value.clone());
        }
    }
    let mut status = json!({ "replicas": number(object, "status.replicas") });
    let selector = selector_text(object);
    if !selector.is_empty() {
        status["selector"] = json!(selector);
    }
    let mut spec = Map::new();
    // As upstream: zero is omitted.
    if number(object, "spec.replicas") != 0 {
        spec.insert("replicas".into(), json!(number(object, "spec.replicas")));
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    })
}

/// The pods' selector in its string form. A ReplicationController's is a plain map.
fn selector_text(object: &Value) -> String {
    let Some(selector) = at(object, "spec.selector") else { return String::new() };
    let plain = selector.as_object().is_some_and(|map| map.values().all(Value::is_string));
    let object = if plain { json!({ "matchLabels": selector }) } else { selector.clone() };
    api::selector::LabelSelector::from_object(Some(&object))
        .map(|selector| selector.to_string())
        .unwrap_or_default()
}

/// Writes a Scale's wish into the object it stands for. The Scale's resourceVersion and uid, where
/// given, become the object's, so that the update checks them.
pub fn set_replicas(object: &mut Value, scale: &Value) -> Result<(), Status> {
    let replicas = number(scale, "spec.replicas");
    let name = text(object, "metadata.name").to_owned();
    if replicas < 0 {
        let error =
            FieldError::invalid("spec.replicas", replicas, "must be greater than or equal to 0");
        return Err(Status::invalid("autoscaling", "Scale", &name, &[error]));
    }
    if i32::try_from(replicas).is_err() {
        return Err(Status::bad_request(format!("spec.replicas: {replicas} is no 32-bit number")));
    }
    for field in ["resourceVersion", "uid"] {
        let path = format!("metadata.{field}");
        if !text(scale, &path).is_empty() {
            object["metadata"][field] = scale["metadata"][field].clone();
        }
    }
    object["spec"]["replicas"] = json!(replicas);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_shows_and_sets_replicas() {
        let mut object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "a", "uid": "u", "resourceVersion": "7", "labels": {"x": "y"}},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}},
            "status": {"replicas": 2},
        });
        let scale = scale_of(&object);
        assert_eq!(
            scale,
            json!({
                "kind": "Scale", "apiVersion": "autoscaling/v1",
                "metadata": {"name": "web", "namespace": "a", "uid": "u", "resourceVersion": "7"},
                "spec": {"replicas": 3},
                "status": {"replicas": 2, "selector": "app=web"},
            })
        );
        set_replicas(
            &mut object,
            &json!({"metadata": {"resourceVersion": "6"}, "spec": {"replicas": 5}}),
        )
        .unwrap();
        assert_eq!(object["spec"]["replicas"], 5);
        assert_eq!(object["metadata"]["resourceVersion"], "6");
        let negative = json!({"spec": {"replicas": -1}});
        assert_eq!(set_replicas(&mut object, &negative).unwrap_err().code, 422);
    }

    #[test]
    fn a_replication_controllers_selector_is_a_plain_map() {
        let object = json!({"metadata": {}, "spec": {"selector": {"a": "b", "c": "d"}}});
        assert_eq!(scale_of(&object)["status"]["selector"], "a=b,c=d");
    }
}
