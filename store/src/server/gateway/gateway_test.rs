//! The gateway on the wire. The same requests go to a real etcd where one is installed, which
//! proves what is expected.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::remote::testing::{Etcd, installed};
use crate::server::testing::{HttpStream, Plain, ask};

/// What differs between any two stores is taken out of headers.
fn told(text: &str) -> Value {
    // Go's protobuf varies its spaces, so that nobody relies on its texts.
    let text = text.replace('\u{a0}', " ");
    let Ok(mut value) = serde_json::from_str(&text) else { return Value::from(text) };
    neutral(&mut value);
    value
}

fn neutral(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(header)) = fields.get_mut("header") {
                for name in ["cluster_id", "member_id", "raft_term"] {
                    // Headers inside a transaction have none.
                    let id = header.remove(name);
                    assert!(id.is_none_or(|id| id.is_string()), "{name} is told as a string");
                }
            }
            fields.values_mut().for_each(neutral);
        }
        Value::Array(values) => values.iter_mut().for_each(neutral),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn at(revision: i64) -> Value {
    json!({"revision": revision.to_string()})
}

fn refusal(code: i32, message: &str) -> Value {
    json!({"code": code, "message": message})
}

/// Requests in their order, each with what it is answered.
fn conversation() -> Vec<(&'static str, &'static str, u16, Value)> {
    let foo = json!({"key": "Zm9v", "create_revision": "2", "mod_revision": "2", "version": "1", "value": "YmFy"});
    let read = json!({"header": at(2), "kvs": [foo], "count": "1"});
    let empty_key = refusal(3, "etcdserver: key is not provided");
    vec![
        ("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#, 200, json!({"header": at(2)})),
        ("/v3/kv/range", r#"{"key":"Zm9v"}"#, 200, read.clone()),
        ("/v3beta/kv/range", r#"{"key":"Zm9v","nope":1,"sort_order":"FOO"} x"#, 200, read),
        (
            "/v3/kv/range",
            r#"{"key":"Zm9v","countOnly":true,"limit":"5","sort_order":"DESCEND","sortTarget":1}"#,
            200,
            json!({"header": at(2), "count": "1"}),
        ),
        ("/v3/kv/range", "{}", 400, empty_key.clone()),
        ("/v3/kv/range", "", 400, empty_key),
        (
            "/v3/kv/range",
            r#"{"key":"Zm9v","sort_order":9}"#,
            400,
            refusal(3, "etcdserver: invalid sort option"),
        ),
        (
            "/v3/kv/range",
            r#"{"key":5}"#,
            400,
            refusal(3, "proto: (line 1:8): invalid value for bytes field key: 5"),
        ),
        (
            "/v3/kv/range",
            "{key",
            400,
            refusal(3, "invalid character 'k' looking for beginning of object key string"),
        ),
        ("/v3/kv/range", r#"{"key":"Zm9v""#, 400, refusal(3, "unexpected EOF")),
        (
            "/v3/kv/range",
            "[]",
            400,
            refusal(3, "proto: syntax error (line 1:1): unexpected token ["),
        ),
        ("/v3/nope", "{}", 404, refusal(5, "Not Found")),
        ("/v3/", "{}", 404, refusal(5, "Not Found")),
        (
            "/v3/kv/range",
            r#"{"key":"Zm9v","revision":"99"}"#,
            400,
            refusal(11, "etcdserver: mvcc: required revision is a future revision"),
        ),
        (
            "/v3/kv/txn",
            r#"{"compare":[{"key":"Zm9v","target":"VALUE","value":"YmFy"}],
                "success":[{"request_put":{"key":"Zm9v","value":"","prev_kv":true}},
                           {"requestDeleteRange":{"key":"eA=="}}],
                "failure":[{"request_range":{"key":"Zm9v"}}]}"#,
            200,
            json!({"header": at(3), "succeeded": true, "responses": [
                {"response_put": {"header": at(3), "prev_kv": foo_before()}},
                {"response_delete_range": {"header": at(3)}},
            ]}),
        ),
        (
            "/v3/kv/txn",
            r#"{"compare":[{"version":"1","mod_revision":"2"}]}"#,
            400,
            refusal(
                3,
                "proto: (line 1:28): error parsing \"mod_revision\", \
                 oneof etcdserverpb.Compare.target_union is already set",
            ),
        ),
        ("/v3/kv/deleterange", r#"{"key":"Zm9v"}"#, 200, json!({"header": at(4), "deleted": "1"})),
        ("/v3/kv/compaction", r#"{"revision":3,"physical":true}"#, 200, json!({"header": at(4)})),
        (
            "/v3/kv/compaction",
            r#"{"revision":"2"}"#,
            400,
            refusal(11, "etcdserver: mvcc: required revision has been compacted"),
        ),
        (
            "/v3/lease/grant",
            r#"{"TTL":600,"ID":"77"}"#,
            200,
            json!({"header": at(4), "ID": "77", "TTL": "600"}),
        ),
        (
            "/v3/lease/grant",
            r#"{"TTL":600,"ID":"77"}"#,
            400,
            refusal(9, "etcdserver: lease already exists"),
        ),
        ("/v3/lease/leases", "{}", 200, json!({"header": at(4), "leases": [{"ID": "77"}]})),
        ("/v3/kv/lease/leases", "{}", 200, json!({"header": at(4), "leases": [{"ID": "77"}]})),
        (
            "/v3/lease/timetolive",
            r#"{"ID":78}"#,
            200,
            json!({"header": at(4), "ID": "78", "TTL": "-1"}),
        ),
        (
            "/v3/lease/revoke",
            r#"{"ID":78}"#,
            404,
            refusal(5, "etcdserver: requested lease not found"),
        ),
        (
            "/v3/lock/lock",
            r#"{"name":"bA==","lease":"77"}"#,
            200,
            json!({"header": at(5), "key": "bC80ZA=="}),
        ),
        (
            "/v3/lock/lock",
            r#"{"name":"bA==","lease":"77"}"#,
            200,
            json!({"header": at(5), "key": "bC80ZA=="}),
        ),
        (
            "/v3/lock/lock",
            r#"{"name":"bQ==","lease":"99"}"#,
            500,
            refusal(2, "etcdserver: requested lease not found"),
        ),
        ("/v3/lock/unlock", "{}", 500, refusal(2, "etcdserver: key is not provided")),
        ("/v3/lock/unlock", r#"{"key":"bm9wZQ=="}"#, 200, json!({"header": at(5)})),
        ("/v3/lock/unlock", r#"{"key":"bC80ZA=="}"#, 200, json!({"header": at(6)})),
        ("/v3/election/leader", r#"{"name":"ZTI="}"#, 500, refusal(2, "election: no leader")),
        (
            "/v3/election/campaign",
            r#"{"name":"ZTI=","value":"djE=","lease":"77"}"#,
            200,
            json!({"header": at(7), "leader": {"name": "ZTI=", "key": "ZTIvNGQ=", "rev": "7", "lease": "77"}}),
        ),
        (
            "/v3/election/campaign",
            r#"{"name":"ZTI=","value":"djI=","lease":"77"}"#,
            200,
            json!({"header": at(7), "leader": {"name": "ZTI=", "key": "ZTIvNGQ=", "rev": "7", "lease": "77"}}),
        ),
        (
            "/v3/election/leader",
            r#"{"name":"ZTI="}"#,
            200,
            json!({"header": at(8), "kv": {
                "key": "ZTIvNGQ=", "create_revision": "7", "mod_revision": "8", "version": "2",
                "value": "djI=", "lease": "77",
            }}),
        ),
        ("/v3/election/proclaim", "{}", 500, refusal(2, "\"leader\" field must be provided")),
        ("/v3/election/resign", "{}", 500, refusal(2, "\"leader\" field must be provided")),
        (
            "/v3/election/resign",
            r#"{"leader":{}}"#,
            500,
            refusal(2, "etcdserver: key is not provided"),
        ),
        (
            "/v3/election/proclaim",
            r#"{"leader":{"name":"ZTI=","key":"ZTIvNGQ=","rev":"1","lease":"77"},"value":"eA=="}"#,
            500,
            refusal(2, "election: not leader"),
        ),
        (
            "/v3/election/proclaim",
            r#"{"leader":{"name":"ZTI=","key":"ZTIvNGQ=","rev":"7","lease":"77"},"value":"eA=="}"#,
            200,
            json!({"header": at(9)}),
        ),
        (
            "/v3/election/resign",
            r#"{"leader":{"name":"ZTI=","key":"ZTIvNGQ=","rev":"7","lease":"77"}}"#,
            200,
            json!({"header": at(10)}),
        ),
        ("/v3/kv/lease/revoke", r#"{"ID":"77"}"#, 200, json!({"header": at(10)})),
        ("/v3/maintenance/alarm", r#"{"action":"GET"}"#, 200, json!({"header": at(10)})),
        (
            "/v3/maintenance/alarm",
            r#"{"action":1,"memberID":"5","alarm":"CORRUPT"}"#,
            200,
            json!({"header": at(10), "alarms": [{"memberID": "5", "alarm": "CORRUPT"}]}),
        ),
        ("/v3/kv/put", r#"{"key":"Zm9v"}"#, 500, refusal(15, "etcdserver: corrupt cluster")),
        (
            "/v3/maintenance/alarm",
            r#"{"action":"DEACTIVATE","memberID":"5","alarm":"CORRUPT"}"#,
            200,
            json!({"header": at(10), "alarms": [{"memberID": "5", "alarm": "CORRUPT"}]}),
        ),
        ("/v3/maintenance/alarm", r#"{"action":"DEACTIVATE"}"#, 200, json!({"header": at(10)})),
        (
            "/v3/maintenance/hashkv",
            r#"{"revision":"99"}"#,
            400,
            refusal(11, "etcdserver: mvcc: required revision is a future revision"),
        ),
        ("/v3/maintenance/defragment", "{}", 200, json!({})),
        (
            "/v3/maintenance/transfer-leadership",
            r#"{"targetID":"5"}"#,
            400,
            refusal(9, "etcdserver: bad leader transferee"),
        ),
        (
            "/v3/maintenance/downgrade",
            r#"{"action":"VALIDATE","version":"x"}"#,
            400,
            refusal(3, "etcdserver: wrong downgrade target version format"),
        ),
        (
            "/v3/maintenance/downgrade",
            r#"{"action":"VALIDATE","version":"3.1"}"#,
            400,
            refusal(3, "etcdserver: invalid downgrade target version"),
        ),
        (
            "/v3/maintenance/downgrade",
            r#"{"action":9}"#,
            500,
            refusal(2, "etcdserver: unknown method"),
        ),
    ]
}

fn foo_before() -> Value {
    json!({"key": "Zm9v", "create_revision": "2", "mod_revision": "2", "version": "1", "value": "YmFy"})
}

async fn converse(address: SocketAddr) {
    for (path, body, status, expected) in conversation() {
        let answer = ask(address, "POST", path, &[], body).await;
        let head = answer.head.to_ascii_lowercase();
        assert_eq!((answer.status, told(&answer.body)), (status, expected), "{path} {body}");
        assert!(head.contains("content-type: application/json"), "{path} {head}");
        assert!(head.contains("access-control-allow-origin: *"), "{path} {head}");
        let metadata = head.contains("grpc-metadata-content-type: application/grpc");
        assert_eq!(metadata, status == 200, "{path} {head}");
    }
    for method in ["GET", "PUT"] {
        let answer = ask(address, method, "/v3/kv/range", &[], "").await;
        assert_eq!((answer.status, told(&answer.body)), (501, refusal(12, "Method Not Allowed")));
    }
    let options = ask(address, "OPTIONS", "/v3/kv/range", &[], "").await;
    assert_eq!((options.status, options.body.as_str()), (200, ""));
    streams(address).await;
}

/// After the conversation: revision 10 and no lease.
async fn streams(address: SocketAddr) {
    let kept = ask(address, "POST", "/v3/lease/keepalive", &[], r#"{"ID":"1"} {"ID":2}"#).await;
    let lines: Vec<Value> = kept.body.lines().map(told).collect();
    let gone = |id: &str| json!({"result": {"header": at(10), "ID": id}});
    assert_eq!((kept.status, lines), (200, vec![gone("1"), gone("2")]));
    // The watch goes on when its client has no more to ask.
    let watch = r#"{"create_request":{"key":"dw==","filters":["NODELETE"]}}"#;
    let mut watched = HttpStream::open(address, "/v3/watch", watch).await;
    let created = told(&watched.lines(1).await[0]);
    assert_eq!(created, json!({"result": {"header": at(10), "created": true}}));
    let mut observed =
        HttpStream::open(address, "/v3/election/observe", r#"{"name":"bw=="}"#).await;
    for body in [r#"{"key":"dw==","value":"MQ=="}"#, r#"{"key":"by8x","value":"MQ=="}"#] {
        let answer = ask(address, "POST", "/v3/kv/put", &[], body).await;
        assert_eq!(answer.status, 200);
    }
    let event = told(&watched.lines(2).await[1]);
    let kv = json!({
        "key": "dw==", "create_revision": "11", "mod_revision": "11", "version": "1", "value": "MQ==",
    });
    assert_eq!(event, json!({"result": {"header": at(11), "events": [{"kv": kv}]}}));
    let leader = told(&observed.lines(1).await[0]);
    let kv = json!({
        "key": "by8x", "create_revision": "12", "mod_revision": "12", "version": "1", "value": "MQ==",
    });
    assert_eq!(leader, json!({"result": {"header": at(12), "kv": kv}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_as_etcd_answers_them() {
    let plain = Plain::start().await;
    converse(plain.address).await;
    plain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_itself_answers_so() {
    let Some(program) = installed() else {
        eprintln!("SKIPPED: no etcd in PATH, so the gateway was not held against etcd itself");
        return;
    };
    let mut etcd = Etcd::start(&program);
    let remote = etcd.connect().await;
    let version = crate::Store::status(&*remote).await.expect("status is told").version;
    if version.starts_with("3.4.") || version.starts_with("3.5.") {
        eprintln!("SKIPPED: etcd {version} has another gateway");
        return;
    }
    converse(etcd.address()).await;
}

#[tokio::test]
async fn what_is_malformed_from_the_start_is_refused() {
    let plain = Plain::start().await;
    let answer = ask(plain.address, "POST", "/v3/watch", &[], "{").await;
    assert_eq!((answer.status, told(&answer.body)), (400, refusal(3, "unexpected EOF")));
    let huge = format!("{{\"key\":\"{}\"}}", "A".repeat(5 << 20));
    let answer = ask(plain.address, "POST", "/v3/kv/range", &[], &huge).await;
    assert_eq!(answer.status, 429, "{}", answer.body);
    let large = format!("{{\"key\":\"{}\"}}", "A".repeat(3 << 20));
    let answer = ask(plain.address, "POST", "/v3/kv/range", &[], &large).await;
    let told_of = told(&answer.body);
    let message = "grpc: received message larger than max (2359301 vs. 2097152)";
    assert_eq!((answer.status, told_of), (429, refusal(8, message)));
    plain.stop().await;
}
