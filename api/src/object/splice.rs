//! Putting the resourceVersion into stored bytes.

use bytes::Bytes;

const METADATA: &[u8] = b"\"metadata\":{";

/// How far into the value the metadata may begin: apiVersion and kind are two short names.
const HEADER_LIMIT: usize = 1024;

/// A stored object with its version, as the three slices a reader copies.
#[derive(Clone, Debug)]
pub struct Spliced {
    pub head: Bytes,
    pub version: String,
    pub tail: Bytes,
}

/// Where `"resourceVersion":"N",` goes: just behind the brace of the metadata. `None` if the value
/// is not in the stored form.
pub fn splice_offset(value: &[u8]) -> Option<usize> {
    let header = &value[..value.len().min(HEADER_LIMIT)];
    if !header.starts_with(b"{\"apiVersion\":") {
        return None;
    }
    memchr::memmem::find(header, METADATA).map(|start| start + METADATA.len())
}

/// The text to insert at `offset`, with the comma that the following member needs.
fn version_member(value: &[u8], offset: usize, revision: i64) -> String {
    let comma = if value.get(offset) == Some(&b'}') { "" } else { "," };
    format!("\"resourceVersion\":\"{revision}\"{comma}")
}

impl Spliced {
    /// Shares `value`; only the version's text is allocated. A value that is not in the stored form
    /// (written by someone else) is passed on as it is.
    pub fn new(value: &Bytes, revision: i64) -> Self {
        match splice_offset(value) {
            Some(offset) => Self {
                head: value.slice(..offset),
                version: version_member(value, offset, revision),
                tail: value.slice(offset..),
            },
            None => Self { head: value.clone(), version: String::new(), tail: Bytes::new() },
        }
    }

    pub fn len(&self) -> usize {
        self.head.len() + self.version.len() + self.tail.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The whole object in one buffer.
pub fn splice(value: &Bytes, revision: i64) -> Bytes {
    let spliced = Spliced::new(value, revision);
    let mut out = Vec::with_capacity(spliced.len());
    out.extend_from_slice(&spliced.head);
    out.extend_from_slice(spliced.version.as_bytes());
    out.extend_from_slice(&spliced.tail);
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::encode;
    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-zA-Z\"\\\\]{0,8}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Splicing into the encoded bytes is the same as setting the field before encoding.
        #[test]
        fn splice_equals_setting_the_field(
            labels in proptest::collection::btree_map("[a-z]{1,6}", ".{0,10}", 0..4),
            spec in any_json(),
            revision in 1i64..i64::MAX,
            version in "[a-z0-9/.]{1,30}",
            named in any::<bool>(),
        ) {
            let mut object = json!({
                "apiVersion": version, "kind": "Thing", "metadata": {}, "spec": spec,
            });
            if named {
                object["metadata"] = json!({"name": "x", "labels": labels});
            }
            let stored = Bytes::from(encode(&object));
            object["metadata"]["resourceVersion"] = json!(revision.to_string());
            let read: Value = serde_json::from_slice(&splice(&stored, revision)).unwrap();
            prop_assert_eq!(&read, &object);
            // The version is never stored, and encoding again gives the same bytes.
            prop_assert_eq!(Bytes::from(encode(&read)), stored);
        }
    }

    #[test]
    fn foreign_values_pass_unchanged() {
        let foreign = Bytes::from_static(b"k8s\0\x0a\x09");
        assert_eq!(splice_offset(&foreign), None);
        assert_eq!(splice(&foreign, 3), foreign);
    }
}
