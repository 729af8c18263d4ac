//! What the server owns in `metadata`: pure decisions on one object and its predecessor.

use api::resource::fields::{at, items, number, text};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::clock::time_text;

/// The metadata as a map, created where the client sent none.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    if !object.get("metadata").is_some_and(Value::is_object) {
        object["metadata"] = Value::Object(Map::new());
    }
    object["metadata"].as_object_mut().expect("made an object just above")
}

/// Gives a new object what only the server may give, and takes away what a client must not set.
pub fn stamp_new(object: &mut Value, counts_generation: bool, now: Timestamp, uid: String) {
    let metadata = metadata_mut(object);
    for owned in [
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
    ] {
        metadata.remove(owned);
    }
    metadata.insert("uid".into(), json!(uid));
    metadata.insert("creationTimestamp".into(), json!(time_text(now)));
    if counts_generation {
        metadata.insert("generation".into(), json!(1));
    }
}

/// Carries over to an update what a client cannot change. A client's own uid stays, for validation
/// to compare.
pub fn carry_over(object: &mut Value, old: &Value) {
    let metadata = metadata_mut(object);
    for owned in ["creationTimestamp", "deletionTimestamp", "generation"] {
        restore(metadata, old, owned);
    }
    for kept in ["uid", "deletionGracePeriodSeconds", "name", "namespace"] {
        if metadata.get(kept).is_none_or(Value::is_null) {
            restore(metadata, old, kept);
        }
    }
    metadata.remove("managedFields");
    metadata.remove("selfLink");
}

fn restore(metadata: &mut Map<String, Value>, old: &Value, field: &str) {
    match old["metadata"].get(field) {
        Some(value) => {
            metadata.insert(field.to_owned(), value.clone());
        }
        None => {
            metadata.remove(field);
        }
    }
}

/// Restores everything but metadata and status from the stored object: what `/status` may change.
pub fn keep_all_but_status(object: &mut Value, old: &Value) {
    let Some(map) = object.as_object_mut() else { return };
    let status = map.remove("status");
    let metadata = map.remove("metadata");
    map.clear();
    if let Some(old) = old.as_object() {
        for (key, value) in old {
            if key != "status" && key != "metadata" {
                map.insert(key.clone(), value.clone());
            }
        }
    }
    if let Some(metadata) = metadata {
        map.insert("metadata".into(), metadata);
    }
    if let Some(status) = status {
        map.insert("status".into(), status);
    }
}

/// Counts the generation up if anything but metadata and status changed.
pub fn count_generation(object: &mut Value, old: &Value) {
    let part = |value: &Value| {
        value
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| {
                !matches!(key.as_str(), "metadata" | "status" | "apiVersion" | "kind")
            })
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    if part(object) != part(old) {
        let next = number(old, "metadata.generation") + 1;
        metadata_mut(object).insert("generation".into(), json!(next));
    }
}

/// Marks an object as being deleted from now on. The first mark counts as a change of what is
/// wanted, so the generation goes up.
pub fn mark_deleting(object: &mut Value, now: Timestamp, grace_seconds: i64) {
    let first = !is_deleting(object);
    let generation = number(object, "metadata.generation");
    let end = now.saturating_add(jiff::SignedDuration::from_secs(grace_seconds)).unwrap_or(now);
    let metadata = metadata_mut(object);
    metadata.insert("deletionTimestamp".into(), json!(time_text(end)));
    metadata.insert("deletionGracePeriodSeconds".into(), json!(grace_seconds));
    if first && generation > 0 {
        metadata.insert("generation".into(), json!(generation + 1));
    }
}

pub fn is_deleting(object: &Value) -> bool {
    at(object, "metadata.deletionTimestamp").is_some()
}

pub fn finalizers(object: &Value) -> Vec<&str> {
    items(object, "metadata.finalizers").iter().filter_map(Value::as_str).collect()
}

/// Whether an update leaves nothing that holds back a deletion under way: the object then goes.
pub fn deletion_is_due(object: &Value) -> bool {
    is_deleting(object)
        && number(object, "metadata.deletionGracePeriodSeconds") == 0
        && items(object, "metadata.finalizers").is_empty()
        && !holds_namespace(object)
}

/// A namespace also waits for its own list of finalizers.
pub fn holds_namespace(object: &Value) -> bool {
    text(object, "kind") == "Namespace"
        && text(object, "apiVersion") == "v1"
        && !items(object, "spec.finalizers").is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    #[test]
    fn a_new_object_gets_its_identity_from_the_server() {
        let mut object = json!({"metadata": {
            "name": "a", "uid": "mine", "resourceVersion": "4", "creationTimestamp": null,
            "deletionTimestamp": "2020-01-01T00:00:00Z", "generation": 9,
        }});
        stamp_new(&mut object, true, now(), "u".into());
        assert_eq!(
            object["metadata"],
            json!({"name": "a", "uid": "u", "creationTimestamp": "2026-01-02T03:04:05Z", "generation": 1})
        );
    }

    #[test]
    fn an_update_cannot_touch_what_the_server_owns() {
        let old = json!({"metadata": {
            "name": "a", "uid": "u", "creationTimestamp": "c", "generation": 2,
            "deletionTimestamp": "d", "deletionGracePeriodSeconds": 0,
        }});
        let mut object = json!({"metadata": {"name": "a", "generation": 7, "labels": {"x": "y"}}});
        carry_over(&mut object, &old);
        let mut expected = old.clone();
        expected["metadata"]["labels"] = json!({"x": "y"});
        assert_eq!(object, expected);
        let mut other = json!({"metadata": {"uid": "v"}});
        carry_over(&mut other, &old);
        assert_eq!(other["metadata"]["uid"], "v");
    }

    #[test]
    fn generation_counts_changes_of_the_spec_only() {
        let old = json!({"metadata": {"generation": 3}, "spec": {"a": 1}, "status": {"b": 1}});
        let rows = [
            (json!({"metadata": {"generation": 3, "labels": {}}, "spec": {"a": 1}}), 3),
            (json!({"metadata": {"generation": 3}, "spec": {"a": 2}, "status": {"b": 1}}), 4),
        ];
        for (mut object, expected) in rows {
            count_generation(&mut object, &old);
            assert_eq!(object["metadata"]["generation"], expected);
        }
    }

    #[test]
    fn an_object_goes_when_nothing_holds_it() {
        let deleting = |extra: Value| {
            let mut object =
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generation": 1}});
            object.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            mark_deleting(&mut object, now(), 0);
            object
        };
        assert!(deletion_is_due(&deleting(json!({}))));
        assert!(!deletion_is_due(&deleting(json!({"spec": {"finalizers": ["kubernetes"]}}))));
        assert!(!deletion_is_due(&json!({"metadata": {}})));
        let mut graceful = json!({"metadata": {"generation": 1}});
        mark_deleting(&mut graceful, now(), 30);
        assert!(!deletion_is_due(&graceful));
        assert_eq!(graceful["metadata"]["deletionTimestamp"], "2026-01-02T03:04:35Z");
        assert_eq!(graceful["metadata"]["generation"], 2);
        mark_deleting(&mut graceful, now(), 0);
        assert_eq!(graceful["metadata"]["generation"], 2);
    }
}
