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
}
