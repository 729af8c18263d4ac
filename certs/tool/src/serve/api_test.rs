//! The API, request by request, against the router itself.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use certs::x509::{
    AuthorityConstraint, Certificate, Issuer, KeyAlgorithm, PrivateKey, Responder, Subject,
    Template, self_sign,
};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use tower::ServiceExt;

use super::app::App;
use super::dispatch::{PREFIX, router};
use crate::database::FileDatabase;
use crate::ocsp::hex;

/// A server without a listener.
pub(super) struct Api {
    pub router: Router,
    pub issuer: Arc<Issuer>,
    _directory: tempfile::TempDir,
}

pub(super) fn authority() -> Issuer {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key is made");
    let mut template = template("Test CA");
    template.authority = Some(AuthorityConstraint::default());
    let certificate = self_sign(&template, &key).expect("signed");
    Issuer::new(certificate, key).expect("the pair fits")
}

fn template(name: &str) -> Template {
    let now = OffsetDateTime::now_utc();
    Template::new(Subject::new(name, &[]), now - Duration::HOUR, now + Duration::DAY)
}

fn key_again(key: &PrivateKey) -> PrivateKey {
    PrivateKey::from_pem(&key.to_pem().expect("written")).expect("read")
}

pub(super) fn leaf(issuer: &Issuer, name: &str) -> Certificate {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key is made");
    issuer.sign(&template(name), key.public_key_der()).expect("signed")
}

impl Api {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// With everything that an endpoint may need, after `change`.
    pub fn with(change: impl FnOnce(&mut App)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let issuer = Arc::new(authority());
        let database = FileDatabase::open(directory.path()).expect("a database opens");
        let certificate = issuer.certificate().clone();
        let responder = Responder::new(certificate.clone(), certificate, key_again(issuer.key()));
        let mut app = App {
            issuer: Some(Arc::clone(&issuer)),
            database: Some(Arc::new(database)),
            responder: Some((responder.expect("the authority may answer"), Duration::HOUR)),
            ..App::default()
        };
        change(&mut app);
        Self { router: router(app, &[], None), issuer, _directory: directory }
    }

