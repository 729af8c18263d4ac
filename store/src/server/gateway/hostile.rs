//! Input made to do harm, for the gateway: what must hold whatever the bytes are.

use store_proto::reflect::{METHODS, Message};

use super::emit::emit;
use super::parse::parse;
use super::scan::{Scan, scan};

/// Takes the first byte for a method, and the others for the bodies that a client sends it one
/// after another.
pub(crate) fn bodies(data: &[u8]) {
    let Some((method, mut body)) = data.split_first() else { return };
    let method = &METHODS[usize::from(*method) % METHODS.len()];
    for message in [method.input, method.output] {
        body = one(message, body);
    }
}

/// Reads the first value of `body`, and answers the rest.
fn one<'b>(message: &'static Message, body: &'b [u8]) -> &'b [u8] {
    let Scan::Value(range) = scan(body) else { return &[] };
    let rest = &body[range.end..];
    if let Ok(wire) = parse(message, &body[range]) {
        // As an answer it is JSON that means the same.
        let mut json = String::new();
        emit(message, &wire, &mut json).expect("what was parsed can be told");
        assert_eq!(scan(json.as_bytes()), Scan::Value(0..json.len()), "{json}");
        let again = parse(message, json.as_bytes());
        let wire = again.unwrap_or_else(|refusal| panic!("{refusal}: {json}"));
        let mut twice = String::new();
        emit(message, &wire, &mut twice).expect("what was parsed can be told");
        assert_eq!(twice, json);
    }
    rest
}

/// Bodies that are well formed.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let texts = [
        (
            "/etcdserverpb.KV/Range",
            r#"{"key":"Zm9v","range_end":"_-8","limit":"12","sort_order":2}"#,
        ),
        (
            "/etcdserverpb.KV/Put",
            r#" {"key":"Zm9v","value":"\u0059g==","lease":1.2e1,"x":[{}]} {}"#,
        ),
        (
            "/etcdserverpb.KV/Txn",
            r#"{"compare":[{"key":"Zm9v","target":"CREATE","createRevision":"0"}],"success":
            [{"requestPut":{"key":"Zm9v"}},{"request_txn":{"failure":[{"request_range":{"key":"YQ"}}]}}]}"#,
        ),
        (
            "/etcdserverpb.Watch/Watch",
            r#"{"create_request":{"key":"Zm9v","filters":["NOPUT",1]}}{}"#,
        ),
        ("/etcdserverpb.Auth/UserAdd", r#"{"name":"a","options":{"no_password":true}}"#),
    ];
    let example = |(path, text): (&str, &str)| {
        let at = store_proto::reflect::index(path).expect("the method is known");
        let mut bytes = vec![at as u8];
        bytes.extend(text.as_bytes());
        bytes
    };
    texts.into_iter().map(example).collect()
}
