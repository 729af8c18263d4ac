//! Reading JSON objects by dotted paths.
//!
//! Absent, null and wrongly typed fields read as the zero value, as a decoded Go struct would
//! have them: types have been checked by the schema before anything here runs. Paths hold field
//! names only (`spec.template.spec`); keys of maps, which may hold dots, are looked up by
//! `entry`.

use serde_json::{Map, Value};

/// The value at `path`, if it is there and not null. An empty path is the value itself.
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut here = value;
    if !path.is_empty() {
        for name in path.split('.') {
            here = here.get(name)?;
        }
    }
    (!here.is_null()).then_some(here)
}

pub fn has(value: &Value, path: &str) -> bool {
    at(value, path).is_some()
}

pub fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

pub fn number(value: &Value, path: &str) -> i64 {
    at(value, path).and_then(Value::as_i64).unwrap_or_default()
}

pub fn flag(value: &Value, path: &str) -> bool {
    at(value, path).and_then(Value::as_bool).unwrap_or_default()
}

pub fn items<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub fn map<'a>(value: &'a Value, path: &str) -> Option<&'a Map<String, Value>> {
    at(value, path).and_then(Value::as_object)
}

/// The string under `key` of the map at `path`; `key` may hold dots.
pub fn entry<'a>(value: &'a Value, path: &str, key: &str) -> Option<&'a str> {
    map(value, path)?.get(key)?.as_str()
}

/// The text at `path`, or `fallback` where there is none.
pub fn text_or<'a>(value: &'a Value, path: &str, fallback: &'static str) -> &'a str {
    match text(value, path) {
        "" => fallback,
        found => found,
    }
}

/// The object at `path`, made of empty objects where something is absent or null. `None` if
/// something on the way is no object.
pub fn ensure<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Map<String, Value>> {
    let mut here = value;
    if !path.is_empty() {
        for name in path.split('.') {
            here = here.as_object_mut()?.entry(name).or_insert(Value::Null);
            if here.is_null() {
                *here = Value::Object(Map::new());
            }
        }
    }
    here.as_object_mut()
}

/// The mutable value at `path`, if it is there and not null.
pub fn at_mut<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut here = value;
    if !path.is_empty() {
        for name in path.split('.') {
            here = here.get_mut(name)?;
        }
    }
    (!here.is_null()).then_some(here)
}

pub fn items_mut<'a>(value: &'a mut Value, path: &str) -> &'a mut [Value] {
    at_mut(value, path).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

/// Sets `field` of the object at `path` unless it has a value. Makes no parents.
pub fn set_default(value: &mut Value, path: &str, field: &str, default: impl Into<Value>) {
    if let Some(Value::Object(parent)) = at_mut(value, path)
        && parent.get(field).is_none_or(Value::is_null)
    {
        parent.insert(field.to_owned(), default.into());
    }
}

/// Copies the top-level `field` from `old`, or removes it where `old` has none.
pub fn restore(object: &mut Value, old: &Value, field: &str) {
    let Some(target) = object.as_object_mut() else { return };
    match old.get(field) {
        Some(value) => {
            target.insert(field.to_owned(), value.clone());
        }
        None => {
            target.remove(field);
        }
    }
}

/// Whether two values say the same: what is null, empty or absent counts alike, as upstream's
/// semantic equality has it.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let null = Value::Null;
            a.iter().all(|(key, value)| same(value, b.get(key).unwrap_or(&null)))
                && b.iter().all(|(key, value)| a.contains_key(key) || is_empty(value))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b || (is_empty(a) && is_empty(b)),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `same` of the values at one path of two objects.
pub fn same_at(a: &Value, b: &Value, path: &str) -> bool {
    same(at(a, path).unwrap_or(&Value::Null), at(b, path).unwrap_or(&Value::Null))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_zero_values_for_what_is_absent() {
        let object = json!({"spec": {"nodeName": "n", "replicas": 3, "on": true, "gone": null}});
        assert_eq!(text(&object, "spec.nodeName"), "n");
        assert_eq!(text(&object, "spec.nodeName.deeper"), "");
        assert_eq!(number(&object, "spec.replicas"), 3);
        assert!(flag(&object, "spec.on"));
        assert!(!has(&object, "spec.gone"));
        assert!(items(&object, "spec.containers").is_empty());
    }

    #[test]
    fn ensures_and_restores() {
        let mut object = json!({"spec": null});
        ensure(&mut object, "spec.a").expect("objects all the way").insert("b".into(), json!(1));
        set_default(&mut object, "spec.a", "b", 2);
        set_default(&mut object, "spec.a", "c", 3);
        assert_eq!(object, json!({"spec": {"a": {"b": 1, "c": 3}}}));
        restore(&mut object, &json!({"status": {}}), "status");
        restore(&mut object, &json!({}), "spec");
        assert_eq!(object, json!({"status": {}}));
    }

    #[test]
    fn empty_and_absent_are_the_same() {
        for (a, b, wanted) in [
            (json!({}), json!({"a": null, "b": [], "c": {"d": ""}}), true),
            (json!({"a": 1}), json!({"a": 1, "b": null}), true),
            (json!({"a": 0}), json!({}), false),
            (json!({"a": false}), json!({}), false),
            (json!([1, 2]), json!([1]), false),
            (json!([{"a": null}]), json!([{}]), true),
            (json!(null), json!({}), true),
        ] {
            assert_eq!(same(&a, &b), wanted, "{a} {b}");
            assert_eq!(same(&b, &a), wanted, "{b} {a}");
        }
    }
}