    pub async fn ask(&self, method: &str, endpoint: &str, body: impl ToString) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{PREFIX}{endpoint}"))
            .body(Body::from(body.to_string()))
            .expect("a request");
        let answer = self.router.clone().oneshot(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub async fn result(&self, endpoint: &str, body: Value) -> Value {
        let (status, answer) = self.ask("POST", endpoint, &body).await;
        assert_eq!((status, &answer["success"]), (200, &json!(true)), "{endpoint}: {answer}");
        assert_eq!(answer["errors"], json!([]));
        assert!(answer["messages"].is_array());
        answer["result"].clone()
    }

    /// Posts what must be refused with `code`, and a message that has `word`.
    pub async fn refused(&self, endpoint: &str, body: impl ToString, code: i64, word: &str) {
        let body = body.to_string();
        let (status, answer) = self.ask("POST", endpoint, &body).await;
        assert_eq!(status, 400, "{endpoint} {body}: {answer}");
        assert_eq!((&answer["success"], &answer["result"]), (&json!(false), &Value::Null));
        assert_eq!(answer["errors"][0]["code"], json!(code), "{endpoint} {body}: {answer}");
        let message = answer["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains(word), "{endpoint} {body}: {message}");
    }
}

fn addition(certificate: &Certificate) -> Value {
    json!({
        "serial_number": certificate.serial().to_string(),
        "authority_key_identifier": hex(certificate.authority_key_id().expect("it has one")),
        "status": "good",
        "expiry": certificate.not_after().format(&Rfc3339).expect("a time"),
        "pem": certificate.to_pem(),
    })
}

fn changed(value: &Value, field: &str, to: Value) -> Value {
    let mut value = value.clone();
    value[field] = to;
    value
}

#[tokio::test]
async fn only_the_method_of_an_endpoint_is_taken() {
    let api = Api::new();
    for endpoint in super::endpoints::ALL {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let (status, answer) = api.ask(method, endpoint.name, "").await;
            if method == endpoint.method.as_str() {
                assert!([200, 400].contains(&status), "{method} {}: {answer}", endpoint.name);
                continue;
            }
            assert_eq!(status, 405, "{method} {}", endpoint.name);
            assert_eq!(answer["errors"][0]["code"], json!(405));
        }
    }
    assert_eq!(api.ask("POST", "nothing", "{}").await.0, 404);
    assert_eq!(api.ask("GET", "health", "").await.1["result"], json!({"healthy": true}));
}

#[tokio::test]
async fn what_is_no_json_is_refused_everywhere() {
    let api = Api::new();
    let posts = super::endpoints::ALL.iter().filter(|endpoint| endpoint.method == "POST");
    for endpoint in posts {
        for body in ["", "{", "[]", "nonsense", "{\"a\": 1} more"] {
            let (status, answer) = api.ask("POST", endpoint.name, body).await;
            assert_eq!(status, 400, "{} {body}: {answer}", endpoint.name);
            assert_eq!(answer["success"], json!(false));
        }
    }
    let large = "x".repeat(1024 * 1024 + 1);
    assert_eq!(api.ask("POST", "revoke", large).await.0, 413);
}

#[tokio::test]
async fn endpoints_without_what_they_need_are_not_there() {
    let api = Api::with(|app| *app = App::default());
    for endpoint in super::endpoints::ALL {
        let needs_nothing = (endpoint.needs)(&App::default()).is_ok();
        let (status, _) = api.ask(endpoint.method.as_str(), endpoint.name, "").await;
        assert_eq!(status != 404, needs_nothing, "{}", endpoint.name);
    }
    let disabled = router(App::default(), &["health".to_owned()], None);
    let request = Request::get(format!("{PREFIX}health")).body(Body::empty()).expect("a request");
    assert_eq!(disabled.oneshot(request).await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn certificates_are_added_and_revoked() {
    let api = Api::new();
    let certificate = leaf(&api.issuer, "leaf");
    let good = addition(&certificate);
    let other = leaf(&api.issuer, "other");
    for (field, to, word) in [
        ("serial_number", json!(""), "Serial number is required"),
        ("serial_number", json!("x"), "Unable to parse serial"),
        ("serial_number", json!("12"), "do not match"),
        ("authority_key_identifier", json!(""), "Authority key identifier is required"),
        ("authority_key_identifier", json!("00ff"), "do not match"),
        ("status", json!("lost"), "Invalid certificate status"),
        ("status", json!("revoked"), "when it was revoked"),
        ("expiry", Value::Null, "Expiry is required"),
        ("expiry", json!("soon"), "expiry"),
        ("expiry", json!("2031-01-01T00:00:00Z"), "Expiry of request"),
        ("pem", json!(""), "empty"),
        ("pem", json!("x"), "Unable to parse PEM"),
        ("pem", json!(other.to_pem()), "do not match"),
    ] {
        api.refused("certadd", changed(&good, field, to), 400, word).await;
    }
    assert_eq!(api.result("certadd", good.clone()).await, json!({}));
    api.refused("certadd", good.clone(), 11100, "already").await;

    let revocation = json!({
        "serial": good["serial_number"],
        "authority_key_id": good["authority_key_identifier"],
        "reason": "superseded",
    });
    for (field, to, code, word) in [
        ("serial", json!(""), 400, "serial number is required"),
        ("serial", json!("0x1"), 400, "decimal"),
        ("reason", json!("7"), 400, "Invalid reason code"),
        ("serial", json!("1"), 11200, "certificate not found"),
        ("authority_key_id", json!("00"), 11200, "certificate not found"),
    ] {
        api.refused("revoke", changed(&revocation, field, to), code, word).await;
    }
    assert_eq!(api.result("revoke", revocation).await, json!({}));

    let (status, list) = api.ask("GET", "crl?expiry=1h", "").await;
    assert_eq!((status, list["success"].clone()), (200, json!(true)));
    assert_eq!(api.ask("GET", "crl?expiry=someday", "").await.0, 400);
}

#[tokio::test]
async fn lists_and_answers_are_signed_or_refused() {
    let api = Api::new();
    let list = json!({
        "certificate": api.issuer.certificate().to_pem(),
        "issuingKey": api.issuer.key().to_pem().expect("written"),
        "serialNumber": ["1", "2"],
        "expireTime": "3600",
    });
    assert!(api.result("gencrl", list.clone()).await.is_string());
    for (field, to, word) in [
        ("certificate", json!("x"), "malformed certificate"),
        ("issuingKey", json!("x"), "malformed Private Key"),
        ("issuingKey", json!(authority().key().to_pem().expect("written")), "does not belong"),
        ("serialNumber", json!(["one"]), "serialNumber"),
        ("expireTime", json!("-1"), "expireTime"),
    ] {
        api.refused("gencrl", changed(&list, field, to), 400, word).await;
    }

    let answer = json!({"certificate": leaf(&api.issuer, "leaf").to_pem(), "status": "good"});
    assert!(api.result("ocspsign", answer.clone()).await["ocspResponse"].is_string());
    let revoked = json!({
        "certificate": answer["certificate"],
        "status": "revoked",
        "reason": 1,
        "revoked_at": "2026-01-01",
        "issuer_hash": "SHA256",
    });
    assert!(api.result("ocspsign", revoked.clone()).await["ocspResponse"].is_string());
    let stranger = leaf(&authority(), "stranger").to_pem();
    for (field, to, code, word) in [
        ("certificate", json!("x"), 400, "Malformed certificate"),
        ("certificate", json!(stranger), 8100, "not issued by this issuer"),
        ("status", json!("lost"), 8200, "Invalid revocation status"),
        ("reason", json!(7), 400, "Invalid reason code"),
        ("revoked_at", json!("then"), 400, "Malformed revocation time"),
        ("issuer_hash", json!("MD5"), 400, "Unsupported hash"),
    ] {
        api.refused("ocspsign", changed(&revoked, field, to), code, word).await;
    }
}

#[tokio::test]
async fn scans_are_told_and_bounded() {
    let api = Api::new();
    let (_, told) = api.ask("GET", "scaninfo", "").await;
    assert!(told["result"]["PKI"]["scanners"]["ChainExpiration"]["description"].is_string());
    for query in ["", "?host=", "?host=a&timeout=1h", "?host=a&family=Broad", "?host=a&ip=there"] {
        assert_eq!(api.ask("GET", &format!("scan{query}"), "").await.0, 400, "{query}");
    }
    // Nobody listens on the port of the discard service.
    let (status, report) = api.ask("GET", "scan?host=127.0.0.1:9&scanner=Dial", "").await;
    assert_eq!(status, 200);
    assert_eq!(report["result"]["Connectivity"]["TCPDial"]["grade"], json!("Bad"));
}
