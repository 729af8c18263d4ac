//! The canonical encoder.

use serde_json::{Map, Value};

/// Encodes an object for the store: apiVersion, kind and metadata first, the other keys (and all
/// keys below) sorted, `metadata.resourceVersion` and `metadata.managedFields` left out.
///
/// Equal objects encode to equal bytes, whatever the order of the client's keys, so "this update
/// changes nothing" is a comparison of bytes.
///
/// # Panics
/// If `object` is no JSON object; the registry has checked the envelope before.
pub fn encode(object: &Value) -> Vec<u8> {
    let map = object.as_object().expect("the registry encodes only JSON objects");
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"apiVersion\":");
    scalar(&mut out, map.get("apiVersion").unwrap_or(&Value::Null));
    out.extend_from_slice(b",\"kind\":");
    scalar(&mut out, map.get("kind").unwrap_or(&Value::Null));
    out.extend_from_slice(b",\"metadata\":");
    let empty = Map::new();
    let metadata = map.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
    members(&mut out, metadata, |key| key != "resourceVersion" && key != "managedFields");
    let rest = sorted(map, |key| !matches!(key, "apiVersion" | "kind" | "metadata"));
    for (key, value) in rest {
        out.push(b',');
        member(&mut out, key, value);
    }
    out.push(b'}');
    out
}

/// Removes members that are null, at every depth: to a typed server a null is an absent field.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Object(map) => members(out, map, |_| true),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(out, item);
            }
            out.push(b']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => scalar(out, value),
    }
}

fn members(out: &mut Vec<u8>, map: &Map<String, Value>, keep: impl Fn(&str) -> bool) {
    out.push(b'{');
    for (index, (key, value)) in sorted(map, keep).into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        member(out, key, value);
    }
    out.push(b'}');
}

fn member(out: &mut Vec<u8>, key: &str, value: &Value) {
    text(out, key);
    out.push(b':');
    write(out, value);
}

/// Sorts, because serde_json's map keeps insertion order when another crate of the build asks it to.
fn sorted(map: &Map<String, Value>, keep: impl Fn(&str) -> bool) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().filter(|(key, _)| keep(key)).collect();
    if !entries.is_sorted_by_key(|(key, _)| *key) {
        entries.sort_unstable_by_key(|(key, _)| *key);
    }
    entries
}

fn scalar(out: &mut Vec<u8>, value: &Value) {
    serde_json::to_writer(out, value).expect("writing JSON to memory cannot fail");
}

fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing JSON to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_comes_early_and_without_version_or_managed_fields() {
        let object = json!({
            "zeta": 1, "spec": {"b": [1, {"y": 1, "x": 2}], "a": "q\"uote"},
            "metadata": {"uid": "u", "resourceVersion": "7", "name": "n", "managedFields": []},
            "kind": "Pod", "apiVersion": "v1",
        });
        assert_eq!(
            String::from_utf8(encode(&object)).unwrap(),
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"n","uid":"u"},"spec":{"a":"q\"uote","b":[1,{"x":2,"y":1}]},"zeta":1}"#
        );
    }

    #[test]
    fn nulls_are_absent_fields() {
        let mut object = json!({"a": null, "b": {"c": null, "d": [{"e": null}, null, 1]}});
        drop_nulls(&mut object);
        assert_eq!(object, json!({"b": {"d": [{}, null, 1]}}));
    }
}
