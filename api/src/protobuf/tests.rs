//! `testdata/typed.txt` holds pairs of lines: an object as the protobuf serializer of
//! k8s.io/apimachinery v0.35.0 encodes it (base64), and as Go's encoding/json does. The objects are
//! sparse on purpose: it is unset fields that the two encodings treat differently.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::error::Problem;
use super::{DecodeError, decode};
use crate::schema;

fn vectors() -> Vec<(Vec<u8>, Value)> {
    let mut lines = include_str!("testdata/typed.txt").lines();
    let mut vectors = Vec::new();
    while let (Some(protobuf), Some(json)) = (lines.next(), lines.next()) {
        let protobuf = STANDARD.decode(protobuf).expect("the first line of a pair is base64");
        vectors.push((protobuf, serde_json::from_str(json).expect("the second line is JSON")));
    }
    assert!(vectors.len() > 20, "the vectors are there");
    vectors
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[test]
fn typed_objects_become_what_go_writes_as_json() {
    for (protobuf, mut json) in vectors() {
        let mut decoded = decode(&protobuf).expect("a client-go body decodes");
        // Inside the free-form data of a ControllerRevision a null is kept.
        if json["kind"] == "ControllerRevision" {
            assert_eq!(decoded, json);
        }
        drop_nulls(&mut decoded);
        drop_nulls(&mut json);
        assert_eq!(decoded, json);
    }
}

#[test]
fn a_body_is_defaulted_alike_in_both_formats() {
    for (protobuf, mut json) in vectors() {
        let mut decoded = decode(&protobuf).expect("a client-go body decodes");
        let api_version = json["apiVersion"].as_str().expect("every object has a version");
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = json["kind"].as_str().expect("every object has a kind");
        let schema = schema::lookup(group, version, kind).expect("a kind of 1.35");
        schema.check_types(&decoded).expect("the decoder's types are the schema's");
        assert_eq!(schema.unknown_fields(&decoded), [""; 0]);
        schema.default(&mut decoded);
        schema.default(&mut json);
        assert_eq!(decoded, json);
    }
}

#[test]
fn every_prefix_of_a_body_is_read_or_refused() {
    for (protobuf, _) in vectors() {
        for length in 0..protobuf.len() {
            let _ = decode(&protobuf[..length]);
        }
        assert!(decode(&protobuf[..protobuf.len() / 2]).is_err());
    }
}

/// The envelope around `raw`.
fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let type_meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [b"k8s\0".to_vec(), field(1, &type_meta), field(2, raw)].concat()
}

/// A length-delimited field with a number below 16.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut encoded = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        encoded.push(length as u8 | 0x80);
        length >>= 7;
    }
    encoded.push(length as u8);
    encoded.extend(bytes);
    encoded
}

fn problem(body: &[u8]) -> (String, Problem) {
    match decode(body) {
        Err(DecodeError::Malformed { place, problem }) => (place, problem),
        other => panic!("expected a malformed body, got {other:?}"),
    }
}

#[test]
fn refusals_name_the_thing() {
    let error = |body: &[u8]| decode(body).expect_err("refused").to_string();
    assert_eq!(decode(b"{}"), Err(DecodeError::NoMagic));
    assert_eq!(decode(b""), Err(DecodeError::NoMagic));
    assert_eq!(decode(b"k8s\0"), Err(DecodeError::NoKind));
    assert_eq!(
        error(&envelope("v9", "Pod", &[])),
        r#"no kind "Pod" is registered for version "v9""#
    );
    let compressed = [envelope("v1", "Pod", &[]), field(3, b"gzip")].concat();
    assert_eq!(decode(&compressed), Err(DecodeError::Encoding("gzip".into())));
    let json = [envelope("v1", "Pod", &[]), field(4, b"application/json")].concat();
    assert_eq!(decode(&json), Err(DecodeError::ContentType("application/json".into())));
    assert_eq!(problem(b"k8s\0\x0a\xff"), ("envelope".into(), Problem::Truncated));
}

#[test]
fn malformed_messages_tell_the_place() {
    let name = |bytes: &[u8]| envelope("v1", "Pod", &field(1, &field(1, bytes)));
    assert_eq!(problem(&name(b"\xff")), ("metadata.name".into(), Problem::NotUtf8));
    let number = envelope("v1", "Pod", &field(1, &[0x08, 0x01]));
    let expected = Problem::OtherWireType { found: 0, expected: 2 };
    assert_eq!(problem(&number), ("metadata.name".into(), expected));
    let container = field(2, &field(2, &field(1, b"\xff")));
    let expected = ("spec.containers[0].name".into(), Problem::NotUtf8);
    assert_eq!(problem(&envelope("v1", "Pod", &container)), expected);
    let group = envelope("v1", "Pod", &[0x0b]);
    assert_eq!(problem(&group), ("object".into(), Problem::WireType(3)));
    let endless = envelope("v1", "Pod", &[0xff; 11]);
    assert_eq!(problem(&endless), ("object".into(), Problem::Varint));
}

#[test]
fn nesting_is_bounded() {
    // The schema of a custom resource's field may be `not` another schema: field 28.
    let mut schema = Vec::new();
    for _ in 0..200 {
        let inner = field(0, &schema);
        schema = [&[0xe2, 0x01], &inner[1..]].concat();
    }
    let validation = field(1, &schema);
    let version = field(4, &validation);
    let spec = field(2, &field(7, &version));
    let body = envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", &spec);
    assert_eq!(problem(&body).1, Problem::Depth);
}

#[test]
fn the_number_of_values_is_bounded() {
    let containers = field(2, &[]).repeat(500_000);
    let body = envelope("v1", "Pod", &field(2, &containers));
    assert_eq!(problem(&body).1, Problem::Budget);
}

#[test]
fn packed_and_unpacked_numbers_are_the_same() {
    // supplementalGroups (4) of a pod's securityContext (14).
    let pod = |groups: &[u8]| envelope("v1", "Pod", &field(2, &field(14, groups)));
    let unpacked = decode(&pod(&[0x20, 0x01, 0x20, 0xac, 0x02])).expect("well formed");
    let packed = decode(&pod(&field(4, &[0x01, 0xac, 0x02]))).expect("well formed");
    assert_eq!(unpacked["spec"]["securityContext"], json!({"supplementalGroups": [1, 300]}));
    assert_eq!(packed, unpacked);
}

#[test]
fn unknown_field_numbers_are_passed_over() {
    let raw = [field(15, b"later"), field(1, &field(1, b"web"))].concat();
    let pod = decode(&envelope("v1", "Pod", &raw)).expect("well formed");
    assert_eq!(pod, json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}));
}

proptest! {
    #[test]
    fn arbitrary_messages_never_panic(
        index in 0..schema_kinds().len(),
        raw in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let (api_version, kind) = &schema_kinds()[index];
        let _ = decode(&envelope(api_version, kind, &raw));
    }

    #[test]
    fn damaged_bodies_never_panic(
        index in 0..23_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut body = vectors().swap_remove(index).0;
        for (position, byte) in damage {
            let position = position.index(body.len());
            body[position] = byte;
        }
        let _ = decode(&body);
    }
}

fn schema_kinds() -> Vec<(String, String)> {
    let kinds = schema::all().flat_map(|schema| schema.kinds.iter());
    kinds.map(|kind| (format!("{}/{}", kind.group, kind.version), kind.kind.to_owned())).collect()
}
