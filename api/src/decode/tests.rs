use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DecodeError, Decoded, Format, decode};

fn yaml(text: &str) -> Decoded {
    decode(Format::Yaml, text.as_bytes()).expect("well-formed YAML")
}

fn json(text: &str) -> Decoded {
    decode(Format::Json, text.as_bytes()).expect("well-formed JSON")
}

fn refusal(format: Format, body: &[u8]) -> String {
    decode(format, body).expect_err("refused").to_string()
}

#[test]
fn json_is_read_as_it_stands() {
    let text = r#"{"a":[1,-2,1.5,true,null,"x"],"b":{"c":18446744073709551615}}"#;
    assert_eq!(json(text).object.to_string(), text);
    assert_eq!(json("[]").object, json!([]));
}

#[test]
fn duplicate_fields_are_named_and_the_last_value_counts() {
    let text = r#"{"spec":{"replicas":1,"containers":[{"image":"a","image":"b"}],"replicas":2},
        "spec":{"replicas":3}}"#;
    let expected = ["spec.containers[0].image", "spec.replicas", "spec"];
    for decoded in [json(text), yaml(text)] {
        assert_eq!(decoded.duplicate_fields, expected);
        assert_eq!(decoded.object, json!({"spec": {"replicas": 3}}));
    }
    let decoded = yaml("a: 1\nb:\n  c: 1\n  c: 2\n");
    assert_eq!(decoded.duplicate_fields, ["b.c"]);
    assert_eq!(decoded.object, json!({"a": 1, "b": {"c": 2}}));
}

#[test]
fn yaml_scalars_are_those_of_yaml_1_1() {
    let cases = [
        ("yes", json!(true)),
        ("off", json!(false)),
        ("True", json!(true)),
        ("0644", json!(420)),
        ("0o644", json!(420)),
        ("0x1f", json!(31)),
        ("1e3", json!(1000.0)),
        ("-7", json!(-7)),
        ("~", Value::Null),
        ("", Value::Null),
        ("\"yes\"", json!("yes")),
        ("'0644'", json!("0644")),
        ("100m", json!("100m")),
        ("1.35.0", json!("1.35.0")),
        ("2026-01-02", json!("2026-01-02")),
        ("|\n  two\n  lines", json!("two\nlines\n")),
    ];
    for (text, expected) in cases {
        assert_eq!(
            yaml(&format!("value: {text}\n")).object,
            json!({ "value": expected }),
            "{text}"
        );
    }
}

#[test]
fn yaml_keys_are_strings() {
    assert_eq!(yaml("data:\n  1: a\n  true: b\n").object, json!({"data": {"1": "a", "true": "b"}}));
}

#[test]
fn yaml_anchors_merge_and_a_document_may_be_marked() {
    let text = "---\nbase: &base\n  a: 1\nother:\n  <<: *base\n  b: 2\n";
    let expected = json!({"base": {"a": 1}, "other": {"a": 1, "b": 2}});
    assert_eq!(yaml(text).object, expected);
}

#[test]
fn refusals_are_clear() {
    for format in [Format::Json, Format::Yaml] {
        assert_eq!(refusal(format, b""), "the body is empty; an object is expected");
        assert_eq!(refusal(format, b" \n\t"), "the body is empty; an object is expected");
        let text = refusal(format, b"{\"a\": \"\xff\"}");
        assert_eq!(text, "the body is not UTF-8: byte 7 begins no character");
    }
    assert!(matches!(
        decode(Format::Json, br#"{"a": {"b": 1"#),
        Err(DecodeError::TruncatedJson(_))
    ));
    let text = refusal(Format::Json, br#"{"a": 1} x"#);
    assert_eq!(text, "malformed JSON: trailing characters at line 1 column 10");
    let text = refusal(Format::Yaml, b"a: 1\n b: 2\n");
    assert!(text.starts_with("malformed YAML: ") && text.contains("line 2"), "{text}");
    let text = refusal(Format::Yaml, b"a: 1\n---\nb: 2\n");
    assert!(text.starts_with("malformed YAML: "), "{text}");
    assert!(refusal(Format::Yaml, b"a: [1, 2\n").starts_with("malformed YAML: "));
    assert!(refusal(Format::Yaml, b"a: .inf\n").starts_with("malformed YAML: "));
    assert!(refusal(Format::Protobuf, b"{}").contains("k8s\\0"));
}

#[test]
fn nesting_is_bounded() {
    for format in [Format::Json, Format::Yaml] {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(decode(format, nested(60).as_bytes()).is_ok());
        assert!(decode(format, nested(200).as_bytes()).is_err());
        // A bomb of brackets must not exhaust the stack.
        assert!(decode(format, "[".repeat(1_000_000).as_bytes()).is_err());
        assert!(decode(format, "{\"a\":".repeat(300_000).as_bytes()).is_err());
    }
    assert!(decode(Format::Yaml, "- ".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn the_number_of_values_is_bounded() {
    let body = format!("[{}0]", "0,".repeat(250_000));
    assert_eq!(
        refusal(Format::Json, body.as_bytes()).split(" at ").next(),
        Some("malformed JSON: more than 250000 values")
    );
    let laughs: String = (1..12)
        .map(|level| {
            format!("l{level}: &l{level} [{}]\n", vec![format!("*l{}", level - 1); 10].join(","))
        })
        .collect();
    assert!(decode(Format::Yaml, format!("l0: &l0 lol\n{laughs}").as_bytes()).is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        for format in [Format::Json, Format::Yaml, Format::Protobuf] {
            let _ = decode(format, &body);
        }
    }

    #[test]
    fn arbitrary_text_never_panics(body in "[-a:{}\\[\\]\"' \n&*#|>0-9,!?]{0,80}") {
        for format in [Format::Json, Format::Yaml] {
            let _ = decode(format, body.as_bytes());
        }
    }

    #[test]
    fn written_json_reads_back(value in any_json()) {
        let decoded = json(&value.to_string());
        prop_assert_eq!(&decoded.object, &value);
        prop_assert!(decoded.duplicate_fields.is_empty());
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
