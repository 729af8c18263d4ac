//! Copying stored bytes into answers, in the forms that need no parsing.

use api::object::{Spliced, splice_offset};

use crate::cache::Entry;

const METADATA: &[u8] = b"\"metadata\":{";

/// An object as an item of a typed list: upstream leaves apiVersion and kind out.
pub fn item_into(out: &mut Vec<u8>, entry: &Entry) {
    let spliced = entry.spliced();
    match splice_offset(&entry.value) {
        Some(offset) => {
            out.push(b'{');
            out.extend_from_slice(&entry.value[offset - METADATA.len()..offset]);
        }
        None => out.extend_from_slice(&spliced.head),
    }
    out.extend_from_slice(spliced.version.as_bytes());
    out.extend_from_slice(&spliced.tail);
}

/// An object with its version.
pub fn object_into(out: &mut Vec<u8>, spliced: &Spliced) {
    out.reserve(spliced.len());
    out.extend_from_slice(&spliced.head);
    out.extend_from_slice(spliced.version.as_bytes());
    out.extend_from_slice(&spliced.tail);
}

/// `metav1.PartialObjectMetadata`: the metadata's own bytes under another kind.
pub fn metadata_into(out: &mut Vec<u8>, entry: &Entry, meta_version: &str, revision: i64) {
    out.extend_from_slice(b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/");
    out.extend_from_slice(meta_version.as_bytes());
    out.extend_from_slice(b"\",\"metadata\":{\"resourceVersion\":\"");
    out.extend_from_slice(revision.to_string().as_bytes());
    out.extend_from_slice(b"\",");
    let range = entry.light.metadata.start as usize + 1..entry.light.metadata.end as usize;
    out.extend_from_slice(entry.value.get(range).unwrap_or(b"}"));
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use api::object::{Light, encode};
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;

    fn entry() -> Entry {
        let value = Bytes::from(encode(&json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"x": 1},
        })));
        let light = Light::read(&value).unwrap();
        Entry { value, mod_revision: 5, light, fields: Box::default() }
    }

    fn read(fill: impl Fn(&mut Vec<u8>)) -> Value {
        let mut out = Vec::new();
        fill(&mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn items_have_no_kind_and_metadata_has_its_own() {
        let entry = entry();
        assert_eq!(
            read(|out| item_into(out, &entry)),
            json!({"metadata": {"name": "a", "resourceVersion": "5"}, "spec": {"x": 1}})
        );
        assert_eq!(
            read(|out| object_into(out, &entry.spliced())),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "resourceVersion": "5"}, "spec": {"x": 1}})
        );
        assert_eq!(
            read(|out| metadata_into(out, &entry, "v1", 9)),
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a", "resourceVersion": "9"}})
        );
    }
}
