//! Requests that no client of good manners sends: each is refused with a Status that names the
//! fault, nothing is half done, and the server goes on.

use serde_json::{Value, json};
use tests::{Cluster, Proxy, Response, Up};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v"}})
}

/// Holds that an answer is a failure Status, and says what is in it.
#[track_caller]
fn refused(answer: &Response, code: u16, reason: &str, part: &str) {
    let status = answer.json();
    assert_eq!(
        (answer.code, &status["kind"], &status["status"], &status["code"], &status["reason"]),
        (code, &json!("Status"), &json!("Failure"), &json!(code), &json!(reason)),
        "{status}"
    );
    let message = status["message"].as_str().expect("a message");
    assert!(message.contains(part), "{part:?} is not in {message:?}");
}

fn names(cluster: &Cluster) -> String {
    cluster.kubectl(&["get", "configmaps", "-o", "name"]).ok()
}

#[test]
fn bodies_that_cannot_be_read_are_refused() {
    let cluster = Up::bare().start();
    let proxy = Proxy::start(&cluster);
    let whole = config_map("c").to_string();
    let cut = &whole.as_bytes()[..whole.len() - 5];
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let before = names(&cluster);
    let cases: [(&str, &[u8], u16, &str); 13] = [
        (JSON, b"", 400, "BadRequest"),
        (JSON, cut, 400, "BadRequest"),
        (JSON, b"[]", 400, "BadRequest"),
        (JSON, b"null", 400, "BadRequest"),
        (JSON, b"\xff\xfe{}", 400, "BadRequest"),
        (JSON, br#"{"apiVersion":"v1","kind":"ConfigMap","data":{"k":1}}"#, 400, "BadRequest"),
        (
            JSON,
            br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"c"}}"#,
            400,
            "BadRequest",
        ),
        (JSON, nested.as_bytes(), 400, "BadRequest"),
        (YAML, b"a: [1, 2", 400, "BadRequest"),
        (YAML, b"a: b: c\n", 400, "BadRequest"),
        (PROTOBUF, whole.as_bytes(), 400, "BadRequest"),
        (PROTOBUF, b"k8s\0\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff", 400, "BadRequest"),
        ("text/html", whole.as_bytes(), 415, "UnsupportedMediaType"),
    ];
    for (content_type, body, code, reason) in cases {
        let answer = proxy.send("POST", CONFIG_MAPS, content_type, body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(answer.code, code, "{content_type} {shown:?}: {answer:?}");
        refused(&answer, code, reason, "");
    }
    assert_eq!(names(&cluster), before);
    let answer = proxy.send("POST", CONFIG_MAPS, JSON, whole.as_bytes());
    assert_eq!(answer.code, 201, "{answer:?}");
}

#[test]
fn a_body_over_the_limit_is_refused_whole() {
    let cluster = Up::bare().start();
    let proxy = Proxy::start(&cluster);
    let mut large = config_map("large");
    large["data"]["k"] = json!("x".repeat(3 << 20));
    let answer = proxy.send("POST", CONFIG_MAPS, JSON, large.to_string().as_bytes());
    refused(&answer, 413, "RequestEntityTooLarge", "limit is 3145728");
    // What the transport takes may still be more than a ConfigMap holds.
    large["data"]["k"] = json!("x".repeat(2 << 20));
    let answer = proxy.send("POST", CONFIG_MAPS, JSON, large.to_string().as_bytes());
    refused(&answer, 422, "Invalid", "Too long: may not be more than 1048576 bytes");
    assert!(!names(&cluster).contains("large"));
}

