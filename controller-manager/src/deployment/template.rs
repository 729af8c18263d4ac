//! When two Pod templates are the same, and the hash that names a ReplicaSet.
//!
//! The hash only has to be stable: it is written into the ReplicaSet's name, labels and selector, and
//! which ReplicaSet has a template is always decided by comparison, never by the hash.

use serde_json::{Map, Value};

pub const HASH_LABEL: &str = "pod-template-hash";

/// Maps in which empty and absent mean the same. Elsewhere they may not: `emptyDir: {}` is a volume,
/// `labelSelector: {}` selects everything.
const PLAIN_MAPS: [&str; 8] = [
    "annotations",
    "labels",
    "limits",
    "matchLabels",
    "metadata",
    "nodeSelector",
    "overhead",
    "requests",
];

/// The letters that upstream allows in generated names: no vowels, no look-alikes.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Whether two templates make the same Pods, apart from the hash label.
pub fn same(one: &Value, other: &Value) -> bool {
    canonical(one) == canonical(other)
}

/// The hash of a template. `collisions` counts the ReplicaSets of other templates that had the name.
pub fn hash(template: &Value, collisions: Option<i32>) -> String {
    let mut fnv = 0x811c_9dc5_u32;
    let mut eat = |byte: u8| fnv = (fnv ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    canonical(template).to_string().bytes().for_each(&mut eat);
    collisions.into_iter().flat_map(i32::to_le_bytes).for_each(&mut eat);
    let safe = |digit: u8| char::from(SAFE[usize::from(digit) % SAFE.len()]);
    fnv.to_string().bytes().map(safe).collect()
}

/// The template without what makes no difference: nulls, empty lists, empty plain maps, order of
/// fields, the hash label.
fn canonical(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(Value::Object(labels)) = template.pointer_mut("/metadata/labels") {
        labels.remove(HASH_LABEL);
    }
    sorted(&template)
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            let mut object = Map::new();
            for name in names {
                let field = sorted(&fields[name]);
                if !is_void(name, &field) {
                    object.insert(name.clone(), field);
                }
            }
            Value::Object(object)
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        plain => plain.clone(),
    }
}

fn is_void(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty() && PLAIN_MAPS.contains(&name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sameness_ignores_what_makes_no_difference() {
        let base =
            json!({"metadata": {"labels": {"a": "b"}}, "spec": {"volumes": [{"emptyDir": {}}]}});
        let cases = [
            (
                json!({"spec": {"volumes": [{"emptyDir": {}}]}, "metadata": {"labels": {"a": "b"}}}),
                true,
            ),
            (
                json!({
                    "metadata": {"labels": {"a": "b", HASH_LABEL: "x"}, "creationTimestamp": null},
                    "spec": {"volumes": [{"emptyDir": {}}], "tolerations": [], "nodeSelector": {}},
                }),
                true,
            ),
            (
                json!({"metadata": {"labels": {"a": "c"}}, "spec": {"volumes": [{"emptyDir": {}}]}}),
                false,
            ),
            (json!({"metadata": {"labels": {"a": "b"}}, "spec": {"volumes": [{}]}}), false),
        ];
        for (other, expected) in cases {
            assert_eq!(same(&base, &other), expected, "{other}");
            assert_eq!(hash(&base, None) == hash(&other, None), expected, "{other}");
        }
    }

    #[test]
    fn the_hash_is_stable_safe_and_moves_with_collisions() {
        let template = json!({"spec": {"containers": [{"name": "c", "image": "hello"}]}});
        let plain = hash(&template, None);
        assert!(
            (1..=10).contains(&plain.len()) && plain.bytes().all(|letter| SAFE.contains(&letter))
        );
        // Written into names: it must not change from one version of ours to the next.
        assert_eq!(plain, "58dd8b6587");
        assert_ne!(plain, hash(&template, Some(1)));
        assert_ne!(hash(&template, Some(1)), hash(&template, Some(2)));
    }
}