#[test]
fn names_fields_and_places_that_do_not_fit_are_named() {
    let cluster = Up::bare().start();
    let proxy = Proxy::start(&cluster);
    let post =
        |path: &str, body: &Value| proxy.send("POST", path, JSON, body.to_string().as_bytes());

    let mut unknown = config_map("unknown");
    unknown["spce"] = json!({});
    let strict = post(&format!("{CONFIG_MAPS}?fieldValidation=Strict"), &unknown);
    refused(&strict, 400, "BadRequest", r#"unknown field "spce""#);
    let twice = br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"t"},"data":{"a":"1"},"data":{"b":"2"}}"#;
    let strict = proxy.send("POST", &format!("{CONFIG_MAPS}?fieldValidation=Strict"), JSON, twice);
    refused(&strict, 400, "BadRequest", r#"duplicate field "data""#);
    let odd = post(&format!("{CONFIG_MAPS}?fieldValidation=Sometimes"), &unknown);
    refused(&odd, 422, "Invalid", "fieldValidation");
    let ignored = post(&format!("{CONFIG_MAPS}?fieldValidation=Ignore&dryRun=All"), &unknown);
    assert!(ignored.code == 201 && !ignored.body.contains("spce"), "{ignored:?}");
    refused(&post(&format!("{CONFIG_MAPS}?dryRun=Some"), &unknown), 422, "Invalid", "dryRun");

    for (name, part) in [
        ("Upper", "a lowercase RFC 1123 subdomain must consist of"),
        ("..", "a lowercase RFC 1123 subdomain must consist of"),
        ("", "name or generateName is required"),
        (&"x".repeat(254), "must be no more than 253"),
    ] {
        let answer = post(CONFIG_MAPS, &config_map(name));
        refused(&answer, 422, "Invalid", part);
        assert_eq!(answer.json()["details"]["causes"][0]["field"], "metadata.name");
    }
    let mut elsewhere = config_map("c");
    elsewhere["metadata"]["namespace"] = json!("kube-system");
    refused(
        &post(CONFIG_MAPS, &elsewhere),
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    );
    let nowhere = post("/api/v1/namespaces/nowhere/configmaps", &config_map("c"));
    refused(&nowhere, 404, "NotFound", r#"namespaces "nowhere" not found"#);
    assert!(!names(&cluster).contains("/c\n"));
}

#[test]
fn patches_and_updates_that_cannot_be_done_change_nothing() {
    let cluster = Up::bare().start();
    let proxy = Proxy::start(&cluster);
    let path = format!("{CONFIG_MAPS}/c");
    let created = proxy.send("POST", CONFIG_MAPS, JSON, config_map("c").to_string().as_bytes());
    let first = created.json();

    for kind in [MERGE, STRATEGIC, JSON_PATCH] {
        let body: &[u8] = if kind == JSON_PATCH { b"[]" } else { b"{}" };
        let missing = proxy.send("PATCH", &format!("{CONFIG_MAPS}/missing"), kind, body);
        refused(&missing, 404, "NotFound", r#"configmaps "missing" not found"#);
        let malformed = proxy.send("PATCH", &path, kind, b"{\"data\":");
        refused(&malformed, 400, "BadRequest", "");
    }
    let mut stale = config_map("c");
    stale["data"]["k"] = json!("new");
    stale["metadata"]["resourceVersion"] = json!("1");
    let put = |body: &Value| proxy.send("PUT", &path, JSON, body.to_string().as_bytes());
    refused(&put(&stale), 409, "Conflict", "the object has been modified");
    let by_patch = proxy.send("PATCH", &path, MERGE, stale.to_string().as_bytes());
    refused(&by_patch, 409, "Conflict", "the object has been modified");
    stale["metadata"]["resourceVersion"] = json!("many");
    refused(&put(&stale), 422, "Invalid", "metadata.resourceVersion");
    let mut renamed = first.clone();
    renamed["metadata"]["name"] = json!("other");
    refused(&put(&renamed), 400, "BadRequest", "name");
    let mut reborn = first.clone();
    reborn["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    refused(&put(&reborn), 409, "Conflict", "UID");

    let tests = br#"[{"op":"replace","path":"/data/k","value":"new"},{"op":"test","path":"/data/k","value":"other"}]"#;
    let untrue = proxy.send("PATCH", &path, JSON_PATCH, tests);
    assert_eq!(untrue.code, 422, "{untrue:?}");
    let nowhere = br#"[{"op":"remove","path":"/data/none"}]"#;
    assert_eq!(proxy.send("PATCH", &path, JSON_PATCH, nowhere).code, 422);
    let wrong = proxy.send("PATCH", &path, MERGE, br#"{"data":{"k":1}}"#);
    assert!(wrong.code == 400 || wrong.code == 422, "{wrong:?}");
    refused(&proxy.send("PATCH", &path, YAML, b"{}"), 415, "UnsupportedMediaType", "");
    refused(
        &proxy.send("PATCH", &path, "application/apply-patch+yaml", b"{}"),
        415,
        "UnsupportedMediaType",
        "",
    );

    let precondition = br#"{"preconditions":{"uid":"00000000-0000-0000-0000-000000000000"}}"#;
    let kept = proxy.send("DELETE", &path, JSON, precondition);
    refused(&kept, 409, "Conflict", "Precondition failed");
    let now = proxy.send("GET", &path, JSON, b"").json();
    assert_eq!(now["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert_eq!(now["data"], json!({"k": "v"}));
}

#[test]
fn questions_that_make_no_sense_get_answers_that_do() {
    let cluster = Up::bare().start();
    let proxy = Proxy::start(&cluster);
    let cases = [
        ("GET", "/api/v1/nonsense".to_owned(), 404, "NotFound"),
        ("GET", "/apis/none.example/v1/things".to_owned(), 404, "NotFound"),
        ("GET", format!("{CONFIG_MAPS}/none"), 404, "NotFound"),
        ("GET", format!("{CONFIG_MAPS}?labelSelector=a=b=c"), 400, "BadRequest"),
        ("GET", format!("{CONFIG_MAPS}?fieldSelector=data.k=v"), 400, "BadRequest"),
        ("GET", format!("{CONFIG_MAPS}?limit=few"), 400, "BadRequest"),
        ("GET", format!("{CONFIG_MAPS}?continue=nonsense"), 400, "BadRequest"),
        ("GET", format!("{CONFIG_MAPS}?watch=true&resourceVersion=x"), 422, "Invalid"),
        ("PUT", CONFIG_MAPS.to_owned(), 405, "MethodNotAllowed"),
        ("PATCH", CONFIG_MAPS.to_owned(), 405, "MethodNotAllowed"),
        ("POST", format!("{CONFIG_MAPS}/c"), 405, "MethodNotAllowed"),
    ];
    for (method, path, code, reason) in cases {
        let answer = proxy.send(method, &path, JSON, b"");
        assert_eq!(answer.code, code, "{method} {path}: {answer:?}");
        if answer.body.starts_with('{') {
            refused(&answer, code, reason, "");
        }
    }
}
